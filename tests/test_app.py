from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from consumer import app, settings
from consumer.core.mapping_file import parse_mappings
from consumer.errors import MappingsInvalid

if TYPE_CHECKING:
    from pathlib import Path

    from consumer.settings import Settings

MAPPING = """\
version: 1
topics: [{topics}]
identity: {{mbox3rdPartyId: event.id}}
attributes: {{a: {{from: event.a}}}}
"""
FILES = {
    "loans.mapping.yaml": MAPPING.format(topics="loans").encode(),
    "visits.mapping.yaml": MAPPING.format(topics="visits, kiosks").encode(),
}


def load(**variables: str) -> Settings:
    required = {"KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1", "TARGET__CLIENT": "acme", "HTTP__PORT": "0"}
    return settings.load(None, {f"PROFILE_CONSUMER_{key}": value for key, value in (required | variables).items()})


@pytest.mark.parametrize(
    ("variables", "setting"),
    [({"DEAD_LETTER__TOPIC": "kiosks"}, "dead_letter.topic"), ({"QUOTA__TOPIC": "kiosks"}, "quota.topic")],
)
def test_a_mapping_for_a_topic_that_the_service_writes_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], setting: str
) -> None:
    for name, content in FILES.items():
        (tmp_path / name).write_bytes(content)
    monkeypatch.setattr("consumer.adapters.logs.configure", lambda *_: None)
    stopping = threading.Event()
    stopping.set()
    with pytest.raises(MappingsInvalid) as raised:
        app.serve(load(SCHEMAS=str(tmp_path), **variables), stopping, dry_run=True)
    assert str(raised.value) == (
        f'visits.mapping.yaml: topics: "kiosks" is {setting}: its records would come round again'
    )


def test_a_topic_that_is_not_read_cannot_come_round() -> None:
    mappings = parse_mappings(FILES)
    assert app._topics(load(DEAD_LETTER__TOPIC="kiosks", KAFKA__TOPICS='["loans"]'), mappings) == ("loans",)


def test_the_topics_are_those_of_the_mappings_unless_the_settings_name_some() -> None:
    mappings = parse_mappings(FILES)
    assert app._topics(load(), mappings) == ("kiosks", "loans", "visits")
    assert list(app._topic_warnings(("kiosks", "loans", "visits"), mappings)) == []
    topics = app._topics(load(KAFKA__TOPICS='["loans", "loan", "visits"]'), mappings)
    assert topics == ("loans", "loan", "visits")
    assert list(app._topic_warnings(topics, mappings)) == [
        "kafka.topics: no mapping is for loan, so that all its events are passed over as unmatched",
        "kafka.topics: kiosks is not read, though a mapping is for it",
    ]
