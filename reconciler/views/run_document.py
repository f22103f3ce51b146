"""The documents of a run: what came of its steps, its builds, and its end report."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Annotated, Literal, NotRequired, assert_never, cast

from pydantic import Field as Schema
from typing_extensions import TypedDict

from reconciler.core.bindings import TagSelector
from reconciler.core.builds import (
    FINISHED,
    Build,
    Lacking,
    Progress,
    Proven,
    Result,
    Stage,
    Unproven,
    count_results,
    prove,
    verified,
)
from reconciler.core.diff import Field, Item
from reconciler.core.leftovers import Leftover, find_leftovers, other_changes
from reconciler.core.overlay import EMPTY, Overlay
from reconciler.core.runs import Applied, Drifted, Failed, NotAttempted, Outcome, Unchanged
from reconciler.core.steps import AnyStep, BindingStep
from reconciler.diagnostics import plural
from reconciler.views.diagnostics import DiagnosticDocument, diagnostic_document
from reconciler.views.overlay_steps import SubjectDocument, subject
from reconciler.views.steps import ActionName, PackagesDifferenceDocument, difference_document
from reconciler.views.text import log_lines, repositories, rfc3339
from reconciler.views.values import Count, DifferenceDocument, FieldName, Time, difference_documents

OutcomeName = Literal["applied", "already_done", "stale", "failed", "not_attempted"]
_LOG_LINES = 15


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


class BuildCountsDocument(TypedDict):
    """Builds by result; `unknown` have ended, and the API does not say how."""

    succeeded: Count
    failed: Count
    running: Count
    unknown: NotRequired[Count]


class _TargetDocument(TypedDict):
    repository: str
    name: str
    id: str
    tags: NotRequired[list[str]]


class ProgressDocument(BuildCountsDocument, _TargetDocument):
    """Progress of one followed repository, or, with `tags`, of those tags."""

    stage: str
    queue: str
    others: Count


class TotalsDocument(BuildCountsDocument):
    """The builds of all followed repositories by result, and how many repositories are done and waiting."""

    followed: Count
    done: Count
    waiting: Count


class SelectorsDocument(TypedDict):
    """The tags of a binding that changed since the plan, from all three sides; null for a missing binding."""

    planned_from: str | None
    now: str | None
    wanted: str | None


class OutcomeDocument(SubjectDocument):
    """Outcome of one step; the keys depend on the outcome."""

    action: ActionName
    outcome: OutcomeName
    id: NotRequired[str]
    read_back: NotRequired[bool]
    differences: NotRequired[list[DifferenceDocument]]
    selectors: NotRequired[SelectorsDocument]
    kind: NotRequired[str]
    problem: NotRequired[DiagnosticDocument]
    reason: NotRequired[str]


class VerifiedDocument(TypedDict):
    """Number of new images that were proven to contain the requested configuration."""

    proven: Count
    of: Count


class LeftoverDocument(TypedDict):
    """Something that was removed and is still in new images."""

    part: FieldName
    key: str
    images: Annotated[int, Schema(ge=1, description="How many new images of the repository contain it.")]
    of: Count
    cause: Literal["base_image", "other_package", "unknown"]


class FailedBuildDocument(BuildDocument):
    """A failed build with the end of its log; `log_lines` is null where the log was not read."""

    log_lines: int | None
    log_tail: list[str]


class FollowedDocument(ProgressDocument):
    """A followed repository in the end."""

    built: list[BuiltDocument]
    still_there: list[LeftoverDocument]
    failures: list[FailedBuildDocument]
    other_changes: PackagesDifferenceDocument | None


class RunBuildsDocument(TypedDict):
    """The builds of a run."""

    waited: bool
    timed_out: bool
    totals: TotalsDocument
    verified: VerifiedDocument
    repositories: list[FollowedDocument]


class ReportDocument(TypedDict):
    """A run in the end; `reverted` is the report of the run that restored a failed wave."""

    run: str | None
    interrupted: bool
    applied: list[OutcomeDocument]
    already_done: list[OutcomeDocument]
    stale: list[OutcomeDocument]
    failed: list[OutcomeDocument]
    not_attempted: list[OutcomeDocument]
    builds: RunBuildsDocument
    reverted: NotRequired["ReportDocument"]


def outcome_document(outcome: Outcome) -> OutcomeDocument:
    """Return what happened to one step."""
    step = outcome.step
    fields = {"action": str(step.action), "outcome": outcome_name(outcome)}
    document = cast("OutcomeDocument", {**subject(step), **fields})
    match outcome:
        case Applied(repository_id=id_, read_back=read_back):
            document["id"], document["read_back"] = id_, read_back
        case Unchanged():
            pass
        case Drifted(now=now):
            _add_drift(document, step, now)
        case Failed(kind=kind, problem=problem):
            document["kind"], document["problem"] = str(kind), diagnostic_document(problem)
        case NotAttempted(reason=reason):
            document["reason"] = str(reason)
        case _:
            assert_never(outcome)
    return document


def counted(found: Iterable[Mapping[str, object]]) -> str:
    """Return what documents of outcomes or builds are about, counted: `2 overlays, 1 binding, 3 repositories`."""
    kinds = [one.get("subject", "repository") for one in found]
    parts = [plural(kinds.count(kind), kind) for kind in ("overlay", "binding") if kind in kinds]
    if "repository" in kinds:
        parts.append(repositories(kinds.count("repository")))
    return ", ".join(parts)


def _add_drift(document: OutcomeDocument, step: AnyStep, now: Overlay | TagSelector | None) -> None:
    """Add what changed since the plan: the items of an overlay, or the tags of a binding."""
    if isinstance(step, BindingStep):
        before, live, after = (None if one is None else str(one) for one in (step.before, now, step.after))
        document["differences"] = []
        document["selectors"] = {"planned_from": before, "now": live, "wanted": after}
    else:
        there = now if isinstance(now, Overlay) else EMPTY
        document["differences"] = difference_documents(step.before or EMPTY, there, step.after or EMPTY)


_OUTCOMES: Mapping[type[Outcome], OutcomeName] = {
    Applied: "applied",
    Unchanged: "already_done",
    Drifted: "stale",
    Failed: "failed",
    NotAttempted: "not_attempted",
}


def outcome_name(outcome: Outcome) -> OutcomeName:
    """Return the kind of outcome as documents spell it."""
    return _OUTCOMES[type(outcome)]


def build_document(build: Build) -> BuildDocument:
    """Return one build report, without its log."""
    return {
        "id": build.id,
        "result": build.result.value,
        "started": None if build.started is None else rfc3339(build.started),
        "ended": None if build.ended is None else rfc3339(build.ended),
        "seconds": build_seconds(build),
        "digest": build.digest or None,
        "warnings": list(build.warnings),
    }


def build_seconds(build: Build) -> float | None:
    """Return how long a build took; None where its report does not say."""
    if build.started is None or build.ended is None:
        return None
    return round(max(build.ended - build.started, 0.0), 3)


def progress_document(progress: Progress) -> ProgressDocument:
    """Return how far one followed repository is."""
    target = progress.target
    named: _TargetDocument = {"repository": target.repository, "name": target.label, "id": target.id}
    if target.tags:
        named["tags"] = list(target.tags)
    return {
        **named,
        "stage": str(progress.stage),
        "queue": str(progress.sync),
        "others": progress.others,
        **counts(progress),
    }


def counts(progress: Progress) -> BuildCountsDocument:
    """Return the number of a repository's builds for each result; one that lacks what was asked has failed."""
    return named_results(count_results(progress))


def built_document(build: Build, progress: Progress, tags: Mapping[str, tuple[str, ...]]) -> BuiltDocument:
    """Return one build that counts, with its tags and what it proves."""
    fields: BuiltDocument = {
        **build_document(build),
        "tags": list(tags.get(build.digest, ())),
        "verified": False,
        "versions": {},
        "missing": [],
        "untold": [],
    }
    if build.result is not Result.SUCCESS:
        return fields
    match prove(build, progress.target):
        case Proven(versions=versions):
            return {**fields, "verified": True, "versions": dict(versions)}
        case Lacking(missing=missing):
            return {**fields, "missing": [_entry_name(one) for one in missing]}
        case Unproven(entries=unreported):
            return {**fields, "untold": [_entry_name(one) for one in unreported]}
        case unknown:
            assert_never(unknown)


def _entry_name(entry: Item) -> str:
    """Return an entry by its part and name; values stay out, which may be secret."""
    if entry.field is Field.PACKAGES and isinstance(entry.value, str):
        return f"{entry.field} {entry.value}"
    return f"{entry.field} {entry.key}" if entry.key else str(entry.field)


def build_names(builds: Iterable[Build], tags: Mapping[str, tuple[str, ...]] = MappingProxyType({})) -> tuple[str, ...]:
    """Return the tags of successful builds, or the start of a digest without a tag; `tags` names more of them."""
    made = [build for build in builds if build.result is Result.SUCCESS and build.digest]
    names = (tags.get(build.digest) or build.tags or (short_digest(build.digest),) for build in made)
    return tuple(dict.fromkeys(name for several in names for name in several))


def short_digest(digest: str) -> str:
    """Return the beginning of a digest, enough to distinguish it from others."""
    return digest.removeprefix("sha256:")[:12]


def named_results(found: Mapping[Result, int]) -> BuildCountsDocument:
    """Return numbers of builds by the words of documents; `unknown` only where there are any."""
    counts: BuildCountsDocument = {
        "succeeded": found.get(Result.SUCCESS, 0),
        "failed": found.get(Result.FAILURE, 0),
        "running": found.get(Result.RUNNING, 0),
    }
    if found.get(Result.UNKNOWN):
        counts["unknown"] = found[Result.UNKNOWN]
    return counts


def result_words(counts: Mapping[str, object]) -> str:
    """Return builds by result in words, those that there are."""
    words = {"succeeded": "succeeded", "failed": "failed", "running": "running", "unknown": "with an unknown result"}
    return ", ".join(f"{counts[kind]:,} {of}" for kind, of in words.items() if counts.get(kind))


def totals(progress: Iterable[Progress]) -> TotalsDocument:
    """Return the builds of all followed repositories by result, and how many repositories are done and waiting."""
    known = tuple(progress)
    builds = Counter[Result]()
    for one in known:
        builds.update(count_results(one))
    return {
        **named_results(builds),
        "followed": len(known),
        "done": sum(one.stage in FINISHED for one in known),
        "waiting": sum(one.stage is Stage.WAITING for one in known),
    }


_SUBJECTS = ("overlay", "binding", "repository")


def report_document(
    outcomes: Sequence[Outcome],
    progress: Sequence[Progress],
    logs: Mapping[str, str],
    *,
    interrupted: bool,
    waited: bool,
    timed_out: bool,
    run: str | None = None,
    tags: Mapping[str, tuple[str, ...]] | None = None,
    earlier: Sequence[Build] = (),
) -> ReportDocument:
    """Return the report as plain data; `logs` are those that were read of failed builds, by report id.

    `run` is the id that it is recorded under, None where nothing is; `tags` are those known, by digest;
    `earlier` are builds from before the writes, to tell what else changed.
    """
    fields = sorted(
        (outcome_document(one) for one in outcomes), key=lambda one: (_SUBJECTS.index(one["subject"]), str(one["name"]))
    )
    followed = sorted(progress, key=lambda one: one.target.label)
    proven, of = verified(followed)
    return {
        "run": run,
        "interrupted": interrupted,
        "applied": [one for one in fields if one["outcome"] == "applied"],
        "already_done": [one for one in fields if one["outcome"] == "already_done"],
        "stale": [one for one in fields if one["outcome"] == "stale"],
        "failed": [one for one in fields if one["outcome"] == "failed"],
        "not_attempted": [one for one in fields if one["outcome"] == "not_attempted"],
        "builds": {
            "waited": waited,
            "timed_out": timed_out,
            "totals": totals(followed),
            "verified": {"proven": proven, "of": of},
            "repositories": [_followed(one, logs, tags or {}, earlier) for one in followed],
        },
    }


def _followed(
    progress: Progress, logs: Mapping[str, str], tags: Mapping[str, tuple[str, ...]], earlier: Sequence[Build]
) -> FollowedDocument:
    change = other_changes(progress, earlier)
    return {
        **progress_document(progress),
        "built": [built_document(build, progress, tags) for build in progress.builds],
        "still_there": [_leftover(one) for one in find_leftovers(progress)],
        "failures": [_failure(build, logs) for build in progress.failures if build.result is Result.FAILURE],
        "other_changes": None if change is None else difference_document(change),
    }


def _leftover(found: Leftover) -> LeftoverDocument:
    """Return something that was removed and is still there; values stay out, which may be secret."""
    item = found.item
    return {
        "part": str(item.field),
        "key": item.key,
        "images": found.images,
        "of": found.of,
        "cause": found.cause.value,
    }


def _failure(build: Build, logs: Mapping[str, str]) -> FailedBuildDocument:
    log = logs.get(build.id, build.log or None)
    if log is None:
        return {**build_document(build), "log_lines": None, "log_tail": []}
    lines = log_lines(log)
    return {**build_document(build), "log_lines": len(lines), "log_tail": lines[-_LOG_LINES:]}
