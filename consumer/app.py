"""Puts the service together: the one place that knows every part."""

from __future__ import annotations

import random
import sys
import time
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING

import structlog

import consumer
from consumer.adapters import logs
from consumer.adapters.health import Heartbeat
from consumer.adapters.http_server import HttpServer, Sources
from consumer.adapters.kafka import KafkaSource
from consumer.adapters.metrics import Metrics
from consumer.adapters.reporter import Reporter, Windows
from consumer.adapters.schema_folder import read_schemas
from consumer.core.breaker import Breaker
from consumer.core.engine import Engine
from consumer.core.gate import Gate
from consumer.core.mapping_file import parse_mappings
from consumer.core.quota import Unlimited
from consumer.core.throttle import Throttle
from consumer.core.work import Limits
from consumer.runner import Outside, Runner, Timing

if TYPE_CHECKING:
    from threading import Event

    from consumer.settings import Settings
