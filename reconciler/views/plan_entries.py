"""The entries of a plan that every format draws: problems, and sections of changes, taken from its document.

A change of a repository, an overlay, a binding or an image is an entry, and so is one that several of them share.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from typing_extensions import TypeIs

from reconciler.diagnostics import listed, plural
from reconciler.views.changes import LABELS, TAGS
from reconciler.views.diagnostics import problem_place
from reconciler.views.document import AnyStepDocument, PlanDocument
from reconciler.views.overlay_steps import BindingStepDocument, EffectDocument, OverlayStepDocument, Selector
from reconciler.views.steps import (
    GROUP_FROM,
    GroupedDocument,
    PackagesDifferenceDocument,
    PlaceDocument,
    ProblemGroupDocument,
    ResolvedDocument,
    StepDocument,
)
from reconciler.views.text import Role, Style, Word, repositories, token
from reconciler.views.values import ChangeDocument

PROBLEMS = ("unknown", "blocked")
WRITES = ("create", "reset", "update")
OVERLAY_WRITES = ("create", "update", "delete")
_ALL_WORDS = ("all", "dev")
_MOST_NAMES = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A change, or a problem, of one thing or of several alike, whose names are then in `names`.

    One that is `titled` has a name in prose. `source` is the name of the repository that a new one is made from, None
    for any other; `lead` the name of an overlay before its tags. `note` is what stays as it is, or what is reached.
    """

    kind: str
    action: str
    name: str = ""
    names: Sequence[str] = ()
    titled: bool = False
    changes: Sequence[ChangeDocument] = ()
    reason: str = ""
    reason_code: str = ""
    source: str | None = None
    lead: str | None = None
    note: str = ""
    will_build: str = ""
    places: Sequence[PlaceDocument] = ()

    @property
    def place(self) -> str:
        """Return where in the manifest it comes from: the first places of several, empty if it has none."""
        return listed([problem_place(one) for one in self.places])

    def text(self, style: Style) -> str:
        """Return its name, safe."""
        return style.plain(self.name) if self.titled else token(self.name, style)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanSection:
    """A part of the plan with a title: changes that several repositories share, and single ones.

    One that is `expected`, as part of a comparison, is shown when it is empty too: that a change causes nothing is
    news. The places of one that is `checked_out` are in the manifest, and those of another in the one that it is
    compared with. Of a comparison, `problems` are the repositories of this part that cannot be changed.
    """

    title: str
    count: int
    groups: Sequence[Entry]
    steps: Sequence[Entry]
    problems: Sequence[Entry] = ()
    expected: bool = False
    checked_out: bool = True


def repository_steps(document: PlanDocument) -> list[StepDocument]:
    """Return the steps of repositories; documents of earlier versions have no others."""
    return [step for step in document["steps"] if not _is_of_overlays(step)]


def overlay_steps(document: PlanDocument) -> list[OverlayStepDocument | BindingStepDocument]:
    """Return the steps of overlays and bindings."""
    return [step for step in document["steps"] if _is_of_overlays(step)]


def _is_of_overlays(step: AnyStepDocument) -> TypeIs[OverlayStepDocument | BindingStepDocument]:
    return step.get("kind", "repository") != "repository"


def problem_entries(document: PlanDocument) -> list[Entry]:
    """Return what could not be planned, unknown first: repositories grouped by reason, and the other steps.

    What a comparison has in one of its parts is left out.
    """
    groups = [one for one in document["problem_groups"] if one["action"] == "unknown" or "caused" not in document]
    grouped = {name for group in groups for name in group["repositories"]}
    parted = {step["repository"] for step in _blocked_parts(document)}
    found = [
        *(_overlay_problem(step) for step in overlay_steps(document) if step["action"] in PROBLEMS),
        *map(_problem_group, groups),
        *(
            _step(step)
            for step in repository_steps(document)
            if step["action"] in PROBLEMS
            and step["repository"] not in grouped
            and not (step["action"] == "blocked" and step["repository"] in parted)
        ),
    ]
    return [one for action in PROBLEMS for one in found if one.action == action]


def _blocked_parts(document: PlanDocument) -> list[StepDocument]:
    parts = [*document.get("caused", ()), *document.get("already_different", ())]
    return [step for step in parts if step["action"] == "blocked"]


def _overlay_problem(step: OverlayStepDocument | BindingStepDocument) -> Entry:
    return replace(_overlay_entry(step), name=f"{step['kind']} {step['name']}", titled=True)


def plan_sections(document: PlanDocument) -> list[PlanSection]:
    """Return overlays and bindings, then the parts of a comparison; where there is none, the changes by action."""
    return [*overlay_sections(document), *repository_sections(document)]


def repository_sections(document: PlanDocument) -> Iterator[PlanSection]:
    """Yield the parts of a comparison, or else the changes of repositories by action."""
    if "caused" in document:
        shared = document["part_groups"]
        yield _compared("Caused by this change", document["caused"], shared["caused"])
        before = "Already different before this change"
        yield _compared(before, document["already_different"], shared["already_different"])
        no_longer = _compared("No longer requested", document["no_longer"], shared["no_longer"])
        yield replace(no_longer, checked_out=False)
        return
    counts, groups = document["counts"], document["groups"]
    singles = _singles(repository_steps(document), groups)
    for action, count in (("create", counts["create"]), ("reset", counts["reset"]), ("update", counts["update"])):
        yield PlanSection(
            title=f"To {action}",
            count=count,
            groups=[_group(one) for one in groups if one["action"] == action],
            steps=[one for one in singles if one.action == action],
        )


def _compared(title: str, steps: Sequence[StepDocument], groups: Sequence[GroupedDocument]) -> PlanSection:
    return PlanSection(
        title=title,
        count=len(steps),
        expected=True,
        groups=[*map(_group, groups)],
        steps=_singles(steps, groups),
        problems=_problems([step for step in steps if step["action"] == "blocked"]),
    )


def _problems(steps: Iterable[StepDocument]) -> list[Entry]:
    """Return blocked repositories of a part of a comparison, those with the same reason together."""
    alike: dict[tuple[str, str], list[Entry]] = {}
    for step in steps:
        alike.setdefault((step["reason"], step.get("will_build", "")), []).append(_step(step))
    singles = [one for found in alike.values() if len(found) < GROUP_FROM for one in found]
    return [*(_problem_entry(found) for found in alike.values() if len(found) >= GROUP_FROM), *singles]


def _problem_entry(alike: Sequence[Entry]) -> Entry:
    changes = alike[0].changes if all(one.changes == alike[0].changes for one in alike) else ()
    places = [place for one in alike for place in one.places]
    return replace(alike[0], names=[one.name for one in alike], changes=changes, places=places, note="", name="")


def _singles(steps: Iterable[StepDocument], groups: Iterable[GroupedDocument]) -> list[Entry]:
    """Return the steps that write and whose change no group holds: creations, resets, then updates."""
    grouped = {name for group in groups for name in group["repositories"]}
    alone = [step for step in steps if step["repository"] not in grouped]
    return [_step(step) for action in WRITES for step in alone if step["action"] == action]


def _step(step: StepDocument) -> Entry:
    return Entry(
        kind="repository",
        action=step["action"],
        name=step["repository"],
        changes=step["changes"],
        reason=step["reason"],
        reason_code=step["reason_code"],
        source=(step["source"]["repository"] or "?") if step["source"] else None,
        note=_unmanaged([LABELS[section] for section in step["unmanaged"]]),
        will_build=step.get("will_build", ""),
        places=_places(step),
    )


def _group(group: GroupedDocument) -> Entry:
    size = len(group["repositories"])
    labels = [
        LABELS[one["section"]] + ("" if one["repositories"] == size else f" in {one['repositories']:,} of them")
        for one in group["unmanaged"]
    ]
    return Entry(
        kind="repository",
        action=group["action"],
        names=group["repositories"],
        changes=group["changes"],
        reason_code=group.get("reason_code", ""),
        source=(group["source"]["repository"] or "?") if group["source"] else None,
        note=_unmanaged(labels),
        will_build=group.get("will_build", ""),
    )


def _problem_group(group: ProblemGroupDocument) -> Entry:
    return Entry(
        kind="repository",
        action=group["action"],
        names=group["repositories"],
        changes=group["changes"],
        reason=group["reason"],
        reason_code=group["reason_code"],
        will_build=group.get("will_build", ""),
        places=group["places"],
    )


def _unmanaged(labels: Sequence[str]) -> str:
    """Return what stays as it is because the manifest does not mention it."""
    return f"{', '.join(labels)} not managed, left unchanged" if labels else ""


def _places(step: AnyStepDocument) -> list[PlaceDocument]:
    file, line, column = step["file"], step["line"], step["column"]
    return [] if file is None else [{"file": file, "line": line or 0, "column": column or 0}]


def overlay_sections(document: PlanDocument) -> Iterator[PlanSection]:
    """Yield what changes of overlays, of bindings, and in the images that they reach; empty parts are left out."""
    for title, (groups, steps) in _overlay_parts(document).items():
        if groups or steps:
            count = len(steps) + sum(len(group.names) for group in groups)
            yield PlanSection(title=title, count=count, groups=groups, steps=steps)


# Changes that several share, and single ones.
_Entries = tuple[list[Entry], list[Entry]]


def _overlay_parts(document: PlanDocument) -> dict[str, _Entries]:
    writes = [step for step in overlay_steps(document) if step["action"] in OVERLAY_WRITES]
    steps = [step for step in writes if step.get("caused", True)]
    parts: dict[str, _Entries] = {
        "Overlays": ([], [_overlay_entry(step) for step in steps if step["kind"] == "overlay"]),
        "Bindings": _bindings([step for step in steps if step["kind"] == "binding"]),
    }
    if steps or not writes:
        parts["Changed images"] = _effects(document.get("effects", []))
    return parts


def _overlay_entry(step: OverlayStepDocument | BindingStepDocument) -> Entry:
    entry = Entry(
        kind=step["kind"],
        action=step["action"],
        name=step["name"],
        reason=step["reason"],
        reason_code=step["reason_code"],
        note=_reach(step),
        places=_places(step),
    )
    if step["kind"] == "overlay":
        return replace(entry, changes=step["changes"])
    scope = step["scope"]
    titled = scope["kind"] != "repository"
    return replace(entry, name=scope["name"], titled=titled, lead=step["overlay"], changes=[_tags(step)])


def _tags(step: BindingStepDocument) -> ChangeDocument:
    """Return the selectors of both sides as a change of a list."""
    after = None if step["action"] == "delete" else _words(step["selector"])
    before = _words(step["selector_before"])
    return {
        "path": TAGS,
        "section": TAGS,
        "part": TAGS,
        "key": "",
        "kind": "add" if before is None else "remove" if after is None else "change",
        "before": before,
        "after": after,
        "masked": False,
    }


def _words(selector: Selector) -> list[str] | None:
    """Return a selector as a list; a tag with the name of a kind is marked to distinguish it."""
    if selector is None:
        return None
    if isinstance(selector, str):
        return [selector]
    return [f"={tag}" if tag in _ALL_WORDS else tag for tag in selector]


def _reach(step: OverlayStepDocument | BindingStepDocument) -> str:
    if step["action"] not in OVERLAY_WRITES:
        return ""
    reach = step["reaches"]
    if reach["tags"]:
        where = repositories(reach["repositories"])
        return f"changes {plural(reach['tags'], 'tag')} in {where}: {listed(reach['names'], _MOST_NAMES)}"
    return "" if step["action"] == "create" and step["kind"] == "overlay" else "changes no tags"


def _bindings(steps: Iterable[BindingStepDocument]) -> _Entries:
    """Return the same change of bindings in several repositories together, and the others."""
    alike: dict[str, list[BindingStepDocument]] = {}
    for step in steps:
        own = step["scope"]["id"] if step["scope"]["kind"] != "repository" else ""
        known = (step["action"], step["reason_code"], step["overlay"], step["selector"], step["selector_before"], own)
        alike.setdefault(repr(known), []).append(step)
    groups = [_binding_group(found) for found in alike.values() if len(found) >= GROUP_FROM]
    singles = [_overlay_entry(step) for found in alike.values() if len(found) < GROUP_FROM for step in found]
    return groups, singles


def _binding_group(steps: Sequence[BindingStepDocument]) -> Entry:
    names = sorted({name for step in steps for name in step["reaches"]["names"]})
    tags = sum(step["reaches"]["tags"] for step in steps)
    entry = _overlay_entry({**steps[0], "reaches": {"repositories": len(names), "tags": tags, "names": names}})
    return replace(entry, names=[step["scope"]["name"] for step in steps], places=())


def _effects(effects: Iterable[EffectDocument]) -> _Entries:
    groups, singles = [], []
    for effect in effects:
        names = [f"{one['repository']}:{','.join(one['tags'])}" for one in effect["tags"]]
        entry = Entry(kind="effect", action="update", name=names[0], changes=effect["changes"])
        if len(names) > 1:
            groups.append(replace(entry, names=names))
        else:
            singles.append(entry)
    return groups, singles


_BUILDS = {
    "yes": Word("will build", Role.DIM),
    "no": Word("will not build", Role.ERROR),
    "fails_already": Word("builds fail already", Role.WARNING),
    "would_fix": Word("builds would be fixed", Role.ADD),
    "would_break": Word("builds would break", Role.ERROR),
}


def build_word(entry: Entry) -> Word:
    """Return whether the images of an entry will build; empty where that is not known."""
    return _BUILDS.get(entry.will_build, Word(""))


def unchanged_names(document: PlanDocument) -> dict[str, list[str]]:
    """Return the names of the unchanged repositories by the reason that they are left alone for, sorted by it."""
    by_reason: dict[str, list[str]] = {}
    for step in document["steps"]:
        if step["action"] == "none":
            name = f"{step['kind']} {step['name']}" if _is_of_overlays(step) else step["repository"]
            by_reason.setdefault(step["reason"], []).append(name)
    return dict(sorted(by_reason.items()))


class ResolvedLine(NamedTuple):
    """One package that comes, goes or changes its version, safe to be shown."""

    text: str
    role: Role


def resolved_lines(document: PlanDocument, style: Style) -> Iterator[tuple[str, list[ResolvedLine]]]:
    """Return the resolved changes of each repository for which they are known."""
    for step in repository_steps(document):
        if lines := step_resolved_lines(step, style):
            yield style.plain(step["repository"]), lines


def step_resolved_lines(step: StepDocument, style: Style) -> list[ResolvedLine]:
    """Return what a repository gets and loses; nothing where it is not known."""
    found = step.get("resolved")
    return ([*difference_lines(found, style)] or [_same(found)]) if found else []


def _same(change: ResolvedDocument) -> ResolvedLine:
    if change["compared"]:
        return ResolvedLine("the same packages", Role.DIM)
    # What is there now is not known, so that nothing can be said to come or to go.
    return ResolvedLine(plural(len(change["packages"]), "package"), Role.DIM)


def difference_lines(change: PackagesDifferenceDocument, style: Style) -> Iterator[ResolvedLine]:
    """Yield a line for each package that comes, goes or changes its version."""
    for mark, role, found in (("+", Role.ADD, change["added"]), ("-", Role.REMOVE, change["removed"])):
        yield from (
            ResolvedLine(f"{mark} {style.plain(one['name'])} {style.plain(one['version'])}", role) for one in found
        )
    for one in change["changed"]:
        text = f"~ {style.plain(one['name'])} {style.plain(one['before'])} -> {style.plain(one['after'])}"
        yield ResolvedLine(text, Role.CHANGE)
