"""The lines of `apply --format json` as types, and the published schemas of all public documents.

`docs/plan.schema.json` and `docs/events.schema.json` are generated from the types (`make schemas`). Keys may be added;
a changed meaning raises the major number of `format_version`. Keys that are not required are those that earlier
versions did not print, or that are there only where the command asked for them.
"""

import json
import sys
from pathlib import Path
from typing import Annotated, Any, Literal, NotRequired

from pydantic import Field, TypeAdapter
from typing_extensions import TypedDict

from reconciler.views.plan_schema import (
    Action,
    Count,
    DiagnosticDocument,
    FieldName,
    PackagesDifferenceDocument,
    PlanDocument,
    Time,
    Value,
)


class BuildDocument(TypedDict):
    """One build report, without its log."""

    id: str
    result: Literal["running", "success", "failure", "unknown"]
    started: Time | None
    ended: Time | None
    seconds: float | None
    digest: str | None
    warnings: list[str]
    tags: NotRequired[list[str]]


class BuiltDocument(BuildDocument):
    """One build that counts, with what it proves."""

    verified: bool
    versions: dict[str, str]
    missing: list[str]
    untold: list[str]


class RepositoryBuiltDocument(BuiltDocument):
    """A build that counts, with its repository."""

    repository: str


class BuildCountsDocument(TypedDict):
    """Builds by result; `unknown` have ended, and the API does not say how."""

    succeeded: Count
    failed: Count
    running: Count
    unknown: NotRequired[Count]


class ProgressDocument(BuildCountsDocument):
    """Progress of one followed repository, or, with `tags`, of those tags."""

    repository: str
    name: str
    id: str
    tags: NotRequired[list[str]]
    stage: str
    queue: str
    others: Count


class TotalsDocument(BuildCountsDocument):
    """The builds of all followed repositories by result, and how many repositories are done and waiting."""

    followed: Count
    done: Count
    waiting: Count


class DifferenceDocument(TypedDict):
    """Difference from the plan under one key, with all three sides."""

    part: FieldName
    key: str
    planned_from: list[Value]
    now: list[Value]
    wanted: list[Value]
    masked: bool


class SubjectDocument(TypedDict):
    """Subject of a step; `repository` is present for repositories, `scope` and `overlay` for bindings."""

    subject: Literal["repository", "overlay", "binding"]
    name: str
    repository: NotRequired[str]
    scope: NotRequired[str]
    overlay: NotRequired[str]


class SelectorsDocument(TypedDict):
    """The tags of a binding that changed since the plan, from all three sides; null for a missing binding."""

    planned_from: str | None
    now: str | None
    wanted: str | None


class OutcomeDocument(SubjectDocument):
    """Outcome of one step; the keys depend on the outcome."""

    action: Action
    outcome: Literal["applied", "already_done", "stale", "failed", "not_attempted"]
    id: NotRequired[str]
    read_back: NotRequired[bool]
    differences: NotRequired[list[DifferenceDocument]]
    selectors: NotRequired[SelectorsDocument]
    kind: NotRequired[str]
    problem: NotRequired[DiagnosticDocument]
    reason: NotRequired[str]


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


class VerifiedDocument(TypedDict):
    """Number of new images that were proven to contain the requested configuration."""

    proven: Count
    of: Count


class BuildFailureDocument(TypedDict):
    """A build that failed or lacks something."""

    repository: str
    id: str


class LeftoverDocument(TypedDict):
    """Something that was removed from a repository and is still in new images."""

    repository: str
    part: FieldName
    key: str
    images: Annotated[int, Field(ge=1, description="How many new images of the repository contain it.")]
    of: Count
    cause: Literal["base_image", "other_package", "unknown"]


class OtherChangesDocument(PackagesDifferenceDocument):
    """Changes in a repository's images since the previous ones, besides the requested ones."""

    repository: str


class SummaryBuildsDocument(TotalsDocument):
    """The builds of a run in the end."""

    waited: bool
    timed_out: bool
    verified: VerifiedDocument
    unfinished: list[str]
    failures: list[BuildFailureDocument]
    still_there: NotRequired[list[LeftoverDocument]]
    other_changes: NotRequired[list[OtherChangesDocument]]
    superseded: list[str]
    built: list[RepositoryBuiltDocument]


class SummaryLine(TypedDict):
    """The last line: the names for each outcome, and the builds by result."""

    type: Literal["summary"]
    applied: list[str]
    already_done: list[str]
    stale: list[str]
    failed: list[str]
    not_attempted: list[str]
    run: str | None
    interrupted: bool
    verdict: str
    builds: SummaryBuildsDocument


EventLine = Annotated[
    VersionLine
    | PlanLine
    | ApplyStartedLine
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
    | SummaryLine,
    Field(discriminator="type", title="Line of reconciler apply --format json"),
]
_SCHEMAS: dict[str, TypeAdapter[Any]] = {
    "plan.schema.json": TypeAdapter(PlanDocument),
    "events.schema.json": TypeAdapter(EventLine),
}


def schemas() -> dict[str, str]:
    """Return the text of each schema file by its name."""
    dialect = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return {
        name: json.dumps({**dialect, **adapter.json_schema()}, indent=2) + "\n" for name, adapter in _SCHEMAS.items()
    }


if __name__ == "__main__":
    for name, text in schemas().items():
        Path(sys.argv[1], name).write_text(text, encoding="utf-8")
