"""What the group's consumer is told, and by whom it may be overruled."""

from __future__ import annotations

from consumer.adapters.kafka_config import Connection
from consumer.adapters.subscription import Subscription, group_config

OURS = Subscription("g", ("t",))


def test_a_member_hears_of_a_rebalance_within_a_second_so_that_no_partition_rests_for_longer() -> None:
    assert group_config(Connection("k:9092"), OURS)["heartbeat.interval.ms"] == 1000


def test_the_properties_outrank_what_we_think_best_and_nothing_outranks_what_must_be() -> None:
    properties = {"heartbeat.interval.ms": "500", "enable.auto.commit": "true"}
    config = group_config(Connection("k:9092", properties), OURS)
    assert (config["heartbeat.interval.ms"], config["enable.auto.commit"]) == ("500", False)


def test_where_the_broker_decides_it_is_not_told() -> None:
    config = group_config(Connection("k:9092"), OURS._replace(group_protocol="consumer"))
    assert not {"heartbeat.interval.ms", "partition.assignment.strategy"} & config.keys()
