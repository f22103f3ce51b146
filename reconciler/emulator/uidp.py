"""Identifiers: the shape of a UIDP, where records lie, and how ids are made."""

import hashlib
import re

from reconciler.emulator.errors import invalid

_UIDP = re.compile(r"[0-9a-f]{40}(/[0-9a-f]{16})*", re.ASCII)


def checked(uidp: str, field: str) -> str:
    """Return the id, or refuse it if it is not a UIDP."""
    if _UIDP.fullmatch(uidp) is None:
        raise invalid(f'{field}: "{uidp}" is not a valid UIDP')
    return uidp


def parent(uidp: str) -> str:
    """Return the id of the level above; "" above a root."""
    return uidp.rpartition("/")[0]


def root(uidp: str) -> str:
    """Return the id of the organization that a record belongs to."""
    return uidp.partition("/")[0]


def levels(uidp: str) -> tuple[str, ...]:
    """Return the ids from the root down to a record itself."""
    parts = uidp.split("/")
    return tuple("/".join(parts[: depth + 1]) for depth in range(len(parts)))


def is_below(uidp: str, ancestor: str) -> bool:
    """Return whether a record lies anywhere below another."""
    return uidp.startswith(ancestor + "/")


def of_root(name: str) -> str:
    """Return the id of a seeded organization."""
    return hashlib.sha256(name.encode()).hexdigest()[:40]


def of_path(path: str) -> str:
    """Return the id of a seeded group from its path of names (`example.com/team-a`)."""
    top, *below = path.split("/")
    identifier = of_root(top)
    for name in below:
        identifier = of_child(identifier, "group", name)
    return identifier


def of_child(above: str, *parts: object) -> str:
    """Return an id below another, the same one for the same parts."""
    return f"{above}/{digest(above, *parts)[:16]}"


def digest(*parts: object) -> str:
    """Return 64 hex digits that depend on the parts alone."""
    return hashlib.sha256("\x1f".join(str(part) for part in parts).encode()).hexdigest()


def draw(*parts: object) -> float:
    """Return a number from 0 up to 1 that depends on the parts alone: chance that repeats itself."""
    return int(digest(*parts)[:13], 16) / 16**13
