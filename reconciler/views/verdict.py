"""The last line of `apply`, `wait` and `revert`: how the run ended, in words that match its exit code."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from reconciler.core.builds import FINISHED, Stage
from reconciler.core.plan import Plan
from reconciler.core.runs import FailureKind, Skip
from reconciler.core.steps import Step
from reconciler.diagnostics import listed, plural
from reconciler.views.run_document import counted
from reconciler.views.text import Style, repositories, token

_DONE = {"create": "created", "update": "updated", "reset": "reset", "delete": "removed"}
_UNCHANGED = "Nothing was changed."


def ending(
    document: dict[str, Any], *, command: str, complete: bool, style: Style, problems: Sequence[str] = ()
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


def refusal(command: str, reason: str) -> str:
    """Return the verdict on a run that was refused before it wrote anything."""
    return f"{command.capitalize()} refused: {reason}. {_UNCHANGED}"


def cancellation(command: str) -> str:
    """Return the verdict on a run that was declined at the prompt."""
    return f"{command.capitalize()} canceled. {_UNCHANGED}"


def early_end(command: str, *, interrupted: bool, errors: int, run: str | None) -> str:
    """Return the verdict on a run that ended before its report; `run` is its id where it may have written."""
    name = command.capitalize()
    if interrupted:
        left = f": writes of run {run} may be unfinished" if run else ""
        return f"{name} interrupted{left}." + ("" if run else f" {_UNCHANGED}")
    if run is not None:
        return f"{name} finished with errors. Details: `reconciler history {run}`."
    return refusal(command, plural(errors, "error"))


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


def _successes(document: dict[str, Any], command: str) -> Iterator[str]:
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
    if builds["succeeded"]:
        yield f"{plural(builds['succeeded'], 'build')} succeeded"
    if document["applied"] and not builds["waited"]:
        yield "builds not waited for"


def _written(document: dict[str, Any], command: str) -> Iterator[str]:
    yield from (f"{len(found):,} {words}" for words, found in _actions(document, command).items())


def _actions(document: dict[str, Any], command: str) -> Mapping[str, list[dict[str, Any]]]:
    """Return what was done, with the outcomes that it was done in."""
    found: dict[str, list[dict[str, Any]]] = {}
    for action, words in _DONE.items():
        same = [one for one in document["applied"] if one["action"] == action]
        if same:
            found.setdefault("reverted" if command == "revert" else words, []).extend(same)
    return found


def _failures(document: dict[str, Any], style: Style) -> Iterator[str]:
    """Yield what went wrong, each with the repositories that it is about."""

    def named(words: str, entries: Iterable[dict[str, Any]], count: int | None = None) -> Iterator[str]:
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
    for kind, one, several in (
        ("failed", "build failed", "builds failed"),
        ("unknown", "build ended with an unknown result", "builds ended with an unknown result"),
    ):
        count = sum(entry.get(kind, 0) for entry in live)
        yield from named(one if count == 1 else several, [entry for entry in live if entry.get(kind)], count)
    yield from named("changed by somebody else", [one for one in followed if one["stage"] == Stage.SUPERSEDED])
    yield from named("without a build report", [one for one in followed if one["stage"] == Stage.UNREPORTED])
    yield from _unfinished(builds, [one for one in followed if one["stage"] not in FINISHED])


def _unfinished(builds: dict[str, Any], found: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Yield the builds that have not ended, and the repositories that wait for one."""
    if builds["running"]:
        late = " when time ran out" if builds["timed_out"] else ""
        yield f"{plural(builds['running'], 'build')} running{late}"
    elif found:
        yield f"{repositories(len(found))} waiting for builds"
