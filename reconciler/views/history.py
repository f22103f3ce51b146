"""Recorded runs as a table, one run in detail, and both as a document."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NotRequired, cast

from typing_extensions import TypedDict

from reconciler.core.builds import Build, Progress, Result, count_results
from reconciler.core.runs import Failed, NotAttempted, Run, RunState, RunStep, RunSummary
from reconciler.views.console import Column, draw_table
from reconciler.views.diagnostics import DiagnosticDocument
from reconciler.views.document import OrganizationDocument, organization_document
from reconciler.views.overlay_steps import SubjectDocument, subject
from reconciler.views.run_document import (
    BuildDocument,
    ProgressDocument,
    SelectorsDocument,
    build_document,
    built_document,
    outcome_document,
    outcome_name,
    progress_document,
)
from reconciler.views.text import FORMAT_VERSION, Style, duration, minute, rfc3339, utc
from reconciler.views.values import DifferenceDocument, Time

_OUTCOMES = ("applied", "already_done", "stale", "failed", "not_attempted", "unknown")
_WORDS = {
    "already_done": "already up to date",
    "stale": "changed since the plan",
    "not_attempted": "not attempted",
    "success": "succeeded",
    "failure": "failed",
}
_RUNS = (
    Column("RUN", least=20),
    Column("STARTED", least=17),
    Column("KIND", least=4),
    Column("STATE", least=11),
    Column("EXIT", least=4),
    Column("OUTCOMES", least=9),
    Column("BUILDS", least=24, optional=True),
    Column("TOOK", optional=True),
    Column("BY", least=8, optional=True, yields=True),
    Column("ORGANIZATION", keep="both", optional=True, yields=True),
)
_STEPS = (
    Column("REPOSITORY", keep="both", least=20),
    Column("ACTION"),
    Column("OUTCOME", least=13),
    Column("BUILD", keep="end", least=17, yields=True),
    Column("RESULT"),
    Column("DETAIL", least=16, yields=True),
)


class RecordedBuildDocument(BuildDocument):
    """A recorded build with what it proves; `resolved` are the versions of the requested packages."""

    verified: bool
    missing: list[str]
    untold: list[str]
    resolved: dict[str, str]


class RecordedStepDocument(SubjectDocument):
    """A step of a run with what came of it; the keys depend on the outcome."""

    action: str
    outcome: str
    id: str | None
    read_back: NotRequired[bool]
    differences: NotRequired[list[DifferenceDocument]]
    selectors: NotRequired[SelectorsDocument]
    kind: NotRequired[str]
    problem: NotRequired[DiagnosticDocument]
    reason: NotRequired[str]
    intended: Time | None
    stage: str | None
    builds: list[RecordedBuildDocument]


class FollowedTagsDocument(ProgressDocument):
    """Tags that overlays and bindings gave something else, with their builds."""

    builds: list[RecordedBuildDocument]


class OutcomeCountsDocument(TypedDict):
    """The number of steps by outcome; `unknown` are those whose write may or may not have taken effect."""

    applied: int
    already_done: int
    stale: int
    failed: int
    not_attempted: int
    unknown: int


class ResultsDocument(TypedDict):
    """Builds by result; `unknown` only where there are any."""

    success: int
    failure: int
    running: int
    unknown: NotRequired[int]


class RunDocument(TypedDict):
    """A recorded run."""

    id: str
    started: Time
    ended: Time | None
    kind: str
    user: str
    host: str
    tool_version: str
    api: str
    organization: OrganizationDocument
    source: str
    state: str
    exit_code: int | None
    counts: OutcomeCountsDocument
    builds: ResultsDocument
    steps: list[RecordedStepDocument]
    tags: list[FollowedTagsDocument]


class HistoryDocument(TypedDict):
    """Document of `reconciler history --format json`."""

    format_version: str
    runs: list[RunDocument]


def document(runs: Iterable[Run]) -> HistoryDocument:
    """Return the runs as plain data, in their order."""
    return {"format_version": FORMAT_VERSION, "runs": [_run(run) for run in runs]}


def render(runs: Sequence[Run | RunSummary], *, where: str, style: Style, width: int | None) -> str:
    """Return the runs as a table, in their order; `where` is the name of their journal."""
    return draw_table(_RUNS, [_line(run) for run in runs], style=style, width=width) or (
        f"No runs are recorded in {style.plain(where)}.\n"
    )


def render_run(run: Run, *, style: Style, width: int | None, versions: bool = False) -> str:
    """Return one run with its steps and their builds; `versions` adds what the packages were resolved to."""
    facts = "".join(f"{name + ':':<14}{style.plain(value)}\n" for name, value in _facts(run))
    rows = [row for step in run.steps for row in _rows(step)]
    rows += [row for progress in run.followed for row in _tag_rows(progress)]
    table = draw_table(_STEPS, rows, style=style, width=width)
    resolved = "".join(_resolved(run, style)) if versions else ""
    return "\n".join(part for part in (facts, table or "Nothing to write.\n", resolved) if part)


def _run(run: Run) -> RunDocument:
    header = run.header
    return {
        "id": run.id,
        "started": rfc3339(run.started),
        "ended": None if run.ended is None else rfc3339(run.ended),
        "kind": str(header.kind),
        "user": header.user,
        "host": header.host,
        "tool_version": header.tool_version,
        "api": header.api,
        "organization": organization_document(header.organization),
        "source": header.source,
        "state": str(run.state),
        "exit_code": run.exit_code,
        "counts": _counts(run),
        "builds": _builds(run),
        "steps": [_step(step) for step in run.steps],
        "tags": [_followed(progress) for progress in run.followed],
    }


def _followed(progress: Progress) -> FollowedTagsDocument:
    """Return the builds of tags that overlays and bindings gave something else."""
    return {**progress_document(progress), "builds": [_build(build, progress) for build in progress.builds]}


def _counts(run: Run) -> OutcomeCountsDocument:
    return _ordered(Counter(_came_to(step) for step in run.steps))


def _ordered(outcomes: Mapping[str, int]) -> OutcomeCountsDocument:
    return cast("OutcomeCountsDocument", {name: outcomes.get(name, 0) for name in _OUTCOMES})


def _came_to(step: RunStep) -> str:
    """Return the state of a step: unknown if its write may have arrived, not attempted if it never began."""
    if step.outcome is not None:
        return outcome_name(step.outcome)
    return "not_attempted" if step.intended_at is None else "unknown"


def _builds(run: Run) -> ResultsDocument:
    found = Counter[Result]()
    for progress in (*(step.progress for step in run.steps), *run.followed):
        if progress is not None:
            found.update(count_results(progress))
    return _results(found)


def _results(found: Mapping[Result, int]) -> ResultsDocument:
    document: ResultsDocument = {
        "success": found.get(Result.SUCCESS, 0),
        "failure": found.get(Result.FAILURE, 0),
        "running": found.get(Result.RUNNING, 0),
    }
    if found.get(Result.UNKNOWN):
        document["unknown"] = found[Result.UNKNOWN]
    return document


def _step(step: RunStep) -> RecordedStepDocument:
    item = {**subject(step.step), "action": str(step.step.action), "outcome": _came_to(step)}
    known: Mapping[str, object] = {} if step.outcome is None else outcome_document(step.outcome)
    fields = {
        "id": step.repository_id or known.get("id") or step.step.id,
        "intended": None if step.intended_at is None else rfc3339(step.intended_at),
        "stage": None if step.progress is None else str(step.progress.stage),
        "builds": [_build(build, step.progress) for build in step.progress.builds] if step.progress else [],
    }
    return cast("RecordedStepDocument", {**item, **known, **fields})


def _build(build: Build, progress: Progress) -> RecordedBuildDocument:
    item = built_document(build, progress, {build.digest: build.tags})
    return {
        **build_document(build),
        "tags": item["tags"],
        "verified": item["verified"],
        "missing": item["missing"],
        "untold": item["untold"],
        "resolved": item["versions"],
    }


def _line(run: Run | RunSummary) -> Sequence[str]:
    if isinstance(run, Run):
        outcomes, builds = _counts(run) if run.steps else None, _builds(run)
    else:
        outcomes, builds = _ordered(run.outcomes) if run.outcomes else None, _results(run.builds)
    return (
        run.id,
        minute(run.started),
        str(run.header.kind),
        _state(run, left=outcomes["not_attempted"] if outcomes else 0),
        "-" if run.exit_code is None else str(run.exit_code),
        "no changes" if outcomes is None else _counts_text(outcomes),
        _counts_text(builds),
        "-" if run.ended is None else duration(run.ended - run.started),
        "@".join(part for part in (run.header.user, run.header.host) if part) or "-",
        run.header.organization.name,
    )


def _state(run: Run | RunSummary, *, left: int) -> str:
    """Return how far a run is, in words that match its exit code; `left` is the number of changes not attempted."""
    if run.state is not RunState.ENDED:
        return str(run.state)
    if run.exit_code:
        return "failed"
    # Without an error, changes are left only where the run was told to pause.
    return "paused" if left else "complete"


def _counts_text(counts: Mapping[str, object]) -> str:
    return ", ".join(f"{number:,} {_WORDS.get(name, name)}" for name, number in counts.items() if number) or "-"


def _facts(run: Run) -> Iterator[tuple[str, str]]:
    header = run.header
    yield "run", f"{run.id} ({header.kind}, {_state(run, left=_counts(run)['not_attempted'])})"
    yield "started", utc(run.started)
    yield "ended", "-" if run.ended is None else f"{utc(run.ended)}, exit code {run.exit_code}"
    yield "by", f"{header.user or 'unknown user'} on {header.host or '?'}, version {header.tool_version}"
    yield "organization", header.organization.name
    yield "api", header.api
    yield "source", header.source or "-"
    yield "outcomes", _counts_text(_counts(run))
    yield "builds", _counts_text(_builds(run))


def _rows(step: RunStep) -> Iterator[Sequence[str]]:
    builds = () if step.progress is None else step.progress.builds
    first = (step.step.label, str(step.step.action), _came_to(step).replace("_", " "))
    rows = [_built(_build(build, step.progress)) for build in builds if step.progress] or [("-", "-", _why(step))]
    yield (*first, *rows[0])
    yield from (("", "", "", *one) for one in rows[1:])


def _tag_rows(progress: Progress) -> Iterator[Sequence[str]]:
    """Yield the builds of tags that overlays and bindings gave something else."""
    rows = [_built(_build(build, progress)) for build in progress.builds] or [("-", "-", "no builds yet")]
    yield (progress.target.label, "tags", str(progress.stage), *rows[0])
    yield from (("", "", "", *one) for one in rows[1:])


def _built(build: RecordedBuildDocument) -> tuple[str, str, str]:
    """Return the number that `logs --build` takes, what came of the build, and what it lacks or else its tags."""
    lacks = f"succeeded without {', '.join(build['missing'])}" if build["missing"] else ""
    result = "failure" if lacks else build["result"]
    return build["id"].rpartition("/")[2], result, lacks or ", ".join(build["tags"])


def _why(step: RunStep) -> str:
    match step.outcome:
        case Failed(problem=problem):
            return problem.summary
        case NotAttempted(reason=reason):
            return str(reason)
        case None if step.intended_at is not None:
            return "the write may or may not have taken effect"
        case _:
            return ""


def _resolved(run: Run, style: Style) -> Iterator[str]:
    for step in run.steps:
        builds = step.progress.builds if step.progress else ()
        rows = [_build(build, step.progress)["resolved"] for build in builds if step.progress]
        # The builds of one repository mostly come to the same.
        for versions in dict.fromkeys(", ".join(f"{name} {of}" for name, of in one.items()) for one in rows if one):
            yield f"{style.plain(step.step.label)}: {style.plain(versions)}\n"
