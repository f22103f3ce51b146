"""Untrusted text made safe for HTML, and elements made of it: the one place where HTML is put together."""

import html
from collections.abc import Iterable
from typing import NewType

from reconciler.views.text import plain

Html = NewType("Html", str)

NOTHING = Html("")


def text(value: str) -> Html:
    """Text as it stands between tags or in an attribute, with what cannot be seen or turns its direction as escapes."""
    return Html(html.escape(plain(value)))


def element(name: str, *inside: Html, **attributes: str | bool) -> Html:
    """An element; `class_` is the attribute `class`, `data_kind` is `data-kind`, True one without value, False none."""
    written = "".join(_attribute(key, value) for key, value in attributes.items())
    return Html(f"<{name}{written}>{''.join(inside)}</{name}>")


def joined(pieces: Iterable[Html], between: str = "") -> Html:
    """Several pieces one after another, with plain text between them."""
    return Html(text(between).join(pieces))


def _attribute(key: str, value: str | bool) -> str:  # noqa: FBT001 - a flag is what HTML calls such an attribute
    name = key.rstrip("_").replace("_", "-")
    match value:
        case bool():
            return f" {name}" if value else ""
        case str():
            return f' {name}="{text(value)}"'
