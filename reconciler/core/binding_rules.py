"""Effects of overlay bindings on a plan: blocked steps and warnings."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Final

from reconciler.core.bindings import NOT_READ, Binding, BindingIndex, SelectorKind, TagSelector, UnknownBindings
from reconciler.core.diff import Item, items_of
from reconciler.core.effective import UNITED
from reconciler.core.effects import Effects
from reconciler.core.overlay import EMPTY, Overlay
from reconciler.core.plan import Plan, lost_by
from reconciler.core.state import Live
from reconciler.core.steps import Action, Reason, ReasonCode, Step, TagEffect
from reconciler.diagnostics import Diagnostic, Severity, listed

# Severity and meaning of each code, for docs/diagnostics.md.
BINDING_CODES: Final[Mapping[str, tuple[str, str]]] = {
    "bindings-switched-off": (
        "warning",
        "A repository with a standard customization ignores the bindings for all repositories.",
    ),
    "bindings-switched-on": (
        "warning",
        "Without the standard customization, the bindings for all repositories begin to apply.",
    ),
    "bindings-after-creation": ("warning", "The entry binds overlays to a repository that the plan creates."),
    "effect-unknown": ("warning", "An overlay or a tag selector could not be read, so that its effect is not known."),
    "bindings-unknown": ("note", "The bindings of the organization could not be read."),
}


def compete(one: TagSelector, other: TagSelector) -> bool:
    """Return whether bindings of one scope with these selectors have equal rank and share a tag."""
    if one.kind is not other.kind:
        return False
    match one.kind:
        case SelectorKind.ALL:
            return True
        case SelectorKind.VARIANT:
            return one.variant == other.variant
        case SelectorKind.EXACT:
            return not set(one.tags).isdisjoint(other.tags)
        case _:
            return False


def disagreements(one: Overlay, other: Overlay) -> tuple[Item, ...]:
    """Return the items of the first overlay that the second sets differently; the API refuses these together."""
    there = {(item.field, item.key): item.value for item in items_of(other)}
    found = (item for item in items_of(one) if item.field not in UNITED)
    return tuple(item for item in found if there.get((item.field, item.key), item.value) != item.value)


def block_bound(steps: Iterable[Step], live: Live) -> list[Step]:
    """Block each step that would give a standard customization to a repository with bindings of its own."""
    index = BindingIndex(live.bindings)
    return [_unless_bound(step, index) for step in steps]


def _unless_bound(step: Step, index: BindingIndex) -> Step:
    if step.id is None or step.action is Action.CREATE or not step.writes or step.after == EMPTY:
        return step
    bound = index.of_repository(step.id)
    if not bound:
        return step
    reason = Reason(code=ReasonCode.HAS_BINDINGS, names=tuple(map(str, bound)))
    return replace(step, action=Action.BLOCKED, reason=reason)


def block_losses(steps: Iterable[Step], effects: Iterable[TagEffect]) -> list[Step]:
    """Block each step of a protected repository that the bindings of the plan take something away from."""
    found = list(steps)
    guarded = {step.id for step in found if step.entry is not None and step.entry.protect}
    gone: dict[str, dict[str, None]] = {}
    for effect in effects:
        if effect.id in guarded:
            gone.setdefault(effect.id, {}).update(dict.fromkeys(lost_by(effect)))
    return [_unless_lost(step, tuple(gone.get(step.id or "", ()))) for step in found]


def _unless_lost(step: Step, gone: tuple[str, ...]) -> Step:
    if not gone or not step.planned:
        return step
    return replace(step, action=Action.BLOCKED, reason=Reason(code=ReasonCode.PROTECTED, names=gone))


def effect_problems(steps: Iterable[Step], effects: Effects) -> Iterator[Diagnostic]:
    """Warn of images that are not known to get what the manifest asks for."""
    for step in steps:
        bindings = step.entry.bindings if step.entry is not None else None
        if step.action is Action.CREATE and bindings:
            yield Diagnostic(
                code="bindings-after-creation",
                severity=Severity.WARNING,
                summary=f"{step.repository}: overlays can be bound only once the repository exists",
                hint="apply this plan, then plan again",
                place=step.place,
            )
    if effects.unknown:
        yield Diagnostic(
            code="effect-unknown",
            severity=Severity.WARNING,
            summary=f"what changes in the images of {listed(effects.unknown)} is not known",
            detail="an overlay that is bound to them cannot be read, or the tags of a binding",
            hint="report this with the output of `reconciler --version`",
        )


def binding_problems(plan: Plan, live: Live) -> Iterator[Diagnostic]:
    """Warn of bindings that a write deactivates or activates, each once, and of bindings that could not be read."""
    bindings = plan.bindings
    if isinstance(bindings, UnknownBindings):
        if plan.writes and not bindings.absent and bindings != NOT_READ:
            yield _bindings_unknown(bindings)
        return
    index = BindingIndex(bindings)
    groups = {one.folder: one.id.rpartition("/")[0] for one in live.repositories}
    off: dict[tuple[Binding, ...], list[Step]] = {}
    on: dict[tuple[Binding, ...], list[Step]] = {}
    for step in plan.writes:
        bound = _bound(step, index, groups)
        if bound:
            (on if step.after == EMPTY else off).setdefault(bound, []).append(step)
    yield from (_switched_off(bound, steps) for bound, steps in off.items())
    yield from (_switched_on(bound, steps) for bound, steps in on.items())


def _bound(step: Step, index: BindingIndex, groups: Mapping[str, str]) -> tuple[Binding, ...]:
    """Return the bindings that apply to the repository of a step, or to the one that it creates."""
    if step.id is None:
        return ()
    if step.action is not Action.CREATE:
        return index.effective(step.id)
    folder = step.entry.address.folder if step.entry is not None else None
    root = step.id.partition("/")[0]
    return () if step.after == EMPTY else index.for_all(groups.get(folder or "", root))


def _switched_off(bound: tuple[Binding, ...], steps: list[Step]) -> Diagnostic:
    return Diagnostic(
        code="bindings-switched-off",
        severity=Severity.WARNING,
        summary=f"{_repositories(steps)}: a standard customization switches off {_all_repositories(bound)}",
        detail="the API may refuse the write",
        hint="add the content to an overlay and bind it there, or apply if the repository is meant to differ",
        place=steps[0].place,
    )


def _switched_on(bound: tuple[Binding, ...], steps: list[Step]) -> Diagnostic:
    return Diagnostic(
        code="bindings-switched-on",
        severity=Severity.WARNING,
        summary=f"{_repositories(steps)}: without the standard customization, {_all_repositories(bound)} will apply",
        hint="review the overlays first: they change the images as well",
        place=steps[0].place,
    )


def _bindings_unknown(bindings: UnknownBindings) -> Diagnostic:
    return Diagnostic(
        code="bindings-unknown",
        severity=Severity.NOTE,
        summary="could not check whether repositories have overlays bound to them",
        detail=bindings.problem,
        hint="the API refuses a standard customization of a repository that has",
    )


def _repositories(steps: list[Step]) -> str:
    return listed([step.repository for step in steps])


def _all_repositories(bound: tuple[Binding, ...]) -> str:
    noun = "the binding" if len(bound) == 1 else "the bindings"
    return f"{noun} {listed([str(one) for one in bound])}"
