"""Texts that are not what they have to be: a package, a name, a number. Each function gives a summary and a hint.

The rules are in `schema`; which place is meant is the business of the callers.
"""

import re
from typing import Final

from reconciler.manifest.findings import quoted, shown
from reconciler.manifest.schema import LARGEST_ID

_OPERATOR: Final = re.compile(r"\s*([=<>~@]+)\s*")
_WILDCARDS: Final = frozenset("*?[]")
_ALLOWED: Final = "lower-case letters, digits, `.`, `_`, `-` and spaces"


def package(text: str) -> tuple[str, str]:
    """A package specification that is none."""
    if not text.strip():
        return "a package has no name", "remove the item, or write a package name"
    if "," in text or len(_OPERATOR.sub(r"\1", text).split()) > 1:
        return f"{quoted(text)} is not one package", "write one package in each list item"
    hint = "write a name, or a name with a constraint: `curl=8.9.1-r0`, `curl~8.9`, `curl>8`, `curl@tag`"
    return f"{quoted(text)} is not a package", hint


def repository(text: str) -> tuple[str, str]:
    """A repository's address that is none."""
    if _WILDCARDS & set(text):
        return f"{quoted(text)} holds a wildcard, which is not accepted here", "name each repository by itself"
    if text != text.lower():
        return f"{quoted(text)} is not a repository's name", f"names are in lower case: `{shown(text.lower())}`"
    hint = f"write `name`, `folder/name` or `/name`; a name holds {_ALLOWED}"
    return f"{quoted(text)} is not a repository's name", hint


def organization(text: str) -> tuple[str, str]:
    """An organisation that is neither a name nor a path nor a UIDP."""
    hint = "write a name such as `example.com`, a path such as `example.com/team-a`, or a UIDP"
    return f"{quoted(text)} is not an organisation", hint


def number(key: str, text: str) -> tuple[str, str]:
    """A number that is not plain decimal, or out of range."""
    summary = f"`{key}` must be a whole number from 0 to {LARGEST_ID}, not {quoted(text)}"
    return summary, "write plain decimal digits, without sign, leading zeros or underscores"


def flag(key: str, text: str) -> tuple[str, str]:
    """A flag that is neither true nor false."""
    return f"`{key}` must be `true` or `false`, not {quoted(text)}", f"write `{key}: true`, or remove the line"
