"""What a recorded run came to, where its process died before it knew: judged by what is live now.

Pure functions of a run and the live state. How a run is recorded is the journal's business, and going back to what
stood before it is `core.reverting`.
"""

from collections.abc import Sequence

from reconciler.core.builds import FINISHED
from reconciler.core.desired import Address
from reconciler.core.live import Directory, Live, LiveRepository, Unreadable
from reconciler.core.model import Overlay
from reconciler.core.outcome import AlreadyDone, Applied, Failed, FailureKind, NotAttempted, Outcome, Skip, Stale
from reconciler.core.plan import Action
from reconciler.core.runs import Run, RunStep
from reconciler.diagnostics import Diagnostic


def in_flight(step: RunStep) -> bool:
    """Whether the step was being written when the process died, so that nothing recorded tells whether it arrived."""
    return step.intended_at is not None and step.outcome is None


def settled(run: Run) -> bool:
    """Whether what is recorded tells all there is to tell: every step's outcome, and its builds to their end."""
    return all(_told(step) for step in run.steps)


def _told(step: RunStep) -> bool:
    match step.outcome:
        case None:
            return step.intended_at is None
        case Applied():
            return step.progress is not None and step.progress.stage in FINISHED
        case _:
            return True


def outcome(step: RunStep, live: Live, later: Sequence[Run] = ()) -> Outcome:
    """The outcome of a recorded step; what was in flight is judged by its repository as it is now.

    `later` are the runs recorded after that of the step, the oldest first: what one of them found in the repository
    goes before what is there now, which it may have written itself.
    """
    return step.outcome or (_arrived(step, live, later) if in_flight(step) else _not_begun(step))


def recorded(run: Run) -> tuple[Outcome, ...]:
    """The outcomes of a run with nothing in flight, by what is recorded alone."""
    return tuple(step.outcome or _not_begun(step) for step in run.steps)


def found(step: RunStep, live: Live) -> LiveRepository | None:
    """The repository that a recorded step wrote to, as it is now; one that was created may be known by name alone."""
    if step.repository_id is not None:
        return next((one for one in live.repositories if one.id == step.repository_id), None)
    if step.step.action is not Action.CREATE:
        return next((one for one in live.repositories if one.id == step.step.id), None)
    candidates = Directory(live).find(_created_at(step))
    return candidates[0] if len(candidates) == 1 else None


def _created_at(step: RunStep) -> Address:
    # A creation is sent with this folder, the organisation's own level where the address names none.
    address = Address.parse(step.step.repository)
    return Address(folder=address.folder or "", name=address.name)


def _not_begun(step: RunStep) -> Outcome:
    return NotAttempted(step=step.step, reason=Skip.INTERRUPTED)


def _arrived(step: RunStep, live: Live, later: Sequence[Run]) -> Outcome:
    same = (one for run in later for one in run.steps if one.step.repository == step.step.repository)
    looked = next((one for one in same if one.intended_at is not None or isinstance(one.outcome, AlreadyDone)), None)
    there = found(step, live)
    if looked is None:
        return _judged(step, there.id if there else None, there.overlay if there else None)
    return _judged(step, step.repository_id or looked.repository_id or looked.step.id, _found_by(looked))


def _found_by(later: RunStep) -> Overlay | None:
    """What a later run found in a repository just before it wrote, or where it had nothing to write any more."""
    if isinstance(later.outcome, AlreadyDone):
        return later.step.after
    return None if later.step.action is Action.CREATE else later.step.before


def _judged(step: RunStep, id_: str | None, overlay: Overlay | Unreadable | None) -> Outcome:
    not_arrived = _failed(step, "not-arrived", "it was being written when the run died, and it did not arrive")
    if overlay is None or id_ is None:
        gone = _failed(step, "repository-gone", "the repository does not exist")
        return not_arrived if step.step.action is Action.CREATE else gone
    if isinstance(overlay, Unreadable):
        return _failed(step, "unreadable-overlay", f"its live overlay was not understood: {overlay.problem}")
    if overlay == step.step.after:
        since = step.since if step.since is not None else (step.intended_at or 0.0)
        return Applied(step=step.step, repository_id=id_, since=since, read_back=True)
    if overlay == step.step.before and step.step.action is not Action.CREATE:
        return not_arrived
    return Stale(step=step.step, now=overlay)


def _failed(step: RunStep, code: str, summary: str) -> Failed:
    problem = Diagnostic(code=code, summary=summary, hint="apply again to see how things stand")
    return Failed(step=step.step, kind=FailureKind.OTHER, problem=problem)
