from __future__ import annotations

from consumer.adapters.markup import Markup, element, join

HOSTILE = """<script>alert("x")</script>&'"""


def test_text_is_escaped_in_content_and_attributes() -> None:
    made = element("p", HOSTILE, title=HOSTILE)
    safe = "&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;&amp;&#x27;"
    assert made == f'<p title="{safe}">{safe}</p>'


def test_markup_is_not_escaped_again() -> None:
    assert join(element("b", "a"), Markup("<i>"), "<", 3) == "<b>a</b><i>&lt;3"


def test_attribute_names_follow_html() -> None:
    assert element("th", class_="n", aria_label="x", hidden=True, lang=None, open=False, tabindex=0) == (
        '<th class="n" aria-label="x" hidden tabindex="0"></th>'
    )


def test_void_elements_have_no_end() -> None:
    assert element("meta", charset="utf-8") == '<meta charset="utf-8">'
