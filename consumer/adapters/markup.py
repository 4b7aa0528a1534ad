"""HTML that is escaped by construction: whatever is not `Markup` becomes text."""

from __future__ import annotations

from html import escape

_VOID = ("link", "meta", "wbr")  # the elements used here that have no end


class Markup(str):
    """A piece of HTML; only `element`, `join` and constants of this program make one."""

    __slots__ = ()


def element(tag: str, *children: str | int, **attributes: str | int | None) -> Markup:
    """`<tag attributes>children</tag>`.

    In attribute names `_` stands for `-` and one at the end is dropped (`class_`); True is an attribute without a
    value, None and False leave it out.
    """
    opening = "".join(_attribute(name.rstrip("_").replace("_", "-"), value) for name, value in attributes.items())
    return Markup(f"<{tag}{opening}>" if tag in _VOID else f"<{tag}{opening}>{join(*children)}</{tag}>")


def join(*children: str | int) -> Markup:
    """The children one after another, each escaped unless it is markup."""
    return Markup("".join(child if isinstance(child, Markup) else escape(str(child)) for child in children))


def _attribute(name: str, value: str | int | None) -> str:
    if value is None or value is False:
        return ""
    return f" {name}" if value is True else f' {name}="{escape(str(value))}"'
