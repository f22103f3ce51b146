"""The documents of a run: its outcomes, its builds, its end report, and one for each event while it goes."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, assert_never

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
from reconciler.core.diff import Field, Item, Value, diff, items_of
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
from reconciler.core.leftovers import Leftover, find_leftovers, other_changes
from reconciler.core.overlay import EMPTY, Overlay
from reconciler.core.runs import Applied, Drifted, Failed, NotAttempted, Outcome, Unchanged
from reconciler.core.steps import AnyStep, BindingStep, OverlayStep, Step
from reconciler.diagnostics import plural
from reconciler.views.diagnostics import diagnostic_document
from reconciler.views.document import difference_document
from reconciler.views.text import json_line, log_lines, repositories, rfc3339
from reconciler.views.values import sides_document

_NONE = {"succeeded": 0, "failed": 0, "running": 0}


def outcome_document(outcome: Outcome) -> dict[str, Any]:
    """Return what happened to one step."""
    step = outcome.step
    fields = {**subject(step), "action": str(step.action), "outcome": outcome_name(outcome)}
    match outcome:
        case Applied(repository_id=id_, read_back=read_back):
            return {**fields, "id": id_, "read_back": read_back}
        case Unchanged():
            return fields
        case Drifted(now=now):
            return {**fields, **_drift(step, now)}
        case Failed(kind=kind, problem=problem):
            return {**fields, "kind": str(kind), "problem": diagnostic_document(problem)}
        case NotAttempted(reason=reason):
            return {**fields, "reason": str(reason)}
        case _:
            assert_never(outcome)


def subject(step: AnyStep) -> dict[str, Any]:
    """Return what a step is about: a repository, an overlay or a binding, and the name that people know it by."""
    match step:
        case Step():
            return {"repository": step.repository, "subject": "repository", "name": step.repository}
        case OverlayStep():
            return {"subject": "overlay", "name": step.name}
        case BindingStep():
            return {"subject": "binding", "name": step.label, "scope": step.scope.label, "overlay": step.overlay}


def counted(found: Iterable[Mapping[str, Any]]) -> str:
    """Return what documents of outcomes or builds are about, counted: `2 overlays, 1 binding, 3 repositories`."""
    kinds = [one.get("subject", "repository") for one in found]
    parts = [plural(kinds.count(kind), kind) for kind in ("overlay", "binding") if kind in kinds]
    if "repository" in kinds:
        parts.append(repositories(kinds.count("repository")))
    return ", ".join(parts)


def _drift(step: AnyStep, now: Overlay | TagSelector | None) -> dict[str, Any]:
    """Return what changed since the plan: the items of an overlay, or the tags of a binding."""
    if isinstance(step, BindingStep):
        sides = {"planned_from": step.before, "now": now, "wanted": step.after}
        return {"differences": [], "selectors": {side: one and str(one) for side, one in sides.items()}}
    there = now if isinstance(now, Overlay) else EMPTY
    return {"differences": _differences(step.before or EMPTY, there, step.after or EMPTY)}


def outcome_name(outcome: Outcome) -> str:
    """Return the kind of outcome as documents spell it."""
    match outcome:
        case Applied():
            return "applied"
        case Unchanged():
            return "already_done"
        case Drifted():
            return "stale"
        case Failed():
            return "failed"
        case NotAttempted():
            return "not_attempted"
        case _:
            assert_never(outcome)


def _differences(planned_from: Overlay, now: Overlay, wanted: Overlay) -> list[dict[str, Any]]:
    """Return what changed since the plan, with all three sides."""
    sides = {"planned_from": planned_from, "now": now, "wanted": wanted}
    places = dict.fromkeys((change.field, change.key) for change in diff(planned_from, now))
    return [
        sides_document(part, key, {side: _under(overlay, part, key) for side, overlay in sides.items()})
        for part, key in places
    ]


def _under(overlay: Overlay, part: Field, key: str) -> tuple[Value, ...]:
    return tuple(entry.value for entry in items_of(overlay) if (entry.field, entry.key) == (part, key))


def build_document(build: Build) -> dict[str, Any]:
    """Return one build report, without its log."""
    return {
        "id": build.id,
        "result": str(build.result),
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


def progress_document(progress: Progress) -> dict[str, Any]:
    """Return how far one followed repository is."""
    return {
        "repository": progress.target.repository,
        "name": progress.target.label,
        "id": progress.target.id,
        **({"tags": list(progress.target.tags)} if progress.target.tags else {}),
        "stage": str(progress.stage),
        "queue": str(progress.sync),
        "others": progress.others,
        **counts(progress),
    }


def counts(progress: Progress) -> dict[str, int]:
    """Return the number of a repository's builds for each result; one that lacks what was asked has failed."""
    return named_results(count_results(progress))


def built_document(build: Build, progress: Progress, tags: Mapping[str, tuple[str, ...]]) -> dict[str, Any]:
    """Return one build that counts, with its tags and what it proves."""
    fields = {**build_document(build), "tags": list(tags.get(build.digest, ())), "verified": False}
    fields |= {"versions": {}, "missing": [], "untold": []}
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


def results(builds: Iterable[Build]) -> dict[str, int]:
    """Return the number of builds for each result."""
    return named_results(Counter(build.result for build in builds))


def named_results(found: Mapping[Result, int]) -> dict[str, int]:
    """Return numbers of builds by the words of documents; `unknown` only where there are any."""
    words = {"succeeded": Result.SUCCESS, "failed": Result.FAILURE, "running": Result.RUNNING}
    known = {word: found.get(result, 0) for word, result in words.items()}
    unknown = found.get(Result.UNKNOWN, 0)
    return {**known, "unknown": unknown} if unknown else known


def totals(progress: Iterable[Progress]) -> dict[str, int]:
    """Return the builds of all followed repositories by result, and how many repositories are done and waiting."""
    known = tuple(progress)
    builds = Counter(_NONE)
    for one in known:
        builds.update(counts(one))
    return {
        **builds,
        "followed": len(known),
        "done": sum(one.stage in FINISHED for one in known),
        "waiting": sum(one.stage is Stage.WAITING for one in known),
    }


LOG_LINES = 15
_SUBJECTS = ("overlay", "binding", "repository")
_KINDS = ("applied", "already_done", "stale", "failed", "not_attempted")


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
) -> dict[str, Any]:
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
        **{kind: [one for one in fields if one["outcome"] == kind] for kind in _KINDS},
        "builds": {
            "waited": waited,
            "timed_out": timed_out,
            **totals(followed),
            "verified": {"proven": proven, "of": of},
            "repositories": [
                {**_repository(one, logs, tags or {}), **_other_changes(one, earlier)} for one in followed
            ],
        },
    }


OUTCOME_TITLES: Mapping[str, str] = {
    "applied": "Applied",
    "already_done": "Already up to date",
    "failed": "Failed",
    "stale": "Changed since the plan, left unchanged",
    "not_attempted": "Not attempted",
}


def result_lists(summary: dict[str, Any]) -> list[tuple[str, list[str]]]:
    """Return what a summary names, as titles with names; none is empty."""
    builds = summary["builds"]
    found = [(title, summary[kind]) for kind, title in OUTCOME_TITLES.items()]
    found.append(("Failed builds", [f"{one['repository']}: {one['id']}" for one in builds["failures"]]))
    found.append(("Builds not finished", builds["unfinished"]))
    return [(title, names) for title, names in found if names]


def summary_line(document: dict[str, Any], *, verdict: str) -> str:
    """Return the summary as one line of JSON."""
    return json_line(summary_document(document, verdict=verdict))


def summary_document(document: dict[str, Any], *, verdict: str) -> dict[str, Any]:
    """Return the summary of a report: the names for each outcome, the builds by result, and how the run ended."""
    builds = document["builds"]
    unfinished = [one["name"] for one in builds["repositories"] if one["stage"] not in FINISHED]
    failures = [
        {"repository": one["repository"], "id": failure["id"]}
        for one in builds["repositories"]
        for failure in one["built"]
        if failure["result"] == Result.FAILURE or failure["missing"]
    ]
    summary = {
        "type": "summary",
        **{kind: [one["name"] for one in document[kind]] for kind in _KINDS},
        "run": document["run"],
        "interrupted": document["interrupted"],
        "verdict": verdict,
        "builds": {
            **builds,
            "repositories": [],
            "unfinished": unfinished,
            "failures": failures,
            "still_there": [
                {"repository": one["repository"], **leftover}
                for one in builds["repositories"]
                for leftover in one["still_there"]
            ],
            "other_changes": [
                {"repository": one["repository"], **one["other_changes"]}
                for one in builds["repositories"]
                if "other_changes" in one
            ],
            "superseded": [one["name"] for one in builds["repositories"] if one["stage"] == Stage.SUPERSEDED],
            "built": [
                {"repository": one["repository"], **build} for one in builds["repositories"] for build in one["built"]
            ],
        },
    }
    del summary["builds"]["repositories"]
    return summary


def _repository(progress: Progress, logs: Mapping[str, str], tags: Mapping[str, tuple[str, ...]]) -> dict[str, Any]:
    built = [built_document(build, progress, tags) for build in progress.builds]
    return {
        **progress_document(progress),
        "built": built,
        "still_there": [_leftover(one) for one in find_leftovers(progress)],
        "failures": _failures(progress, logs),
    }


def _leftover(found: Leftover) -> dict[str, Any]:
    """Return something that was removed and is still there; values stay out, which may be secret."""
    item = found.item
    return {
        "part": str(item.field),
        "key": item.key,
        "images": found.images,
        "of": found.of,
        "cause": str(found.cause),
    }


def _other_changes(progress: Progress, earlier: Sequence[Build]) -> dict[str, Any]:
    """Return what else changed since the last image; empty if no report shows it."""
    change = other_changes(progress, earlier)
    return {} if change is None else {"other_changes": difference_document(change)}


def _failures(progress: Progress, logs: Mapping[str, str]) -> list[dict[str, Any]]:
    failed = (build for build in progress.failures if build.result is Result.FAILURE)
    return [_failure(build, logs.get(build.id, build.log or None)) for build in failed]


def _failure(build: Build, log: str | None) -> dict[str, Any]:
    """Return a failed build; `log_lines` is None where its log was not read."""
    if log is None:
        return {**build_document(build), "log_lines": None, "log_tail": []}
    lines = log_lines(log)
    return {**build_document(build), "log_lines": len(lines), "log_tail": lines[-LOG_LINES:]}


def event_document(event: Event) -> dict[str, Any]:
    """Return one event as plain data: its `type`, the time `at`, and its fields."""
    kind, fields = _event_fields(event)
    return {"type": kind, "at": rfc3339(event.at), **fields}


def _event_fields(event: Event) -> tuple[str, dict[str, Any]]:
    match event:
        case ApplyStarted() | StepStarted() | StepFinished():
            return _writing(event)
        case WaveStarted() | WaveSoaking() | WaveFailed():
            return _wave(event)
        case _:
            return _following(event)


def _wave(event: WaveStarted | WaveSoaking | WaveFailed) -> tuple[str, dict[str, Any]]:
    wave = {"number": event.number, "of": event.of}
    match event:
        case WaveStarted(steps=steps):
            return "wave_started", {**wave, "steps": steps}
        case WaveSoaking(seconds=seconds):
            return "wave_soaking", {**wave, "seconds": seconds}
        case WaveFailed(steps=steps):
            return "wave_failed", {**wave, "steps": len(steps)}
        case _:
            assert_never(event)


def _writing(event: ApplyStarted | StepStarted | StepFinished) -> tuple[str, dict[str, Any]]:
    match event:
        case ApplyStarted(steps=steps):
            return "apply_started", {"steps": steps}
        case StepStarted(step=step):
            return "step_started", subject(step)
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
            fields = {**build_document(build), "tags": list(build.tags)}
            return "build_ended", {"repository": repository, "build": fields}
        case RepositoryDone(progress=progress):
            return "repository_done", progress_document(progress)
        case PollFailed(problem=problem):
            return "look_failed", {"problem": diagnostic_document(problem)}
        case QueueUnread(problem=problem):
            return "queue_unread", {"problem": diagnostic_document(problem)}
        case _:
            assert_never(event)


def _seen(event: BuildsSeen) -> dict[str, Any]:
    """Return the sums, and the repositories that are not done: those that are have had a line of their own."""
    open_ones = [progress_document(one) for one in event.progress if one.stage not in FINISHED]
    return {"builds": totals(event.progress), "open": open_ones}
