from __future__ import annotations

import pytest

from consumer.simulator.update import Malformed, Update, attributes_of, read_update, visitor

THIRD = b"mbox3rdPartyId="
PC = b"mboxPC="
ATTRIBUTE = b"&profile.tier=gold"


def test_an_update_is_its_decoded_identity_and_its_attributes_as_they_came() -> None:
    read = read_update(b"profile.tier=g%C3%B6ld&mbox3rdPartyId=c%201&profile.b=x%26y+z")
    assert read == Update("mbox3rdPartyId=c 1", b"profile.tier=g%C3%B6ld&profile.b=x%26y+z")


def test_attributes_are_decoded_without_their_prefix_and_keep_empty_values() -> None:
    assert attributes_of(b"profile.tier=g%C3%B6ld&profile.b%20c=x%26y+z&profile.e=") == {
        "tier": "göld",
        "b c": "x&y z",
        "e": "",
    }
    assert attributes_of(b"") == {}


@pytest.mark.parametrize(
    ("form", "message"),
    [
        (b"mbox3rdPartyId=c-1&profile.a=50%", "not percent-encoded"),
        (b"mbox3rdPartyId=c-1&profile.a=%4", "not percent-encoded"),
        (b"mbox3rdPartyId=c-1&profile.a=%zz", "not percent-encoded"),
        (b"mbox3rdPartyId=c-1&profile.a=g\xc3\xb6ld", "not percent-encoded"),
        (b"mbox3rdPartyId=c-1&profile.a=x y", "not percent-encoded"),
        (b"mbox3rdPartyId=c-1&profile.a=x\n", "not percent-encoded"),
        (b"mbox3rdPartyId=c-1&profile.a=%C3", "not UTF-8"),
        (b"mbox3rdPartyId=c-1&profile.%FF=x", "not UTF-8"),
        (b"mbox3rdPartyId=%ED%A0%80&profile.a=x", "not UTF-8"),
        (b"mbox3rdPartyId=c-1&profile.a=%C3&profile.b=%A9", "not UTF-8"),
        (b"mbox3rdPartyId=c-1&profile.a=x&profile.a=y", "repeated"),
        (b"mbox3rdPartyId=c-1&profile.a=x&profile.%61=y", "repeated"),
        (b"mbox3rdPartyId=c-1&mbox3rdPartyId=c-1&profile.a=x", "repeated"),
        (b"mbox3rdPartyId=c-1&profile.a=b&c", "no value"),
        (b"mbox3rdPartyId=c-1&profile.a=b&", "no value"),
        (b"", "no value"),
        (b"mbox3rdPartyId=c-1&a=x", "not known"),
        (b"mbox3rdPartyId=c-1&profile.=x", "not known"),
        (b"mbox3rdPartyId=c-1&Profile.a=x", "not known"),
        (b"mbox3rdpartyid=c-1&profile.a=x", "not known"),
        (b"mbox3rdPartyId=c-1&mboxPC=1-2&profile.a=x", "exactly one"),
        (b"profile.a=x", "exactly one"),
        (b"mbox3rdPartyId=c-1", "profile. parameter is needed"),
    ],
)
def test_what_a_client_should_never_send_is_refused(form: bytes, message: str) -> None:
    read = read_update(form)
    assert isinstance(read, Malformed)
    assert message in read.message


@pytest.mark.parametrize(
    "identity",
    [
        THIRD + b"c",
        THIRD + b"c" * 256,
        THIRD + b"%C3%A9" * 256,
        THIRD + b"%0A",
        PC + b"1368007744041-575948.01_00",
        PC + b"10abf6304b2714215b1fd39a870f01afc.28_20",
        PC + b"a",
        PC + b"a" * 128,
        PC + b"a" * 128 + b".28_20",
        PC + b"1" * 37,
        PC + b"1" * 39,
    ],
)
def test_an_identity_within_its_rules_is_taken(identity: bytes) -> None:
    assert isinstance(read_update(identity + ATTRIBUTE), Update)


@pytest.mark.parametrize(
    "identity",
    [
        THIRD,
        THIRD + b"c" * 257,
        THIRD + b"a%2Bb",
        THIRD + b"a/b",
        THIRD + b"a%2Fb",
        THIRD + b"1" * 38,
        PC,
        PC + b"a" * 129,
        PC + b"a_b",
        PC + b"a.b",
        PC + b"a.28_20.28_20",
        PC + b"%D9%A1",
        PC + b"1" * 38,
    ],
)
def test_an_identity_outside_its_rules_is_refused_without_being_repeated(identity: bytes) -> None:
    read = read_update(identity + ATTRIBUTE)
    assert isinstance(read, Malformed)
    value = identity.partition(b"=")[2].decode()
    assert not value or value not in read.message


def test_a_visitor_is_an_identity_without_the_location_hint() -> None:
    assert visitor("mboxPC=12-3.28_20") == "mboxPC=12-3"
    assert visitor("mboxPC=12-3") == "mboxPC=12-3"
    assert visitor("mbox3rdPartyId=a.28_20") == "mbox3rdPartyId=a.28_20"
