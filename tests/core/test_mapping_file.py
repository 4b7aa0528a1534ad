from __future__ import annotations

import json

import pytest

from consumer.core.files.mapping_keys import MAPPING
from consumer.core.mapping_file import parse_mappings, read_mappings
from consumer.core.profile import ProfileUpdate, Skipped, Unmatched
from consumer.errors import MappingsInvalid
from tests.core.mapped import BODY, HEAD, as_files, load, only_problem, problems, record

SCHEMA = {
    "type": "object",
    "properties": {
        "id": {"type": "string"},
        "type": {"enum": ["loan.funded", "loan.closed"]},
        "tier": {"type": "integer"},
        "code": {"type": "string"},
        "flag": {"type": ["boolean", "null"]},
        "kind": {"enum": ["gold", "tin"]},
        "kinds": {"type": "array", "items": {"enum": ["gold", "tin"]}},
        "list": {"type": "array", "items": {"type": "string"}},
        "customer": {"type": "object", "properties": {"address": {"type": "object", "properties": {"city": {}}}}},
        "open": {"type": "object"},
        "list or text": {"type": ["array", "string"]},
    },
}
ADRESS = "the schema has no 'adress' there; did you mean address?"
TYPED = HEAD + "schema: m.event.json\n"


def in_attribute(text: str) -> str:
    return f"{HEAD}attributes:\n  a: {text}\n"


def in_typed(text: str) -> str:
    return f"{TYPED}attributes:\n  a: {text}\n"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[1]", "1:1: a mapping is a map of keys such as version, topics, identity, attributes"),
        ("x", "1:1: a mapping is a map of keys"),
        ("a: 1\n---\nb: 1", "2:1: not YAML: a second document begins here"),
        (HEAD, "1:1: the key attributes is missing"),
        (HEAD + BODY + "schemas: x\n", "5:1: a mapping has no key 'schemas'; did you mean schema?"),
        (HEAD.replace("1", "2", 1) + BODY, "1:1: write version: 1, without quotes"),
        (HEAD.replace("1", "'1'", 1) + BODY, "1:1: write version: 1, without quotes"),
        (HEAD.replace("1", "1.0", 1) + BODY, "1:1: write version: 1, without quotes"),
        (HEAD.replace("1", "[1]", 1) + BODY, "1:1: write version: 1, without quotes"),
        (HEAD.replace("[t]", "t") + BODY, "2:1: topics: write a list of at least one topic, such as [customer.loans]"),
        (HEAD.replace("[t]", "[]") + BODY, "2:1: topics: write a list of at least one topic"),
        (HEAD.replace("[t]", "[t, [u]]") + BODY, "2:13: a topic is text"),
        (HEAD.replace("[t]", "[t, '']") + BODY, "2:13: a topic is text"),
        (HEAD.replace("[t]", "[t, u, t]") + BODY, "2:16: the topic t stands here twice"),
        (HEAD.replace("[t]", "[null]") + BODY, "2:10: a topic is text"),
        (HEAD.replace("[t]", "[a b]") + BODY, "2:10: no topic in Kafka is named 'a b': 1 to 249"),
        (HEAD.replace("[t]", "['^a.*']") + BODY, "2:10: no topic in Kafka is named '^a.*': 1 to 249"),
        (HEAD.replace("[t]", "[..]") + BODY, "2:10: no topic in Kafka is named '..'"),
        (HEAD.replace("[t]", f"[{'x' * 250}]") + BODY, "2:10: no topic in Kafka is named 'xxx"),
        (HEAD + BODY + "version: 1\n", "5:1: the key 'version' stands here twice, first in line 1"),
        (HEAD + BODY + "format: jsn\n", "5:1: no format 'jsn'; did you mean json?"),
        (HEAD + BODY + "format: [json]\n", "5:1: format: write one word"),
        (HEAD + BODY + "schema: \n", "5:1: schema: write one word"),
        (HEAD + BODY + "schema: x.event.json\n", "5:1: no file 'x.event.json' beside the mapping"),
        (HEAD + BODY + "format: avro\n", "5:1: format: avro needs a schema; name its file under `schema:`"),
        (HEAD + BODY + "message: Loan\n", "5:1: message: only Protobuf has messages; remove it"),
    ],
)  # fmt: skip
def test_keys_of_a_mapping(text: str, problem: str) -> None:
    assert only_problem(text).startswith(problem)


def test_what_is_no_mapping_lacks_everything_at_once() -> None:
    assert problems("x-y: 1\n") == [
        f"1:1: the key {key} is missing" for key in sorted(("attributes", "identity", "topics", "version"))
    ]


def test_a_schema_that_can_not_be_used_is_named() -> None:
    assert only_problem(TYPED + BODY, {"type": "text"}).startswith("4:1: m.event.json: not a JSON Schema")
    files = as_files(TYPED.replace("m.event", "n.event") + BODY, SCHEMA)
    mappings, found = read_mappings(files)
    assert [mapping.name for mapping in mappings] == ["m"]
    assert str(found[0]) == "m.mapping.yaml:4:1: no file 'n.event.json' beside the mapping; did you mean m.event.json?"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("identity: x", "3:1: identity: write mbox3rdPartyId or mboxPC, one of them, or a list of such maps"),
        ("identity: {}", "3:1: identity: write mbox3rdPartyId or mboxPC"),
        ("identity: {mboxPC: event.a, mbox3rdPartyId: event.b}", "3:1: identity: write mbox3rdPartyId or mboxPC"),
        ("identity: []", "3:1: identity: the list is empty"),
        ("identity: [{mboxPC: event.a}, x]", "3:31: identity: write mbox3rdPartyId or mboxPC"),
        ("identity: {mboxpc: event.a}", "3:12: no identity 'mboxpc'; did you mean mboxPC?"),
        ("identity: {mboxPC: {const: a}}", "3:21: a constant would make one visitor of everybody"),
        ("identity: {mboxPC: [event.a]}", "3:12: mboxPC: write a path, or {from: a path, transform: [...]}"),
        ("identity: {mboxPC: a}", "3:12: a path begins with event or record: write event.a"),
        ("identity: {mboxPC: null}", "3:12: write a path such as event.customer.id"),
        ("identity: {mboxPC: {transform: [trim]}}", "3:12: mboxPC has exactly one of from, cel; here none"),
        ("identity: {mboxPC: {from: event.a, default: x}}", "3:36: mboxPC has no key 'default'; there are from"),
        ("identity: {mboxPC: {cel: event.}}", "3:32: not CEL: "),
    ],
)  # fmt: skip
def test_identity(text: str, problem: str) -> None:
    assert only_problem(f"version: 1\ntopics: [t]\n{text}\n{BODY}").startswith(problem)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[x]", "4:1: attributes: write a map of at least one attribute"),
        ("{}", "4:1: attributes: write a map of at least one attribute"),
        ("{profile.a: {const: x}}", "4:14: write 'a': `profile.` is added when it is sent"),
        ("{'': {const: x}}", "4:14: an attribute's name has 1 to 128 characters, no blank at either end"),
        ("{' a': {const: x}}", "4:14: an attribute's name"),
        (f"{{{'a' * 129}: {{const: x}}}}", "4:14: an attribute's name"),
        ("{a: event.x}", "4:14: an attribute is a map with one of from, const, cel: {from: event.x}"),
        ("{a: [x]}", "4:14: an attribute is a map with one of from, const, cel"),
        ("{a: {form: event.x, const: y}}", "4:18: an attribute has no key 'form'; did you mean from?"),
        ("{a: {form: event.x}}", "4:18: an attribute has no key 'form'; did you mean from?"),
        ("{a: {from: }}", "4:18: write a path such as event.customer.id"),
        ("{a: {from: event.x, transform: [bool, {round: 2}]}}", "4:51: round takes text or a number, not what bool"),
        ("{a: {from: event.x, transform: [bool, int]}}", "4:51: int takes text or a number, not what bool gives"),
        ("{a: {from: event.x, transform: [bool, {date: '%Y'}]}}", "4:51: date takes text or a number, not what bool"),
        ("{a: {from: event.x, transform: [{join: a}, trim, {join: b}]}}", "4:62: join needs a list; the join before"),
        ("{a: {from: event.x, const: y}}", "4:14: an attribute has exactly one of from, const, cel; here from and"),
        ("{a: {default: y}}", "4:14: an attribute has exactly one of from, const, cel; here none"),
        ("{a: {from: [event.x]}}", "4:18: from: write a path such as event.customer.id"),
        ("{a: {from: customer.x}}", "4:18: a path begins with event or record: write event.customer.x"),
        ("{a: {from: event.x, required: 'true'}}", "4:33: required: write true or false"),
        ("{a: {from: event.x, required: [true]}}", "4:33: required: write true or false"),
        ("{a: {const: }}", "4:18: const: write text that is not empty"),
        ("{a: {const: null}}", "4:18: const: write text that is not empty"),
        ("{a: {const: ''}}", "4:18: const: write text that is not empty"),
        ("{a: {const: [x]}}", "4:18: const: write text that is not empty"),
        ("{a: {from: event.x, default: ''}}", "4:33: default: write text that is not empty"),
        (f"{{a: {{const: {'x' * 257}}}}}", "4:18: const: longer than 256 characters (target.max_value_length)"),
        (f"{{a: {{from: event.x, default: {'x' * 257}}}}}", "4:33: default: longer than 256 characters"),
        ("{a: {const: x, transform: [{pad: {width: 300}}]}}", "4:18: const: longer than 256 characters"),
        ("{a: {const: x, transform: [int]}}", "4:18: const: transform int: not a whole number"),
        ("{a: {const: x, transform: [{lookup: {y: z}}]}}", "4:18: const: nothing is left of it after its transforms"),
        ("{a: {const: x, transform: trim}}", "4:28: transform: write a list, one transform an item"),
        ("{a: {const: x, transform: []}}", "4:28: transform: write a list"),
        ("{a: {const: x, transform: [trim, tirm]}}", "4:46: no transform 'tirm'; did you mean trim?"),
        ("{a: {cel: [x]}}", "4:18: write an expression as text"),
        ("{a: {cel: }}", "4:18: write an expression as text"),
        ("{a: {cel: '  '}}", "4:18: write an expression as text"),
        ("{a: {cel: event.x = 1}}", "4:31: not CEL: equality is written =="),
    ],
)  # fmt: skip
def test_attributes(text: str, problem: str) -> None:
    assert only_problem(f"{HEAD}attributes: {text}\n").startswith(problem)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{from: event.customer.adress.city}", f"6:7: event.customer.adress.city: {ADRESS}"),
        ("{cel: event.customer.adress.city}", f"6:27: event.customer.adress.city: {ADRESS}"),
        ("{from: event.list}", "6:7: array stands there, which is no text; join makes text of a list"),
        ("{from: event.customer}", "6:7: object stands there, which is no text; name something in it"),
        ("{from: event.code, transform: [{join: ','}]}", "6:7: join needs a list; string stands there"),
        ("{from: event.flag, transform: [{round: 2}]}", "6:7: round takes text or a number; boolean or null stands"),
        ("{cel: event.tier > 1, transform: [{date: '%Y'}]}", "6:7: date takes text or a number; the expression"),
        (
            "{from: event.kind, transform: [{lookup: {gold: a, Tin: b}}]}",
            "6:56: lookup: 'Tin' never stands at event.kind; did you mean tin?",
        ),
        (
            "{from: event.kinds, transform: [{lookup: {lead: b}}, {join: ','}]}",
            "6:48: lookup: 'lead' never stands at event.kinds; there are gold, tin",
        ),
        ("{from: event.tier, transform: [{lookup: {x: b}}]}", "6:47: lookup: 'x' never stands at event.tier"),
        ("{from: record.topic, transform: [{join: ','}]}", "6:7: join needs a list; string stands there"),
        ("{from: event.customer, transform: [{join: ','}]}", "6:7: join needs a list; object stands there"),
        ("{cel: event.list}", "6:7: the expression gives array, which is no text; join makes text of a list"),
        ("{cel: event.code, transform: [{join: ','}]}", "6:7: join needs a list; the expression gives string"),
        ("{cel: event.open}", "6:7: the expression gives object, which is no text; name something in it"),
        ("{cel: b'x'}", "6:7: the expression gives bytes, which is no text"),
        ("{cel: event.tier * 1.5}", "6:23: * takes two of one kind"),
        ("{cel: event.cod}", "6:18: event.cod: the schema has no 'cod' there; did you mean code?"),
        ("{cel: record.hedaers}", "6:12: a record has topic"),
    ],
)  # fmt: skip
def test_attributes_against_the_schema(text: str, problem: str) -> None:
    assert only_problem(in_typed(text), SCHEMA).startswith(problem)


@pytest.mark.parametrize(
    "text",
    [
        "{from: event.list, transform: [trim, {join: ','}]}",
        "{from: 'event[\"list or text\"]'}",
        "{from: 'event[\"list or text\"]', transform: [{join: ','}]}",
        "{cel: event.list, transform: [{join: ','}]}",
        "{cel: event.?code, default: x}",
        "{cel: event.open.anything}",
        "{from: 'event.open.anything.at[0].all'}",
        "{from: event.id, transform: [{lookup: {a: b}}], default: x, required: true}",
        "{from: event.kind, transform: [{lookup: {gold: a, tin: b}}]}",
        "{from: event.kind, transform: [upper, {lookup: {GOLD: a}}]}",
        "{from: event.kinds, transform: [{lookup: {gold: a}}, {join: ','}]}",
        "{from: event.tier, transform: [{lookup: {5: a}}]}",
        "{from: event.flag, transform: [{lookup: {true: a}}]}",
        "{from: event.open.x, transform: [{lookup: {a: b}}]}",
        "{from: event.flag, transform: [trim, bool, {prefix: x}]}",
        "{from: event.list, transform: [bool, {join: ','}]}",
    ],
)
def test_attributes_that_are_well(text: str) -> None:
    assert problems(in_typed(text), SCHEMA) == []


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("when: event.tier", "5:1: when: write a condition, which is true or false; this one gives integer"),
        ("when: [true]", "5:1: write an expression as text"),
        ("when: event.teir > 1", "5:13: event.teir: the schema has no 'teir' there; did you mean tier?"),
        ("when: |\n  event.tier > 1\n    && event.cod == 'x'", "7:14: event.cod: the schema has no 'cod' there"),
        ("occurred_at: event.att", "5:1: event.att: the schema has no 'att' there"),
        ("occurred_at: [event.id]", "5:1: occurred_at: write a path, or {from: a path, transform: [...]}"),
        ("occurred_at: {const: x}", "5:1: occurred_at has exactly one of from, cel; here none"),
        ("occurred_at: event.list", "5:1: array stands there, which is no text"),
        ("where: {}", "5:1: where: write a map from paths to constants, such as event.type: loan.funded"),
        ("where: x", "5:1: where: write a map from paths to constants"),
        ("where: {event.tpye: loan.funded}", "5:9: event.tpye: the schema has no 'tpye' there; did you mean type?"),
        ("where: {event.type: []}", "5:9: where: write a constant for event.type, or a list of constants"),
        ("where: {event.type: [[x]]}", "5:9: where: write a constant for event.type"),
        ("where: {event.type: {a: b}}", "5:9: where: write a constant for event.type"),
        ("where: {event.type: }", "5:9: where: write a constant for event.type"),
        ("where: {event.type: loan.fundd}", "5:9: 'loan.fundd' never stands at event.type; did you mean loan.funded?"),
        ("where: {event.code: 5}", "5:9: '5' never stands at event.code; text there: write it in quotes"),
        ("where: {event.tier: '5'}", "5:9: '5' never stands at event.tier; no text there: write it without quotes"),
        ("where: {event.tier: x}", "5:9: 'x' never stands at event.tier; integer there"),
        ("where: {record.partition: a}", "5:9: 'a' never stands at record.partition; integer there"),
        ("where: {record.headers.x: 5}", "5:9: '5' never stands at record.headers.x; text there: write it in quotes"),
        ('where: {event.code: a, \'event["code"]\': b}', '5:24: where has the path event["code"] twice'),
    ],
)  # fmt: skip
def test_conditions_and_times(text: str, problem: str) -> None:
    assert problems(f"{TYPED}{text}\n{BODY}", SCHEMA)[0].startswith(problem)


def test_too_many_combinations_are_refused() -> None:
    constants = [str(number) for number in range(101)]
    text = f"where: {{event.a: {constants}, event.b: {constants}}}\n"
    assert only_problem(HEAD + BODY + text) == "5:1: where: more than 10000 combinations of constants"


def test_a_key_that_stands_there_twice_hides_no_other_problem() -> None:
    text = HEAD.replace("topics", "topics: [u]\ntopics") + "attributes: {a: {from: b}}\n"
    assert problems(text, other=HEAD + BODY) == [
        "3:1: the key 'topics' stands here twice, first in line 2",
        "5:18: a path begins with event or record: write event.b",
    ]


def test_all_problems_of_all_files_are_told_at_once_sorted() -> None:
    bad = HEAD.replace("[t]", "[u]") + "attributes: {a: {const: }}\nwhen: 1\n"
    assert problems(HEAD + "x: 1\nattributes: {a: {from: b}, c: d}\n", bad=bad) == [
        "bad.mapping.yaml:4:18: const: write text that is not empty",
        "bad.mapping.yaml:5:1: when: write a condition, which is true or false; this one gives integer",
        f"4:1: a mapping has no key 'x'; there are {', '.join(MAPPING)}",
        "5:18: a path begins with event or record: write event.b",
        "5:28: an attribute is a map with one of from, const, cel: {from: d}",
    ]


OVERLAP = "an event of t could match both this mapping and m.mapping.yaml; give both a `where` with different constants"


@pytest.mark.parametrize(
    ("one", "other", "overlap"),
    [
        ("", "", True),
        ("where: {event.a: x}\n", "", True),
        ("where: {event.a: x}\n", "where: {event.a: x}\n", True),
        ("where: {event.a: x}\n", "where: {event.a: y}\n", False),
        ("where: {event.a: [x, y]}\n", "where: {event.a: [y, z]}\n", True),
        ("where: {event.a: 1}\n", "where: {event.a: 1.0}\n", True),
        ("where: {event.a: 1}\n", "where: {event.a: true}\n", False),
        ("where: {event.a: 1}\n", "where: {event.a: '1'}\n", False),
        ("where: {event.a: x}\n", "where: {event.b: x}\n", True),
        ("where: {event.a: x, event.b: y}\n", "where: {event.b: z}\n", False),
        ("where: {event.a: x, event.b: y}\n", "where: {event.a: x, event.b: z}\n", False),
        ("where: {event.a: x}\n", "where: {'event[\"a\"]': y}\n", False),
        ("where: {event.a: x}\nwhen: event.b\n", "where: {event.a: x}\nwhen: '!event.b'\n", True),
    ],
)  # fmt: skip
def test_overlaps(one: str, other: str, overlap: bool) -> None:  # noqa: FBT001 - a parameter of the test
    found = problems(HEAD + BODY + one, n=HEAD + BODY + other)
    place = "5:1" if other else "2:1"
    assert found == ([f"n.mapping.yaml:{place}: {OVERLAP} for one path"] if overlap else [])


def test_mappings_of_different_topics_do_not_meet() -> None:
    assert problems(HEAD + BODY, n=HEAD.replace("[t]", "[u]") + BODY) == []
    assert len(problems(HEAD.replace("[t]", "[t, u]") + BODY, n=HEAD.replace("[t]", "[u, t]") + BODY)) == 2


def test_a_mapping_with_problems_of_its_own_overlaps_with_none() -> None:
    assert len(problems(HEAD + BODY, n=HEAD.replace("[t]", "[t, t]") + BODY)) == 1


AVRO = b'{"type": "record", "name": "R", "fields": [{"name": "id", "type": "string"}]}'


def test_mappings_of_one_topic_read_its_events_alike() -> None:
    avro = HEAD + BODY + "where: {event.id: a}\nformat: avro\nschema: one.event.avsc\n"
    files = {
        "a.mapping.yaml": avro.encode(),
        "b.mapping.yaml": avro.replace("id: a", "id: b").encode(),
        "c.mapping.yaml": avro.replace("id: a", "id: c").replace("one.", "two.").encode(),
        "d.mapping.yaml": (HEAD + BODY + "where: {event.id: d}\n").encode(),
        "one.event.avsc": AVRO,
        "two.event.avsc": AVRO,
    }
    with pytest.raises(MappingsInvalid) as invalid:
        parse_mappings(files)
    alike = "write the same format, and with avro and protobuf the same schema and message"
    reads = "5:1: a.mapping.yaml reads the events of t as avro one.event.avsc, this mapping as"
    assert [str(problem) for problem in invalid.value.problems] == [
        f"c.mapping.yaml:{reads} avro two.event.avsc; {alike}",
        f"d.mapping.yaml:{reads} json; {alike}",
    ]


def test_the_symbols_of_an_enum_are_suggested() -> None:
    kind = {"name": "kind", "type": {"type": "enum", "name": "K", "symbols": ["OPENED", "CLOSED"]}}
    schema = json.dumps({"type": "record", "name": "R", "fields": [kind]}).encode()
    text = HEAD.replace("event.id", "record.key") + BODY + "format: avro\nschema: m.avsc\nwhere: {event.kind: CLOSD}\n"
    with pytest.raises(MappingsInvalid) as invalid:
        parse_mappings({"m.mapping.yaml": text.encode(), "m.avsc": schema})
    assert "'CLOSD' never stands at event.kind; did you mean CLOSED?" in str(invalid.value)


def test_json_schemas_may_differ_within_a_topic() -> None:
    one = TYPED + BODY + "where: {event.code: a}\n"
    assert problems(one, SCHEMA, n=HEAD + BODY + "where: {event.code: b}\n") == []


def test_anchors_merge_keys_and_extensions() -> None:
    mappings = load(
        """
        x-hash: &hash {transform: [trim, lower, {truncate: 3}]}
        version: 1
        topics: [t]
        identity: {mbox3rdPartyId: event.id}
        attributes:
          a: {from: event.a, <<: *hash}
          b: {from: event.b, <<: *hash}
        description: of no consequence
        """
    )
    result = mappings.map(record({"id": "c", "a": " ABCD", "b": "x"}))
    assert isinstance(result, ProfileUpdate)
    assert result.attributes == {"a": "abc", "b": "x"}


def test_a_byte_order_mark_is_accepted_and_places_stay_right() -> None:
    files = {"m.mapping.yaml": b"\xef\xbb\xbf" + (in_attribute("{cel: event.}")).encode()}
    with pytest.raises(MappingsInvalid) as invalid:
        parse_mappings(files)
    assert str(invalid.value).startswith("m.mapping.yaml:5:18: not CEL")


def test_names_hashes_and_topics() -> None:
    first = load(HEAD + BODY, n=HEAD.replace("[t]", "[s, u]") + BODY)
    assert (first.names, first.topics) == (("m", "n"), ("s", "t", "u"))
    assert all(len(each) == 16 and int(each, 16) >= 0 for each in (*first.hashes, first.hash))
    same = load(HEAD + BODY, n=HEAD.replace("[t]", "[s, u]") + BODY)
    assert (same.hashes, same.hash) == (first.hashes, first.hash)
    other = load(HEAD + BODY + "# a comment\n", n=HEAD.replace("[t]", "[s, u]") + BODY)
    assert other.hashes[0] != first.hashes[0]
    assert other.hashes[1] == first.hashes[1]
    assert other.hash != first.hash


def test_the_schema_belongs_to_what_is_hashed() -> None:
    hashes = {load(TYPED + BODY, schema={"title": title}).hashes[0] for title in ("a", "b")}
    assert len(hashes) == 2


def test_the_longest_value_is_a_setting() -> None:
    files = as_files(in_attribute("{const: abcdef}"))
    assert parse_mappings(files, max_value_length=6)
    with pytest.raises(MappingsInvalid, match="longer than 5 characters"):
        parse_mappings(files, max_value_length=5)


def test_no_mappings_match_nothing() -> None:
    assert parse_mappings({}).map(record({})) == Unmatched()
    assert parse_mappings({}).map(record(None)) == Skipped()
