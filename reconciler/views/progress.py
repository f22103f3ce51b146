"""Progress as a log: a line when something happens."""

from collections.abc import Collection, Iterable
from threading import Lock
from typing import TextIO, assert_never

from rich.text import Text

from reconciler.core.builds import FINISHED, Build, Progress, Result, Stage
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
    WaveFailed,
    WaveSoaking,
    WaveStarted,
)
from reconciler.core.runs import Applied, Drifted, Failed, NotAttempted, Outcome, Unchanged
from reconciler.core.steps import AnyStep, Step
from reconciler.diagnostics import plural
from reconciler.views.apply_text import not_attempted
from reconciler.views.console import draw
from reconciler.views.overlay_steps import subject
from reconciler.views.run_document import build_names, build_seconds, counts, result_words, totals
from reconciler.views.text import Role, Style, duration, repositories, token


def sentence(event: Event, style: Style) -> Text:
    """Return the event in one line, without counts; empty for those that are only worth a place in a table."""
    match event:
        case ApplyStarted(steps=steps, others=others):
            return Text(f"writing {changes(steps, others)}" if steps else "")
        case WaveStarted() | WaveSoaking() | WaveFailed():
            return _wave(event)
        case WaitStarted(repositories=names):
            return Text(f"waiting for the builds of {followed(names)}" if names else "")
        case StepStarted() | BuildsSeen():
            return Text()
        case _:
            return _news(event, style)


def _wave(event: WaveStarted | WaveSoaking | WaveFailed) -> Text:
    wave = f"wave {event.number:,} of {event.of:,}"
    match event:
        case WaveStarted(steps=steps, others=others):
            return Text(f"{wave}: {changes(steps, others)}")
        case WaveSoaking(seconds=seconds):
            return Text(f"{wave} is verified; waiting {duration(seconds)} before the next one")
        case WaveFailed():
            return Text(f"{wave} failed; the rest is held back", Role.ERROR)


def changes(steps: int, others: int) -> str:
    """Return the number of steps in words: repositories, or changes if overlays and bindings are among them."""
    return plural(steps, "change") if others else repositories(steps)


def followed(names: Collection[str]) -> str:
    """Return what is waited for, counted: repositories, or the groups of tags that get the same."""
    groups = [name for name in names if ":" in name]
    if not groups:
        return repositories(len(names))
    within = {name.partition(":")[0] for name in names}
    return f"{plural(len(names), 'group')} of tags in {repositories(len(within))}"


def _news(event: StepFinished | BuildEnded | RepositoryDone | PollFailed | QueueUnread, style: Style) -> Text:
    match event:
        case StepFinished(outcome=outcome):
            return Text.assemble(step_name(outcome.step, style), ": ", _outcome(outcome, style))
        case BuildEnded(repository=repository, build=build):
            return Text.assemble(token(repository, style), ": ", _build(build, style))
        case RepositoryDone(progress=progress):
            return Text.assemble(token(progress.target.label, style), ": ", _done(progress, style))
        case PollFailed(problem=problem):
            return _warning(f"could not read the build status, trying again: {problem.summary}", style)
        case QueueUnread(problem=problem):
            why = f"{problem.summary}: {problem.detail}" if problem.detail else problem.summary
            return _warning(f"{why}; progress is taken from the build reports only", style)
        case _:
            assert_never(event)


def is_trouble(event: Event) -> bool:
    """Return whether the event is printed above the live table."""
    match event:
        case StepFinished(outcome=Failed() | Drifted()) | PollFailed() | QueueUnread() | WaveFailed() | WaveSoaking():
            return True
        case RepositoryDone(progress=progress):
            return progress.stage is Stage.SUPERSEDED
        case BuildEnded(build=build):
            return build.result is Result.FAILURE
        case _:
            return False


def step_name(step: AnyStep, style: Style) -> str:
    """Return the name of what a step is about, as people write it."""
    return (
        token(step.label, style) if isinstance(step, Step) else f"{subject(step)['subject']} {style.plain(step.label)}"
    )


def _outcome(outcome: Outcome, style: Style) -> Text:
    match outcome:
        case Applied(read_back=read_back):
            return Text("written (no valid response; confirmed by reading again)" if read_back else "written")
        case Unchanged():
            return Text("already up to date")
        case Drifted():
            return Text("changed since the plan, left unchanged", Role.CHANGE)
        case Failed(problem=problem):
            return Text.assemble(("failed", Role.ERROR), f": {style.plain(problem.summary)}")
        case NotAttempted(reason=reason):
            return Text(not_attempted(reason))
        case _:
            assert_never(outcome)


def _build(build: Build, style: Style) -> Text:
    seconds = build_seconds(build)
    after = "" if seconds is None else f" after {duration(seconds)}"
    number = style.plain(build.id.rpartition("/")[2])
    if build.result is Result.FAILURE:
        return Text.assemble(f"build {number} ", ("failed", Role.ERROR), after)
    if build.result is Result.UNKNOWN:
        return Text(f"build {number} ended{after} with an unknown result")
    return Text(f"build {number} succeeded{after}{_named(build_names([build]), style)}")


def _done(progress: Progress, style: Style) -> Text:
    if progress.stage is Stage.SUPERSEDED:
        return Text("changed by somebody else after the write", Role.CHANGE)
    if progress.stage is Stage.UNREPORTED:
        return Text("no build report, no longer waiting")
    found = result_words(counts(progress)) or "no builds"
    built = _named(build_names(progress.builds), style)
    return Text.assemble("builds done, ", (found, Role.ERROR if progress.failures else Role.PLAIN), built)


def _named(names: Iterable[str], style: Style) -> str:
    listed = ", ".join(map(style.plain, names))
    return f": {listed}" if listed else ""


def _warning(text: str, style: Style) -> Text:
    return Text.assemble(("warning:", Role.WARNING), f" {style.plain(text)}")


_HEARTBEAT_SECONDS = 30.0


class PlainProgress:
    """Write events line by line, and a summary every 30 seconds while nothing happens.

    Builds that succeed have a line of their own only with `every_build`: there may be dozens for each repository.
    """

    def __init__(
        self, stream: TextIO, *, style: Style, heartbeat: float = _HEARTBEAT_SECONDS, every_build: bool = False
    ) -> None:
        self._stream = stream
        self._style = style
        self._heartbeat = heartbeat
        self._every_build = every_build
        self._lock = Lock()
        self._steps = self._finished = 0
        self._followed: Collection[str] = ()
        self._done: set[str] = set()
        self._wait_began = self._last_beat = 0.0

    def __call__(self, event: Event) -> None:
        """Record one event; raises only what the stream raises."""
        with self._lock:
            line = self._line(event)
            if line:
                self._stream.write(draw([line], style=self._style, width=None))
                self._stream.flush()

    def _line(self, event: Event) -> Text:
        line = sentence(event, self._style)
        match event:
            case ApplyStarted(steps=steps):
                self._steps, self._finished = steps, 0
            case StepFinished(outcome=NotAttempted()):
                return Text()  # nothing happened; the end report names them
            case StepFinished():
                self._finished += 1
                return line.append(f" ({self._finished:,} of {self._steps:,})")
            case WaitStarted(at=at, repositories=names):
                self._followed, self._wait_began, self._last_beat = names, at, at
                self._done = set()
            case RepositoryDone(progress=progress):
                self._done.add(progress.target.label)
                return line.append(f" ({len(self._done):,} of {followed(self._followed)})")
            case BuildsSeen(progress=several):
                # A late build takes a repository back from those that are done.
                self._done.difference_update(one.target.label for one in several if one.stage not in FINISHED)
                return self._beat(event)
            case BuildEnded():
                return line if self._every_build or is_trouble(event) else Text()
            case _:
                pass
        return line

    def _beat(self, event: BuildsSeen) -> Text:
        if event.at - self._last_beat < self._heartbeat:
            return Text()
        self._last_beat = event.at
        counts = totals(event.progress)
        ended = counts["succeeded"] + counts["failed"] + counts.get("unknown", 0)
        text = f"builds: {ended:,} of {ended + counts['running']:,} ended, {counts['running']:,} running"
        waiting = f", {repositories(counts['waiting'])} waiting" if counts["waiting"] else ""
        return Text(f"{text}{waiting} ({duration(event.at - self._wait_began)})")
