from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pydantic
import pytest

from consumer.errors import SettingsInvalid
from consumer.settings import REQUIRED, Settings, load
from consumer.settings_checks import REFUSED_PROPERTIES
from consumer.settings_source import dotted, keys, variable

if TYPE_CHECKING:
    from collections.abc import Mapping

ENOUGH = {"PROFILE_CONSUMER_KAFKA__BOOTSTRAP_SERVERS": "kafka:9092", "PROFILE_CONSUMER_TARGET__CLIENT": "acme"}


def read(tmp_path: Path, text: str, environ: Mapping[str, str] | None = None) -> Settings:
    file = tmp_path / "settings.yaml"
    file.write_text(text, encoding="utf-8")
    return load(file, ENOUGH if environ is None else environ)


def problems(tmp_path: Path, text: str, environ: Mapping[str, str] | None = None) -> list[str]:
    """Every problem as a person sees it, with the file's path cut to its name."""
    with pytest.raises(SettingsInvalid) as caught:
        read(tmp_path, text, environ)
    return [str(problem).removeprefix(f"{tmp_path}/") for problem in caught.value.problems]


def env(**values: str) -> Settings:
    return load(None, ENOUGH | {f"PROFILE_CONSUMER_{name}": value for name, value in values.items()})


def env_problems(**values: str) -> list[str]:
    with pytest.raises(SettingsInvalid) as caught:
        env(**values)
    return [str(problem).removeprefix("PROFILE_CONSUMER_") for problem in caught.value.problems]


# --- defaults


def test_two_keys_are_enough_and_all_others_have_the_documented_defaults() -> None:
    settings = load(None, ENOUGH)

    assert settings.model_dump(mode="json") == {
        "schemas": "schemas",
        "kafka": {
            "bootstrap_servers": "kafka:9092",
            "group_id": "profile-consumer",
            "topics": None,
            "group_protocol": "classic",
            "properties": {},
            "start_from": "earliest",
            "on_out_of_range": "stop",
            "schema_registry_url": None,
        },
        "target": {
            "client": "acme",
            "base_url": "https://acme.tt.omtrdc.net",
            "path": "/m2/acme/profile/update",
            "token_file": None,
            "token_header": "Authorization",
            "method": "POST",
            "timeout": 10,
            "max_value_length": 256,
            "responses": [],
        },
        "delivery": {
            "max_in_flight": 64,
            "max_pending_bytes": 64 * 1024 * 1024,
            "max_pending_events": 5_000_000,
            "linger": 0,
            "commit_interval": 1,
            "drain_timeout": 25,
            "retry_base": 0.5,
            "retry_max": 300,
            "give_up_after": 86400,
        },
        "quota": {"limit": 1_000_000, "window": 86400, "lease": 60, "topic": "profile-consumer.quota.acme"},
        "dead_letter": {"topic": "profile-consumer.dead-letters", "max_consecutive": 100, "max_ratio": 0.5},
        "http": {"host": "0.0.0.0", "port": 8080},  # noqa: S104 - the documented default
        "log": {"level": "info", "format": "auto", "identity_key": None},
    }
    assert settings.warnings == ()


def test_settings_are_read_only() -> None:
    settings = load(None, ENOUGH)

    with pytest.raises(pydantic.ValidationError, match="frozen"):
        settings.kafka.group_id = "other"


def test_client_and_group_are_filled_in_wherever_they_stand(tmp_path: Path) -> None:
    settings = read(
        tmp_path,
        """
        kafka: {group_id: loans}
        target: {base_url: "http://localhost:8090/{client}/", path: "/p/{client}"}
        quota: {topic: "{group_id}.{client}.quota"}
        """,
    )

    assert settings.target.url == "http://localhost:8090/acme/p/acme"
    assert settings.quota.topic == "loans.acme.quota"
    assert settings.dead_letter.topic == "loans.dead-letters"


# --- required keys


def test_without_anything_each_required_key_is_named_with_its_variable() -> None:
    with pytest.raises(SettingsInvalid) as caught:
        load(None, {})

    assert [str(problem) for problem in caught.value.problems] == [
        f"{name}: {key}: required; write it in the settings file, or set {name}"
        for key, name in (
            ("kafka.bootstrap_servers", "PROFILE_CONSUMER_KAFKA__BOOTSTRAP_SERVERS"),
            ("target.client", "PROFILE_CONSUMER_TARGET__CLIENT"),
        )
    ]


def test_a_required_key_that_is_missing_is_reported_at_its_section(tmp_path: Path) -> None:
    (found,) = problems(tmp_path, "target:\n  client: acme\nkafka:\n  group_id: g\n", {})

    assert found.startswith("settings.yaml:3:1: kafka.bootstrap_servers: required; write it in the settings file, or ")


def test_a_command_that_needs_no_settings_gets_stand_ins() -> None:
    settings = load(None, {}, needs=())

    assert settings.kafka.bootstrap_servers == ""
    assert settings.target.url == "https://CLIENT.tt.omtrdc.net/m2/CLIENT/profile/update"


def test_a_command_says_which_required_keys_it_needs() -> None:
    assert load(None, ENOUGH, needs=()).target.client == "acme"
    assert REQUIRED == ("kafka.bootstrap_servers", "target.client")
    with pytest.raises(SettingsInvalid, match=r"kafka\.bootstrap_servers: required") as caught:
        load(None, {}, needs=["kafka.bootstrap_servers"])
    assert len(caught.value.problems) == 1


# --- file and environment


def test_the_file_that_the_variable_names_is_read(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("kafka: {group_id: from-a}", encoding="utf-8")

    assert load(None, {**ENOUGH, "PROFILE_CONSUMER_CONFIG": str(file)}).kafka.group_id == "from-a"
    assert load(None, {**ENOUGH, "PROFILE_CONSUMER_CONFIG": ""}).kafka.group_id == "profile-consumer"


def test_the_option_wins_over_the_variable_that_names_a_file(tmp_path: Path) -> None:
    environ = {**ENOUGH, "PROFILE_CONSUMER_CONFIG": str(tmp_path / "absent.yaml")}

    assert read(tmp_path, "kafka: {group_id: given}", environ).kafka.group_id == "given"


def test_the_environment_wins_over_the_file_key_by_key(tmp_path: Path) -> None:
    settings = read(
        tmp_path,
        "kafka: {bootstrap_servers: file:1, group_id: file}\ntarget: {client: file}",
        {"PROFILE_CONSUMER_KAFKA__GROUP_ID": "variable"},
    )

    assert (settings.kafka.bootstrap_servers, settings.kafka.group_id) == ("file:1", "variable")


def test_names_of_variables_are_case_insensitive() -> None:
    settings = load(
        None, {"profile_consumer_kafka__bootstrap_servers": "a:1", "Profile_Consumer_Target__Client": "acme"}
    )

    assert (settings.kafka.bootstrap_servers, settings.target.client) == ("a:1", "acme")


def test_a_variable_given_in_two_spellings_is_a_problem() -> None:
    assert env_problems(LOG__LEVEL="info", log__level="debug") == [
        "log__level: is the same setting as PROFILE_CONSUMER_LOG__LEVEL; remove one of them"
    ]


@pytest.mark.parametrize("key", list(keys(Settings)), ids=dotted)
def test_every_key_has_a_variable(key: tuple[str, ...]) -> None:
    values = {
        "kafka.topics": '["a"]',
        "kafka.properties": '{"a": "b"}',
        "kafka.group_protocol": "classic",
        "kafka.start_from": "latest",
        "kafka.on_out_of_range": "latest",
        "kafka.schema_registry_url": "http://registry",
        "target.base_url": "http://target",
        "target.path": "/path",
        "target.method": "GET",
        "target.responses": '[{"status": 500, "outcome": "refused"}]',
        "log.level": "debug",
        "log.format": "json",
        "delivery.max_pending_bytes": "1MiB",
        "dead_letter.max_ratio": "0.25",
        **dict.fromkeys(("target.timeout", "delivery.linger", "delivery.commit_interval", "delivery.retry_base"), "2s"),
        **dict.fromkeys(("delivery.drain_timeout", "delivery.retry_max", "delivery.give_up_after"), "30s"),
        **dict.fromkeys(("quota.window", "quota.lease"), "30s"),
        **dict.fromkeys(("target.max_value_length", "delivery.max_in_flight", "delivery.max_pending_events"), "9"),
        **dict.fromkeys(("quota.limit", "dead_letter.max_consecutive", "http.port"), "9"),
    }
    changed = load(None, {**ENOUGH, variable(key): values.get(dotted(key), "x")})

    assert changed != load(None, {**ENOUGH, variable(("kafka", "group_id")): "unlike-any"})
    section = changed if len(key) == 1 else getattr(changed, key[0])
    assert key[-1] in section.model_fields_set


def test_a_map_in_a_variable_is_merged_key_by_key_over_the_files(tmp_path: Path) -> None:
    settings = read(
        tmp_path,
        "kafka: {properties: {client.id: file, debug: cgrp}}",
        {**ENOUGH, "PROFILE_CONSUMER_KAFKA__PROPERTIES": '{"debug": "fetch", "socket.keepalive.enable": true}'},
    )

    assert settings.kafka.properties == {"client.id": "file", "debug": "fetch", "socket.keepalive.enable": "true"}


def test_a_list_in_a_variable_replaces_the_files(tmp_path: Path) -> None:
    settings = read(tmp_path, "kafka: {topics: [a, b, c]}", {**ENOUGH, "PROFILE_CONSUMER_KAFKA__TOPICS": '["d"]'})

    assert settings.kafka.topics == ("d",)


def test_a_section_may_be_a_map_in_a_variable_and_the_more_exact_variable_wins() -> None:
    settings = env(HTTP='{"port": 1, "host": "::1"}', HTTP__PORT="2")

    assert (settings.http.host, settings.http.port) == ("::1", 2)


def test_one_property_can_have_a_variable_of_its_own() -> None:
    settings = env(
        KAFKA__PROPERTIES='{"sasl.username": "u", "sasl.password": "old"}',
        KAFKA__PROPERTIES__SASL_PASSWORD="new",  # noqa: S106 - a test's
        **{"kafka__properties__ssl.ca.location": "/ca.pem"},
    )

    assert settings.kafka.properties == {"sasl.username": "u", "sasl.password": "new", "ssl.ca.location": "/ca.pem"}


def test_null_means_the_default_in_the_file_and_in_a_variable(tmp_path: Path) -> None:
    settings = read(
        tmp_path,
        "kafka: {group_id: , properties: null}\nhttp:\ntarget: {responses: [{status: 500, body: , outcome: refused}]}",
        {**ENOUGH, "PROFILE_CONSUMER_KAFKA__TOPICS": "null", "PROFILE_CONSUMER_LOG": '{"level": null}'},
    )

    assert settings.kafka.group_id == "profile-consumer"
    assert settings.kafka.topics is None
    assert settings.log.level == "info"
    assert settings.http.port == 8080


def test_null_in_a_variable_takes_away_what_the_file_says(tmp_path: Path) -> None:
    text = "kafka: {properties: {debug: cgrp}, topics: [a]}"
    environ = {"PROFILE_CONSUMER_KAFKA__PROPERTIES": "null", "PROFILE_CONSUMER_KAFKA__TOPICS": "null"}

    settings = read(tmp_path, text, ENOUGH | environ)

    assert settings.kafka.properties == {}
    assert settings.kafka.topics is None


@pytest.mark.parametrize("text", ["kafka: oops", "kafka: [oops]"])
def test_a_variable_does_not_hide_that_its_section_is_no_map(tmp_path: Path, text: str) -> None:
    assert problems(tmp_path, text) == ["settings.yaml:1:1: kafka: expected a map"]


@pytest.mark.parametrize("text", ["kafka: {}", "kafka:", "kafka: null"])
def test_a_variable_fills_an_empty_section(tmp_path: Path, text: str) -> None:
    assert read(tmp_path, text).kafka.bootstrap_servers == "kafka:9092"


def test_an_empty_value_is_no_value(tmp_path: Path) -> None:
    assert problems(tmp_path, 'kafka: {group_id: ""}', {**ENOUGH, "PROFILE_CONSUMER_HTTP__HOST": ""}) == [
        "settings.yaml:1:9: kafka.group_id: is empty; write a value, or remove it for the default",
        "PROFILE_CONSUMER_HTTP__HOST: http.host: is empty; write a value, or remove it for the default",
    ]


def test_values_are_read_as_they_are_written_not_as_yaml_types_them(tmp_path: Path) -> None:
    settings = read(
        tmp_path,
        """
        kafka: {group_id: 007, properties: {a: no, b: 1_000, c: 2026-03-01, d: 1e3, e: true}}
        target: {responses: [{status: 500, body: 12:30, outcome: refused}]}
        """,
    )

    assert settings.kafka.group_id == "007"
    assert settings.kafka.properties == {"a": "no", "b": "1_000", "c": "2026-03-01", "d": "1e3", "e": "true"}
    assert settings.target.responses[0].body == "12:30"


@pytest.mark.parametrize("text", ["", "\n", "# all commented out\n", "{}", "---\n", "\ufeff# bom\n"])
def test_an_empty_file_leaves_everything_at_its_default(tmp_path: Path, text: str) -> None:
    assert read(tmp_path, text) == load(None, ENOUGH)


def test_anchors_and_merge_keys_work(tmp_path: Path) -> None:
    settings = read(tmp_path, "target: &t {timeout: 3s}\ndelivery: {retry_base: 1s}\nhttp: {port: 0}\n")

    assert settings.target.timeout == 3
    assert settings.http.port == 0


# --- unknown names


def test_an_unknown_key_is_reported_at_its_place_with_a_suggestion(tmp_path: Path) -> None:
    text = "kafka:\n  boostrap_servers: x\nkafak: {}\nbootstrap_servers: y\nzzz: 1\ntarget.timeout: 5s\n"

    assert problems(tmp_path, text) == [
        "settings.yaml:2:3: kafka.boostrap_servers: no such setting; did you mean kafka.bootstrap_servers?",
        "settings.yaml:3:1: kafak: no such setting; did you mean kafka?",
        "settings.yaml:4:1: bootstrap_servers: no such setting; did you mean kafka.bootstrap_servers?",
        "settings.yaml:5:1: zzz: no such setting; docs/settings.md lists them all",
        "settings.yaml:6:1: target.timeout: no such setting; write it as two levels: target: {timeout: …}",
    ]


def test_an_unknown_key_is_reported_whatever_it_holds(tmp_path: Path) -> None:
    assert [line.split(": ")[1] for line in problems(tmp_path, "a1: null\nb1: {}\nc1: []\nd1: {e: {f: 1}}")] == [
        "a1",
        "b1",
        "c1",
        "d1",
    ]


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("KAFKA_BOOTSTRAP_SERVERS", "did you mean PROFILE_CONSUMER_KAFKA__BOOTSTRAP_SERVERS?"),
        ("KAFKA__GROUPID", "did you mean PROFILE_CONSUMER_KAFKA__GROUP_ID?"),
        ("HTTP_PORT", "did you mean PROFILE_CONSUMER_HTTP__PORT?"),
        ("TARGET__CLIENT__X", "did you mean PROFILE_CONSUMER_TARGET__CLIENT?"),
        ("", "docs/settings.md lists them all"),
        ("A__B", "docs/settings.md lists them all"),
        ("_KAFKA__GROUP_ID", "did you mean PROFILE_CONSUMER_KAFKA__GROUP_ID?"),
    ],
)
def test_an_unknown_variable_is_reported_with_a_suggestion(name: str, advice: str) -> None:
    assert env_problems(**{name: "x"}) == [f"{name}: no such setting; {advice}"]


def test_the_variables_that_kubernetes_makes_for_a_service_are_no_settings() -> None:
    of_a_service = {
        "PROFILE_CONSUMER_SERVICE_HOST": "10.0.0.1",
        "PROFILE_CONSUMER_SERVICE_PORT": "8080",
        "PROFILE_CONSUMER_SERVICE_PORT_HTTP": "8080",
        "PROFILE_CONSUMER_PORT": "tcp://10.0.0.1:8080",
        "PROFILE_CONSUMER_PORT_8080_TCP": "tcp://10.0.0.1:8080",
        "PROFILE_CONSUMER_PORT_8080_TCP_ADDR": "10.0.0.1",
        "PROFILE_CONSUMER_PORT_8080_TCP_PORT": "8080",
        "PROFILE_CONSUMER_PORT_8080_TCP_PROTO": "tcp",
    }
    of_another = {name.replace("CONSUMER_", "CONSUMER_BLUE_"): value for name, value in of_a_service.items()}

    assert load(None, ENOUGH | of_a_service | of_another) == load(None, ENOUGH)


@pytest.mark.parametrize("name", ["BLUE_PORT", "PORTS", "PORT_X", "PORT_80", "SERVICE", "BLUE_SERVICE_PORT"])
def test_what_only_looks_like_a_services_variable_is_an_unknown_setting(name: str) -> None:
    assert "no such setting" in env_problems(**{name: "x"})[0]


def test_other_programs_variables_do_not_matter() -> None:
    others = {"PROFILE_CONSUMERS_KAFKA": "x", "PROFILE_CONSUMER": "x", "PATH": "x"}

    assert load(None, ENOUGH | others) == load(None, ENOUGH)


# --- wrong values


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("TARGET__TIMEOUT", "10", 'expected a duration such as 500ms, 10s, 15m or 24h, found "10"'),
        ("TARGET__TIMEOUT", "0s", 'expected more than 0, found "0s"'),
        ("DELIVERY__LINGER", "-1s", 'expected a duration such as 500ms, 10s, 15m or 24h, found "-1s"'),
        ("DELIVERY__MAX_PENDING_BYTES", "64MB", 'expected a size such as 512KiB, 64MiB or 1GiB, found "64MB"'),
        ("DELIVERY__MAX_PENDING_BYTES", "0", 'expected more than 0, found "0"'),
        ("DELIVERY__MAX_IN_FLIGHT", "many", 'expected a whole number, found "many"'),
        ("DELIVERY__MAX_IN_FLIGHT", "0", 'expected more than 0, found "0"'),
        ("DELIVERY__MAX_IN_FLIGHT", "1.0", 'expected a whole number, found "1.0"'),
        ("QUOTA__LIMIT", "-1", 'expected a whole number, found "-1"'),
        ("DEAD_LETTER__MAX_RATIO", "1.01", 'expected at most 1, found "1.01"'),
        ("DEAD_LETTER__MAX_RATIO", "-0.1", 'expected at least 0, found "-0.1"'),
        ("DEAD_LETTER__MAX_RATIO", "half", 'expected a number, found "half"'),
        ("DEAD_LETTER__MAX_RATIO", "nan", 'expected a number, found "nan"'),
        ("HTTP__PORT", "65536", 'expected at most 65535, found "65536"'),
        ("KAFKA__GROUP_PROTOCOL", "Classic", 'expected classic or consumer, found "Classic"'),
        ("KAFKA__ON_OUT_OF_RANGE", "none", 'expected stop, earliest or latest, found "none"'),
        ("LOG__LEVEL", "INFO", 'expected debug, info, warning or error, found "INFO"'),
        (
            "KAFKA__START_FROM",
            "2026-03-01",
            'expected earliest, latest or a time such as 2026-03-01T09:30:00Z, found "20',
        ),
        (
            "KAFKA__START_FROM",
            "2026-03-01T09:30:00",
            "expected earliest, latest or a time such as 2026-03-01T09:30:00Z",
        ),
        ("KAFKA__START_FROM", "2026-02-30T09:30:00Z", "expected a time that exists (day is out of range for month)"),
        (
            "TARGET__CLIENT",
            "a/b",
            'expected a client code: letters, digits, dots, underscores and hyphens, found "a/b"',
        ),
        ("TARGET__BASE_URL", "acme.example", "expected an address such as https://host:port"),
        ("TARGET__BASE_URL", "ftp://acme.example", "expected an address such as https://host:port"),
        ("TARGET__BASE_URL", "https://", "expected an address such as https://host:port"),
        ("TARGET__BASE_URL", "https://a:70000", "expected an address such as https://host:port"),
        ("TARGET__BASE_URL", "https://a:0", "expected an address such as https://host:port"),
        ("TARGET__BASE_URL", "https://a?b", "expected an address such as https://host:port, without query"),
        ("TARGET__PATH", "update", 'expected a path that begins with /, without query and blanks, found "update"'),
        ("TARGET__PATH", "/a?b", "expected a path that begins with /"),
        ("TARGET__TOKEN_HEADER", "X Token", 'expected the name of an HTTP header, found "X Token"'),
        ("QUOTA__TOPIC", "a b", "expected a topic name: at most 249 letters"),
        ("QUOTA__TOPIC", "{other}", "expected a topic name: at most 249 letters"),
        ("DEAD_LETTER__TOPIC", "..", "expected a topic name"),
        ("KAFKA__TOPICS", "a,b", 'expected JSON such as ["a", "b"]'),
        ("KAFKA__TOPICS", '{"a": "b"}', 'expected JSON such as ["a", "b"]'),
        ("KAFKA__TOPICS", "[]", "expected at least one item"),
        ("KAFKA__PROPERTIES", "a=b", 'expected JSON such as {"name": "value"}'),
        ("KAFKA", "a", 'expected JSON such as {"name": "value"}'),
    ],
)
def test_a_wrong_value_says_what_was_expected_and_what_was_found(name: str, value: str, message: str) -> None:
    found = env_problems(**{name: value})

    key = name.lower().replace("__", ".")
    assert len(found) == 1
    assert found[0].startswith(f"{name}: {key}: {message}")


def test_a_part_of_a_list_is_reported_at_its_own_place(tmp_path: Path) -> None:
    text = "kafka:\n  topics:\n  - good\n  - not good\n  properties: {a: [b], c: {d: e}}\n  group_id: {a: b}\n"

    topic, *others = problems(tmp_path, text)
    assert topic.startswith("settings.yaml:4:5: kafka.topics[1]: expected a topic name: at most 249 letters")
    assert topic.endswith('hyphens, found "not good"')
    assert others == [
        "settings.yaml:5:16: kafka.properties.a: expected text",
        "settings.yaml:5:24: kafka.properties.c: expected text",
        "settings.yaml:6:3: kafka.group_id: expected text",
    ]


def test_a_section_that_is_no_map_is_reported(tmp_path: Path) -> None:
    assert problems(tmp_path, "log: debug\nhttp: [a]\n") == [
        "settings.yaml:1:1: log: expected a map",
        "settings.yaml:2:1: http: expected a map",
    ]


def test_everything_that_is_wrong_is_reported_at_once_in_order(tmp_path: Path) -> None:
    text = "delivery: {drain_timeout: 3s, retry_max: 1ms}\nhttp: {port: x}\nfoo: 1\n"

    found = problems(tmp_path, text, {**ENOUGH, "PROFILE_CONSUMER_FOO": "1", "PROFILE_CONSUMER_LOG__LEVEL": "no"})

    assert [line.split(": ")[0] for line in found] == [
        "settings.yaml:1:12",
        "settings.yaml:1:31",
        "settings.yaml:2:8",
        "settings.yaml:3:1",
        "PROFILE_CONSUMER_FOO",
        "PROFILE_CONSUMER_LOG__LEVEL",
    ]


# --- the file itself


def test_a_file_that_is_not_there_is_the_only_problem(tmp_path: Path) -> None:
    with pytest.raises(SettingsInvalid) as caught:
        load(tmp_path / "absent.yaml", {})

    assert str(caught.value) == f"{tmp_path}/absent.yaml: can't be read: No such file or directory"


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(SettingsInvalid, match="can't be read: Is a directory"):
        load(tmp_path, ENOUGH)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("kafka:\n\tgroup_id: x\n", "settings.yaml:2:1"),
        ("kafka: {group_id: x\n", "settings.yaml:1:8"),
        ("a: 1\n---\nb: 2\n", "settings.yaml:2:1"),
        ("kafka: {group_id: a, group_id: b}", "settings.yaml:1:22"),
        ("[a]: b", "settings.yaml:1:1"),
        ("&a [*a]", "settings.yaml:1:1"),
        ("- kafka", "settings.yaml:1:1"),
        ("kafka", "settings.yaml:1:1"),
    ],
)
def test_a_file_that_is_no_map_of_settings_is_the_only_problem(tmp_path: Path, text: str, place: str) -> None:
    found = problems(tmp_path, text, ENOUGH)

    assert len(found) == 1
    assert found[0].startswith(place)


def test_a_file_that_is_not_utf8_is_reported_at_its_place(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_bytes(b"kafka:\n  group_id: \xff\n")

    with pytest.raises(SettingsInvalid, match=r"x\.yaml:2:13: not UTF-8"):
        load(tmp_path / "x.yaml", ENOUGH)


# --- secrets

SECRET = "hunter2-" * 3


def test_secrets_are_masked_wherever_settings_are_printed() -> None:
    secret_names = (
        "sasl.password",
        "ssl.key.password",
        "ssl.keystore.password",
        "ssl.key.pem",
        "sasl.oauthbearer.client.secret",
        "sasl.oauthbearer.config",
        "sasl.oauthbearer.assertion.private.key.passphrase",
    )
    settings = env(
        KAFKA__PROPERTIES=json.dumps(dict.fromkeys(secret_names, SECRET) | {"sasl.username": "shown"}),
        KAFKA__SCHEMA_REGISTRY_URL=f"https://user:{SECRET}@registry:8081",
        LOG__IDENTITY_KEY=SECRET,
    )

    printed = [repr(settings), str(settings), repr(settings.kafka), repr(settings.kafka.properties), repr(settings.log)]
    printed += [str(settings.kafka.properties), f"{settings.kafka.properties}", str(settings.model_dump())]
    printed += [settings.model_dump_json(), str(settings.kafka), str(settings.log.identity_key)]
    assert not [text for text in printed if SECRET in text]
    assert "shown" in repr(settings)

    assert settings.log.identity_key is not None
    assert settings.log.identity_key.get_secret_value() == SECRET
    assert settings.kafka.properties["sasl.password"] == SECRET
    assert settings.kafka.schema_registry_url == f"https://user:{SECRET}@registry:8081"


@pytest.mark.parametrize(
    "text",
    [
        f"log: {SECRET}",
        f"log: {{identity_key: [{SECRET}]}}",
        f"log: {{identity_key: {{a: {SECRET}}}}}",
        f"kafka: {{properties: {SECRET}}}",
        f"kafka: {{properties: {{sasl.password: [{SECRET}]}}}}",
        f"kafka: {{properties: {{sasl.password: *{SECRET}}}}}",
        f"kafka: {{properties: {{sasl.password: !{SECRET} }}}}",
        f"kafka: {{properties: {{group.id: {SECRET}}}}}",
        f"kafka: {{schema_registry_url: 'ftp://user:{SECRET}@registry'}}",
        f"target: {{base_url: 'https://user:{SECRET}@target'}}",
        f"target: {{token: {SECRET}}}",
        f"token: {SECRET}",
    ],
)
def test_no_message_holds_a_secret(tmp_path: Path, text: str) -> None:
    with pytest.raises(SettingsInvalid) as caught:
        read(tmp_path, text)

    assert SECRET not in str(caught.value)
    assert SECRET not in repr(caught.value)


@pytest.mark.parametrize(
    "variables",
    [
        {"LOG": f'{{"identity_key": "{SECRET}"'},
        {"KAFKA__PROPERTIES": f'{{"sasl.password": "{SECRET}"'},
        {"TARGET__TOKEN": SECRET},
        {"KAFKA__PROPERTIES__ACKS": SECRET},
    ],
)
def test_no_message_about_a_variable_holds_a_secret(variables: dict[str, str]) -> None:
    assert SECRET not in "\n".join(env_problems(**variables))


# --- Kafka's properties


@pytest.mark.parametrize("name", [*REFUSED_PROPERTIES, "metadata.broker.list"])
def test_a_property_that_would_break_a_guarantee_is_refused_with_a_reason(tmp_path: Path, name: str) -> None:
    (found,) = problems(tmp_path, f"kafka:\n  properties:\n    {name}: x\n")

    assert found.startswith(f"settings.yaml:3:5: kafka.properties.{name}: can't be set: ")


def test_what_the_broker_decides_with_the_new_protocol_is_refused_only_then(tmp_path: Path) -> None:
    names = ("session.timeout.ms", "heartbeat.interval.ms", "partition.assignment.strategy")
    properties = json.dumps(dict.fromkeys(names, "6000"))

    assert len(problems(tmp_path, f"kafka: {{group_protocol: consumer, properties: {properties}}}")) == 3
    assert read(tmp_path, f"kafka: {{properties: {properties}}}").kafka.session_timeout == 6


@pytest.mark.parametrize(
    ("properties", "fits"),
    [
        ({"acks": "all"}, True),
        ({"acks": "-1"}, True),
        ({"acks": "1"}, False),
        ({"request.required.acks": "0"}, False),
        ({"enable.idempotence": "true"}, True),
        ({"enable.idempotence": "false"}, False),
        ({"max.poll.interval.ms": "5m"}, False),
        ({"session.timeout.ms": ""}, False),
    ],
)
def test_a_propertys_value_is_checked_where_the_guarantees_rest_on_it(properties: dict[str, str], fits: bool) -> None:  # noqa: FBT001 - a table
    text = json.dumps(properties)
    if fits:
        assert env(KAFKA__PROPERTIES=text).kafka.properties == properties
    else:
        assert len(env_problems(KAFKA__PROPERTIES=text)) == 1


def test_times_of_kafka_come_from_the_properties_else_from_librdkafkas_defaults() -> None:
    assert load(None, ENOUGH).kafka.max_poll_interval == 300
    assert load(None, ENOUGH).kafka.session_timeout == 45
    settings = env(KAFKA__PROPERTIES='{"max.poll.interval.ms": 60000, "session.timeout.ms": 15500}')
    assert (settings.kafka.max_poll_interval, settings.kafka.session_timeout) == (60, 15.5)


def test_a_time_to_start_from_is_in_milliseconds() -> None:
    assert env(KAFKA__START_FROM="1970-01-01T01:00:01.5+01:00").kafka.start_from == 1500
    assert env(KAFKA__START_FROM="2026-03-01t09:30:00z").kafka.start_from == 1772357400000
    assert env(KAFKA__START_FROM="latest").kafka.start_from == "latest"


def test_the_example_in_the_reference_is_valid(tmp_path: Path) -> None:
    page = (Path(__file__).parents[1] / "docs" / "settings.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)

    assert read(tmp_path, example, {}).delivery.linger == 30


# --- deadlines that depend on each other


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"TARGET__TIMEOUT": "23s"}, ""),
        (
            {"TARGET__TIMEOUT": "23001ms"},
            "TARGET__TIMEOUT: delivery.drain_timeout: expected at least target.timeout + 2s",
        ),
        ({"DELIVERY__DRAIN_TIMEOUT": "12s"}, ""),
        ({"DELIVERY__DRAIN_TIMEOUT": "11999ms"}, "DELIVERY__DRAIN_TIMEOUT: delivery.drain_timeout: expected at least"),
        ({"DELIVERY__DRAIN_TIMEOUT": "290s"}, ""),
        (
            {"DELIVERY__DRAIN_TIMEOUT": "291s"},
            "DELIVERY__DRAIN_TIMEOUT: delivery.drain_timeout: expected at most max.poll",
        ),
        ({"KAFKA__PROPERTIES": '{"max.poll.interval.ms": 35000}'}, ""),
        (
            {"KAFKA__PROPERTIES": '{"max.poll.interval.ms": 34999}'},
            "KAFKA__PROPERTIES: delivery.drain_timeout: expected at most max.poll.interval.ms - 10s = 24999ms",
        ),
        ({"KAFKA__PROPERTIES": '{"message.timeout.ms": 25000}'}, ""),
        ({"KAFKA__PROPERTIES": '{"message.timeout.ms": 1}'}, ""),
        (
            {"KAFKA__PROPERTIES": '{"message.timeout.ms": 25001}'},
            "KAFKA__PROPERTIES: kafka.properties: expected message.timeout.ms between 1 and delivery.drain_timeout",
        ),
        (
            {"KAFKA__PROPERTIES": '{"delivery.timeout.ms": 25001}'},
            "KAFKA__PROPERTIES: kafka.properties: expected message",
        ),
        ({"KAFKA__PROPERTIES": '{"message.timeout.ms": 0}'}, "KAFKA__PROPERTIES: kafka.properties: expected message"),
        ({"DELIVERY__RETRY_BASE": "5m"}, ""),
        (
            {"DELIVERY__RETRY_BASE": "301s"},
            "DELIVERY__RETRY_BASE: delivery.retry_base: expected at most delivery.retry_max",
        ),
        ({"DELIVERY__RETRY_MAX": "499ms"}, "DELIVERY__RETRY_MAX: delivery.retry_base: expected at most"),
        ({"QUOTA__WINDOW": "24000h", "QUOTA__LEASE": "86390s"}, ""),
        ({"QUOTA__WINDOW": "24000h", "QUOTA__LEASE": "86391s"}, "QUOTA__LEASE: quota.lease: expected quota.lease + "),
    ],
)
def test_deadlines_fit_into_each_other(variables: dict[str, str], message: str) -> None:
    if message:
        (found,) = env_problems(**variables)
        assert found.startswith(message)
    else:
        env(**variables)


def test_a_contradiction_with_a_faulty_value_is_not_reported(tmp_path: Path) -> None:
    found = problems(tmp_path, "target: {timeout: 100}\ndelivery: {drain_timeout: 1s, retry_base: 1h}\n")

    assert [line.split(": ")[1] for line in found] == ["target.timeout", "delivery.retry_base"]


def test_a_lease_is_cut_to_a_sixtieth_of_the_window_and_that_is_said() -> None:
    cut = env(QUOTA__WINDOW="59m")
    assert cut.quota.lease == 59
    assert cut.warnings == ("quota.lease (1m) is cut to quota.window ÷ 60 (59s)",)

    fitting = env(QUOTA__WINDOW="1h")
    assert (fitting.quota.lease, fitting.warnings) == (60, ())

    off = env(QUOTA__WINDOW="1m", QUOTA__LIMIT="0")
    assert (off.quota.lease, off.warnings) == (1, ())


@pytest.mark.parametrize(("window", "warned"), [("1400s", False), ("239s", True), ("240s", False)])
def test_a_slack_of_more_than_a_twentieth_of_the_window_is_warned_of(window: str, warned: bool) -> None:  # noqa: FBT001 - a row
    settings = env(QUOTA__WINDOW=window, QUOTA__LEASE="2s", TARGET__TIMEOUT="10s")
    assert bool(settings.warnings) is warned
    assert all("quota.lease + target.timeout (12s) is more than a twentieth" in text for text in settings.warnings)
    assert env(QUOTA__WINDOW=window, QUOTA__LEASE="2s", QUOTA__LIMIT="0").warnings == ()


def test_a_call_that_may_outlive_the_session_is_warned_of() -> None:
    properties = '{"session.timeout.ms": 10000}'
    (warning,) = env(KAFKA__PROPERTIES=properties, TARGET__TIMEOUT="10s").warnings
    assert warning.startswith("target.timeout (10s) is not below Kafka's session timeout (10s)")

    assert env(KAFKA__PROPERTIES=properties, TARGET__TIMEOUT="9999ms").warnings == ()


def test_personal_data_in_urls_is_warned_of() -> None:
    (warning,) = env(TARGET__METHOD="GET").warnings

    assert warning.startswith("target.method: GET puts personal data into URLs")


# --- topics


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"KAFKA__GROUP_ID": "our group"}, 'dead_letter.topic: "our group.dead-letters" is no topic name'),
        ({"KAFKA__GROUP_ID": "g" * 237}, "dead_letter.topic"),
        ({"KAFKA__TOPICS": '["profile-consumer.dead-letters"]'}, "dead_letter.topic: "),
        ({"KAFKA__TOPICS": '["profile-consumer.quota.acme"]'}, "quota.topic: "),
        (
            {"DEAD_LETTER__TOPIC": "t", "QUOTA__TOPIC": "t"},
            "dead_letter.topic: expected another topic than quota.topic",
        ),
    ],
)
def test_the_programs_own_topics_are_real_and_apart_from_what_is_read(variables: dict[str, str], message: str) -> None:
    (found,) = env_problems(**variables)

    assert message in found


def test_the_longest_topic_name_fits() -> None:
    assert len(env(KAFKA__GROUP_ID="g" * 236).dead_letter.topic) == 249


# --- response rules


def test_response_rules_are_ready_for_the_core(tmp_path: Path) -> None:
    text = """
target:
  responses:
  - {status: 200, body: "^//WARN", outcome: delivered}
  - {status: 5xx, outcome: transient}
  - {status: [400, 4XX], outcome: refused}
"""
    rules = read(tmp_path, text).target.response_rules

    assert [(rule.status, rule.body, rule.outcome) for rule in rules] == [
        (("200",), "^//WARN", "delivered"),
        (("5xx",), None, "transient"),
        (("400", "4XX"), None, "refused"),
    ]


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("{status: 200, outcome: delivered}", "target.responses[0]: body: a rule on 2xx must name one"),
        ("{status: 2xx, outcome: refused}", "target.responses[0]: body: a rule on 2xx must name one"),
        ("{status: [500, 299], outcome: refused}", "target.responses[0]: body: a rule on 2xx must name one"),
        ('{status: 200, body: "", outcome: delivered}', "target.responses[0].body: expected text that is not empty"),
        ('{status: 500, body: "(", outcome: refused}', "target.responses[0]: body: not a regular expression"),
        ("{status: 600, outcome: refused}", "target.responses[0]: status: "),
        ("{status: 6xx, outcome: refused}", "target.responses[0]: status: "),
        ("{status: [], outcome: refused}", "target.responses[0]: status: an empty list"),
        ("{status: {a: b}, outcome: refused}", "target.responses[0].status: expected text"),
        (
            "{status: 500, outcome: retry}",
            "target.responses[0].outcome: expected delivered, throttled, transient, refused or",
        ),
        ("{outcome: refused}", "target.responses[0].status: required"),
        (
            "{status: 500, outcome: refused, regex: a}",
            "target.responses[0].regex: no such setting; a rule has status, body",
        ),
        ("5xx", "target.responses[0]: expected a map"),
    ],
)
def test_a_rule_that_makes_no_sense_is_reported(tmp_path: Path, rule: str, message: str) -> None:
    (found,) = problems(tmp_path, f"target:\n  responses:\n  - {rule}\n")

    assert found.startswith("settings.yaml:3:")
    assert message in found


# --- values in files of their own


def test_a_secret_comes_from_a_file_without_the_blanks_around_it(tmp_path: Path) -> None:
    (tmp_path / "password").write_text(" pass word\n", encoding="utf-8")
    (tmp_path / "key").write_text("k-1\n", encoding="utf-8")
    settings = read(
        tmp_path,
        f"""
        kafka: {{properties: {{sasl.username: ann, sasl.password: {{file: {tmp_path}/password}}}}}}
        log: {{identity_key: {{file: {tmp_path}/key}}}}
        """,
    )

    assert dict(settings.kafka.properties) == {"sasl.username": "ann", "sasl.password": "pass word"}
    assert settings.log.identity_key
    assert settings.log.identity_key.get_secret_value() == "k-1"


def test_a_variable_may_name_the_file_and_wins_over_one_named_in_the_settings(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("from-file", encoding="utf-8")
    named = f'{{"sasl.password": {{"file": "{tmp_path}/password"}}}}'
    text = f"kafka: {{properties: {{sasl.password: {{file: {tmp_path}/none}}}}}}"

    for name, value, expected in (("", named, "from-file"), ("__SASL_PASSWORD", "direct", "direct")):
        settings = read(tmp_path, text, ENOUGH | {f"PROFILE_CONSUMER_KAFKA__PROPERTIES{name}": value})
        assert settings.kafka.properties["sasl.password"] == expected


def test_a_value_file_that_gives_no_value_is_named_with_its_place_and_never_shown(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text(" \n", encoding="utf-8")
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    (tmp_path / "secret").write_text("hunter2", encoding="utf-8")
    text = f"""\
kafka:
  properties:
    sasl.password: {{file: {tmp_path}/none}}
    ssl.key.password: {{file: {tmp_path}/empty}}
    ssl.key.pem: {{file: {tmp_path}/bytes}}
    sasl.username: {{file: {tmp_path}/secret, more: x}}
"""

    found = problems(tmp_path, text)

    assert [problem.replace(f"{tmp_path}/", "") for problem in found] == [
        "settings.yaml:3:5: kafka.properties.sasl.password: the file none can't be read: No such file or directory",
        "settings.yaml:4:5: kafka.properties.ssl.key.password: the file empty is empty",
        "settings.yaml:5:5: kafka.properties.ssl.key.pem: the file bytes is not UTF-8",
        "settings.yaml:6:5: kafka.properties.sasl.username: expected text",
    ]


def test_a_secret_from_a_file_is_masked_like_any_other(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("hunter2", encoding="utf-8")
    settings = read(tmp_path, f"kafka: {{properties: {{sasl.password: {{file: {tmp_path}/secret}}}}}}")

    assert "hunter2" not in repr(settings)
    assert "hunter2" not in settings.model_dump_json()
