"""A whole run to tell about: outcomes of every kind, builds in every state, and the events in their order."""

from reconciler.core.builds import Progress, Result, Stage, Sync
from reconciler.core.events import (
    ApplyStarted,
    BuildEnded,
    BuildsSeen,
    Event,
    PollFailed,
    RepositoryDone,
    StepFinished,
    StepStarted,
    WaitStarted,
)
from reconciler.core.overlay import make_overlay
from reconciler.core.runs import Applied, Drifted, Failed, FailureKind, NotAttempted, Outcome, Skip, Unchanged
from reconciler.diagnostics import Diagnostic
from tests.views import samples
from tests.views.samples import T0, build, progress

LOG = (
    "".join(f"step {number}: \x1b[32mfetching\x1b[0m package {number}\r\n" for number in range(1, 21))
    + "ERROR: unable to select packages:\n\tcurl-9 (no such package): required by: world[curl-9] \u202e and so on\n\n"
)


def outcomes() -> list[Outcome]:
    before = make_overlay(packages=["wget"], environment={"NODE_ENV": "dev"})
    after = make_overlay(packages=["curl"], environment={"NODE_ENV": "production"})
    now = make_overlay(packages=["wget", "vim"], environment={"NODE_ENV": "test", "MY_TOKEN": "s3cret"})
    steps = [samples.step(f"app-{number:02}", before, after) for number in range(12)]
    refused = Diagnostic(code="refused", summary="the API refused the update", detail="code 3", hint="read the message")
    found: list[Outcome] = [Applied(step=step, repository_id=samples.uidp(7), since=T0) for step in steps[:6]]
    found.append(Applied(step=steps[6], repository_id=samples.uidp(7), since=T0, read_back=True))
    found.append(Unchanged(step=steps[7]))
    found.append(Drifted(step=steps[8], now=now))
    found.append(Failed(step=steps[9], kind=FailureKind.REFUSED, problem=refused))
    found.append(NotAttempted(step=steps[10], reason=Skip.TOKEN_REJECTED))
    found.append(NotAttempted(step=steps[11], reason=Skip.INTERRUPTED))
    return found


def followed() -> list[Progress]:
    good = [build(number, Result.SUCCESS, took=50.0 + number) for number in range(8)]
    return [
        *(progress(f"app-{number:02}", Stage.DONE, *good[2 * number : 2 * number + 2]) for number in range(4)),
        progress("app-04", Stage.DONE, good[0], build(41, Result.FAILURE, took=123.0, log=LOG)),
        progress("app-05", Stage.BUILDING, good[1], build(43, Result.RUNNING)),
        progress("app-06", Stage.WAITING, sync=Sync.QUEUED),
    ]


def events() -> list[Event]:
    found: list[Event] = [ApplyStarted(at=T0, steps=12)]
    for number, outcome in enumerate(outcomes()):
        if not isinstance(outcome, NotAttempted):
            found.append(StepStarted(at=T0 + number, step=outcome.step))
        found.append(StepFinished(at=T0 + number + 0.5, outcome=outcome))
    seen = followed()
    found.append(WaitStarted(at=T0 + 20, repositories=tuple(one.target.repository for one in seen)))
    first = tuple(progress(one.target.repository, Stage.WAITING) for one in seen)
    found.append(BuildsSeen(at=T0 + 30, progress=first))
    found.append(BuildEnded(at=T0 + 60, repository="app-00", build=seen[0].builds[0]))
    found.append(BuildEnded(at=T0 + 60, repository="app-04", build=seen[4].builds[1]))
    found.append(BuildsSeen(at=T0 + 60, progress=tuple(seen)))
    problem = Diagnostic(code="api-unavailable", summary="the API answered 502: [red]Bad\x1b[0m Gateway[/red]")
    found.append(PollFailed(at=T0 + 70, problem=problem))
    found += [RepositoryDone(at=T0 + 80, progress=one) for one in seen if one.stage is Stage.DONE]
    found.append(BuildsSeen(at=T0 + 120, progress=tuple(seen)))
    return found
