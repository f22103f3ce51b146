"""What a package specification asks of a version, and how apk orders versions.

A specification is a name with at most one constraint (`name=1.2.3-r0`, `name~1.2`, `name>1`) and a repository's tag
(`name@tag`). `~`, `~=` and `=~` are the same, and a version may end in a commit (`name=1.2~1f3a`). Which versions there
are belongs to whoever asks.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

from reconciler.core.canonical import package_spec

_SPEC = re.compile(
    r"(?P<name>[^=<>~@]+)(?:(?P<operator>>=|<=|~=|=~|[=<>~])(?P<version>[^=<>~@]+(?:~[0-9a-f]+(?:-r\d+)?)?))?(?:@(?P<tag>[^@]+))?"
)
_VERSION = re.compile(r"\d+(?:\.\d+)*[a-z]?(?:_[a-z]+\d*)*(?:~[0-9a-f]+)?(?:-r\d+)?")
_PIECE = re.compile(
    r"(?P<number>(?:^|\.)\d+)|_(?P<suffix>[a-z]+)(?P<count>\d*)|(?P<letter>[a-z])|~(?P<commit>[0-9a-f]+)|-r(?P<revision>\d+)"
)

# Suffixes that come before the plain version, and those that come after it, each in its order.
_BEFORE = ("alpha", "beta", "pre", "rc")
_AFTER = ("cvs", "svn", "git", "hg", "p")

# Where two versions differ in what comes next, the kind decides: 1.2_rc1 < 1.2 < 1.2-r1 < 1.2_p1 < 1.2a < 1.2.1
_SUFFIX_BEFORE, _END, _REVISION, _COMMIT, _SUFFIX_AFTER, _LETTER, _NUMBER = range(7)

Piece = tuple[int, int, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Constraint:
    """One package specification: `operator` and `version` are empty where any version will do, `tag` where none is."""

    text: str
    name: str
    operator: str = ""
    version: str = ""
    tag: str = ""

    def allows(self, version: str) -> bool:
        """Whether a version of the package will do."""
        match self.operator:
            case "":
                return True
            case "=":
                return _equal(version, self.version)
            case "~" | "~=" | "=~":
                return _begins(version, self.version)
            case _:
                return _ordered(self.operator, version_key(version), version_key(self.version))


@lru_cache(maxsize=4096)
def parse(text: str) -> Constraint | None:
    """The constraint that a specification means; None where it is none."""
    match = _SPEC.fullmatch(package_spec(text))
    if match is None:
        return None
    return Constraint(
        text=text,
        name=match["name"],
        operator=match["operator"] or "",
        version=match["version"] or "",
        tag=match["tag"] or "",
    )


@lru_cache(maxsize=4096)
def version_key(version: str) -> tuple[Piece, ...]:
    """A sort key with apk's order of versions; what is no version comes before every version, ordered as text."""
    if _VERSION.fullmatch(version) is None:
        return ((-1, 0, version),)
    return (*_pieces(version), (_END, 0, ""))


def _pieces(version: str) -> tuple[Piece, ...]:
    return tuple(_piece(match) for match in _PIECE.finditer(version))


def _piece(match: re.Match[str]) -> Piece:
    if match["number"]:
        digits = match["number"].removeprefix(".")
        # A later number with a leading zero is a fraction: 1.05 comes before 1.5, and 1.1 after it.
        fraction = match["number"] != digits and digits.startswith("0")
        return (_NUMBER, -1, digits) if fraction else (_NUMBER, *_number(digits))
    if match["suffix"]:
        return _suffix(match["suffix"], match["count"])
    if match["letter"]:
        return _LETTER, 0, match["letter"]
    if match["commit"]:
        return _COMMIT, 0, match["commit"]
    return _REVISION, *_number(match["revision"])


def _number(digits: str) -> tuple[int, str]:
    """A whole number by length and digits, which order as its value does: numbers from outside have any length."""
    significant = digits.lstrip("0")
    return len(significant), significant


def _suffix(word: str, digits: str) -> Piece:
    length, count = _number(digits)
    ordered = f"{length:020} {count}"
    if word in _BEFORE:
        return _SUFFIX_BEFORE, _BEFORE.index(word), ordered
    return _SUFFIX_AFTER, _AFTER.index(word) if word in _AFTER else len(_AFTER), ordered


def _equal(version: str, wanted: str) -> bool:
    # Without a revision the first one is meant: apko takes 1.2 and 1.2-r0 for the same version, and no other for it.
    return version.removesuffix("-r0") == wanted.removesuffix("-r0")


def _begins(version: str, wanted: str) -> bool:
    """Whether a version begins with the wanted one, piece by piece: `1.2` allows 1.2.3 and not 1.20."""
    if _VERSION.fullmatch(wanted) is None or _VERSION.fullmatch(version) is None:
        return version == wanted
    asked = _pieces(wanted)
    return _pieces(version)[: len(asked)] == asked


def _ordered(operator: str, left: tuple[Piece, ...], right: tuple[Piece, ...]) -> bool:
    return {">": left > right, ">=": left >= right, "<": left < right, "<=": left <= right}[operator]
