"""Selection of repositories by name, folder and glob.

A plan is narrowed after the whole manifest was planned, so that excluded repositories can be listed and their errors
do not stop the command.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from reconciler.core.plan import Plan, judge_guard
from reconciler.core.planner import step_problems
from reconciler.core.state import Address, Live
from reconciler.core.steps import Action, ReasonCode, Step
from reconciler.diagnostics import Diagnostic, Severity, nearest

_HINT = "use a name, `folder/name` or a glob; list the names with `reconciler repos`"


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """The patterns of `--repo` and `--exclude`: everything that some of the first and none of the second match."""

    repo: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.repo or self.exclude)


def matches(pattern: str, address: Address, id_: str | None) -> bool:
    """Return whether a pattern matches a repository: its UIDP, a glob over its name, or with a `/` over its path."""
    written = f"{address.folder or ''}/{address.name}" if "/" in pattern else address.name
    return pattern == id_ or fnmatchcase(written, pattern)


def select(plan: Plan, selection: Selection, live: Live) -> tuple[Plan, tuple[Diagnostic, ...]]:
    """Return the selected part of a plan, and problems with the patterns; an error among them selects nothing.

    The guard keeps counting against the whole manifest: selecting a part must not make a loss larger.
    """
    if not selection:
        return plan, ()
    there = {one.id: Address(folder=one.folder, name=one.name) for one in live.repositories}
    named = [(step, _address(step, there), None if step.action is Action.CREATE else step.id) for step in plan.steps]
    kept = tuple(step for step, address, id_ in named if _takes(selection, address, id_))
    left = tuple(step for step, address, id_ in named if not _takes(selection, address, id_))
    narrowed = replace(
        plan,
        steps=kept,
        diagnostics=tuple(_diagnostics(plan, kept)),
        left_out=tuple(dict.fromkeys(step.repository for step in left)),
        guard=judge_guard(kept, plan.guard.rules),
    )
    found = tuple(_problems(selection, [(address, id_) for _, address, id_ in named], plan))
    return narrowed, found or (() if kept else (_nothing(plan),))


def _diagnostics(plan: Plan, kept: Sequence[Step]) -> Iterator[Diagnostic]:
    """Return the warnings, and the errors that concern selected steps.

    A conflict does not name the repositories that it blocks, so all are kept while one of those is selected.
    """
    unplanned = {*step_problems(kept)}
    conflicts = any(step.reason.code is ReasonCode.CONFLICTING for step in kept)
    for problem in plan.diagnostics:
        if problem.severity is Severity.WARNING or problem in unplanned or conflicts:
            yield problem


def _address(step: Step, live: Mapping[str, Address]) -> Address:
    """Return the repository with its folder; for one that does not exist, as the manifest writes it."""
    known = None if step.id is None or step.action is Action.CREATE else live.get(step.id)
    return known or Address.parse(step.repository)


def _takes(selection: Selection, address: Address, id_: str | None) -> bool:
    def among(patterns: Iterable[str]) -> bool:
        return any(matches(pattern, address, id_) for pattern in patterns)

    return (among(selection.repo) or not selection.repo) and not among(selection.exclude)


def _problems(selection: Selection, known: Sequence[tuple[Address, str | None]], plan: Plan) -> Iterator[Diagnostic]:
    """Yield each pattern that matches nothing: an error for `--repo`, a warning for `--exclude`."""
    labels = sorted({step.repository for step in plan.steps})
    for option, patterns in (("--repo", selection.repo), ("--exclude", selection.exclude)):
        for pattern in patterns:
            if not any(matches(pattern, address, id_) for address, id_ in known):
                close = nearest(pattern, labels)
                yield Diagnostic(
                    code="selects-nothing",
                    severity=Severity.ERROR if option == "--repo" else Severity.WARNING,
                    summary=f'{option} "{pattern}" matches no repository in the plan',
                    hint=f"did you mean {' or '.join(close)}?" if close else _HINT,
                )


def _nothing(plan: Plan) -> Diagnostic:
    count = len(plan.steps)
    return Diagnostic(
        code="selects-nothing",
        summary=f"the selection excludes all {count:,} repositories in the plan"
        if count
        else "the plan has no repositories to select",
        hint=_HINT,
    )
