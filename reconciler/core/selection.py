"""Selection of repositories by name, folder and glob.

A plan is narrowed after the whole manifest was planned, so that excluded repositories can be listed and their errors
do not stop the command.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from itertools import compress
from operator import not_

from reconciler.core.effects import effects_of
from reconciler.core.plan import Plan, judge_guard
from reconciler.core.state import Address, Directory, Labels, Live
from reconciler.core.step_problems import step_problems
from reconciler.core.steps import Action, BindingStep, OverlayStep, ReasonCode, ScopeKind, Step
from reconciler.diagnostics import Diagnostic, Severity, listed, nearest, plural

_HINT = "use a name, `folder/name` or a glob; list the names with `reconciler repos`"

_OTHER_HINTS = {
    "--label": "set it in an entry or a glob: `labels: {tier: canary}`",
    "--owner": "set it at the top of a file: `owner: team-a`",
    "--file": "give a glob over the paths of the manifest's files",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Selection by `--repo`, `--exclude`, `--label`, `--owner` and `--file`; a step must match each kind given.

    Of several values of one kind one is enough; of labels, one of each key. `files` are globs over the path of the file
    that asks for the step, or over its name alone.
    """

    repo: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    labels: Labels = ()
    owners: tuple[str, ...] = ()
    files: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.repo or self.exclude or self.labels or self.owners or self.files)


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
    taken = [_takes(selection, address, id_) and _meets(selection, step) for step, address, id_ in named]
    kept = tuple(compress(plan.steps, taken))
    left = tuple(compress(plan.steps, map(not_, taken)))
    overlays = _selected_overlays(plan, selection, live)
    effects = effects_of(live, kept, overlays).tags
    narrowed = replace(
        plan,
        steps=kept,
        diagnostics=(*_diagnostics(plan, (*kept, *overlays)), *_left_out(plan, overlays)),
        left_out=tuple(dict.fromkeys(step.repository for step in left)),
        guard=judge_guard(kept, plan.guard.rules, effects=effects),
        overlay_steps=overlays,
        effects=effects,
    )
    reached = {effect.id for effect in plan.effects}
    known = [(address, id_) for _, address, id_ in named] + [(there[id_], id_) for id_ in sorted(reached)]
    found = tuple(_problems(selection, known, plan))
    return narrowed, found or (() if kept or overlays else (_nothing(plan),))


def _selected_overlays(plan: Plan, selection: Selection, live: Live) -> tuple[OverlayStep | BindingStep, ...]:
    """Return the steps of overlays and bindings that change selected repositories alone, and what those need."""
    directory = Directory(live)
    chosen = [one for one in live.repositories if _takes(selection, one.location, one.id)]
    ids, labels = {one.id for one in chosen}, {directory.label(one) for one in chosen}

    def within(step: OverlayStep | BindingStep) -> bool:
        if isinstance(step, BindingStep) and step.scope.kind is ScopeKind.REPOSITORY:
            return step.scope.id in ids
        reached = step.reaches.repositories
        return labels.issuperset(reached) and bool(reached or not selection.repo)

    bindings = [step for step in plan.overlay_steps if isinstance(step, BindingStep)]
    kept = {id(step) for step in bindings if within(step)}
    needed = {step.overlay for step in bindings if id(step) in kept and step.after is not None}
    bound = {step.overlay for step in bindings if id(step) not in kept and step.before is not None}
    for step in plan.overlay_steps:
        if isinstance(step, OverlayStep):
            wanted = step.name in needed and step.before is None
            if wanted or (within(step) and not (step.action is Action.DELETE and step.name in bound)):
                kept.add(id(step))
    return tuple(step for step in plan.overlay_steps if id(step) in kept)


def _left_out(plan: Plan, kept: Sequence[OverlayStep | BindingStep]) -> Iterator[Diagnostic]:
    """Note the changes of overlays and bindings that would reach repositories which are not selected."""
    left = [step.label for step in plan.overlay_writes if step not in kept]
    if left:
        yield Diagnostic(
            code="overlays-left-out",
            severity=Severity.NOTE,
            summary=f"{plural(len(left), 'change')} of overlays and bindings left out, "
            f"because not only selected repositories would get them: {listed(left)}",
            hint="plan without a selection to see what they change",
        )


def _diagnostics(plan: Plan, kept: Sequence[Step | OverlayStep | BindingStep]) -> Iterator[Diagnostic]:
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


def _meets(selection: Selection, step: Step) -> bool:
    labels = dict(step.labels)
    wanted: dict[str, set[str]] = {}
    for key, value in selection.labels:
        wanted.setdefault(key, set()).add(value)
    return (
        all(labels.get(key) in values for key, values in wanted.items())
        and (not selection.owners or step.owner in selection.owners)
        and (not selection.files or any(_is_in(step, pattern) for pattern in selection.files))
    )


def _is_in(step: Step, pattern: str) -> bool:
    file = step.place.file if step.place is not None else ""
    return fnmatchcase(file, pattern) or fnmatchcase(file.rpartition("/")[2], pattern)


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
    yield from _unmet(selection, plan)


def _unmet(selection: Selection, plan: Plan) -> Iterator[Diagnostic]:
    """Yield an error for each label, owner and file that no step has."""
    given = [("--label", f"{key}={value}", Selection(labels=((key, value),))) for key, value in selection.labels]
    given += [("--owner", owner, Selection(owners=(owner,))) for owner in selection.owners]
    given += [("--file", pattern, Selection(files=(pattern,))) for pattern in selection.files]
    for option, written, alone in given:
        if not any(_meets(alone, step) for step in plan.steps):
            yield Diagnostic(
                code="selects-nothing",
                summary=f'{option} "{written}" matches no repository in the plan',
                hint=_OTHER_HINTS[option],
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
