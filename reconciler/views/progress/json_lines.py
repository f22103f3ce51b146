"""Progress for programs: one JSON object a line, the first of them with the version of the format.

The last line, the summary, is written by whoever ends the run, from `views.apply_report.summary_line`.
"""

import json
from threading import Lock
from typing import Any, TextIO, assert_never

from reconciler import __version__
from reconciler.core.builds import FINISHED
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
from reconciler.views.document import FORMAT_VERSION
from reconciler.views.outcomes import build_document, outcome_document, progress_document, totals
from reconciler.views.problems import diagnostic_document
from reconciler.views.times import rfc3339


class JsonProgress:
    """Writes the version line when it is made, and then a line for each event."""

    def __init__(self, stream: TextIO, *, tool_version: str = __version__) -> None:
        self._stream = stream
        self._lock = Lock()
        self._write({"type": "version", "format_version": FORMAT_VERSION, "tool_version": tool_version})

    def __call__(self, event: Event) -> None:
        """Write one event; raises nothing but what the stream raises."""
        with self._lock:
            self._write(event_document(event))

    def _write(self, document: dict[str, Any]) -> None:
        self._stream.write(json.dumps(document, ensure_ascii=True) + "\n")
        self._stream.flush()


def event_document(event: Event) -> dict[str, Any]:
    """One event as plain data: its `type`, the time `at`, and what it tells."""
    kind, told = _told(event)
    return {"type": kind, "at": rfc3339(event.at), **told}


def _told(event: Event) -> tuple[str, dict[str, Any]]:
    match event:
        case ApplyStarted() | WaveStarted() | StepStarted() | StepFinished():
            return _writing(event)
        case _:
            return _following(event)


def _writing(event: ApplyStarted | WaveStarted | StepStarted | StepFinished) -> tuple[str, dict[str, Any]]:
    match event:
        case ApplyStarted(steps=steps):
            return "apply_started", {"steps": steps}
        case WaveStarted(number=number, of=of, steps=steps):
            return "wave_started", {"number": number, "of": of, "steps": steps}
        case StepStarted(repository=repository):
            return "step_started", {"repository": repository}
        case StepFinished(outcome=outcome):
            return "step_finished", outcome_document(outcome)
        case _:
            assert_never(event)


def _following(
    event: WaitStarted | BuildsSeen | BuildEnded | RepositoryDone | PollFailed | QueueUnread,
) -> tuple[str, dict[str, Any]]:
    match event:
        case WaitStarted(repositories=names):
            return "wait_started", {"repositories": list(names)}
        case BuildsSeen():
            return "builds_seen", _seen(event)
        case BuildEnded(repository=repository, build=build):
            told = {**build_document(build), "tags": list(build.tags)}
            return "build_ended", {"repository": repository, "build": told}
        case RepositoryDone(progress=progress):
            return "repository_done", progress_document(progress)
        case PollFailed(problem=problem):
            return "look_failed", {"problem": diagnostic_document(problem)}
        case QueueUnread(problem=problem):
            return "queue_unread", {"problem": diagnostic_document(problem)}
        case _:
            assert_never(event)


def _seen(event: BuildsSeen) -> dict[str, Any]:
    """The sums, and the repositories that are not done: those that are have had a line of their own."""
    open_ones = [progress_document(one) for one in event.progress if one.stage not in FINISHED]
    return {"builds": totals(event.progress), "open": open_ones}
