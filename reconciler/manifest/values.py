"""Texts that are not what they have to be: a package, a name, a number.

Each function takes the key and its value, and gives a summary and a hint. The rules are in `patterns`; which place
is meant is the business of the callers.
"""

import re
from collections.abc import Callable, Mapping
from typing import Final

from reconciler.manifest import patterns
from reconciler.manifest.codes import Code
from reconciler.manifest.findings import quoted, shown
from reconciler.manifest.patterns import LARGEST_ID, is_glob

_OPERATOR: Final = re.compile(r" ?([=<>~@]+) ?")
_ALLOWED: Final = "lower-case letters, digits, `.`, `_`, `-` and spaces"


def package(_key: str, text: str) -> tuple[str, str]:
    """A package specification that is none."""
    if not text.strip():
        return "a package has no name", "remove the item, or write a package name"
    if "," in text or len(_OPERATOR.sub(r"\1", " ".join(text.split())).split()) > 1:
        return f"{quoted(text)} is not one package", "write one package in each list item"
    hint = "write a name, or a name with a constraint: `curl=8.9.1-r0`, `curl~8.9`, `curl>8`, `curl@tag`"
    return f"{quoted(text)} is not a package", hint


def repository(_key: str, text: str) -> tuple[str, str]:
    """A repository's address that is none."""
    if is_glob(text):
        return f"{quoted(text)} holds a wildcard, which is not accepted here", "name one repository"
    return entry(_key, text)


def entry(_key: str, text: str) -> tuple[str, str]:
    """The key of an entry that is neither an address nor a glob."""
    if is_glob(text) and text == text.lower():
        return f"{quoted(text)} is not a glob", f"`*`, `?` and `[abc]` stand between what a name holds: {_ALLOWED}"
    if text != text.lower():
        return f"{quoted(text)} is not a repository's name", f"names are in lower case: `{shown(text.lower())}`"
    hint = f"write `name`, `folder/name` or `/name`; a name holds {_ALLOWED}"
    return f"{quoted(text)} is not a repository's name", hint


def profile(_key: str, text: str) -> tuple[str, str]:
    """The name of a profile that is none."""
    return f"{quoted(text)} is not a profile's name", "a name holds letters, digits, `.`, `_` and `-`"


def share(key: str, text: str) -> tuple[str, str]:
    """A share that is none."""
    return f"`{key}` must be a share from 0% to 100%, not {quoted(text)}", f"write it in per cent: `{key}: 30%`"


def organization(_key: str, text: str) -> tuple[str, str]:
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


# By the pattern or the kind of error that the schema tells.
WORDED: Final[Mapping[str, tuple[Code, Callable[[str, str], tuple[str, str]]]]] = {
    patterns.PACKAGE: (Code.BAD_PACKAGE, package),
    patterns.ADDRESS: (Code.BAD_REPOSITORY_NAME, repository),
    patterns.ENTRY: (Code.BAD_REPOSITORY_NAME, entry),
    patterns.PROFILE: (Code.BAD_PROFILE_NAME, profile),
    patterns.ORGANIZATION_ERROR: (Code.BAD_ORGANIZATION, organization),
    patterns.SHARE_ERROR: (Code.BAD_SHARE, share),
    patterns.NUMBER_ERROR: (Code.BAD_NUMBER, number),
    patterns.FLAG_ERROR: (Code.BAD_FLAG, flag),
}
