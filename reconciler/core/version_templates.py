"""Templates in package names: `py{{major}}.{{minor}}-typer` is `py3.13-typer` in the images of the stream 3.13.

The API fills them in with the version of each image's main package. The versions are read from the tags of the
repository.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Final

# The active tags of repositories by id.
Tags = Mapping[str, Sequence[str]]

_TEMPLATE: Final = re.compile(r"\{\{(major|minor)\}\}")
_STREAM: Final = re.compile(r"v?(?P<major>[0-9]{1,9})(?:\.(?P<minor>[0-9]{1,9}))?(?![0-9])")


def is_templated(text: str) -> bool:
    """Return whether a package name is a template."""
    return "{{" in text


def expanded(spec: str, tags: Iterable[str]) -> tuple[str, ...]:
    """Return the expansions of a template in each stream of a repository; empty if no tag has the needed version."""
    found = filter(None, map(_STREAM.match, tags))
    versions = dict.fromkeys((one["major"], one["minor"]) for one in found)
    needed = set(_TEMPLATE.findall(spec))
    filled = (
        spec.replace("{{major}}", major).replace("{{minor}}", minor or "")
        for major, minor in versions
        if minor is not None or "minor" not in needed
    )
    return tuple(dict.fromkeys(filled))


@lru_cache(maxsize=1024)
def _pattern(template: str) -> re.Pattern[str]:
    pieces = _TEMPLATE.split(template)
    return re.compile("".join("[0-9]+" if at % 2 else re.escape(piece) for at, piece in enumerate(pieces)))


def names_package(name: str, package: str) -> bool:
    """Return whether a name, possibly a template, matches a package."""
    return name == package or (is_templated(name) and _pattern(name).fullmatch(package) is not None)
