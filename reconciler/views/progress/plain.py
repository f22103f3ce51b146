"""Progress as a log: a line when something happens, for CI and for streams that are no terminal."""

from threading import Lock
from typing import TextIO

from reconciler.core.builds import FINISHED
from reconciler.core.events import (
    ApplyStarted,
    BuildEnded,
    BuildsSeen,
    Event,
    RepositoryDone,
    StepFinished,
    WaitStarted,
)
from reconciler.core.runs import NotAttempted
from reconciler.views.outcomes import totals
from reconciler.views.progress.sentences import is_trouble, repositories, sentence
from reconciler.views.style import Style
from reconciler.views.times import duration

_HEARTBEAT_SECONDS = 30.0


class PlainProgress:
    """Writes what happens, line by line, and while nothing happens now and then how things stand.

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
        self._steps = self._finished = self._followed = 0
        self._done: set[str] = set()
        self._wait_began = self._last_beat = 0.0

    def __call__(self, event: Event) -> None:
        """Take note of one event; raises nothing but what the stream raises."""
        with self._lock:
            line = self._line(event)
            if line:
                self._stream.write(line + "\n")
                self._stream.flush()

    def _line(self, event: Event) -> str:
        line = sentence(event, self._style)
        match event:
            case ApplyStarted(steps=steps):
                self._steps, self._finished = steps, 0
            case StepFinished(outcome=NotAttempted()):
                return ""  # nothing happened; the end report names them
            case StepFinished():
                self._finished += 1
                return f"{line} ({self._finished:,} of {self._steps:,})"
            case WaitStarted(at=at, repositories=names):
                self._followed, self._wait_began, self._last_beat = len(names), at, at
                self._done = set()
            case RepositoryDone(progress=progress):
                self._done.add(progress.target.repository)
                return f"{line} ({len(self._done):,} of {repositories(self._followed)})"
            case BuildsSeen(progress=several):
                # A late build takes a repository back from those that are done.
                self._done.difference_update(one.target.repository for one in several if one.stage not in FINISHED)
                return self._beat(event)
            case BuildEnded():
                return line if self._every_build or is_trouble(event) else ""
            case _:
                pass
        return line

    def _beat(self, event: BuildsSeen) -> str:
        if event.at - self._last_beat < self._heartbeat:
            return ""
        self._last_beat = event.at
        counts = totals(event.progress)
        ended = counts["succeeded"] + counts["failed"]
        told = f"builds: {ended:,} of {ended + counts['running']:,} ended, {counts['running']:,} running"
        waiting = f", {repositories(counts['waiting'])} waiting" if counts["waiting"] else ""
        return f"{told}{waiting} ({duration(event.at - self._wait_began)})"
