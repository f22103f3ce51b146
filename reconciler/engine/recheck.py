"""The last look before a write: is the repository still what the plan was made from?"""

from reconciler.api.values import Reading
from reconciler.core.plan import Step
from reconciler.core.runs import Drifted, Failed, FailureKind, Unchanged
from reconciler.core.state import LiveRepository, Unreadable
from reconciler.diagnostics import Diagnostic


def recheck(step: Step, reading: Reading | None) -> Unchanged | Drifted | Failed | None:
    """What the step's outcome is without a write, or None when what was approved may be written.

    Only the overlay counts: a change to any other field is no conflict, and is kept by the write.
    """
    if reading is None:
        return _failed(step, "repository-gone", "the repository does not exist any more")
    now = reading.repository.overlay
    if isinstance(now, Unreadable):
        return _failed(step, "unreadable-overlay", f"its live overlay was not understood: {now.problem}")
    if now == step.after:
        return Unchanged(step=step)
    return None if now == step.before else Drifted(step=step, now=now)


def recheck_created(step: Step, there: LiveRepository) -> Unchanged | Drifted | Failed:
    """The outcome of a creation where somebody else has created the repository since the plan."""
    now = there.overlay
    if isinstance(now, Unreadable):
        return _failed(
            step, "unreadable-overlay", f"it exists by now, and its overlay was not understood: {now.problem}"
        )
    return Unchanged(step=step) if now == step.after else Drifted(step=step, now=now)


def _failed(step: Step, code: str, summary: str) -> Failed:
    problem = Diagnostic(code=code, summary=summary, hint="plan again to see how things stand")
    return Failed(step=step, kind=FailureKind.OTHER, problem=problem)
