"""Patterns of texts in a manifest: names, packages, numbers, flags and shares.

What the form of a file asks for where is in `schema` and `accepting`, the messages about a value in `values`.
"""

import re
from typing import Final

# What a text is refused as, which decides on the message.
NUMBER_ERROR: Final = "manifest_number"
FLAG_ERROR: Final = "manifest_flag"
ORGANIZATION_ERROR: Final = "manifest_organization"
NULL_ERROR: Final = "manifest_null"
SHARE_ERROR: Final = "manifest_share"
SELECTOR_ERROR: Final = "manifest_selector"

LARGEST_ID: Final = 4_294_967_295

NAME: Final = "[a-z0-9 ._-]+"
ADDRESS: Final = rf"^(?:/|(?:{NAME}/)+)?{NAME}$"
_GLOB: Final = r"(?:[a-z0-9 ._*?-]|\[!?[a-z0-9 ._-]+\])+"
ENTRY: Final = rf"^(?:/|(?:{_GLOB}/)+)?{_GLOB}$"
# One level after another, as the pattern of an organization, which is told from it by its text.
FOLDER: Final = rf"^(?:{NAME}/)*{NAME}$"
OVERLAY: Final = rf"^{NAME}$"
TAG: Final = r"^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$"
OWNER: Final = r"^[A-Za-z0-9][A-Za-z0-9 ._@-]*$"
LABEL: Final = r"^[A-Za-z0-9][A-Za-z0-9._/-]*$"
PROFILE: Final = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"
SHARE: Final = r"^(?:100(?:\.0+)?|[0-9]{1,2}(?:\.[0-9]+)?) ?%$"
ORGANIZATION: Final = rf"^{NAME}(?:/{NAME})*$"
PACKAGE: Final = (
    r"^\s*(?:[A-Za-z0-9_/.]|\{\{(?:major|minor)\}\})(?:[A-Za-z0-9_./:+-]|\{\{(?:major|minor)\}\})*"
    r"(?:\s*(?:[<>~]?=|=~|[<>~])\s*[A-Za-z0-9][A-Za-z0-9_.:+-]*(?:~[0-9a-f]+(?:-r[0-9]+)?)?)?"
    r"(?:\s*@\s*[A-Za-z0-9_.:+-]+)?\s*$"
)

_DECIMAL: Final = re.compile(r"0|[1-9][0-9]{0,9}")
_ORGANIZATION: Final = re.compile(ORGANIZATION)
_ROOT: Final = re.compile(r"[0-9a-f]{40}(?:/|$)")
_UIDP: Final = re.compile(r"[0-9a-f]{40}(?:/[0-9a-f]{16})*")
_SHARE: Final = re.compile(SHARE)
_WILDCARDS: Final = frozenset("*?[]")
_FLAGS: Final = {"true": True, "false": False}


def number(text: str) -> int | None:
    """Return a plain decimal number that can be an id; None for other texts."""
    return int(text) if _DECIMAL.fullmatch(text) and int(text) <= LARGEST_ID else None


def flag(text: str) -> bool | None:
    """Return the value of `true` or `false`; None for other texts."""
    return _FLAGS.get(text)


def percentage(text: str) -> float | None:
    """Return a share in per cent, from 0 to 1; None for other texts."""
    return float(text.rstrip("% ")) / 100 if _SHARE.fullmatch(text) else None


def is_organization(text: str) -> bool:
    """Return whether a text is a name, a path of names or a UIDP; one that only begins as a UIDP is none of them."""
    if _ROOT.match(text):
        return bool(_UIDP.fullmatch(text))
    return bool(_ORGANIZATION.fullmatch(text))


def is_glob(text: str) -> bool:
    """Return whether the key of an entry holds a wildcard."""
    return not _WILDCARDS.isdisjoint(text)
