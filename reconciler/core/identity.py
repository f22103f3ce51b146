"""Who the holder of a token is and what it may do, as the API told."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What the token may do in one group and in everything below it; `roles` are names, some of them perhaps ""."""

    group_id: str
    group_name: str
    roles: tuple[str, ...]
    capabilities: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """The answer to "who am I"; `expires` in seconds since the epoch, None where it was not told."""

    subject: str
    email: str
    issuer: str
    expires: float | None
    grants: tuple[Grant, ...]

    def may(self, group_id: str) -> frozenset[str]:
        """The capabilities for a group: those that are granted there and in the groups above it."""
        above = (grant for grant in self.grants if _holds(grant.group_id, group_id))
        return _together(above)

    def may_below(self, group_id: str) -> frozenset[str]:
        """The capabilities that are granted somewhere below a group, and not for the whole of it."""
        below = (grant for grant in self.grants if grant.group_id != group_id and _holds(group_id, grant.group_id))
        return _together(below) - self.may(group_id)


def _together(grants: Iterable[Grant]) -> frozenset[str]:
    return frozenset[str]().union(*(grant.capabilities for grant in grants))


def _holds(group_id: str, other: str) -> bool:
    return other == group_id or other.startswith(f"{group_id}/")
