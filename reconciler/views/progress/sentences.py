"""What one event says to a person: the lines of the plain log, and what is worth a line above the live table."""

from collections.abc import Iterable
from typing import assert_never

from reconciler.core.builds import Build, Progress, Result, Stage
from reconciler.core.events import (
    ApplyStarted,
    BuildEnded,
    BuildsSeen,
    Event,
    PollFailed,
    QueueUnread,
    RepositoryDone,
    StepFinished,
    StepStarted,
    WaitStarted,
    WaveStarted,
)
from reconciler.core.runs import Applied, Drifted, Failed, NotAttempted, Outcome, Unchanged
from reconciler.views.outcomes import build_names, build_seconds, counts
from reconciler.views.quoting import token
from reconciler.views.skips import not_attempted
from reconciler.views.style import Role, Style
from reconciler.views.times import duration


def sentence(event: Event, style: Style) -> str:
    """The event in one line of safe text, without counts; empty for those that are only worth a place in a table."""
    match event:
        case ApplyStarted(steps=steps):
            return f"writing {repositories(steps)}" if steps else ""
        case WaveStarted(number=number, of=of, steps=steps):
            return f"wave {number:,} of {of:,}: {repositories(steps)}"
        case WaitStarted(repositories=names):
            return f"following the builds of {repositories(len(names))}" if names else ""
        case StepStarted() | BuildsSeen():
            return ""
        case _:
            return _news(event, style)


def _news(event: StepFinished | BuildEnded | RepositoryDone | PollFailed | QueueUnread, style: Style) -> str:
    match event:
        case StepFinished(outcome=outcome):
            return f"{token(outcome.step.repository, style)}: {_outcome(outcome, style)}"
        case BuildEnded(repository=repository, build=build):
            return f"{token(repository, style)}: {_build(build, style)}"
        case RepositoryDone(progress=progress):
            return f"{token(progress.target.repository, style)}: {_done(progress, style)}"
        case PollFailed(problem=problem):
            return _warning(f"the builds could not be looked at, trying again: {problem.summary}", style)
        case QueueUnread(problem=problem):
            return _warning(f"{problem.summary}; the build reports alone tell how far it is", style)
        case _:
            assert_never(event)


def is_trouble(event: Event) -> bool:
    """Whether a person should see the event although a table shows how things stand."""
    match event:
        case StepFinished(outcome=Failed() | Drifted()) | PollFailed() | QueueUnread():
            return True
        case RepositoryDone(progress=progress):
            return progress.stage is Stage.SUPERSEDED
        case BuildEnded(build=build):
            return build.result is Result.FAILURE
        case _:
            return False


def repositories(count: int) -> str:
    """A number of repositories in words."""
    return f"{count:,} {'repository' if count == 1 else 'repositories'}"


def told(counts: dict[str, int]) -> str:
    """Builds by result in words, those that there are."""
    return ", ".join(f"{counts[kind]:,} {kind}" for kind in ("succeeded", "failed", "running") if counts[kind])


def _outcome(outcome: Outcome, style: Style) -> str:
    match outcome:
        case Applied(read_back=read_back):
            return "written (the answer was lost; reading again confirmed it)" if read_back else "written"
        case Unchanged():
            return "already as wanted"
        case Drifted():
            return style.paint("changed since the plan, left alone", Role.CHANGE)
        case Failed(problem=problem):
            return f"{style.paint('failed', Role.ERROR)}: {style.plain(problem.summary)}"
        case NotAttempted(reason=reason):
            return not_attempted(reason)
        case _:
            assert_never(outcome)


def _build(build: Build, style: Style) -> str:
    seconds = build_seconds(build)
    after = "" if seconds is None else f" after {duration(seconds)}"
    number = style.plain(build.id.rpartition("/")[2])
    if build.result is Result.FAILURE:
        return f"build {number} {style.paint('failed', Role.ERROR)}{after}"
    return f"build {number} succeeded{after}{_named(build_names([build]), style)}"


def _done(progress: Progress, style: Style) -> str:
    if progress.stage is Stage.SUPERSEDED:
        return style.paint("changed by somebody else since it was written", Role.CHANGE)
    found = told(counts(progress)) or "no build"
    built = _named(build_names(progress.builds), style)
    return f"builds done, {style.paint(found, Role.ERROR if progress.failures else Role.PLAIN)}{built}"


def _named(names: Iterable[str], style: Style) -> str:
    listed = ", ".join(map(style.plain, names))
    return f": {listed}" if listed else ""


def _warning(text: str, style: Style) -> str:
    return f"{style.paint('warning:', Role.WARNING)} {style.plain(text)}"
