"""Outcomes and followed builds as the public documents hold them; the events of a run and its report both use them."""

from collections import Counter
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, assert_never

from reconciler.core.builds import (
    FINISHED,
    Build,
    Lacking,
    Progress,
    Proven,
    Result,
    Stage,
    Untold,
    build_failed,
    prove,
)
from reconciler.core.diff import Field, Item, Value, diff, items_of
from reconciler.core.overlay import EMPTY, Overlay
from reconciler.core.runs import Applied, Drifted, Failed, NotAttempted, Outcome, Unchanged
from reconciler.views.problems import diagnostic_document
from reconciler.views.times import rfc3339
from reconciler.views.values import sides_document

_NONE = {"succeeded": 0, "failed": 0, "running": 0}


def outcome_document(outcome: Outcome) -> dict[str, Any]:
    """What happened to one repository."""
    step = outcome.step
    told = {"repository": step.repository, "action": str(step.action), "outcome": outcome_name(outcome)}
    match outcome:
        case Applied(repository_id=id_, read_back=read_back):
            return {**told, "id": id_, "read_back": read_back}
        case Unchanged():
            return told
        case Drifted(now=now):
            return {**told, "differences": _differences(step.before or EMPTY, now, step.after or EMPTY)}
        case Failed(kind=kind, problem=problem):
            return {**told, "kind": str(kind), "problem": diagnostic_document(problem)}
        case NotAttempted(reason=reason):
            return {**told, "reason": str(reason)}
        case _:
            assert_never(outcome)


def outcome_name(outcome: Outcome) -> str:
    """The kind of outcome as documents spell it."""
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
    """What changed since the plan, with all three sides."""
    sides = {"planned_from": planned_from, "now": now, "wanted": wanted}
    places = dict.fromkeys((change.field, change.key) for change in diff(planned_from, now))
    return [
        sides_document(part, key, {side: _under(overlay, part, key) for side, overlay in sides.items()})
        for part, key in places
    ]


def _under(overlay: Overlay, part: Field, key: str) -> tuple[Value, ...]:
    return tuple(entry.value for entry in items_of(overlay) if (entry.field, entry.key) == (part, key))


def build_document(build: Build) -> dict[str, Any]:
    """One build report, without its log."""
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
    """How long a build took; None where its report does not say."""
    if build.started is None or build.ended is None:
        return None
    return round(max(build.ended - build.started, 0.0), 3)


def progress_document(progress: Progress) -> dict[str, Any]:
    """How far one followed repository is."""
    return {
        "repository": progress.target.repository,
        "id": progress.target.id,
        "stage": str(progress.stage),
        "queue": str(progress.sync),
        "others": progress.others,
        **counts(progress),
    }


def counts(progress: Progress) -> dict[str, int]:
    """The number of a repository's builds for each result; one that lacks what was asked has failed."""
    wrong = sum(build_failed(build, progress.target) for build in progress.builds)
    found = results(progress.builds)
    return {**found, "succeeded": found["succeeded"] + found["failed"] - wrong, "failed": wrong}


def built_document(build: Build, progress: Progress, tags: Mapping[str, tuple[str, ...]]) -> dict[str, Any]:
    """One build that counts, with its tags and what it proves."""
    told = {**build_document(build), "tags": list(tags.get(build.digest, ())), "verified": False}
    told |= {"versions": {}, "missing": [], "untold": []}
    if build.result is not Result.SUCCESS:
        return told
    match prove(build, progress.target):
        case Proven(versions=versions):
            return {**told, "verified": True, "versions": dict(versions)}
        case Lacking(missing=missing):
            return {**told, "missing": [_entry_name(one) for one in missing]}
        case Untold(entries=untold):
            return {**told, "untold": [_entry_name(one) for one in untold]}
        case unknown:
            assert_never(unknown)


def _entry_name(entry: Item) -> str:
    """An entry by its part and name; values stay out, which may be secret."""
    if entry.field is Field.PACKAGES and isinstance(entry.value, str):
        return f"{entry.field} {entry.value}"
    return f"{entry.field} {entry.key}" if entry.key else str(entry.field)


def build_names(builds: Iterable[Build], tags: Mapping[str, tuple[str, ...]] = MappingProxyType({})) -> tuple[str, ...]:
    """The tags of what successful builds made, or the beginning of a digest without one; `tags` names more of them."""
    made = [build for build in builds if build.result is Result.SUCCESS and build.digest]
    names = (tags.get(build.digest) or build.tags or (short_digest(build.digest),) for build in made)
    return tuple(dict.fromkeys(name for several in names for name in several))


def short_digest(digest: str) -> str:
    """The beginning of a digest, enough for people to tell it from others."""
    return digest.removeprefix("sha256:")[:12]


def results(builds: Iterable[Build]) -> dict[str, int]:
    """The number of builds for each result."""
    found = Counter(build.result for build in builds)
    return {"succeeded": found[Result.SUCCESS], "failed": found[Result.FAILURE], "running": found[Result.RUNNING]}


def totals(progress: Iterable[Progress]) -> dict[str, int]:
    """The builds of all followed repositories by result, and how many repositories are done and waiting."""
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
