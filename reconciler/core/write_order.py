"""The order in which the steps of a plan are written, and what depends on what.

Nothing is taken away before its replacement is there: overlays are created and changed, then bound, then unbound, then
deleted. Where the API would refuse that, the plan has another order, and it is kept. A standard customization is reset
before an overlay is bound to its repository, as the API refuses both together; other changes of repositories come last.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby

from reconciler.core.overlay import EMPTY
from reconciler.core.steps import Action, AnyStep, BindingStep, OverlayStep, ScopeKind, Step

# Steps that are written one after another.
Chain = tuple[AnyStep, ...]


def rank(step: OverlayStep | BindingStep) -> int:
    """Return the place of a step in the usual order of writes."""
    if isinstance(step, OverlayStep):
        return 4 if step.action is Action.DELETE else 0
    return _BINDING_RANKS.get(step.action, 1)


_BINDING_RANKS = {Action.UPDATE: 2, Action.DELETE: 3}


def stages(steps: Sequence[AnyStep]) -> tuple[tuple[Chain, ...], ...]:
    """Return the steps in stages, none of them empty; the chains of one stage may be written together.

    Overlays and bindings keep their order, in which neighbors of one rank are a stage.
    """
    resets, others, repositories = _sorted(steps)
    found: list[Sequence[AnyStep]] = [resets, *(tuple(same) for _, same in groupby(others, key=rank)), repositories]
    return tuple(_chains(stage) for stage in found if stage)


def before_repositories(steps: Sequence[AnyStep]) -> tuple[tuple[AnyStep, ...], tuple[AnyStep, ...]]:
    """Split steps into overlays and bindings with the resets that they need, and the other repository changes."""
    resets, others, repositories = _sorted(steps)
    return (*resets, *others), tuple(repositories)


def _sorted(steps: Sequence[AnyStep]) -> tuple[list[Step], list[OverlayStep | BindingStep], list[Step]]:
    bound = {step.scope.id for step in steps if isinstance(step, BindingStep) and step.after is not None}
    resets: list[Step] = []
    others: list[OverlayStep | BindingStep] = []
    repositories: list[Step] = []
    for step in steps:
        if not isinstance(step, Step):
            others.append(step)
        elif step.after == EMPTY and step.action is not Action.CREATE and step.id in bound:
            resets.append(step)
        else:
            repositories.append(step)
    return resets, others, repositories


def _chains(stage: Sequence[AnyStep]) -> tuple[Chain, ...]:
    """Return the chains of steps that must be written one after another: those of one scope, and overlay changes."""
    found: dict[str, list[AnyStep]] = {}
    for step in stage:
        match step:
            case BindingStep(scope=scope):
                key = f"scope:{scope.id}"
            case OverlayStep(action=Action.UPDATE):
                key = "overlays:"
            case _:
                key = step.key
        found.setdefault(key, []).append(step)
    return tuple(map(tuple, found.values()))


class Unmet:
    """Steps that did not succeed, and what must not be written without them."""

    def __init__(self) -> None:
        self._overlays: set[str] = set()
        self._bound: set[str] = set()
        self._above: set[str] = set()
        self._unbound: set[str] = set()
        self._repositories: set[str] = set()

    def add(self, step: AnyStep) -> None:
        """Record a step that did not succeed."""
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
