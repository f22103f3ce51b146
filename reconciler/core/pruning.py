"""Pruning: the customised repositories that the manifest does not name are reset. Only their overlay is ever meant."""

from collections.abc import Iterable, Iterator

from reconciler.core.diff import diff
from reconciler.core.live import Directory, LiveRepository, Unreadable
from reconciler.core.model import EMPTY
from reconciler.core.plan import Action, Reason, ReasonCode, Step


def pruned(unnamed: Iterable[LiveRepository], directory: Directory) -> Iterator[Step]:
    """A step for each repository that the manifest does not name and that has a customisation, or may have one."""
    for repository in unnamed:
        overlay = repository.overlay
        if isinstance(overlay, Unreadable):
            yield Step(
                repository=directory.label(repository),
                id=repository.id,
                action=Action.UNKNOWN,
                reason=Reason(code=ReasonCode.UNREADABLE, names=(overlay.problem,)),
                place=None,
            )
        elif overlay != EMPTY:
            yield Step(
                repository=directory.label(repository),
                id=repository.id,
                action=Action.RESET,
                reason=Reason(code=ReasonCode.PRUNED),
                place=None,
                changes=diff(overlay, EMPTY),
                before=overlay,
                after=EMPTY,
            )
