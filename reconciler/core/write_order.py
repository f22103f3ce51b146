"""The order in which the steps of a plan are written, and what depends on what.

Nothing is taken away before its replacement is there: overlays are created and changed, then bound, then unbound, then
deleted. A standard customization is reset before an overlay is bound to its repository, as the API refuses both
together; other changes of repositories come last.
"""

from collections.abc import Iterable, Iterator, Sequence
from enum import IntEnum

from reconciler.core.overlay import EMPTY
from reconciler.core.steps import Action, AnyStep, BindingStep, OverlayStep, ScopeKind, Step


class WriteStage(IntEnum):
    """Stages of an apply; the steps of one may be written together."""

    MAKE_ROOM = 1
    OVERLAY = 2
    BIND = 3
    SELECT = 4
    UNBIND = 5
    DELETE = 6
    REPOSITORY = 7


def stages(steps: Iterable[AnyStep]) -> tuple[tuple[AnyStep, ...], ...]:
    """Return the steps by stage, each stage in their order; none is empty."""
    found = _by_stage(tuple(steps))
    return tuple(tuple(found[stage]) for stage in sorted(found))


def before_repositories(steps: Iterable[AnyStep]) -> tuple[tuple[AnyStep, ...], tuple[AnyStep, ...]]:
    """Split steps into overlays and bindings with the resets that they need, and the other changes of repositories."""
    found = _by_stage(tuple(steps))
    others = found.pop(WriteStage.REPOSITORY, [])
    return tuple(step for stage in sorted(found) for step in found[stage]), tuple(others)


def _by_stage(steps: Sequence[AnyStep]) -> dict[WriteStage, list[AnyStep]]:
    bound = {step.scope.id for step in steps if isinstance(step, BindingStep) and step.after is not None}
    found: dict[WriteStage, list[AnyStep]] = {}
    for step in steps:
        found.setdefault(_stage(step, bound), []).append(step)
    return found


def _stage(step: AnyStep, bound: set[str]) -> WriteStage:
    match step:
        case Step():
            resets = step.after == EMPTY and step.action is not Action.CREATE
            return WriteStage.MAKE_ROOM if resets and step.id in bound else WriteStage.REPOSITORY
        case OverlayStep():
            return WriteStage.DELETE if step.action is Action.DELETE else WriteStage.OVERLAY
        case BindingStep():
            return _BINDING_STAGES.get(step.action, WriteStage.BIND)


_BINDING_STAGES = {Action.UPDATE: WriteStage.SELECT, Action.DELETE: WriteStage.UNBIND}


class Unmet:
    """Steps that did not succeed, and what must not be written without them."""

    def __init__(self) -> None:
        self._overlays: set[str] = set()
        self._bound: set[str] = set()
        self._above: set[str] = set()
        self._unbound: set[str] = set()
        self._repositories: set[str] = set()

    def add(self, step: AnyStep) -> None:
        """Take note of a step that did not succeed."""
        match step:
            case Step(id=id_):
                self._repositories.add(id_ or "")
            case OverlayStep(name=name):
                self._overlays.add(name)
            case BindingStep(after=None):
                self._unbound.add(step.overlay)
                if step.scope.kind is ScopeKind.REPOSITORY:
                    self._repositories.add(step.scope.id)
            case BindingStep():
                self._bound.add(step.scope.id)
                self._above.update(_scopes(step.scope.id))

    def holds_back(self, step: AnyStep) -> bool:
        """Return whether a step depends on one that did not succeed.

        A binding depends on its overlay, and on the reset of its repository. What unbinds, or may, depends on every
        overlay and on the bindings of the same, of wider and of narrower scopes: one of them may replace it. A deletion
        depends on every unbinding of its overlay, the customization of a repository on those of the repository.
        """
        match step:
            case Step():
                return step.action is not Action.CREATE and step.id in self._repositories
            case OverlayStep(action=Action.DELETE):
                return step.name in self._unbound
            case OverlayStep():
                return False
            case BindingStep(action=Action.CREATE):
                return step.overlay in self._overlays or step.scope.id in self._repositories
            case BindingStep():
                replaced = step.scope.id in self._above or any(one in self._bound for one in _scopes(step.scope.id))
                return bool(self._overlays) or replaced


def _scopes(id_: str) -> Iterator[str]:
    """Yield a UIDP and those above it."""
    parts: Sequence[str] = id_.split("/")
    return ("/".join(parts[: depth + 1]) for depth in range(len(parts)))
