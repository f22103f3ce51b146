"""Recovery of an interrupted run: the outcomes of steps that were in flight, judged by what is live."""

from collections.abc import Sequence
from dataclasses import dataclass

from reconciler.core.bindings import TagSelector, UnknownBindings
from reconciler.core.overlay import Overlay
from reconciler.core.runs import (
    NOT_ARRIVED,
    PLAN_AGAIN,
    Applied,
    Drifted,
    Failed,
    FailureKind,
    Outcome,
    Run,
    RunStep,
    Unchanged,
    failed_step,
    is_in_flight,
    not_begun,
)
from reconciler.core.state import Address, Directory, Live, Unreadable
from reconciler.core.steps import Action, BindingStep, OverlayStep, Step
from reconciler.diagnostics import Diagnostic

Content = Overlay | Unreadable | TagSelector


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundLive:
    """Current state of a step's subject: its UIDP, and its overlay, configuration or selector."""

    id: str
    content: Content


class LiveIndex:
    """Live repositories, overlays and bindings by what a recorded step knows of them."""

    def __init__(self, live: Live) -> None:
        self.live = live
        self.directory = Directory(live)
        self.overlays_known = not isinstance(live.overlays, UnknownBindings)
        self.bindings_known = not isinstance(live.bindings, UnknownBindings)
        overlays = () if isinstance(live.overlays, UnknownBindings) else live.overlays
        bindings = () if isinstance(live.bindings, UnknownBindings) else live.bindings
        self.repositories = {one.id: one for one in live.repositories}
        self._overlays = {one.id: FoundLive(id=one.id, content=one.overlay) for one in overlays}
        self._bindings = {one.id: FoundLive(id=one.id, content=one.selector) for one in bindings}
        # The organization's own overlays alone are created, and those of folders may have the same names.
        root = live.organization.id.partition("/")[0]
        self.overlay_ids = {one.name: one.id for one in overlays if one.id.rpartition("/")[0] == root}
        self._bound = {(one.scope, one.overlay): one.id for one in bindings}

    def find(self, step: RunStep) -> FoundLive | None:
        """Return what a step wrote to, None if it does not exist; a created one may be known by its name only."""
        match step.step:
            case Step() as planned:
                return self._repository(step, planned)
            case OverlayStep(name=name):
                return self._overlays.get(known_id(step) or self.overlay_ids.get(name, ""))
            case BindingStep(scope=scope, overlay=name):
                return self._bindings.get(known_id(step) or self._bound.get((scope.id, name), ""))

    def is_known(self, step: RunStep) -> bool:
        """Return whether it was read what the step wrote to."""
        match step.step:
            case Step():
                return True
            case OverlayStep():
                return self.overlays_known
            case BindingStep():
                return self.bindings_known

    def _repository(self, step: RunStep, planned: Step) -> FoundLive | None:
        there = self.repositories.get(known_id(step) or "")
        if there is None and known_id(step) is None:
            candidates = self.directory.find(_created_at(planned))
            there = candidates[0] if len(candidates) == 1 else None
        return None if there is None else FoundLive(id=there.id, content=there.overlay)


def recovered_outcome(step: RunStep, live: Live, later: Sequence[Run] = ()) -> Outcome:
    """Return the outcome of a recorded step; an in-flight one is judged by what is live.

    `later` are the runs recorded after that of the step, oldest first. What one of them found there takes precedence
    over the current state, which that run may have written itself.
    """
    return step.outcome or (_arrived(step, LiveIndex(live), later) if is_in_flight(step) else not_begun(step))


def known_id(step: RunStep) -> str | None:
    """Return the id of what a step writes to; None for an unseen one to be created."""
    return step.repository_id or (None if step.step.action is Action.CREATE else step.step.id)


def _created_at(step: Step) -> Address:
    # A creation is sent with this folder; the organization's own level if the address has none.
    address = Address.parse(step.repository)
    return Address(folder=address.folder or "", name=address.name)


def _arrived(step: RunStep, index: LiveIndex, later: Sequence[Run]) -> Outcome:
    there = index.find(step)
    id_ = known_id(step) or (there.id if there else None)
    same = (one for run in later for one in run.steps if _is_same(one, step, id_))
    looked = next((one for one in same if one.since is not None or isinstance(one.outcome, Unchanged)), None)
    if looked is not None:
        return _judged(step, id_ or looked.repository_id or looked.step.id, _found_by(looked))
    if not index.is_known(step):
        return _unread(step)
    return _judged(step, there.id if there else id_, there.content if there else None)


def _is_same(other: RunStep, step: RunStep, id_: str | None) -> bool:
    """Return whether two steps write to the same thing: by its id, as names and labels change."""
    known = known_id(other)
    if known is not None and id_ is not None:
        return known == id_
    mine, theirs = step.step, other.step
    if isinstance(mine, Step) and isinstance(theirs, Step):
        creations = theirs.action is Action.CREATE and mine.action is Action.CREATE
        return creations and _created_at(theirs) == _created_at(mine)
    return theirs.key == mine.key


def _found_by(later: RunStep) -> Content | None:
    """Return what a later run found just before its write, or when it found nothing to write."""
    if isinstance(later.outcome, Unchanged):
        return later.step.after
    return None if later.step.action is Action.CREATE else later.step.before


def _judged(step: RunStep, id_: str | None, now: Content | None) -> Outcome:
    not_arrived = failed_step(
        step.step,
        NOT_ARRIVED,
        "the run crashed during this write, and the write did not take effect",
        f"write it with `reconciler resume`, or {PLAN_AGAIN}",
    )
    since = step.since if step.since is not None else (step.intended_at or 0.0)
    if now is None or id_ is None:
        if step.step.action is Action.DELETE:
            return Applied(step=step.step, repository_id=id_ or "", since=since, read_back=True)
        gone = failed_step(step.step, f"{_kind(step)}-gone", f"the {_kind(step)} no longer exists")
        return not_arrived if step.step.action is Action.CREATE else gone
    if isinstance(now, Unreadable):
        return failed_step(step.step, "unreadable-overlay", now.summary)
    if now == step.step.after:
        return Applied(step=step.step, repository_id=id_, since=since, read_back=True)
    if now == step.step.before and step.step.action is not Action.CREATE:
        return not_arrived
    return Drifted(step=step.step, now=now)


def _kind(step: RunStep) -> str:
    match step.step:
        case Step():
            return "repository"
        case OverlayStep():
            return "overlay"
        case BindingStep():
            return "binding"


def _unread(step: RunStep) -> Failed:
    problem = Diagnostic(
        code="write-not-confirmed",
        summary=f"the run crashed during this write, and the {_kind(step)} could not be read",
        hint="plan again: the write may have taken effect",
    )
    return Failed(step=step.step, kind=FailureKind.ANSWER_LOST, problem=problem)
