from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from consumer.core.expression import Expression, compile_expression
from consumer.core.expressions.check import ExpressionInvalid
from consumer.core.expressions.functions import FUNCTIONS, NAMESPACES
from consumer.core.values import Fault
from tests.core.mapped import record, shape

TREE = {
    "type": "object",
    "properties": {"v": {"type": "integer"}, "kids": {"type": "array", "items": {"$ref": "#/$defs/tree"}}},
}
SCHEMA = {
    "type": "object",
    "properties": {
        "type": {"const": "x"},
        "amount": {"type": "number"},
        "n": {"type": "integer"},
        "name": {"type": ["string", "null"]},
        "flag": {"type": "boolean"},
        "branch": {
            "type": ["object", "null"],
            "properties": {"code": {"type": "string"}, "city": {"type": "string"}},
        },
        "items": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "price": {"type": "number"},
                    "sku": {"type": "string"},
                    "count": {"type": "integer"},
                    "tags": {"type": "array", "items": {"type": "string"}},
                    "grid": {"type": "array", "items": {"type": "array", "items": {"type": "integer"}}},
                    "note": {"type": ["string", "null"]},
                    "maker": {"type": "object", "properties": {"id": {"type": "string"}}},
                    "free": {"type": "object"},
                },
            },
        },
        "perhaps": {"type": ["array", "null"], "items": {"type": "object", "properties": {"a": {"type": "string"}}}},
        "open": {"type": "object"},
        "odd name": {"type": "string"},
        "oddly": {"type": "object", "properties": {"a-b": {"type": "integer"}}},
        "maybe": {"type": ["string", "number"]},
        "tags": {"type": "array", "items": {"type": "string"}},
        "tree": {"$ref": "#/$defs/tree"},
    },
    "$defs": {"tree": TREE},
}
EVENT = {
    "type": "x",
    "amount": 100,
    "n": 5,
    "name": None,
    "flag": True,
    "branch": {"code": "b1"},
    "items": [
        {"price": 3, "sku": "a", "tags": ["p", "q"], "note": None, "maker": {"id": "m"}, "count": 2.0},
        {"price": 4.5, "sku": "b", "tags": [], "free": {"z": 1}, "unknown to the schema": 1},
    ],
    "open": {"z": {"y": 1}},
    "odd name": "odd",
    "oddly": {"a-b": 7},
    "maybe": "m",
    "tags": ["t1", "t2"],
    "tree": {"v": 1, "kids": [{"v": 2}, {"v": 3}]},
}
SHAPE = shape(SCHEMA)
RECORD = record(b"", timestamp=3000, key=b"k", headers=(("channel", b"web"), ("ce-type", b"ct"), ("bad", b"\xff")))


def compute(text: str, event: Any = EVENT, *, typed: bool = True) -> Any:
    return compile_expression(text, SHAPE if typed else None).read(event, RECORD)


def fails(text: str, event: Any = EVENT, *, typed: bool = True) -> str:
    with pytest.raises(Fault) as fault:
        compute(text, event, typed=typed)
    return f"{fault.value.reason}: {fault.value.detail}"


def invalid(text: str, *, typed: bool = True) -> list[tuple[int, str]]:
    with pytest.raises(ExpressionInvalid) as found:
        compile_expression(text, SHAPE if typed else None)
    assert str(found.value)
    return found.value.problems


@pytest.mark.parametrize("text", FUNCTIONS.values(), ids=FUNCTIONS)
def test_every_function_in_the_list_is_there_and_its_example_holds(text: str) -> None:
    assert compute(text, typed=False) is True


@pytest.mark.parametrize("text", NAMESPACES.values(), ids=NAMESPACES)
def test_what_is_said_of_a_namespace_can_be_written(text: str) -> None:
    assert compile_expression(text, None)


@pytest.mark.parametrize("typed", [True, False], ids=["typed", "untyped"])
@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("event.amount > 0", True),
        ("event.amount > 0.0", True),
        ("0 < event.amount && event.amount < 200", True),
        ("event.amount in [1, 100]", True),
        ("event.n > 0.5", True),
        ("event.n == 5u", True),
        ("event.n / 2", 2),
        ("event.n == 5 ? 'five' : 'other'", "five"),
        ("has(event.name) ? event.name : null", None),
        ("has(event.branch.code) ? event.branch.code : 'none'", "b1"),
        ("has(event.branch.city) ? event.branch.city : 'none'", "none"),
        ("has(event['branch'].code)", True),
        ("has(event.name)", False),  # null is nothing
        ("event.name == null", True),
        ("event.name != null", False),
        ("event.branch.city == null", True),
        ("event.branch.code != null && event.items[0].sku != null", True),
        ("event.items == null", False),
        ("null == event.name", True),
        ("null != event.branch.city && event.branch.city > 'a'", False),
        ("null\n  == event.branch.city", True),
        ("(null) == event.flag", False),
        ("event.items.exists(i, null == i.tags)", False),
        ("null == event.perhaps || event.perhaps.exists(p, p.a == 'x')", True),
        ("has(event.name) ? event.name + 'Z' : null", None),
        ("has(event.type) ? event.type + 'Z' : null", "xZ"),
        ("event.name == null ? null : event.name + 'Z'", None),
        ("event.flag ? (has(event.name) ? event.name + 'Z' : null) : null", None),
        ("event.flag ? event.n + 1 : null", 6),
        ("event.flag ? null : event.n > 1", None),
        ("event.flag ? event.amount * 2.0 : null", 200.0),
        ("event.flag ? event.tags : null", ["t1", "t2"]),
        ("event.flag ? [1] : null", [1]),
        ("event.?branch.?city.orValue(null)", None),
        ("event.?tags.orValue(null)", ["t1", "t2"]),
        ("event.tags.map(t, t == 't1' ? t + 'Z' : null)", ["t1Z", None]),
        ("has(event.perhaps) ? event.perhaps : []", []),
        ("event.?perhaps.orValue([]).map(p, p.a)", []),
        ("event.amount * 12.0", 1200.0),
        ("event.amount / 8.0", 12.5),
        ("event.amount - 0.5", 99.5),
        ("-event.amount * 1.5", -150.0),
        ("1.5 + (event.amount + event.items[0].price)", 104.5),
        ("double(event.n) * event.amount", 500.0),
        ("event.items.map(i, i.price * 1.5)", [4.5, 6.75]),
        ("event.open.z.y * 1.5", 1.5),
        ("event.items.all(i, i.note == null)", True),
        ("event.items.exists(i, i['maker'].id != null)", True),
        ("event.items.filter(i, i.maker != null).map(i, i.sku)", ["a"]),
        ("[event.n].exists(i, i == null)", False),
        ("event.tags.exists(t, t == null)", False),
        ("dyn(event.name) == null", True),
        ("event.items.exists(i, has(i.tags) && i.tags.size() > 0 && i.tags[0] == null)", False),
        ("event.items.filter(i, i.sku == 'b').size()", 1),
        ("event.?branch.?city.orValue('?')", "?"),
        ("event.?branch.city.orValue('?')", "?"),
        ("event.branch.?code.orValue('?')", "b1"),
        ("event.?name.orValue('?')", "?"),
        ("event[?'branch'][?'code'].orValue('?')", "b1"),
        ("event.?branch.?city", None),
        ("event.?branch.?code // of the branch", "b1"),
        ("event.?branch.optMap(b, b.code).orValue('n')", "b1"),
        ("event.items[0].sku", "a"),
        ("event.items[-1].sku", "b"),
        ("event.items[?7].?sku.orValue('none')", "none"),
        ("event.items.exists(i, i.price > 4)", True),
        ("event.items.all(i, i['sku'] != '')", True),
        ("event.items.map(i, i.sku)", ["a", "b"]),
        ("event.items.map(i, i.sku).join('+')", "a+b"),
        ("event.items.filter(i, i.price > 4.0).map(i, i.sku)", ["b"]),
        ("event.items.exists(i, has(i.note))", False),
        ("event.items.exists(i, has(i.tags) && i.tags.exists(t, t == 'q'))", True),
        ("event.items.exists(i, has(i.maker) && has(i.maker.id))", True),
        ("event.items.map(i, i.?note.orValue('-'))", ["-", "-"]),
        ("event.items.map(i, i[?'note'].orValue('-'))", ["-", "-"]),
        ("event.items.filter(i, has(i.note)).size()", 0),
        ("event.items.exists(event, event.price > 4)", True),  # a loop variable hides the root
        ("[1, 2].map(event, event * 2)", [2, 4]),
        ("event.items.map(i, event.items.map(j, i.sku + j.sku))[1][0]", "ba"),
        ("event.items[event.n - 5].sku", "a"),
        ("size(event.items)", 2),
        ("event.open.z.y", 1),
        ("event.open['z'].y == 1.0", True),
        ("event['odd name']", "odd"),
        ("event.`odd name`", "odd"),
        ('event["odd\\u0020name"]', "odd"),
        ("event.oddly['a-b'] + 1", 8),
        ("event.maybe + 'x'", "mx"),
        ("event.tags", ["t1", "t2"]),
        ("event.tree.kids.exists(k, k.v > 2)", True),
        ("(event.branch).code", "b1"),
        ("(event).n", 5),
        ("(event)['type'] == 'z' || (event)['none'] == 'z' || true", True),
        ("has((event).n)", True),
        ("event\n  .branch\n  . code", "b1"),
        ("event.n > 0 // and more", True),
        ("event.tags.exists(event, event == 'q') || event.open.z.y == 'a' || event.maybe in ['a', 'm']", True),
        ("'x' in event.tags || event.name == 'q' || 'q' == 'x' || record.key == 'x'", False),
        ("'%d%% of %.1f %s'.format([event.n, 2.0, event.type])", "5% of 2.0 x"),
        ("'%s'.format([event.n]) + 'x'.format([])", "5x"),
        ("event.type.matches('\\\\w|😀')", True),
        ("timestamp(60).getMinutes('Europe/Amsterdam') / 1 + int('2')", 3),
        ("'é😀' + event.type", "é😀x"),
        ("size(event) > 3", True),  # an odd name among its fields leaves it a map to the checker
        ("has({'a': event.n}.a)", True),
        ("{'a': event.n}.a", 5),
        ("event.n == 5 ? [1, 2] : []", [1, 2]),
        ("true", True),
        ("record.topic + ':' + record.key", "t:k"),
        ("record.timestamp / 1000", 3),
        ("timestamp(record.timestamp / 1000)", "1970-01-01T00:00:03Z"),
        ("record.headers.channel", "web"),
        ("record.headers['ce-type']", "ct"),
        ("has(record.headers.bad)", False),
        ("'channel' in record.headers && !('bad' in record.headers)", True),
        ("record.?headers.?none.orValue('none')", "none"),
        ("timestamp('2020-01-01T01:00:00.50+01:00')", "2020-01-01T00:00:00.5Z"),
        ("[timestamp('2020-01-01T00:00:00Z')]", ["2020-01-01T00:00:00Z"]),
        ("18446744073709551615u", 18446744073709551615),
    ],
)  # fmt: skip
def test_results_are_the_same_with_and_without_a_schema(text: str, result: Any, typed: bool) -> None:  # noqa: FBT001 - a parameter of the test
    found = compute(text, typed=typed)
    assert found == result
    assert isinstance(found, float) <= isinstance(result, float)


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("event.amount * 12.0", 1200.0),
        ("event.amount", 100.0),
        ("event.amount + double(event.n)", 105.0),
        ("event.flag ? event.amount : 0", 100.0),
        ("event.flag ? 1 : event.amount", 1.0),
        ("event.?amount.orValue(0)", 100.0),
        ("event.items.map(i, i.price * 2.0)", [6.0, 9.0]),
        ("event.items[0].count + 1", 3),  # 2.0 where the schema says integer
        ("event.items.exists(i, has(i.count) && i.count + 1 == 3)", True),
        ("event.maybe == 'm'", True),
    ],
)
def test_numbers_are_what_the_schema_calls_them(text: str, result: Any) -> None:
    found = compute(text)
    assert found == result
    assert found.__class__ is result.__class__


def test_without_a_schema_a_json_integer_stays_one() -> None:
    assert compute("event.n", typed=False) == 5
    assert compute("event.amount", typed=False).__class__ is int
    assert "don't go together" in fails("event.amount + '1'", typed=False)


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("event.amount", {"number", "integer"}),
        ("event.n", {"integer"}),
        ("event.name", {"string"}),
        ("event.flag && true", {"boolean"}),
        ("event.tags", {"array"}),
        ("event.branch", {"object"}),
        ("event.?n", {"integer"}),
        ("event.open", {"object"}),
        ("event.open.z", None),
        ("timestamp(record.timestamp)", {"string"}),
        ("null", {"null"}),
        ("b'x'", {"bytes"}),
        ("duration('1s')", {"object"}),
    ],
)
def test_the_kinds_of_a_result_are_known_beforehand(text: str, kinds: set[str] | None) -> None:
    assert compile_expression(text, SHAPE).kinds == kinds


def test_an_expression_knows_how_it_was_written() -> None:
    assert compile_expression("event.?n", SHAPE).written == "event.?n"


@pytest.mark.parametrize(
    ("text", "position", "message"),
    [
        ("event.amount * 12", 13, "* takes two of one kind, not number and whole number; write the whole number as"),
        ("event.tags.filter(t, t)", 17, "filter asks for a condition on each item, not text; as in [1, 2].filter(x"),
        ("event.tags.exists_one(t, t.size())", 21, "exists_one asks for a condition on each item, not whole number"),
        ("event.tags.map(t, t, t)", 14, "map asks for a condition on each item, not text"),
        ("event.tags.all(t, t)", 14, "all asks for a condition on each item, not text"),
        ("event.tags.exists(t, t)", 17, "exists asks for a condition on each item, not text"),
        ("event.amount + event.n", 13, "write the whole number as 12.0, or double(…) around it"),
        ("event.amount > event.n", 13, "> compares values of one kind, not number and whole number; write the whole"),
        ("event.amount > '3'", 13, "> compares values of one kind, not number and text"),
        ("event.name > 3", 11, "> compares values of one kind, not text and whole number"),
        ("event.n in ['a']", 8, "in looks for a value in a list of its kind, not whole number and a list of text"),
        ("'code' in event.branch", 7, "the schema lists its fields: write .name, or has(….name)"),
        ("event.branch[record.topic]", 12, "the schema lists its fields: write .name, or has(….name)"),
        ("event.name + event.n", 11, "write string(…) around what is no text"),
        ("event.flag && event.amount", 11, "&& takes conditions, not boolean and number"),
        ("!event.name", 0, "! takes conditions, not text"),
        ("-event.name", 0, "- does not take text"),
        ("event.amount ? 1 : 2", 13, "before ? stands a condition, not number"),
        ("event.flag ? event.amount : 'x'", 11, "both sides of : are of one kind, not number and text"),
        ("event.items.exists(i, i.price > 'x')", 30, "> compares values of one kind, not number and text"),
        ("event.items.exists(i, i.prise > 4)", 23, "the schema has no 'prise' there; did you mean price?"),
        ("event.items.exists(i, has(i.prise))", 25, "the schema has no 'prise' there; did you mean price?"),
        ("event.perhaps.exists(p, p.b == 'x')", 25, "the schema has no 'b' there; there are a"),
        ("has(event.perhaps) ? event.perhaps.map(p, p.b) : null", 43, "the schema has no 'b' there; there are a"),
        ("event.type == 'y'", 14, "'y' never stands at event.type; there are x"),
        ("'y' != event.type", 0, "'y' never stands at event.type"),
        ("event.type in ['x', 'xx']", 20, "'xx' never stands at event.type; did you mean x?"),
        ("(event.n).?a == 'x'", 9, "whole number has no fields"),
        ("event.n == 1 || event\n  .typo == 'z'", 25, "event.typo: the schema has no 'typo' there; did you mean type"),
        ("event.perhaps > 3", 14, "> compares values of one kind, not a list of an object and whole number"),
        ("event.n + 1 == null", 12, "== compares values of one kind, not whole number and null"),
        ("event.flag ? 'a' : event.n", 11, "both sides of : are of one kind, not text and whole number"),
        ("event.tree.kids.exists(k, k.w > 2)", 27, "the schema has no 'w' there; there are v, kids"),
        ("event.items.exists(i, i.sku.x > 4)", 27, "text has no fields"),
        ("event.n.map(i, i)", 0, "whole number is no list"),
        ("event.branch.cod", 13, "event.branch.cod: the schema has no 'cod' there; did you mean code?"),
        ("has(event.zranch.code)", 10, "event.zranch.code: the schema has no 'zranch' there; did you mean branch?"),
        ("event.?branch.?cod", 15, "event.?branch.?cod: the schema has no 'cod' there; did you mean code?"),
        ("event.n > 0\n  && event.cod == 'x'", 23, "event.cod: the schema has no 'cod' there"),
        ("event['nme'] == 'x'", 5, "event['nme']: the schema has no 'nme' there; did you mean name?"),
        ("event.amount.foo", 13, "event.amount.foo: the schema has integer or number there, not an object"),
        ("event.items.price", 12, "event.items.price: the schema has array there, not an object"),
        ("record.hedaers.x", 0, "did you mean record.headers?"),
        ("record", 0, "record alone is no path"),
        ("evnt.amount", 4, "an expression begins with event or record, not 'evnt'; did you mean event?"),
        ("amont > 0", 0, "there is no 'amont'; what an event has is written event.amount, and text stands in quotes"),
        ("whatever", 0, "there is no 'whatever'; what an event has is written event.whatever"),
        ("math", 0, "math alone is nothing; write a function of it, such as math.greatest(1, 2)"),
        ("event.name.startWith('x')", 20, "no function 'startWith'; did you mean startsWith?"),
        ("event.name.zzz()", 14, "no function 'zzz'; docs/mapping.md lists them"),
        ("now()", 3, "no function 'now': an expression knows no clock; record.timestamp is when the event was"),
        ("event.name.startsWith(event.flag)", 21, "does not take text and boolean; as in 'abc'.startsWith('a')"),
        ("event.branch.optMap(b, b.code)", 19, "does not take an object; ? makes an optional, as in event.?name"),
        ("event.?items.map(i, i)", 0, "an optional of a list of an object is no list"),
        ("event.tags.join(1)", 15, "join does not take a list of text and whole number"),
        ("has(foo.bar.baz)", 3, "there is no 'foo'"),
        ("event.?branch.optMap(b, b.cod)", 25, "the schema has no 'cod' there; did you mean code?"),
        ("event.n.map(i, i.x)", 0, "whole number is no list"),
        ("Thing{a: 1}", 0, "there is no 'Thing'"),
        ("event.amount = 3", 13, "not CEL: equality is written =="),
        ("'abc", 0, "not CEL: unreadable from ''abc'; text stands in quotes, 'like this'"),
        ("event.amount >", 14, "not CEL: it ends too early"),
        ("(event.amount", 13, "not CEL: missing ')' at 'the end'"),
        ("event.in", 6, "not CEL: no viable alternative at input '.in'"),
        ("", 0, "not CEL: it ends too early"),
        ("_0 + 1", 0, "a name of an underscore and digits is taken"),
        ("1" + " + 1" * 40, 0, "nested deeper than 32 levels; say it in fewer steps"),
        ("'" + "x" * 10_000 + "'", 0, "an expression has at most 10000 characters"),
        ("9223372036854775808", 0, "a whole number of more than 64 bits; with .0 it is taken"),
        ("event.n == 1 and event.flag", 13, "not CEL: mismatched input 'and' expecting the end; write &&"),
        ("event.flag or event.flag", 11, "expecting the end; write ||"),
        ("not event.flag", 4, "expecting the end; write ! before what is negated"),
        ("if event.flag then 1 else 2", 0, "not CEL: if is no word of it; write condition ? one : other"),
        ("event.n ?? 0", 9, "write event.?name.orValue('other') for a default"),
        ("event.type.matches('(')", 19, "matches: no regular expression"),
        ("event.type.matches('a') || 'x'.matches('[')", 39, "matches: no regular expression"),
        ("timestamp('2026-13-01T00:00:00Z')", 10, "timestamp: text that can't be converted"),
        ("duration('1 day')", 9, "duration: text that can't be converted"),
        ("timestamp(record.timestamp).getHours('Europe/Nowhere')", 37, "getHours: no such time zone"),
        ("'%d %s'.format([event.n])", 15, "format: places in the text: 2, values: 1"),
        ("'%% %d'.format([])", 15, "format: places in the text: 1, values: 0"),
        ("'%d %z'.format([event.n, 1])", 0, "format: there is no %z; there are %s %d"),
        ("'100%'.format([])", 0, "format: there is no %; there are"),
        ("event.amount.round()", 18, "round is written as in math.round(1.5) == 2.0"),
        ("event.has(name)", 9, "has is written as in has({'a': 1}.a)"),
        ("event.type.toUpperCase()", 22, "did you mean upperAscii? As in 'abc'.upperAscii() == 'ABC'"),
        ("event.tags.length()", 17, "no function 'length'; did you mean size?"),
        ("event.tags[1.5]", 10, "the index of a list is a whole number, not number"),
        ("record.timestamp > timestamp('2020-01-01T00:00:00Z')", 17, "not whole number and a time"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_place(text: str, position: int, message: str) -> None:
    place, found = invalid(text)[0]
    assert message in found
    assert place == position


def test_every_problem_of_an_expression_is_told_at_once() -> None:
    assert [place for place, _ in invalid("event.cod == 'x' || event.nam == 'x'")] == [6, 26]
    assert [place for place, _ in invalid("event.n == 'x' || event.name == 5 || event.amount > 1")] == [8, 29]


@pytest.mark.parametrize(
    "inner", ["event.items.exists(i, {}i.note == null{})", "event.items.exists(i, {}i.?note.hasValue(){})"]
)
def test_what_outgrows_the_limit_only_when_it_is_run_is_an_error_all_the_same(inner: str) -> None:
    """32 levels are all that CEL takes, and what is run may be deeper than what is written."""
    found = {}
    for depth in range(1, 40):
        try:
            compile_expression(inner.format("(" * depth, ")" * depth), SHAPE)
        except ExpressionInvalid as fault:
            found[depth] = str(fault)
    assert set(found.values()) == {"nested deeper than 32 levels; say it in fewer steps"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("event.branch.city", "nothing at event.branch.city"),
        ("event.branch.city == 'x'", "nothing at event.branch.city"),
        ("event.items[7].sku", "nothing at event.items[7].sku"),
        ("record.headers.none", "nothing at record.headers.none"),
        ("event.open.q.y", "nothing at event.open.q.y"),
        ("event.name > 'a'", "values of kinds that don't go together, or null"),
        ("event.items.map(i, i.maker.id)", "no such key"),
        ("event.items.map(i, i.note.size())", "no such key"),
        ("event.items[event.n].sku", "no item at that index"),
        ("event.open.z.y.x", "nothing at event.open.z.y.x"),
        ("event.items.map(i, i.free.z.q)", "no such key"),
        ("event.n / 0", "division by zero"),
        ("event.n % 0", "division by zero"),
        ("9223372036854775807 + event.n", "a number too large"),
        ("int(1e300)", "a number too large"),
        ("event.type.matches('[' + event.type)", "no regular expression"),
        ("timestamp(event.n).getHours(event.type)", "no such time zone"),
        ("'%d'.format([event.type])", "a value that its clause of format does not take"),
        ("'%s %s %s'.format(event.tags)", "a text to be formatted with more places than values"),
        ("(event.type + '%q').format([1])", "no such clause of format"),
        ("event.type.indexOf('x', 7)", "a place beyond the end of the text"),
        ("int(event.type)", "text that can't be converted"),
        ("timestamp(event.type)", "text that can't be converted"),
        ("event.?name.value()", "the value of an optional that has none"),
        ("event.type.charAt(9)", "a place beyond the end of the text"),
        ("{event.type: 1, 'x': 2}.size()", "it can't be computed of this event"),
        ("[event.?branch.?code]", "an optional where a value is wanted; end it with .orValue(…)"),
    ],
)
def test_why_an_expression_fails_is_told_without_a_value(text: str, message: str) -> None:
    assert fails(text) == f"expression_failed: cel: {message}"


def test_an_optional_in_the_place_of_a_value_fails() -> None:
    assert fails("dyn(event.?n)").endswith("an optional where a value is wanted; end it with .orValue(…)")


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("event.branch", "a map"),
        ("duration('1s')", "a duration or a type"),
        ("b'x'", "bytes"),
        ("type(1)", "a duration or a type"),
        ("[{'a': 1}]", "a map"),
        ("[{'a': optional.of(1)}]", "a map"),  # what the library's plain_value ends the process at
        ("dyn({'a': event.?branch.?code})", "a map"),
    ],
)
def test_results_that_are_no_text_are_told_apart(text: str, what: str) -> None:
    assert fails(text) == f"value_not_scalar: the expression gives {what}, which is no text"


def test_text_that_looks_like_an_error_is_text() -> None:
    assert compute("event.name", {"name": "NOT_FOUND: nothing"}) == "NOT_FOUND: nothing"
    assert compute("event.name", {"name": "ERROR"}) == "ERROR"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("a\0b", "event.a: text with a NUL character, which an expression can't read"),
        ({"a\0b": 1}, "event.a: text with a NUL character, which an expression can't read"),
        ({"a": ["x", "a\0b"]}, "event.a: text with a NUL character, which an expression can't read"),
        ("\ud800", "it can't be computed of this event"),
        (2**64, "a number too large"),
        (-(2**63) - 1, "a number too large"),
        ([0] * 10_001, "event.a: a list of more than 10000 items"),
        ([[0] * 5_001] * 20, "event.a: more than 100000 values under one expression"),
        ({str(number): 0 for number in range(10_001)}, "event.a: an object of more than 10000 fields"),
        (("a", "tuple"), "it can't be computed of this event"),
    ],
)
def test_what_cel_can_not_take_is_a_failure_with_a_reason(value: Any, message: str) -> None:
    assert fails("event.a == 1", {"a": value}, typed=False) == f"expression_failed: cel: {message}"


def test_what_is_not_needed_does_no_harm() -> None:
    assert compute("event.n == 1 || event.a == 'x'", {"n": 1, "a": "x\0"}, typed=False) is True
    assert compute("event.n == 1 || event.items.exists(i, true)", {"n": 1, "items": [0] * 100_000}, typed=False) is True


def test_the_largest_and_most_exact_numbers_get_through() -> None:
    for number in (2**53 + 1, 2**63 - 1, -(2**63), 2**64 - 1):
        assert compute("event.a", {"a": number}, typed=False) == number
    assert compute("event.a", {"a": Decimal("1.5")}, typed=False) == 1.5
    assert compute("event.a + 1", {"a": 2**53}, typed=False) == 2**53 + 1


def test_a_list_under_an_expression_is_bounded() -> None:
    assert compute("event.a.exists(x, x < 0)", {"a": [1] * 9_999}, typed=False) is False
    assert fails("event.a.exists(x, x < 0)", {"a": [1] * 10_000}, typed=False) == (
        "expression_failed: cel: more than 10000 steps through lists"
    )
    assert fails("event.a.exists(x, event.a.exists(y, x + y < 0))", {"a": [1] * 101}, typed=False).endswith(
        "through lists"
    )
    assert compute("event.a.map(x, x)", {"a": [1] * 1_000}, typed=False) == [1] * 1_000
    assert fails("event.a.map(x, x)", {"a": [1] * 1_001}, typed=False).endswith("a list of more than 1000 items")
    assert fails("event.a.exists(x, x < 0)", {"a": [1] * 100_000}, typed=False).endswith("more than 10000 items")
    keys = {str(number): 1 for number in range(1_001)}
    assert fails("event.a.map(k, k)", {"a": keys}, typed=False).endswith("an object of more than 1000 fields")


@pytest.mark.parametrize("typed", [True, False])
def test_a_text_that_becomes_a_list_under_map_is_bounded_like_a_list(typed: bool) -> None:  # noqa: FBT001 - a parameter of the test
    text = "event.type.split(',').map(x, x).size()"
    assert compute(text, {"type": "," * 999}, typed=typed) == 1_000
    assert compute(text, {"type": "," * 1_000}, typed=typed) == 1_001
    assert "event.type: text of more than 1000 characters" in fails(text, {"type": "," * 1_001}, typed=typed)
    whole = "event.type.split(',').size()"
    assert compute(whole, {"type": "," * 1_000_000}, typed=typed) == 1_000_001
    assert "text of more than 1000000 characters" in fails(whole, {"type": "," * 1_000_001}, typed=typed)


@pytest.mark.parametrize("typed", [True, False])
@pytest.mark.parametrize(
    "text",
    [
        "event.tags.exists(t, t == event.type.lowerAscii())",
        "event.tags.map(t, event.type + t).size() < 5",
        "event.type.replace('x', event.name).size() > 0",
        "event.tags.join(event.type).size() > 0",
        "event.open.exists(k, k == event.type)",
    ],
)
def test_a_text_that_is_used_again_and_again_is_bounded(text: str, typed: bool) -> None:  # noqa: FBT001 - a parameter of the test
    event = {"type": "x" * 10_000, "name": "n", "tags": ["a", "b"], "open": {"k": 1}}
    assert compute(text, event, typed=typed) in (True, False)
    too_long = "text of more than 10000 characters, too long for this expression"
    assert fails(text, event | {"type": "x" * 10_001}, typed=typed).endswith(f"event.type: {too_long}")


def test_the_name_of_a_field_is_bounded_like_a_text() -> None:
    assert "text of more than 10000 characters" in fails("event.open.exists(k, k == 'a')", {"open": {"x" * 10_001: 1}})


def test_a_text_that_is_used_once_may_have_any_length() -> None:
    event = {"a": "x" * 100_001, "b": "y"}
    assert compute("event.a.replace('x', '').size() + event.a.size()", event, typed=False) == 100_001
    assert compute("event.?a.optMap(a, a.size()).orValue(0)", event, typed=False) == 100_001
    assert compute("event.b.matches('y') ? event.a : ''", event, typed=False) == event["a"]


ORDERED = {
    "o": dict.fromkeys("qwertyuiopasdfghjkl", 1) | {"null": None},
    "items": [dict.fromkeys("qwertyuiop", 1)],
    "nest": [{"o": {"z": 2, "a": 2}}],
}


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("event.o.map(k, k).join('')", "qwertyuiopasdfghjkl"),
        ("event.o.map(k, k + string(event.o[k])).join('')", "".join(f"{name}1" for name in "qwertyuiopasdfghjkl")),
        ("event.o.filter(k, k > 'q').join('')", "wrtyus"),
        ("event.items.map(i, i.map(k, k).join('')).join('')", "qwertyuiop"),
        ("event.nest.map(i, i.o.map(k, k).join('')).join('')", "za"),
        ("event.nest.exists(i, i.o.exists(k, i.o[k] == 2))", True),
        ("event.?none.orValue({}).map(k, k)", []),
        ("event.?o.optMap(o, o.q).orValue(0)", 1),
        ("event.?o.optMap(o, o.exists(k, k == 'q')).orValue(false)", True),
        ("{'a': 1, 'b': 2}.exists(k, k == 'b')", True),
        ("event.?nest.orValue([]).map(i, i.o.z)", [2]),
        ("event.map(k, k).join(',')", "o,items,nest"),
    ],
)
def test_an_object_is_gone_through_in_its_own_order(text: str, result: Any) -> None:
    expression = compile_expression(text, None)
    assert [expression.read(ORDERED, RECORD) for _ in range(20)] == [result] * 20


@pytest.mark.parametrize(
    "text",
    [
        "event.nest.map(i, i.o.map(k, k + string(i.o[k])).join(''))",
        "event.?o.orValue({}).map(k, k).join('')",
        "(true ? event.o : event.items[0]).map(k, k).join('')",
        "event.?o.optMap(o, o.map(k, k).join('')).orValue('')",
    ],
)
def test_what_would_go_through_an_object_in_any_order_fails(text: str) -> None:
    assert "an object that map or filter goes through, and its fields have no order" in fails(
        text, ORDERED, typed=False
    )


def test_an_object_that_is_written_in_the_expression_can_not_be_made_a_list() -> None:
    message = "the fields of an object have no order; go through a list"
    assert invalid("{'q': 1, 'w': 1}.map(k, k)") == [(0, message)]
    assert invalid("event.?open.orValue({'q': 1}).map(k, k)") == [(20, message)]


def test_a_value_nested_too_deeply_is_a_failure() -> None:
    deep: dict[str, Any] = {}
    inner = deep
    for _ in range(1_023):
        inner = inner.setdefault("a", {})
    assert "nested too deeply" in fails("event.a == 1", deep, typed=False)


def test_only_what_is_read_is_handed_over() -> None:
    """What can't be handed over stands beside what is read, at every level, and does no harm."""
    bad = "a\0b"
    event = {"bad": bad, "n": 1, "items": [{"bad": bad, "sku": "a", "maker": {"bad": bad, "id": "m"}}]}
    for text in (
        "event.n == 1",
        "event.items[0].sku == 'a'",
        "event.items.exists(i, i.sku == 'a')",
        "event.items.exists(i, has(i.sku))",
        "event.items.exists(i, i['maker'].id == 'm')",
        "event.items.exists(i, event.items.exists(j, i.sku == j.maker.id) || true)",
    ):
        assert compute(text, event, typed=False) is True, text
    assert "NUL" in fails("event.items.filter(i, i.sku == 'a') == []", event, typed=False)
    assert "NUL" in fails("event.items[event.n - 1].sku == 'a'", event, typed=False)


def test_a_loop_over_the_keys_of_an_object_sees_them_all() -> None:
    assert compute("event.open.exists(k, k == 'z')") is True
    assert compute("event.open.exists(k, event.open[k].y == 1)") is True


@pytest.mark.parametrize("value", ["text", 1, None, [], {}, True])
def test_values_of_another_kind_than_the_schema_s_never_raise(value: Any) -> None:
    """A registry's or a case's event may be otherwise than the mapping's schema."""
    names = SHAPE.names
    for text in ("event.amount > 0", "event.items.exists(i, i.price > 4)", "event.n + 1 > 0", "event.tags.size() > 0"):
        expression = compile_expression(text, SHAPE)
        try:
            found = expression.read(dict.fromkeys(names, value), RECORD)
        except Fault as fault:
            found = fault.reason
        assert found in (True, False, "expression_failed")


def test_no_more_than_so_many_objects_of_a_schema_are_typed() -> None:
    """A schema may have thousands of objects; the rest is open then, and nothing that is right becomes wrong."""
    wide = {
        "type": "object",
        "properties": {
            f"f{number}": {"type": "object", "properties": {f"g{number}": {"type": "string"}}} for number in range(600)
        },
    }
    event = {"f599": {"g599": "x"}}
    expression = compile_expression("[event].exists(e, e.f599.g599 == 'x')", shape(wide))
    assert isinstance(expression, Expression)
    assert expression.read(event, RECORD) is True
