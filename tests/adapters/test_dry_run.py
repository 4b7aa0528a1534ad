from __future__ import annotations

from typing import TYPE_CHECKING

from consumer.adapters.dry_run import DryCalls, DryDeadLetters
from consumer.adapters.logs import IdentityHasher
from consumer.core.acknowledgement import DeadLetterReport
from consumer.core.command import DeadLetter, Send
from consumer.core.outcome import Delivered
from consumer.core.profile import Rejection
from tests.core.builders import T0, Script, record

if TYPE_CHECKING:
    from structlog.typing import EventDict

HASHER = IdentityHasher("key")


def test_a_call_is_told_by_the_names_of_its_attributes_and_counts_as_delivered(said: list[EventDict]) -> None:
    script = Script().assign().give(0, "c1:a=secret,b=secret")
    sends = [command for command in script.commands() if isinstance(command, Send)]
    calls = DryCalls(HASHER)
    calls.submit(sends, 0.0)
    [completed] = calls.completed(1.0)
    assert (completed.number, type(completed.outcome)) == (sends[0].number, Delivered)
    assert calls.completed(1.0) == []
    [line] = said
    assert (line["event"], line["attributes"]) == ("would_send", ["profile.a", "profile.b"])
    assert line["identity"] == HASHER(b"mbox3rdPartyId=c1")
    assert "secret" not in str(line)
    script.engine.completed(completed, script.now)
    assert script.commit() == (1, "")
    calls.close(1.0)


def test_a_dead_letter_is_told_with_its_place_and_reason_and_counts_as_written(said: list[EventDict]) -> None:
    letters = DryDeadLetters(["first", "second"])
    for offset, mapping in ((7, 1), (8, None)):
        rejection = Rejection("map", "identity_missing", "nothing at /id", mapping)
        letters.write(DeadLetter(record(offset, "a secret"), rejection, generation=3))
    assert letters.reports() == [DeadLetterReport(T0, 7, 3), DeadLetterReport(T0, 8, 3)]
    assert letters.reports() == []
    assert [(line["event"], line["offset"], line["reason"], line["mapping"]) for line in said] == [
        ("would_dead_letter", 7, "identity_missing", "second"),
        ("would_dead_letter", 8, "identity_missing", None),
    ]
    assert "secret" not in str(said)
    letters.close(1.0)
