from __future__ import annotations

from consumer.simulator.behaviour import Behaviour
from consumer.simulator.history import Call, History
from consumer.simulator.profiles import Profiles, Value, is_known, not_found, page


def append(history: History, identity: str, encoded: bytes, epoch: float, *, applied: bool = True) -> None:
    history.append(
        Call(
            0, epoch, epoch, "POST", identity, encoded, 200, accepted=True, applied=applied, overlapped=False, cause=""
        )
    )


def test_the_last_value_accepted_stands_attribute_by_attribute() -> None:
    history = History()
    append(history, "mboxPC=1-2.28_20", b"profile.a=1&profile.b=1", 10.0)
    append(history, "mboxPC=1-2.29_20", b"profile.a=2", 20.0)
    append(history, "mbox3rdPartyId=1-2", b"profile.a=3", 30.0)
    assert Profiles(history).of("mboxPC=1-2") == {"a": Value("2", 20.0), "b": Value("1", 10.0)}


def test_empty_values_and_updates_that_were_not_applied_change_nothing() -> None:
    history = History()
    append(history, "mboxPC=1-2", b"profile.a=1", 10.0)
    append(history, "mboxPC=1-2", b"profile.a=", 20.0)
    append(history, "mboxPC=1-2", b"profile.a=2", 30.0, applied=False)
    assert Profiles(history).of("mboxPC=1-2") == {"a": Value("1", 10.0)}


def test_profiles_follow_the_history_between_looks() -> None:
    history = History()
    profiles = Profiles(history)
    for value in (b"1", b"2"):
        append(history, "mboxPC=1-2", b"profile.a=" + value, 10.0)
        assert profiles.of("mboxPC=1-2")["a"].text == value.decode()
    profiles.of("mboxPC=1-2").clear()
    assert profiles.of("mboxPC=1-2")


def test_which_visitors_are_known_is_every_one_or_those_of_a_prefix_or_list() -> None:
    assert is_known(Behaviour(), "mboxPC=1-2")
    some = Behaviour.model_validate({"profiles": {"prefixes": ["c-"], "identities": ["x"]}})
    known = [is_known(some, f"mbox3rdPartyId={value}") for value in ("c-1", "x", "x1", "d-c-")]
    assert known == [True, True, False, False]
    nobody = Behaviour.model_validate({"profiles": {}})
    assert not is_known(nobody, "mbox3rdPartyId=c-1")


def test_the_page_of_a_profile_has_the_documented_form() -> None:
    assert page("demo", "mbox3rdPartyId=c-1", {"a": Value("1", 0.5), "b": Value("2", 2.0)}) == {
        "client": "demo",
        "visitorId": "c-1",
        "modifiedAt": "1970-01-01T00:00:02.000+00:00",
        "profileAttributes": {
            "a": {"value": "1", "modifiedAt": "1970-01-01T00:00:00.500+00:00"},
            "b": {"value": "2", "modifiedAt": "1970-01-01T00:00:02.000+00:00"},
        },
    }
    assert page("demo", "mboxPC=1-2", {})["profileAttributes"] == {}


def test_an_unknown_visitor_is_not_found_in_the_documented_words() -> None:
    assert not_found("demo", "mbox3rdPartyId=c-1") == {
        "status": 404,
        "message": "No profile found for client demo with third party id=c-1",
    }
    assert not_found("demo", "mboxPC=1-2")["message"] == "No profile found for client demo with mboxPC=1-2"
