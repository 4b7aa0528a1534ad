from __future__ import annotations

from typing import Any

import pytest

from consumer.core.paths import Path, PathInvalid, parse_path, path_text, read_path
from tests.core.mapped import record

EVENT = {
    "a": {"b": {"c": {"d": 4, "list": [1, 2]}}, "n": None, "s": "text"},
    "items": [{"name": "first"}, {"name": "last"}],
    "odd name": {"ü": 1, 'quo"ted': 2},
    "zero": 0,
    "no": False,
}
RECORD = record(
    b"{}",
    topic="orders",
    partition=3,
    offset=17,
    timestamp=5,
    key="kéy".encode(),
    headers=(("twice", b"1"), ("ce-type", b"x"), ("twice", b"2"), ("bad", b"\xff"), ("none", None), ("Ce-type", b"y")),
)


def read(text: str, event: Any = EVENT) -> Any:
    return read_path(parse_path(text))(event, RECORD)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("event.zero", 0),
        ("event.no", False),
        ("event.a.s", "text"),
        ("event.a.b.c", {"d": 4, "list": [1, 2]}),
        ("event.a.b.c.d", 4),
        ("event.a.b.c.list[1]", 2),
        ("event.items[0].name", "first"),
        ("event.items[-1].name", "last"),
        ("event.items[-2].name", "first"),
        ('event["odd name"]["ü"]', 1),
        ('event["odd name"]["quo\\"ted"]', 2),
        ('event["odd\\u0020name"]["\\u00fc"]', 1),
        ('event["a"].s', "text"),
        # missing: out of range, through null, through a scalar, of another kind
        ("event.none", None),
        ("event.a.none", None),
        ("event.a.none.none", None),
        ("event.a.b.c.none", None),
        ("event.a.n.x", None),
        ("event.a.s.x", None),
        ("event.a.s[0]", None),
        ("event.zero.x.y.z", None),
        ("event.items[2].name", None),
        ("event.items[-3].name", None),
        ("event.items.name", None),
        ("event.items[0][0]", None),
        ("event.a[0]", None),
        ("record.topic", "orders"),
        ("record.partition", 3),
        ("record.offset", 17),
        ("record.timestamp", 5),
        ("record.key", "kéy"),
        ("record.headers.twice", "2"),
        ('record.headers["ce-type"]', "x"),
        ('record.headers["Ce-type"]', "y"),
        ("record.headers.bad", None),
        ("record.headers.none", None),
        ("record.headers.missing", None),
    ],
)
def test_what_stands_at_a_path(text: str, value: Any) -> None:
    assert read(text) == value


@pytest.mark.parametrize("event", [None, "text", 5, 1.5, True, [1], [[2]], {}, {"b": []}])
@pytest.mark.parametrize("text", ["event.a", "event.a.b", "event.a.b.c", "event.a.b.c.d", "event[0].x", "event.a[0]"])
def test_every_path_reads_every_event(text: str, event: Any) -> None:
    assert read(text, event) is None


def test_what_is_missing_can_be_told_from_null() -> None:
    missing = object()
    for text in ("event.x", "event.x.y", "event.x.y.z", "event.a.b.c.d.e", "event.items[5]", "event.items[0].name[0]"):
        assert read_path(parse_path(text), missing)(EVENT, RECORD) is missing
    assert read_path(parse_path("event.a.n"), missing)(EVENT, RECORD) is None
    assert read_path(Path("event", ()), missing)(EVENT, RECORD) is EVENT


def test_all_headers_together() -> None:
    headers = read_path(Path("record", ("headers",)))(EVENT, RECORD)
    assert headers == {"twice": "2", "ce-type": "x", "Ce-type": "y"}


def test_a_record_without_a_key_has_none() -> None:
    assert read_path(parse_path("record.key"))(EVENT, record(b"")) is None
    assert read_path(parse_path("record.key"))(EVENT, record(b"", key=b"\xff")) is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "a path begins with event or record: write event.name"),
        ("customer.id", "a path begins with event or record: write event.customer.id"),
        ("evnt.id", "not 'evnt'; did you mean event.id?"),
        ("records.topic", "did you mean record.topic?"),
        ("event", "event alone is no path; name something in it, such as event.customer.id"),
        ("record", "record alone is no path; it has topic, partition"),
        ("event.", "unreadable at character 6"),
        ("event..a", "unreadable at character 6"),
        ("event.a-b", """'a-b' is not a plain name: write event["a-b"]"""),
        ("event.a.ü.b", """'ü' is not a plain name: write event.a["ü"].b"""),
        ("event.1st", 'write event["1st"]'),
        ("event['a b']", 'names in brackets stand in double quotes: write event["a b"]'),
        ("event[a]", 'names in brackets stand in double quotes: write event["a"]'),
        ("event.items[*].sku", "for a field of each item write cel: event.items.map(item, item.name)"),
        ("event.items[].sku", "for a field of each item write cel: event.items.map(item, item.name)"),
        ("event.items[0", "unreadable at character 12"),
        ("$.customer.id", "a path begins with event or record: write event.customer.id"),
        ("$", "a path begins with event or record: write event"),
        (" event.x", "a path has no blank at either end"),
        ("event.x ", "a path has no blank at either end"),
        ("event[1.5]", "unreadable at character 6"),
        ("event[--1]", "unreadable at character 6"),
        ("event[1234567890]", "unreadable at character 6"),
        ("event.a b", """write event["a b"]"""),
        ('event["a', "unreadable at character 6"),
        ('event["\\x"]', '"\\x" is not a JSON string'),
        ('event["\\ud800"]', "is not a JSON string"),
        ("event.a$", "write event"),
        ("record.topik", "timestamp, key, headers, not 'topik'; did you mean record.topic?"),
        ("record.zzz", "not 'zzz'"),
        ("record[0]", "not 0"),
        ("record.topic.x", "record.topic has nothing in it; write record.topic alone"),
        ("record.headers", 'name one header: record.headers.name or record.headers["ce-type"]'),
        ("record.headers[0]", "name one header"),
        ("record.headers.a.b", "name one header"),
    ],
)  # fmt: skip
def test_what_is_no_path_is_told_with_what_to_write(text: str, message: str) -> None:
    with pytest.raises(PathInvalid) as fault:
        parse_path(text)
    assert message in str(fault.value)


@pytest.mark.parametrize("text", ["event.a.b[0][-1]", 'event["odd name"].x', 'record.headers["ce-type"]', "event._a1"])
def test_a_path_is_written_as_it_is_read(text: str) -> None:
    assert path_text(parse_path(text)) == text
