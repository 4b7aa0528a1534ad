"""What mapping an event costs: `python -m benchmarks.mapping` prints figures, and ratios to decoding the same event.

Machines differ and are shared: the ratios say more than the microseconds. Nothing is judged here.
"""

from __future__ import annotations

import json
import subprocess
import sys
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import TYPE_CHECKING, Any

import orjson

sys.path.insert(0, str(Path(__file__).parents[1]))  # as a script, from anywhere

from consumer.core.event import decode_json
from consumer.core.mapping_file import parse_mappings
from consumer.core.record import Record

if TYPE_CHECKING:
    from collections.abc import Callable

    from consumer.core.mapping import Mapping, Mappings

_SCHEMA = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "required": ["type", "customer", "loan"],
    "properties": {
        "type": {"type": "string"},
        "occurred_at": {"type": "string"},
        "customer": {
            "type": "object",
            "properties": {"id": {"type": "string"}, "email": {"type": "string"}, "segment": {"type": "string"}},
        },
        "loan": {
            "type": "object",
            "properties": {
                "amount": {"type": "number", "minimum": 0},
                "product": {"type": "string"},
                "term_months": {"type": "integer"},
            },
        },
        "branch": {"type": ["object", "null"], "properties": {"code": {"type": "string"}, "city": {"type": "string"}}},
        "officer": {"type": "object", "properties": {"name": {"type": "string"}}},
        "lines": {"type": "array", "items": {"type": "object"}},
    },
}
_MAPPING = """\
version: 1
topics: [loans]
{schema}where:
  event.type: {type}
{when}identity:
  mbox3rdPartyId: event.customer.id
attributes:
  product: {{from: event.loan.product}}
  amount: {{from: event.loan.amount}}
  term: {{from: event.loan.term_months}}
  branch: {{from: event.branch.code}}
  city: {{from: event.branch.city}}
  officer: {{from: event.officer.name}}
  segment: {{from: event.customer.segment}}
  email: {{from: event.customer.email}}
"""
_WHEN = "when: event.loan.amount > 0.0\n"
_AVRO = """{"type": "record", "name": "Loan", "fields": [
  {"name": "type", "type": "string"}, {"name": "event_id", "type": "string"}, {"name": "occurred_at", "type": "string"},
  {"name": "customer", "type": {"type": "record", "name": "Customer", "fields": [
    {"name": "id", "type": "string"}, {"name": "email", "type": "string"}, {"name": "segment", "type": "string"}]}},
  {"name": "loan", "type": {"type": "record", "name": "Terms", "fields": [
    {"name": "amount", "type": "double"}, {"name": "product", "type": "string"},
    {"name": "term_months", "type": "int"}]}},
  {"name": "branch", "type": ["null", {"type": "record", "name": "Branch", "fields": [
    {"name": "code", "type": "string"}, {"name": "city", "type": "string"}]}]},
  {"name": "officer", "type": {"type": "record", "name": "Officer", "fields": [{"name": "name", "type": "string"}]}},
  {"name": "lines", "type": {"type": "array", "items": {"type": "record", "name": "Line", "fields": [
    {"name": "sku", "type": "string"}, {"name": "quantity", "type": "int"}, {"name": "price", "type": "double"}]}}}
]}"""
_PROTOBUF = """syntax = "proto3";
message Loan {
  string type = 1; string event_id = 2; string occurred_at = 3; Customer customer = 4; Terms loan = 5;
  Branch branch = 6; Officer officer = 7; repeated Line lines = 8;
  message Customer { string id = 1; string email = 2; string segment = 3; }
  message Terms { double amount = 1; string product = 2; int32 term_months = 3; }
  message Branch { string code = 1; string city = 2; }
  message Officer { string name = 1; }
  message Line { string sku = 1; int32 quantity = 2; double price = 3; }
}
"""
_BINARY = {
    "avro": ("loan.event.avsc", "schema: loan.event.avsc\nformat: avro\n", _AVRO),
    "protobuf": ("loan.event.proto", "schema: loan.event.proto\nformat: protobuf\nmessage: Loan\n", _PROTOBUF),
}


def _event() -> dict[str, Any]:
    lines = [{"sku": f"article-{number:04}", "quantity": number, "price": number * 1.25} for number in range(19)]
    return {
        "type": "loan.funded",
        "event_id": "5f0c7c52-9a6d-4b39-9f7a-0d4a9c3c1f11",
        "occurred_at": "2026-03-01T09:30:00Z",
        "customer": {"id": "c-0123456789", "email": "someone@example.com", "segment": "retail"},
        "loan": {"amount": 120000.5, "product": "MORTGAGE", "term_months": 360},
        "branch": {"code": "AMS-17", "city": "Amsterdam"},
        "officer": {"name": "A. de Vries"},
        "lines": lines,
    }


def _mappings(*, schema: bool, when: bool, count: int = 1) -> Mappings:
    kinds = ["loan.funded", *[f"loan.other{number}" for number in range(count - 1)]]
    text = {"schema": "schema: loan.event.json\n" if schema else "", "when": _WHEN if when else ""}
    files = {
        f"m{number:03}.mapping.yaml": _MAPPING.format(type=kind, **text).encode() for number, kind in enumerate(kinds)
    }
    return parse_mappings(files | {"loan.event.json": json.dumps(_SCHEMA).encode()})


def _binary(name: str) -> tuple[Mappings, Record]:
    """The same mapping of events in a binary format, and the same event in it."""
    file, head, schema = _BINARY[name]
    text = _MAPPING.format(type="loan.funded", schema=head, when=_WHEN)
    mappings = parse_mappings({"m.mapping.yaml": text.encode(), file: schema.encode()})
    body = mappings.all[0].format.written(orjson.dumps(_event()))
    return mappings, Record("loans", 0, 0, 1_772_357_400_000, None, body)


def _check_seconds(count: int) -> float:
    """How long `check` takes for so many mapping files, each with a schema of its own, as a process."""
    with TemporaryDirectory() as folder:
        for number in range(count):
            text = _MAPPING.format(type=f"loan.{number}", schema=f"schema: m{number}.event.json\n", when=_WHEN)
            Path(folder, f"m{number}.mapping.yaml").write_text(text, encoding="utf-8")
            Path(folder, f"m{number}.event.json").write_text(json.dumps(_SCHEMA), encoding="utf-8")
        start = perf_counter()
        subprocess.run([sys.executable, "-m", "consumer", "check", folder], check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - ourselves
        return perf_counter() - start


def _microseconds(run: Callable[[], object], seconds: float = 0.3) -> float:
    """The best of seven rounds, a call."""
    calls = 1
    while True:
        start = perf_counter()
        for _ in range(calls):
            run()
        if (elapsed := perf_counter() - start) > seconds / 10:
            break
        calls *= 2
    best = elapsed
    for _ in range(6):
        start = perf_counter()
        for _ in range(calls):
            run()
        best = min(best, perf_counter() - start)
    return best / calls * 1e6


def main() -> None:
    """Measure and print."""
    payload = orjson.dumps(_event())
    event = orjson.loads(payload)
    record = Record("loans", 0, 0, 1_772_357_400_000, None, payload)
    base = _microseconds(lambda: orjson.loads(payload))
    rows = [
        ("orjson.loads", base),
        ("decode, with the search for repeated keys", _microseconds(lambda: decode_json(payload))),
    ]

    def apply(mapping: Mapping) -> Callable[[], object]:
        return lambda: mapping.apply(event, record)

    for name, schema, when in (
        ("8 paths", False, False),
        ("8 paths, a condition", False, True),
        ("8 paths, a condition, validation", True, True),
    ):
        rows.append((f"map: {name}", _microseconds(apply(_mappings(schema=schema, when=when).all[0]))))
    for count in (1, 5, 500):
        mappings = _mappings(schema=False, when=False, count=count)
        rows.append((f"find one of {count} mappings", _microseconds(partial(mappings.find, event, record))))
    whole = _mappings(schema=True, when=True)
    rows.append(("json: decode, find, validate, condition, map", _microseconds(lambda: whole.map(record))))
    for name in _BINARY:
        binary, framed = _binary(name)
        rows.append((f"{name}: decode, find, condition, map", _microseconds(partial(binary.map, framed))))
    print(f"an event of {len(payload)} bytes")
    for name, figure in rows:
        print(f"{name:45} {figure:8.2f} µs   {figure / base:6.2f} times orjson.loads")
    start = perf_counter()
    _mappings(schema=True, when=True, count=500)
    print(f"{'load 500 mapping files of one schema':45} {perf_counter() - start:8.2f} s")
    print(f"{'check 500 mapping files, each with its schema':45} {_check_seconds(500):8.2f} s, the process with all")


if __name__ == "__main__":
    main()
