"""PURE: HTML that is escaped by construction: what is no `Markup` is text."""

import html


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


def el(tag: str, *inside: str, **attributes: str) -> Markup:
    """An element. A `_` in an attribute's name stands for `-`, and one behind it for nothing."""
    named = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{html.escape(value)}"'
        for name, value in attributes.items()
    )
    return Markup(f"<{tag}{named}>{joined(*inside)}</{tag}>")


def void(tag: str, **attributes: str) -> Markup:
    """An element that holds nothing and has no end, such as `meta`."""
    return Markup(el(tag, **attributes).removesuffix(f"</{tag}>"))


def joined(*parts: str) -> Markup:
    """The parts one after the other, each escaped unless it is HTML."""
    return Markup(
        "".join(part if isinstance(part, Markup) else html.escape(part) for part in parts)
    )
