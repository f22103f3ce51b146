"""Whether what a build was configured with does what an overlay asks for, entry by entry.

A configuration says more than an overlay: the base image's own entries stand in it too, and packages may be locked to
the versions that they were resolved to. What follows for a build is `core.builds` and `core.proof`.
"""

from reconciler.core import constraints
from reconciler.core.model import Group, User
from reconciler.core.parts import Entry, Part, Value


def serves(found: Value, wanted: Entry) -> bool:
    """Whether an entry of a configuration, of the same part and key, does what the overlay asked for."""
    match wanted.value, found:
        case str(), str():
            return found == wanted.value or (wanted.part is Part.PACKAGES and _allowed(found, wanted.value))
        case tuple(), tuple():
            return set(wanted.value) <= set(found)
        case User(), User():
            return _user_serves(found, wanted.value)
        case Group(), Group():
            return found.gid == wanted.value.gid and set(wanted.value.members) <= set(found.members)
        case _:
            return found == wanted.value


def locked_version(found: Value) -> str:
    """The version that a package of a configuration is locked to; empty where it is not."""
    parsed = constraints.parse(found) if isinstance(found, str) else None
    return parsed.version if parsed is not None and parsed.operator == "=" else ""


def virtual(wanted: Entry) -> bool:
    """Whether a package is asked for by something that packages provide, such as `cmd:jq`, rather than by its name."""
    return wanted.part is Part.PACKAGES and ":" in wanted.key


def _allowed(found: str, wanted: str) -> bool:
    asked = constraints.parse(wanted)
    if asked is None:
        return False
    version = locked_version(found)
    if asked.operator == "=" and version.rpartition("-r")[0] == asked.version:
        return True  # that a version without a revision may be any revision was for the resolution to decide
    return asked.allows(version) if version else not asked.operator


def _user_serves(found: User, wanted: User) -> bool:
    # A configuration may leave out names that it does not need (apko has no group name for a user). Only a gid that is
    # left out says something: absent and 0 are different.
    texts = ((wanted.groupname, found.groupname), (wanted.shell, found.shell), (wanted.homedir, found.homedir))
    return (
        found.uid == wanted.uid
        and wanted.gid in (None, found.gid)
        and all(theirs in ("", ours) or not ours for ours, theirs in texts)
    )
