"""Owners of repositories: the owner that wrote a repository last, by the journal."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from reconciler.core.state import Desired
from reconciler.core.steps import Action, AnyStep, Reason, ReasonCode, Step


@dataclass(frozen=True, slots=True, kw_only=True)
class LastWriter:
    """The run that wrote a repository last, and the owner that it wrote for; "" for nobody's."""

    owner: str
    run: str


# The last writers of repositories by UIDP; one that no recorded run wrote is nobody's.
LastWriters = Mapping[str, LastWriter]
NOBODY: LastWriters = {}


def block_taken(steps: Iterable[Step], writers: LastWriters) -> Iterator[Step]:
    """Block each step that would write a repository which another owner's run wrote last."""
    for step in steps:
        last = None if step.id is None or step.action is Action.CREATE else writers.get(step.id)
        if step.writes and last is not None and last.owner not in ("", step.owner):
            reason = Reason(code=ReasonCode.OWNED_BY_OTHER, names=(last.owner, last.run))
            yield replace(step, action=Action.BLOCKED, reason=reason)
        else:
            yield step


def owners_of(steps: Iterable[AnyStep]) -> frozenset[str]:
    """Return the owners of what steps write; overlays and bindings are nobody's, which is ""."""
    return frozenset(step.owner if isinstance(step, Step) else "" for step in steps)


def may_prune(desired: Desired, id_: str, writers: LastWriters) -> bool:
    """Return whether a repository that the manifest does not name is nobody's, or its own."""
    last = writers.get(id_)
    return last is None or not last.owner or last.owner in desired.owners
