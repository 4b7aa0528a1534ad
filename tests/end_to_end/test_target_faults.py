"""What Target may do to the service: the whole loop on a real Kafka, its history as the judge."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
import pytest

from consumer.simulator.judge import Event
from tests.end_to_end.load import mappings, resolved
from tests.end_to_end.service import eventually

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from consumer.simulator.target import Target
    from tests.end_to_end.service import Service
    from tests.kafka import Kafka


def visits(count: int, customers: int) -> list[bytes]:
    return [
        orjson.dumps({"type": "visit", "customer": f"c{each % customers}", "number": each}) for each in range(count)
    ]


def events(count: int, customers: int) -> list[Event]:
    return [Event(f"mbox3rdPartyId=c{each % customers}", {"visit": str(each)}) for each in range(count)]


def test_a_token_refused_in_mid_flight_pauses_all_and_is_probed_once_a_second_until_its_file_changes(
    kafka: Kafka, target: Target, service: Callable[..., Service], tmp_path: Path
) -> None:
    topic, token = kafka.create_topic(1), tmp_path / "token"
    token.write_text("old")
    target.control.patch(token={"accepted": ["old"]}, latency="30ms")
    kafka.produce(topic, visits(1000, 350))
    options = {"schemas": str(mappings(tmp_path, topic)), "target__token_file": str(token)}
    with service(**options, delivery__max_in_flight=4) as running:
        eventually(lambda: len(target.history) > 50, "calls are on the wire")
        target.control.patch(token={"accepted": ["new"]})
        running.wait_until(lambda status: status["state"] == "credentials_refused", "it says that the token is refused")

        def refused() -> list[float]:
            return [call.received for call in target.history if call.status == 401]

        eventually(lambda: len(refused()) >= 4 + 4, "it probes")
        assert running.get("/readyz").status_code == 503
        assert running.get("/livez").status_code == 200
        token.write_text("new")
        running.wait_until(resolved(1000), "all is read")
        running.wait_until(lambda status: status["state"] == "idle", "it is idle")
        assert running.get("/readyz").status_code == 200
        assert not running.logs("dead_lettered"), "no event is to blame"
        assert "Bearer" not in running.log_file.read_text()
        assert running.stop() == 0
    # Whoever stands still on the way may come less than a second before the next one, yet not before the next but one.
    first, *probes = refused()[:1] + refused()[4:]
    times = [first, *probes]
    assert all(later - earlier > 1.5 for earlier, later in zip(times, times[2:], strict=False)), "one probe a second"
    assert target.judge(events(1000, 350)).sound


def test_calls_never_answered_accepted_or_not_are_repeated_with_all_their_values_and_nothing_older(
    kafka: Kafka, target: Target, service: Callable[..., Service], tmp_path: Path
) -> None:
    topic = kafka.create_topic(1)
    accepted = {"delivery": "hang", "effect": True, "share": 0.15, "calls": 30}
    target.control.patch(faults=[accepted, accepted | {"effect": False}], latency="5ms")
    schemas = mappings(tmp_path, topic)
    with (schemas / "visit.mapping.yaml").open("a") as mapping:
        mapping.write("".join(f"  e{slot}: {{from: event.e{slot}}}\n" for slot in range(8)))
    made = [{"type": "visit", "customer": f"c{n % 40}", "number": n, f"e{n // 40 % 8}": n} for n in range(1600)]
    options = {"schemas": str(schemas), "target__timeout": "1s", "delivery__retry_base": "50ms"}
    with service(**options) as running:
        for begin in range(0, 1600, 200):
            before = len(target.history)
            kafka.produce(topic, map(orjson.dumps, made[begin : begin + 200]))
            eventually(lambda: len(target.history) > before + 5, "calls")  # noqa: B023  # at once
        running.wait_until(resolved(1600), "all is read")
        assert running.stop() == 0
    events = [Event(f"mbox3rdPartyId={e['customer']}", visit(e)) for e in made]
    verdict = target.judge(events)
    assert verdict.sound, verdict
    assert verdict.reordered == []


def visit(event: dict[str, object]) -> dict[str, str]:
    """The attributes that the mapping makes of an event."""
    return {{"number": "visit"}.get(name, name): str(event[name]) for name in event if name not in ("type", "customer")}


@pytest.mark.parametrize("method", ["POST", "GET"])
def test_an_update_too_large_for_one_call_is_split_by_attributes(
    kafka: Kafka, target: Target, service: Callable[..., Service], tmp_path: Path, method: str
) -> None:
    topic = kafka.create_topic(1)
    schemas = mappings(tmp_path, topic)
    names = [f"a{number}" for number in range(120)]
    with (schemas / "visit.mapping.yaml").open("a") as mapping:
        mapping.write("".join(f"  {name}: {{from: event.{name}}}\n" for name in names))
    large = {name: f"{name}-" + "\u00fc" * 240 for name in names}
    event = {"type": "visit", "customer": "c1", "number": 7, **large}
    kafka.produce(topic, [orjson.dumps(event)])
    with service(schemas=str(schemas), target__method=method) as running:
        running.wait_until(resolved(1), "it is read")
        assert running.stop() == 0
    calls = list(target.history)
    assert [call.cause for call in calls] == ["accepted"] * len(calls)
    assert len(calls) == 3, "120 attributes of 1,440 bytes and more in calls of 61,440"
    assert {call.method for call in calls} == {"POST"}
    assert target.profile("mbox3rdPartyId=c1") == {"visit": "7", **large}
