from __future__ import annotations

import json
import struct
from typing import TYPE_CHECKING, Any

import pytest

from consumer.adapters.profile_api import Endpoint, ProfileApi
from consumer.core.formats.registered import frame
from consumer.core.response_rules import ResponseRules
from tests.adapters.registry_server import RegistryServer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from click.testing import Result

    from tests.kafka import Kafka

    Program = Callable[..., Result]
    Edit = Callable[..., None]

EVENT = (
    '{"type": "visit", "at": "2026-03-01T09:30:00Z", "customer": {"id": " c-1 "}, "store": {"name": ""}, "tier": "G"}'
)
MAPPED = """\
mapped by visit
topic visits, 112 bytes

where
  topic is "visits"
  event.type is "visit"

identity
  mbox3rdPartyId  c-1  event.customer.id = " c-1 " → trim = "c-1"

time
  2026-03-01T09:30:00.000Z  event.at = "2026-03-01T09:30:00Z"

attributes
  kind   visit    const visit
  store  unknown  event.store.name = "" → default
  tier   gold     event.tier = "G" → lookup: {"G":"gold"} = "gold"

left out
  pages  event.pages: nothing

request
  POST https://CLIENT.tt.omtrdc.net/m2/CLIENT/profile/update
  User-Agent: profile-consumer/0.1.0
  Accept-Encoding: identity
  Content-Type: application/x-www-form-urlencoded

  mbox3rdPartyId=c-1&profile.kind=visit&profile.store=unknown&profile.tier=gold
"""


def explained(program: Program, event: str | bytes, *arguments: str) -> dict[str, Any]:
    result = program("explain", "-", "--json", *arguments, stdin=event)
    assert result.exit_code in (0, 1), result.stderr
    document: dict[str, Any] = json.loads(result.stdout)
    assert (result.exit_code == 1) == (document["outcome"] in ("rejected", "waiting"))
    return document


def test_an_event_that_is_mapped_is_explained_from_its_match_to_its_request(program: Program, folder: Path) -> None:
    (folder.parent / "event.json").write_text(EVENT, encoding="utf-8")

    result = program("explain", "event.json")

    assert (result.exit_code, result.stdout, result.stderr) == (0, MAPPED, "")


def test_many_steps_stand_one_below_the_other(program: Program) -> None:
    result = program("explain", "-", stdin=EVENT.replace('"name": ""', f'"name": "{" UTRECHT CENTRAAL" * 4}"'))

    assert (
        "  store  utrecht centraal utrecht centraal utrecht centraal utrecht centraal\n"
        '           event.store.name  " UTRECHT CENTRAAL UTRECHT CENTRAAL UTRECHT CENTRAAL UTRECHT CENTRAAL"\n'
        '         → trim              "UTRECHT CENTRAAL UTRECHT CENTRAAL UTRECHT CENTRAAL UTRECHT CENTRAAL"\n'
        '         → lower             "utrecht centraal utrecht centraal utrecht centraal utrecht centraal"\n'
    ) in result.stdout


def test_a_rejection_names_the_step_and_the_others_are_explained_all_the_same(program: Program) -> None:
    result = program("explain", "-", stdin=EVENT.replace('"tier": "G"', '"pages": "many"'))

    assert result.exit_code == 1
    assert result.stdout.startswith(
        "rejected required_missing [map]: visit: tier: required, and nothing is there\ntopic visits, "
    )
    assert "  tier   rejected  event.tier: nothing → required, and nothing is there\n" in result.stdout
    assert '  pages  rejected  event.pages = "many" → int: not a whole number\n' in result.stdout
    assert "request" not in result.stdout


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (b"{", "decode_failed"),
        (b'{"type": "visit", "tier": 1}', "schema_invalid"),
        (b'{"type": "visit", "tier": "G"}', "identity_missing"),
        (b'{"type": "visit", "tier": "G", "customer": {"id": "a/b"}}', "identity_invalid"),
        (b'{"type": "visit", "tier": "G", "visitor": "1", "at": "soon"}', "occurred_at_invalid"),
    ],
)
def test_every_rejection_exits_1_with_its_reason(program: Program, event: bytes, reason: str) -> None:
    document = explained(program, event)

    assert document["rejection"]["reason"] == reason
    assert document["requests"] == []
    assert program("explain", "-", stdin=event).exit_code == 1


def test_a_time_that_can_t_be_read_says_why_where_it_stands(program: Program) -> None:
    result = program("explain", "-", stdin=EVENT.replace("T09:30:00Z", " 09:30:00"))

    assert result.exit_code == 1
    assert (
        'time\n  rejected  event.at = "2026-03-01 09:30:00"\n  a time without an offset; it could be any zone\'s\n'
    ) in result.stdout


def test_the_document_holds_every_step(program: Program) -> None:
    document = explained(program, EVENT, "--header", "a=b=c", "--topic", "visits")

    assert document["outcome"] == "mapped"
    assert document["mapping"] == "visit"
    assert document["occurred_at"] == "2026-03-01T09:30:00.000Z"
    assert document["identity"] == [
        {
            "kind": "mbox3rdPartyId",
            "outcome": "taken",
            "from": "event.customer.id",
            "value": " c-1 ",
            "steps": [{"transform": "trim", "value": "c-1"}],
        }
    ]
    assert document["attributes"]["tier"] == {
        "outcome": "value",
        "text": "gold",
        "from": "event.tier",
        "value": "G",
        "steps": [{"transform": "lookup", "with": {"G": "gold"}, "value": "gold"}],
    }
    assert document["attributes"]["store"]["outcome"] == "default"
    assert document["attributes"]["pages"]["outcome"] == "left_out"
    assert document["requests"][0]["body"].startswith("mbox3rdPartyId=c-1&profile.kind=visit")


def test_what_keeps_each_mapping_from_an_event_is_told_with_what_was_there(
    program: Program, folder: Path, edit: Edit
) -> None:
    for name in ("aaa", "bbb", "ccc"):
        text = (folder / "visit.mapping.yaml").read_text(encoding="utf-8")
        (folder / f"{name}.mapping.yaml").write_text(text, encoding="utf-8")
    edit("aaa.mapping.yaml", ("[visit, call]", "Kiosk"))
    edit("bbb.mapping.yaml", ("[visit, call]", "[a, b, c, d, e, f]"))
    edit("ccc.mapping.yaml", ("[visits]", "[others]"))

    result = program("explain", "-", "--topic", "visits", stdin='{"type": "kiosk "}')

    assert result.exit_code == 0
    assert result.stdout == (
        "unmatched no mapping wants this event\n"
        "topic visits, 18 bytes\n"
        "\n"
        "other mappings\n"
        '  aaa    event.type is "kiosk "; it wants "Kiosk" (close: only case, blanks or the type differ)\n'
        '  bbb    event.type is "kiosk "; it wants "a" or "b" or "c" or "d" or "e" or 1 more\n'
        '  visit  event.type is "kiosk "; it wants "call" or "visit"\n'
        "  1 of other topics: ccc\n"
    )


def test_without_a_topic_each_mapping_is_tried_in_its_own(program: Program, folder: Path, edit: Edit) -> None:
    text = (folder / "visit.mapping.yaml").read_text(encoding="utf-8")
    (folder / "other.mapping.yaml").write_text(text, encoding="utf-8")
    edit("other.mapping.yaml", ("[visits]", "[others]"), ("[visit, call]", "gift"))

    assert explained(program, EVENT)["record"]["topic"] == "visits"
    assert explained(program, EVENT.replace("visit", "gift"))["mapping"] == "other"
    result = program("explain", "-", stdin="{}")
    assert result.stdout == (
        "unmatched no mapping wants this event\n"
        "topic not given, 2 bytes\n"
        "\n"
        "other mappings\n"
        '  other  event.type is nothing; it wants "gift"\n'
        '  visit  event.type is nothing; it wants "call" or "visit"\n'
    )


def test_without_a_topic_the_mapping_whose_schema_fits_is_taken_and_the_others_are_named(
    program: Program, folder: Path, edit: Edit
) -> None:
    text = (folder / "visit.mapping.yaml").read_text(encoding="utf-8")
    (folder / "also.mapping.yaml").write_text(text, encoding="utf-8")
    edit("also.mapping.yaml", ("[visits]", "[also]"))
    document = explained(program, EVENT)
    assert (document["mapping"], document["also_in"]) == ("also", ["visits"])
    assert "\nmappings of other topics want it as well: --topic visits\n" in program("explain", "-", stdin=EVENT).stdout

    (folder / "strict.event.json").write_text('{"required": ["more"]}', encoding="utf-8")
    edit("also.mapping.yaml", ("schema: visit.event.json", "schema: strict.event.json"))
    document = explained(program, EVENT)
    assert (document["mapping"], document["also_in"]) == ("visit", ["also"])
    edit("visit.mapping.yaml", ("schema: visit.event.json", "schema: strict.event.json"))
    assert explained(program, EVENT)["mapping"] == "also"
    edit("also.mapping.yaml", ("[also]", "[also, again]"))
    assert explained(program, EVENT)["also_in"] == ["visits"]


def test_without_a_topic_the_mapping_that_asks_for_more_of_the_event_is_taken(program: Program, folder: Path) -> None:
    (folder / "any.mapping.yaml").write_text(
        "{version: 1, topics: [any], identity: {mbox3rdPartyId: event.customer.id}, attributes: {a: {const: b}}}",
        encoding="utf-8",
    )
    assert explained(program, EVENT)["mapping"] == "visit"
    nobody = explained(program, EVENT.replace(" c-1 ", ""))
    assert (nobody["mapping"], nobody["also_in"]) == ("visit", ["any"])


def test_a_record_may_have_a_key(program: Program, edit: Edit) -> None:
    edit("visit.mapping.yaml", ("{from: event.customer.id, transform: [trim]}", "record.key"))
    assert explained(program, EVENT)["rejection"]["reason"] == "identity_missing"
    assert explained(program, EVENT, "--key", "ké")["identity"][0]["value"] == "ké"


def test_a_cases_file_is_no_event(program: Program) -> None:
    result = program("explain", "schemas/visit.cases.yaml")
    assert result.exit_code == 2
    assert "Name one of its cases by its line, as `test` prints it: schemas/visit.cases.yaml:1" in result.stderr


def test_a_topic_that_no_mapping_reads_gets_a_suggestion(program: Program) -> None:
    result = program("explain", "-", "--topic", "vists", stdin=EVENT)

    assert result.exit_code == 0
    assert "no mapping reads the topic vists; did you mean visits?" in result.stdout


@pytest.mark.parametrize(("amount", "outcome"), [(1, "mapped"), (0, "skipped")])
def test_a_condition_is_shown_with_its_result(program: Program, edit: Edit, amount: int, outcome: str) -> None:
    edit("visit.mapping.yaml", ("occurred_at:", "when: event.pages > 0.5\noccurred_at:"))

    result = program("explain", "-", stdin=EVENT.replace('"tier"', f'"pages": {amount}, "tier"'))

    assert result.exit_code == 0
    assert result.stdout.startswith(outcome)
    truth = "true" if amount else "false"
    assert f"  when  cel event.pages > 0.5 = {truth}\n" in result.stdout
    assert ("its `when` is false" in result.stdout) == (not amount)


def test_a_case_is_explained_by_the_place_that_test_prints(program: Program) -> None:
    result = program("explain", "schemas/visit.cases.yaml:7:3")

    assert result.exit_code == 1
    assert result.stdout.startswith(
        "rejected identity_missing [map]: visit: identity: nothing at event.customer.id or "
    )


def test_a_place_without_a_case_is_an_error(program: Program, edit: Edit) -> None:
    edit("visit.cases.yaml", ("- name: a visit", "\n\n- name: a visit"))

    result = program("explain", "schemas/visit.cases.yaml:1")

    assert (result.exit_code, result.stderr) == (1, "Error: schemas/visit.cases.yaml:1: there is no case\n")


def test_a_tombstone_is_skipped(program: Program, edit: Edit) -> None:
    edit("visit.cases.yaml", ("event: {type: call}", "event: null"))

    result = program("explain", "schemas/visit.cases.yaml:6")

    assert result.exit_code == 0
    assert result.stdout.startswith("skipped a tombstone (a record without a value)\n")


def test_the_request_is_the_very_one_that_the_service_makes(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROFILE_CONSUMER_TARGET__CLIENT", "acme")
    monkeypatch.setenv("PROFILE_CONSUMER_TARGET__METHOD", "GET")
    monkeypatch.setenv("PROFILE_CONSUMER_TARGET__BASE_URL", "http://localhost:8090")
    monkeypatch.setenv("PROFILE_CONSUMER_TARGET__TOKEN_FILE", "/run/secrets/token")

    (request,) = explained(program, EVENT)["requests"]

    api = ProfileApi(Endpoint("http://localhost:8090/m2/acme/profile/update", 1.0, "GET"), ResponseRules(()), 1)
    made = api.request(b"mbox3rdPartyId=c-1", b"profile.kind=visit&profile.store=unknown&profile.tier=gold")
    assert (request["method"], request["url"], request["body"]) == ("GET", str(made.url), "")
    assert request["headers"]["Authorization"] == "Bearer TOKEN"


def test_an_update_that_is_too_large_becomes_several_requests(program: Program, edit: Edit) -> None:
    many = "".join(f"\n  a{number}: {{from: event.store.name}}" for number in range(30))
    edit("visit.mapping.yaml", ("attributes:", "attributes:" + many))

    document = explained(program, EVENT.replace('"name": ""', f'"name": "{"é" * 256}"'))

    assert [len(request["body"]) < 61_440 for request in document["requests"]] == [True]
    monster = EVENT.replace('"name": ""', f'"name": "{"語" * 256}"')
    assert len(explained(program, monster)["requests"]) == 2
    assert ", in 2 calls\n" in program("explain", "-", stdin=monster).stdout


def test_a_value_that_no_call_can_carry_is_rejected(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROFILE_CONSUMER_TARGET__MAX_VALUE_LENGTH", "100000")
    document = explained(program, EVENT.replace('"name": ""', f'"name": "{"a" * 70_000}"'))

    assert document["rejection"]["reason"] == "too_large"
    assert document["rejection"]["stage"] == "send"


def test_what_stands_in_an_event_can_t_control_the_terminal(program: Program) -> None:
    result = program("explain", "-", stdin=EVENT.replace('"name": ""', r'"name": "\u001b[31m\u009b \u202e"'))

    assert result.exit_code == 0
    assert all(character.isprintable() or character == "\n" for character in result.stdout)


@pytest.mark.parametrize(("levels", "shown"), [(99, True), (100, True), (101, False), (1_000, False)])
def test_what_is_nested_deeply_is_explained_all_the_same(program: Program, levels: int, shown: bool) -> None:  # noqa: FBT001 - a parameter of the test
    event = f'{{"type": {"[" * levels + "]" * levels}}}'
    words = "nested more than 100 levels deep"
    assert (words in program("explain", "-", stdin=event).stdout) != shown
    assert (explained(program, event)["others"][0]["value"] == words) != shown


def test_numbers_that_json_does_not_have_are_text_in_the_document(program: Program, folder: Path) -> None:
    schema = {
        "type": "record",
        "name": "R",
        "fields": [{"name": "id", "type": "string"}, {"name": "x", "type": "double"}],
    }
    (folder / "r.event.avsc").write_text(json.dumps(schema), encoding="utf-8")
    (folder / "r.mapping.yaml").write_text(
        "{version: 1, topics: [r], format: avro, schema: r.event.avsc, identity: {mbox3rdPartyId: event.id},"
        " attributes: {a: {from: event.x}}}",
        encoding="utf-8",
    )
    result = program("explain", "-", "--json", "--topic", "r", stdin=b"\x02c" + struct.pack("<d", float("nan")))
    document = json.loads(result.stdout, parse_constant=pytest.fail)
    assert document["attributes"]["a"]["value"] == "NaN"


def test_an_avro_event_may_be_written_as_json(program: Program, folder: Path) -> None:
    (folder / "visit.event.avsc").write_text(
        json.dumps({"type": "record", "name": "Visit", "fields": [{"name": "id", "type": "string"}]}), encoding="utf-8"
    )
    (folder / "visit.mapping.yaml").write_text(
        "version: 1\ntopics: [visits]\nformat: avro\nschema: visit.event.avsc\n"
        "identity: {mbox3rdPartyId: event.id}\nattributes: {kind: {const: visit}}\n",
        encoding="utf-8",
    )

    assert explained(program, '{"id": "c-1"}')["outcome"] == "mapped"
    assert explained(program, b"\x06c-1")["outcome"] == "mapped"
    result = program("explain", "-", stdin='{"id": 1}')
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: visits: ")


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--last", "5"],
        ["event.json", "--last", "5", "--topic", "t"],
        ["--topic", "t"],
        ["-", "--header", "name"],
        ["--topic", "t", "--last", "0"],
    ],
)
def test_what_makes_no_sense_is_a_usage_error(program: Program, arguments: list[str]) -> None:
    assert program("explain", *arguments).exit_code == 2


def test_a_file_that_is_missing_is_named(program: Program) -> None:
    result = program("explain", "nowhere.json")

    assert (result.exit_code, result.stderr) == (1, "Error: nowhere.json: can't be read: No such file or directory\n")


def test_a_folder_that_is_missing_is_named(program: Program) -> None:
    result = program("explain", "-", "--schemas", "nowhere", stdin="{}")

    assert result.exit_code == 1
    assert result.stderr.startswith("nowhere: there is no such folder")


def test_problems_of_mappings_are_told_those_of_cases_do_not_matter(program: Program, edit: Edit) -> None:
    edit("visit.cases.yaml", ("expect: {", "expct: {"))
    assert program("explain", "-", stdin=EVENT).exit_code == 0
    assert program("explain", "schemas/visit.cases.yaml:1").exit_code == 1

    edit("visit.mapping.yaml", ("version: 1", "version: 2"))
    result = program("explain", "-", stdin=EVENT)
    assert (result.exit_code, result.stderr) == (
        1,
        "schemas/visit.mapping.yaml:1:1: write version: 1, without quotes\n",
    )


def test_the_registry_is_asked_for_the_schema_of_a_framed_event(
    program: Program, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "framed.mapping.yaml").write_text(
        "{version: 1, topics: [framed], format: registry, identity: {mbox3rdPartyId: event.id},"
        " attributes: {a: {from: event.id}}}",
        encoding="utf-8",
    )
    known, unknown = frame(7, b"\x06c-1"), frame(8, b"\x06c-1")
    arguments = ("explain", "-", "--topic", "framed")
    with RegistryServer() as server:
        server.register(7, '{"type": "record", "name": "R", "fields": [{"name": "id", "type": "string"}]}')
        monkeypatch.setenv("PROFILE_CONSUMER_KAFKA__SCHEMA_REGISTRY_URL", server.url)
        told = program(*arguments, stdin=known)
        assert (told.exit_code, told.stdout.splitlines()[0]) == (0, "mapped by framed")
        waiting = program(*arguments, stdin=unknown)
        assert waiting.exit_code == 1
        assert waiting.stdout.startswith("waiting for schema 8: the registry knows no schema with this id; was it reg")
        assert explained(program, unknown, "--topic", "framed")["outcome"] == "waiting"
    assert program("explain", "-", stdin=EVENT).exit_code == 0  # nobody is asked for what is not framed


def test_the_newest_events_need_kafka_s_address(program: Program) -> None:
    result = program("explain", "--topic", "visits", "--last", "5")

    assert result.exit_code == 1
    assert "kafka.bootstrap_servers: required" in result.stderr


def test_the_newest_events_of_a_topic_are_explained(
    program: Program, edit: Edit, kafka: Kafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = kafka.create_topic()
    edit("visit.mapping.yaml", ("[visits]", f"[{topic}]"))
    kafka.produce(topic, [b"{", b"{}", None, EVENT.encode()])
    monkeypatch.setenv("PROFILE_CONSUMER_KAFKA__BOOTSTRAP_SERVERS", kafka.bootstrap)

    good = program("explain", "--topic", topic, "--last", "3")
    all_of_them = program("explain", "--topic", topic, "--last", "9", "--json")
    none = program("explain", "--topic", kafka.create_topic(), "--last", "9")

    assert good.exit_code == 0
    assert "── 3 of 3 ──" in good.stdout
    assert f"\ntopic {topic}, partition 0, offset 3, 20" in good.stdout
    assert all_of_them.exit_code == 1
    outcomes = [document["outcome"] for document in json.loads(all_of_them.stdout)]
    assert outcomes == ["rejected", "unmatched", "skipped", "mapped"]
    assert (none.exit_code, none.stdout[:26]) == (0, "There is no event in the t")
