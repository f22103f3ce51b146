"""The lines of `apply --format json`: one for each event while a run goes, between the plan and the summary.

`docs/events.schema.json` is generated from the types (`make schemas`). Keys may be added; a changed meaning raises the
major number of `format_version`.
"""

from threading import Lock
from typing import Annotated, Literal, TextIO, assert_never

from pydantic import Field as Schema
from typing_extensions import TypedDict

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
    WaveFailed,
    WaveSoaking,
    WaveStarted,
)
from reconciler.views.diagnostics import DiagnosticDocument, diagnostic_document
from reconciler.views.document import PlanDocument
from reconciler.views.overlay_steps import SubjectDocument, subject
from reconciler.views.run_document import (
    BuildDocument,
    OutcomeDocument,
    ProgressDocument,
    TotalsDocument,
    build_document,
    outcome_document,
    progress_document,
    totals,
)
from reconciler.views.text import FORMAT_VERSION, json_line, rfc3339
from reconciler.views.values import Count, Time
from reconciler.views.verdict import SummaryLine


class VersionLine(TypedDict):
    """The first line."""

    type: Literal["version"]
    format_version: str
    tool_version: str


class PlanLine(TypedDict):
    """The plan that is applied."""

    type: Literal["plan"]
    plan: PlanDocument


class ApplyStartedLine(TypedDict):
    """Writing begins."""

    type: Literal["apply_started"]
    at: Time
    steps: Count


class WaveStartedLine(TypedDict):
    """A wave begins."""

    type: Literal["wave_started"]
    at: Time
    number: Count
    of: Count
    steps: Count


class WaveSoakingLine(TypedDict):
    """The builds of a wave are verified, and the next one waits."""

    type: Literal["wave_soaking"]
    at: Time
    number: Count
    of: Count
    seconds: float


class WaveFailedLine(TypedDict):
    """Too much of a wave failed, and the rest is held back."""

    type: Literal["wave_failed"]
    at: Time
    number: Count
    of: Count
    steps: Count


class StepStartedLine(SubjectDocument):
    """A repository, an overlay or a binding is about to be written."""

    type: Literal["step_started"]
    at: Time


class StepFinishedLine(OutcomeDocument):
    """Outcome of one step."""

    type: Literal["step_finished"]
    at: Time


class WaitStartedLine(TypedDict):
    """Following the builds begins."""

    type: Literal["wait_started"]
    at: Time
    repositories: list[str]


class BuildsSeenLine(TypedDict):
    """The builds so far, and the repositories that are not done."""

    type: Literal["builds_seen"]
    at: Time
    builds: TotalsDocument
    open: list[ProgressDocument]


class BuildEndedLine(TypedDict):
    """A build has ended."""

    type: Literal["build_ended"]
    at: Time
    repository: str
    build: BuildDocument


class RepositoryDoneLine(ProgressDocument):
    """The builds of a repository are done."""

    type: Literal["repository_done"]
    at: Time


class ProblemLine(TypedDict):
    """The builds or the queue could not be read; they are tried again."""

    type: Literal["look_failed", "queue_unread"]
    at: Time
    problem: DiagnosticDocument


EngineLine = (
    ApplyStartedLine
    | WaveStartedLine
    | WaveSoakingLine
    | WaveFailedLine
    | StepStartedLine
    | StepFinishedLine
    | WaitStartedLine
    | BuildsSeenLine
    | BuildEndedLine
    | RepositoryDoneLine
    | ProblemLine
)
EventLine = Annotated[
    VersionLine | PlanLine | EngineLine | SummaryLine,
    Schema(discriminator="type", title="Line of reconciler apply --format json"),
]


class JsonProgress:
    """Writes the version line when it is made, and then a line for each event."""

    def __init__(self, stream: TextIO, *, tool_version: str = __version__) -> None:
        self._stream = stream
        self._lock = Lock()
        self._write(version_document(tool_version))

    def __call__(self, event: Event) -> None:
        """Write one event; raises nothing but what the stream raises."""
        with self._lock:
            self._write(event_document(event))

    def _write(self, document: VersionLine | EngineLine) -> None:
        self._stream.write(json_line(document))
        self._stream.flush()


def version_document(tool_version: str) -> VersionLine:
    """Return the first line of a stream of JSON lines."""
    return {"type": "version", "format_version": FORMAT_VERSION, "tool_version": tool_version}


def plan_line(document: PlanDocument) -> PlanLine:
    """Return the line with the plan that is applied."""
    return {"type": "plan", "plan": document}


def event_document(event: Event) -> EngineLine:
    """Return one event as plain data: its `type`, the time `at`, and its fields."""
    at = rfc3339(event.at)
    match event:
        case ApplyStarted(steps=steps):
            return {"type": "apply_started", "at": at, "steps": steps}
        case StepStarted(step=step):
            return {"type": "step_started", "at": at, **subject(step)}
        case StepFinished(outcome=outcome):
            return {"type": "step_finished", "at": at, **outcome_document(outcome)}
        case WaveStarted() | WaveSoaking() | WaveFailed():
            return _wave(event, at)
        case _:
            return _following(event, at)


def _wave(event: WaveStarted | WaveSoaking | WaveFailed, at: str) -> EngineLine:
    number, of = event.number, event.of
    match event:
        case WaveStarted(steps=steps):
            return {"type": "wave_started", "at": at, "number": number, "of": of, "steps": steps}
        case WaveSoaking(seconds=seconds):
            return {"type": "wave_soaking", "at": at, "number": number, "of": of, "seconds": seconds}
        case WaveFailed(steps=steps):
            return {"type": "wave_failed", "at": at, "number": number, "of": of, "steps": len(steps)}
        case _:
            assert_never(event)


def _following(
    event: WaitStarted | BuildsSeen | BuildEnded | RepositoryDone | PollFailed | QueueUnread, at: str
) -> EngineLine:
    match event:
        case WaitStarted(repositories=names):
            return {"type": "wait_started", "at": at, "repositories": list(names)}
        case BuildsSeen(progress=progress):
            # Those that are done have had a line of their own.
            not_done = [progress_document(one) for one in progress if one.stage not in FINISHED]
            return {"type": "builds_seen", "at": at, "builds": totals(progress), "open": not_done}
        case BuildEnded(repository=repository, build=build):
            document: BuildDocument = {**build_document(build), "tags": list(build.tags)}
            return {"type": "build_ended", "at": at, "repository": repository, "build": document}
        case RepositoryDone(progress=done):
            return {"type": "repository_done", "at": at, **progress_document(done)}
        case PollFailed(problem=problem):
            return {"type": "look_failed", "at": at, "problem": diagnostic_document(problem)}
        case QueueUnread(problem=problem):
            return {"type": "queue_unread", "at": at, "problem": diagnostic_document(problem)}
        case _:
            assert_never(event)
