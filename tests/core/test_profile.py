from __future__ import annotations

import pytest

from consumer.core.profile import Identity, IdentityKind, encode_attributes, encode_identity, identity_fault

ECID = "1" * 38


@pytest.mark.parametrize("kind", ["mbox3rdPartyId", "mboxPC"])
def test_an_ecid_is_told_apart_under_either(kind: IdentityKind) -> None:
    fault = identity_fault(Identity(kind, ECID))
    assert fault
    assert "ECID" in fault
    assert "does not support" in fault
    assert ECID not in fault
    for value in ("1" * 37, "1" * 39, "a" + "1" * 37):
        assert identity_fault(Identity(kind, value)) is None


@pytest.mark.parametrize(
    ("value", "sound"),
    [
        ("c", True),
        ("c 1@é😀", True),
        ("x" * 256, True),
        ("x" * 257, False),
        ("a+b", False),
        ("a/b", False),
        ("٣" * 38, True),
    ],
)
def test_third_party_ids(value: str, sound: bool) -> None:  # noqa: FBT001 - a parameter of the test
    fault = identity_fault(Identity("mbox3rdPartyId", value))
    assert (fault is None) is sound
    assert value not in (fault or "")


@pytest.mark.parametrize(
    ("value", "sound"),
    [
        ("a-1", True),
        ("a" * 128, True),
        ("a" * 129, False),
        ("a.28_0", True),
        ("a" * 128 + ".35_17", True),
        ("a.28", False),
        ("a.28_", False),
        ("a.28_0.1_1", False),
        (".28_0", False),
        ("a_b", False),
        ("a b", False),
        ("é", False),
        ("a\n", False),
        ("a.٢_0", False),
        ("", False),
    ],
)
def test_visitor_ids(value: str, sound: bool) -> None:  # noqa: FBT001 - a parameter of the test
    assert (identity_fault(Identity("mboxPC", value)) is None) is sound


def test_the_visitor_is_what_stands_before_the_dot() -> None:
    assert Identity("mboxPC", "a-1.28_0").key() == Identity("mboxPC", "a-1").key() == b"mboxPC=a-1"
    assert Identity("mbox3rdPartyId", "a.28_0").key() == b"mbox3rdPartyId=a.28_0"
    assert encode_identity(Identity("mboxPC", "a-1.28_0")) == b"mboxPC=a-1.28_0"


def test_everything_but_unreserved_characters_is_encoded() -> None:
    assert encode_identity(Identity("mbox3rdPartyId", "a b&é")) == b"mbox3rdPartyId=a%20b%26%C3%A9"
    assert encode_attributes({"a b": "1+1", "c~": "x=\0"}) == b"a%20b=1%2B1&c~=x%3D%00"
