from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.core.files.yaml_nodes import Map, Scalar, Sequence, YamlInvalid, json_text, parse_yaml
from consumer.core.files.yaml_places import place_in


def parse(text: str | bytes) -> Any:
    return parse_yaml("f", text if isinstance(text, bytes) else text.encode())


def fault(text: str | bytes) -> str:
    with pytest.raises(YamlInvalid) as found:
        parse(text)
    return str(found.value).removeprefix("f:")


def plain(node: Any) -> Any:
    if isinstance(node, Scalar):
        return node.json
    if isinstance(node, Sequence):
        return [plain(item) for item in node.items]
    return {key.text: plain(value) for key, value in node}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("null", None),
        ("true", True),
        ("false", False),
        ("0", 0),
        ("-17", -17),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        ("-0.0", -0.0),
        ("1" * 1000, int("1" * 1000)),
        # all else is text
        *[(text, text) for text in ("no", "on", "NO", "True", "~", "Null", "007", "1_000", "12:30", "2026-03-01")],
        *[(text, text) for text in ("0x1F", ".5", "5.", "+5", "0o7", ".inf", ".nan", "1e", "=", "y")],
        ("'5'", "5"),
        ('"true"', "true"),
        ("''", ""),
        ("!!str 5", "5"),
    ],
)  # fmt: skip
def test_a_scalar_is_of_a_json_type_or_text(text: str, value: Any) -> None:
    found = parse(f"a: {text}").get("a").json
    assert found == value
    assert found.__class__ is value.__class__


def test_longer_digits_are_no_whole_number() -> None:
    assert isinstance(parse("a: " + "1" * 1001).get("a").json, float)


def test_text_stays_as_it_was_written() -> None:
    assert [node.text for node in parse("[1_000, 1.50, 'x', \"\\u00fc\", no]").items] == [
        "1_000",
        "1.50",
        "x",
        "ü",
        "no",
    ]


def test_every_node_knows_its_place() -> None:
    root = parse("a:\n  b: [x,\n      y]\n")
    inner = root.entries["a"].value
    items = inner.entries["b"].value.items
    places = [(node.line, node.column) for node in (root, root.entries["a"].key, inner, *items)]
    assert places == [(1, 1), (1, 1), (2, 3), (2, 7), (3, 7)]


def test_anchors_and_merge_keys() -> None:
    text = """
        x-one: &one {a: 1, b: 2}
        x-two: &two {b: 3, c: 4}
        plain: {<<: *one, b: 9}
        both: {<<: [*one, *two]}
        twice: {<<: *one, <<: *two}
        quoted: {"<<": 5}
        again: *one
    """
    found = plain(parse(text))
    assert found["plain"] == {"a": 1, "b": 9}
    assert found["both"] == {"a": 1, "b": 2, "c": 4}
    assert found["twice"] == {"a": 1, "b": 2, "c": 4}  # the first wins
    assert found["quoted"] == {"<<": 5}
    assert found["again"] == {"a": 1, "b": 2}


def test_a_byte_order_mark_and_other_line_ends_are_accepted() -> None:
    assert plain(parse(b"\xef\xbb\xbfa: 1\r\nb: 2\r\n")) == {"a": 1, "b": 2}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "1:1: the file is empty"),
        ("# nothing\n", "1:1: the file is empty"),
        ("a: 1\n---\nb: 2\n", "2:1: not YAML: a second document begins here; write one document a file"),
        ("a: 1\n...\nb: 2\n", "3:1: not YAML"),
        ("a: &x [*x]\n", "1:4: an anchor contains itself"),
        ("a:\n\tb: 1\n", "2:1: not YAML: a tab can't indent; write spaces"),
        ("a: {b: event.items[0]}\n", "inside { } a path with [ ] needs quotes: {from: 'event.items[0]'}"),
        (b"a: 1\nb: \xff\n", "2:4: not UTF-8"),
        ("a: 1\r\nb: \x01\n", "2:4: not YAML: the character U+0001 is not allowed"),
        ("a: 1\nb: c\u2028\n", "2:5: an invisible line separator (U+2028); remove it, or write it as an escape"),
        ("a: 1\r\rb: c\r\td: e", "4:1: not YAML: a tab can't indent"),
        ("é: \xff".encode("latin-1"), "1:1: not UTF-8"),
        (b"\xef\xbb\xbfa: 1\nb: \xc3\xa9\xff\n", "2:5: not UTF-8; save the file in this encoding"),
        (b"\xef\xbb\xbfa: \xff\n", "1:4: not UTF-8"),
        (b"a: 1\rb: 2\r\nc: \xff\n", "3:4: not UTF-8"),
        ("a: b: c\n", "1:5: not YAML: mapping values are not allowed here"),
        ("a: 'x\nb: 1\n", "1:4: not YAML: this quote is never closed"),
        ('a: 1\nb: "x', "2:4: not YAML: this quote is never closed"),
        ("a: {b: c\n", "1:4: not YAML: this { is never closed by }; a blank and # begin a comment, unless in quotes"),
        ("a: [b # c]\n", "1:4: not YAML: this [ is never closed by ]"),
        ("{", "1:2: not YAML: expected the node content, but found '<stream end>'; the file ends within"),
        ("a: [t\nb: {c: d}\n", "2:2: not YAML: expected ',' or ']', but got ':'; is the [ of line 1 closed by ]?"),
        ("a: {b: 'c' d: e}\n", "1:12: not YAML: expected ',' or '}', but got '<scalar>'"),
        ("a: {b: c ? d : e}\n", "needs quotes around all of it"),
        ("a:\n  b: 1\n c: 2\n", "3:2: not YAML: expected <block end>, but found '<block mapping start>'; this does"),
        ("a: 1\n- b\n", "2:1: not YAML: expected <block end>, but found '-'; this does not belong to the lines before"),
        ("a:\n  b: 1\n   c: 2\n", "3:5: not YAML: mapping values are not allowed here; look at the indentation"),
        ("a: 'it's'\n", "1:8: not YAML: expected <block end>, but found '<scalar>'; nothing may stand behind a text"),
        ("a: *\n", "1:5: not YAML: expected alphabetic or numeric character, but found '\\n'; text that begins with"),
        ("a: %x\n", "1:4: not YAML: found character '%' that cannot start any token; text that begins"),
        ("{a: 1}}\n", "1:7: not YAML: expected '<document start>', but found '}'; a bracket too many"),
        ("a: 1\na: 2\n", "2:1: the key 'a' stands here twice, first in line 1"),
        ("a: !!int 5\n", "1:4: the tag !!int means nothing here; remove it"),
        ("? [a]\n: 1\n", "1:3: a key must be text, not a list or a map"),
        ("<<: 5\n", "1:5: << merges a map or a list of maps"),
        ("<<: [{a: 1}, 5]\n", "1:5: << merges a map or a list of maps"),
        ("a: *nope\n", "1:4: not YAML: found undefined alias 'nope'"),
        ("a: !foo x\n", "1:4: the tag !foo means nothing here; remove it"),
        ("a: !foo [x]\n", "1:4: the tag !foo means nothing here; remove it"),
        ("a: !foo {x: y}\n", "1:4: the tag !foo means nothing here; remove it"),
        ('a: "\\ud83d"\n', "1:4: half a surrogate pair is no character"),
        ("[" * 201 + "]" * 201, "1:1: nested more than 200 levels deep"),
        ("[" * 100_000, "1:1: nested more than 200 levels deep"),
        ("- " * 100_000, "1:1: nested more than 200 levels deep"),
        ("{a: " * 3_000 + "}" * 3_000, "1:1: nested more than 200 levels deep"),
    ],
)  # fmt: skip
def test_what_is_not_one_plain_document_is_told_with_its_place(text: str | bytes, message: str) -> None:
    assert message in fault(text)


def test_all_that_can_be_left_out_is_told_at_once_and_the_rest_is_there() -> None:
    with pytest.raises(YamlInvalid) as found:
        parse('a: 1\na: 2\nb: !x {c: &c [*c], d: !!int 5}\n? [k]\n: v\n<<: 5\ne: "\\ud800"\n')
    assert [(problem.line, problem.column) for problem in found.value.problems] == [
        (2, 1),
        (3, 4),
        (3, 11),
        (3, 23),
        (4, 3),
        (6, 5),
        (7, 4),
    ]
    assert plain(found.value.root) == {"a": 1, "b": {"c": [""], "d": "5"}, "e": "\ufffd"}


def test_two_hundred_levels_are_read() -> None:
    assert json_text(parse("[" * 200 + "]" * 200)) == "[" * 200 + "]" * 200


def test_aliases_of_aliases_are_bounded() -> None:
    lists = ["- &a0 [x, x, x, x, x, x, x, x, x]"]
    lists += [f"- &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]" for level in range(1, 20)]
    assert plain(parse("\n".join(lists[:5])))[4][9][9][9][9][8] == "x"
    with pytest.raises(YamlInvalid) as found:
        parse("\n".join(lists))
    assert [str(problem) for problem in found.value.problems] == [
        f"f:{line}:3: aliases make more than 1000000 values of this" for line in (6, 12, 18)
    ]


def test_levels_count_through_aliases() -> None:
    chain = "- &a0 [x]\n" + "".join(f"- &a{level} [*a{level - 1}]\n" for level in range(1, 250))
    assert fault(chain).startswith("201:3: nested more than 200 levels deep\n")


def test_a_pair_of_escapes_as_json_has_it_is_one_character() -> None:
    assert plain(parse('{"a": "x\\ud83d\\ude00\\u00e9", b: "\\U0001F600"}')) == {"a": "x😀é", "b": "😀"}


def test_a_node_as_json_keeps_the_digits_as_written() -> None:
    text = """{a: [1.50, 10000000000000000000001, true, null, 'x', "ü\\n"], b: {}, "1": 1e5, c: 007, d: }"""
    assert json_text(parse(text)) == (
        '{"a":[1.50,10000000000000000000001,true,null,"x","ü\\n"],"b":{},"1":1e5,"c":"007","d":null}'
    )


def test_a_map_is_asked_for_its_values() -> None:
    found = parse("{a: 1}")
    assert isinstance(found, Map)
    assert found.get("b") is None


@pytest.mark.parametrize(
    ("text", "offset", "place"),
    [
        ("a: event.x", 0, (1, 4)),
        ("a: event.x", 6, (1, 10)),
        ("a: event.x", 7, (1, 11)),  # behind the last character
        ("a: 'it''s x'", 5, (1, 11)),
        ("a: 'x'", 1, (1, 6)),
        (r'a: "it\"s \u00fc x"', 7, (1, 18)),
        (r'a: "a\tb"', 2, (1, 8)),
        (r'a: "a\n\x62"', 2, (1, 8)),
        ("a: |\n  one\n  two", 4, (3, 3)),
        ("a: |-  # comment\n\n   one\n   two", 5, (4, 3 + 1)),
        ("a: >\n  one\n  two", 4, (3, 3)),
        ("a: one\n   two", 4, (2, 4)),
        ("a: &x  one two", 4, (1, 12)),
        ("a: !!str 'one two'", 4, (1, 15)),
        ("a: |\n", 0, (1, 4)),
        ("b: 1\nä: 'ü' # x", 0, (2, 5)),
    ],
)
def test_a_character_of_a_scalar_has_a_place_in_the_file(text: str, offset: int, place: tuple[int, int]) -> None:
    scalar = parse(text).get("ä" if "ä" in text else "a")
    assert place_in(scalar, offset, text) == place


@given(st.binary() | st.text().map(str.encode) | st.text(":-[]{}'\"&*!|>#%@? \nab<").map(str.encode))
def test_whatever_a_file_holds_there_is_a_document_or_a_place(content: bytes) -> None:
    try:
        node = parse(content)
    except YamlInvalid as invalid:
        assert invalid.problems[0].line >= 1  # noqa: PT017 - both are fine
        assert invalid.problems[0].column >= 1  # noqa: PT017
    else:
        assert isinstance(node, Scalar | Sequence | Map)
