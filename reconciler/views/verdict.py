"""How a run ended: its summary, and the last line of `apply`, `wait` and `revert` in words that match the exit code."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal, NotRequired

from typing_extensions import TypedDict

from reconciler.core.builds import FINISHED, Stage
from reconciler.core.plan import Plan
from reconciler.core.runs import FailureKind, Skip
from reconciler.core.steps import Step
from reconciler.diagnostics import listed, plural
from reconciler.views.diagnostics import UNCHANGED, refusal
from reconciler.views.run_document import (
    BuiltDocument,
    FollowedDocument,
    LeftoverDocument,
    OutcomeDocument,
    ReportDocument,
    RunBuildsDocument,
    TotalsDocument,
    VerifiedDocument,
    counted,
)
from reconciler.views.steps import PackagesDifferenceDocument
from reconciler.views.text import Style, repositories, token


class BuildFailureDocument(TypedDict):
    """A build that failed or lacks something."""

    repository: str
    id: str


class RepositoryBuiltDocument(BuiltDocument):
    """A build that counts, with its repository."""

    repository: str


class RepositoryLeftoverDocument(LeftoverDocument):
    """Something that was removed from a repository and is still in new images."""

    repository: str


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
    still_there: NotRequired[list[RepositoryLeftoverDocument]]
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


def outcome_lists(summary: SummaryLine) -> list[tuple[str, list[str]]]:
    """Return the names of each outcome below its title."""
    return [
        ("Applied", summary["applied"]),
        ("Already up to date", summary["already_done"]),
        ("Failed", summary["failed"]),
        ("Changed since the plan, left unchanged", summary["stale"]),
        ("Not attempted", summary["not_attempted"]),
    ]


def result_lists(summary: SummaryLine) -> list[tuple[str, list[str]]]:
    """Return what a summary names, as titles with names; none is empty."""
    builds = summary["builds"]
    found = outcome_lists(summary)
    found.append(("Failed builds", [f"{one['repository']}: {one['id']}" for one in builds["failures"]]))
    found.append(("Builds not finished", builds["unfinished"]))
    return [(title, names) for title, names in found if names]


def summary_document(document: ReportDocument, *, verdict: str) -> SummaryLine:
    """Return the summary of a report: the names for each outcome, the builds by result, and how the run ended."""
    return {
        "type": "summary",
        "applied": [one["name"] for one in document["applied"]],
        "already_done": [one["name"] for one in document["already_done"]],
        "stale": [one["name"] for one in document["stale"]],
        "failed": [one["name"] for one in document["failed"]],
        "not_attempted": [one["name"] for one in document["not_attempted"]],
        "run": document["run"],
        "interrupted": document["interrupted"],
        "verdict": verdict,
        "builds": _summary_builds(document["builds"]),
    }


def _summary_builds(builds: RunBuildsDocument) -> SummaryBuildsDocument:
    followed = builds["repositories"]
    return {
        "waited": builds["waited"],
        "timed_out": builds["timed_out"],
        **builds["totals"],
        "verified": builds["verified"],
        "unfinished": [one["name"] for one in followed if one["stage"] not in FINISHED],
        "failures": [
            {"repository": one["repository"], "id": build["id"]}
            for one in followed
            for build in one["built"]
            if build["result"] == "failure" or build["missing"]
        ],
        "still_there": [
            {"repository": one["repository"], **leftover} for one in followed for leftover in one["still_there"]
        ],
        "other_changes": [
            {"repository": one["repository"], **one["other_changes"]} for one in followed if one["other_changes"]
        ],
        "superseded": [one["name"] for one in followed if one["stage"] == Stage.SUPERSEDED],
        "built": [{"repository": one["repository"], **build} for one in followed for build in one["built"]],
    }


_DONE = {"create": "created", "update": "updated", "reset": "reset", "delete": "removed"}


def ending(
    document: ReportDocument, *, command: str, complete: bool, style: Style, problems: Sequence[str] = ()
) -> str:
    """Return the verdict on a run from its report; `complete` only where the exit code is 0.

    `problems` are failures that the report does not hold, such as an output file that could not be written.
    """
    name = command.capitalize()
    if complete:
        left = sum(one["reason"] == Skip.PAUSED for one in document["not_attempted"])
        paused = f"; paused with {plural(left, 'change')} left: `reconciler resume {document['run']}`" if left else ""
        return f"{name} complete: {', '.join(_successes(document, command)) or 'no changes'}{paused}."
    restored = document.get("reverted")
    reverted = [f"{plural(len(restored['applied']), 'change')} reverted"] if restored else []
    found = ", ".join([*_written(document, command), *problems, *_failures(document, style), *reverted])
    if document["interrupted"]:
        return f"{name} interrupted: {found or 'nothing was changed'}."
    return f"{name} finished with errors: {found}."


def cancellation(command: str) -> str:
    """Return the verdict on a run that was declined at the prompt."""
    return f"{command.capitalize()} canceled. {UNCHANGED}"


def not_applyable(plan: Plan, command: str) -> str:
    """Return the verdict on a plan that must not or need not be written."""
    every = (*plan.steps, *plan.overlay_steps)
    blocked, unknown = (sum(step.action == action for step in every) for action in ("blocked", "unknown"))
    if plan.failed:
        of = "step" if any(not isinstance(step, Step) for step in plan.blocked) else ""
        found = plural(blocked, of) if of else repositories(blocked)
        return refusal(command, f"{found} {'has' if blocked == 1 else 'have'} errors")
    if plan.guard.refusals:
        return refusal(command, "the removal guard does not allow this plan")
    if plan.refused:
        return refusal(command, f"{repositories(blocked)} {'is' if blocked == 1 else 'are'} blocked")
    if unknown:
        what = repositories(unknown) if all(step.planned for step in plan.overlay_steps) else plural(unknown, "step")
        return refusal(command, f"{what} could not be read")
    return f"{command.capitalize()} complete: no changes."


def _successes(document: ReportDocument, command: str) -> Iterator[str]:
    for number, (words, found) in enumerate(_actions(document, command).items()):
        plain = number and not any(one["subject"] != "repository" for one in document["applied"])
        yield f"{f'{len(found):,}' if plain else counted(found)} {words}"
    already = len(document["already_done"])
    if already:
        yield (
            f"{already:,} already up to date"
            if document["applied"]
            else f"{counted(document['already_done'])} already up to date"
        )
    builds = document["builds"]
    if builds["totals"]["succeeded"]:
        yield f"{plural(builds['totals']['succeeded'], 'build')} succeeded"
    if document["applied"] and not builds["waited"]:
        yield "builds not waited for"


def _written(document: ReportDocument, command: str) -> Iterator[str]:
    yield from (f"{len(found):,} {words}" for words, found in _actions(document, command).items())


def _actions(document: ReportDocument, command: str) -> Mapping[str, list[OutcomeDocument]]:
    """Return what was done, with the outcomes that it was done in."""
    found: dict[str, list[OutcomeDocument]] = {}
    for action, words in _DONE.items():
        same = [one for one in document["applied"] if one["action"] == action]
        if same:
            found.setdefault("reverted" if command == "revert" else words, []).extend(same)
    return found


def _failures(document: ReportDocument, style: Style) -> Iterator[str]:
    """Yield what went wrong, each with the repositories that it is about."""

    def named(
        words: str, entries: Iterable[OutcomeDocument | FollowedDocument], count: int | None = None
    ) -> Iterator[str]:
        names = [token(one["name"], style) for one in entries]
        if names:
            yield f"{len(names) if count is None else count:,} {words} ({listed(names)})"

    failed, builds = document["failed"], document["builds"]
    followed = builds["repositories"]
    if any(one["kind"] == FailureKind.TOKEN for one in failed):
        yield "token rejected"
    yield from named("failed", failed)
    yield from named("changed since the plan", document["stale"])
    yield from named("not attempted", document["not_attempted"])
    live = [one for one in followed if one["stage"] != Stage.SUPERSEDED]
    count = sum(one["failed"] for one in live)
    yield from named("build failed" if count == 1 else "builds failed", [one for one in live if one["failed"]], count)
    count = sum(one.get("unknown", 0) for one in live)
    ended = f"{'build' if count == 1 else 'builds'} ended with an unknown result"
    yield from named(ended, [one for one in live if one.get("unknown")], count)
    yield from named("changed by somebody else", [one for one in followed if one["stage"] == Stage.SUPERSEDED])
    yield from named("without a build report", [one for one in followed if one["stage"] == Stage.UNREPORTED])
    yield from _unfinished(builds, [one for one in followed if one["stage"] not in FINISHED])


def _unfinished(builds: RunBuildsDocument, found: Sequence[FollowedDocument]) -> Iterator[str]:
    """Yield the builds that have not ended, and the repositories that wait for one."""
    running = builds["totals"]["running"]
    if running:
        late = " when time ran out" if builds["timed_out"] else ""
        yield f"{plural(running, 'build')} running{late}"
    elif found:
        yield f"{repositories(len(found))} waiting for builds"
