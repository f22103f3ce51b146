"""Parts and sentences of a plan that all formats share, taken from its document."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from reconciler.diagnostics import listed, plural
from reconciler.views.changes import LABELS
from reconciler.views.diagnostics import fold_problems, problem_place
from reconciler.views.overlay_entries import (
    OVERLAY_WRITES,
    overlay_parts,
    overlay_problems,
    overlay_steps,
    repository_steps,
)
from reconciler.views.text import Role, Style, Word, duration, repositories, token

PROBLEMS = ("unknown", "blocked")
WRITES = ("create", "reset", "update")
REPOSITORIES = "Repositories"
_TITLES = {"create": "To create", "reset": "To reset", "update": "To update"}
_COMPARED = {
    "caused": "Caused by this change",
    "already_different": "Already different before this change",
    "no_longer": "No longer requested",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanSection:
    """A part of the plan with a title: changes that several repositories share, and single steps.

    One that is `expected` is shown when it is empty too: that a change causes nothing is news. The places of one that
    is `checked_out` are in the manifest, and those of another in the one that it is compared with.
    """

    title: str
    count: int
    expected: bool
    groups: Sequence[dict[str, Any]]
    steps: Sequence[dict[str, Any]]
    checked_out: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """Time and commit of a page; unknown fields are empty.

    `made` is in seconds since the epoch, None to omit it; `job_url` is the page of the CI job.
    `file_url` returns the page of a line of a manifest in that commit.
    """

    made: float | None = None
    commit: str = ""
    commit_url: str = ""
    job_url: str = ""
    file_url: Callable[[str, int], str] = lambda _file, _line: ""


NO_PROVENANCE = Provenance()


def problem_entries(document: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what could not be planned, unknown first: repositories grouped by reason, and the other steps."""
    groups = document["problem_groups"]
    grouped = {name for group in groups for name in group["repositories"]}
    alone = [step for step in repository_steps(document) if step["repository"] not in grouped]
    found = (*overlay_problems(document), *groups, *alone)
    return [one for action in PROBLEMS for one in found if one["action"] == action]


def entry_name(entry: dict[str, Any], style: Style) -> str:
    """Return the display name of an entry: its title, or the name of a repository, an overlay or a tag."""
    return style.plain(entry["title"]) if "title" in entry else token(entry["repository"], style)


def overlay_sections(document: dict[str, Any]) -> Iterator[PlanSection]:
    """Yield what changes of overlays, of bindings, and in the images; empty parts are left out."""
    for title, groups, steps in overlay_parts(document):
        if groups or steps:
            count = len(steps) + sum(len(group["repositories"]) for group in groups)
            yield PlanSection(title=title, count=count, expected=False, groups=groups, steps=steps)


def problem_places(entry: dict[str, Any]) -> str:
    """Return where in the manifest the entry comes from: the first places of several, empty if it has none."""
    if "places" in entry:
        return listed([problem_place(one) for one in entry["places"]])
    return problem_place(entry)


def plan_parts(document: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Return the parts of a plan, each with its heading; the whole plan as one part, without a heading.

    Where two manifests were compared, it is what the change between them causes, what it does not, and what it ends.
    """
    if "caused" not in document:
        return [("", {**document, "steps": repository_steps(document)})]
    shared = document["part_groups"]
    return [(heading, {"steps": document[key], "groups": shared[key]}) for key, heading in _COMPARED.items()]


def single_steps(part: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the steps that write and whose change no group holds: creations, resets, then updates."""
    grouped = {name for group in part["groups"] for name in group["repositories"]}
    alone = [step for step in part["steps"] if step["repository"] not in grouped]
    return [step for action in WRITES for step in alone if step["action"] == action]


def shared_changes(part: dict[str, Any], action: str) -> list[dict[str, Any]]:
    """Return the changes of one action that several repositories share."""
    return [group for group in part["groups"] if group["action"] == action]


def plan_sections(document: dict[str, Any]) -> Iterator[PlanSection]:
    """Yield overlays and bindings, then the parts of a comparison; where there is none, the changes by action."""
    yield from overlay_sections(document)
    for heading, part in plan_parts(document):
        alone = single_steps(part)
        if heading:
            yield PlanSection(
                title=heading,
                count=len(part["steps"]),
                expected=True,
                groups=part["groups"],
                steps=alone,
                checked_out=heading != _COMPARED["no_longer"],
            )
            continue
        for action in WRITES:
            yield PlanSection(
                title=_TITLES[action],
                count=document["counts"][action],
                expected=False,
                groups=shared_changes(part, action),
                steps=[step for step in alone if step["action"] == action],
            )


def unchanged_names(document: dict[str, Any]) -> dict[str, list[str]]:
    """Return the names of the unchanged repositories by the reason that they are left alone for, sorted by it."""
    by_reason: dict[str, list[str]] = {}
    for step in document["steps"]:
        if step["action"] == "none":
            by_reason.setdefault(step["reason"], []).append(step.get("repository") or f"{step['kind']} {step['name']}")
    return dict(sorted(by_reason.items()))


_TO_DO = ("create", "update", "reset")
_MOST_NAMES = 20
_ELSE = ("unchanged", "blocked", "unknown")


_BUILDS = {
    "yes": Word("will build", Role.DIM),
    "no": Word("will not build", Role.ERROR),
    "fails_already": Word("builds fail already", Role.WARNING),
    "would_fix": Word("builds would be fixed", Role.ADD),
    "would_break": Word("builds would break", Role.ERROR),
}


def build_word(entry: dict[str, Any]) -> Word:
    """Return whether the images of a step or a group will build; empty where that is not known."""
    return _BUILDS.get(entry.get("will_build", ""), Word(""))


def keeps(entry: dict[str, Any]) -> str:
    """Return what stays as it is in an entry because the manifest does not mention it, or its own note; often empty."""
    if "note" in entry:
        return str(entry["note"])
    size = len(entry.get("repositories", ()))
    labels = [
        LABELS[one]
        if isinstance(one, str)
        else LABELS[one["section"]] + ("" if one["repositories"] == size else f" in {one['repositories']:,} of them")
        for one in entry["unmanaged"]
    ]
    return f"{', '.join(labels)} not managed, left unchanged" if labels else ""


def closing_sentences(document: dict[str, Any], show: Callable[[str], str]) -> Iterator[tuple[str, Role]]:
    """Yield each sentence with its weight; `show` makes text from outside safe for the format that they are for."""
    counts = document["counts"]
    yield _compared(document) if "caused" in document else _summary(document), Role.BOLD
    if counts["reset"]:
        yield "A reset removes the customization; the repository itself is kept.", Role.DIM
    if unknown := _subjects(document, "unknown"):
        unread = f"{unknown[0]} could not be read and {_are(unknown[1])} left unchanged"
        yield f"This plan is incomplete: {unread}.", Role.ERROR
    unlisted, left_out = document["unlisted"]["count"], document["left_out"]["count"]
    if unlisted:
        yield (
            f"{repositories(unlisted)} {_are(unlisted)} not in the manifest and {_are(unlisted)} left unchanged.",
            Role.DIM,
        )
    if left_out:
        names = listed([show(name) for name in document["left_out"]["names"]], _MOST_NAMES)
        yield f"{repositories(left_out)} {_are(left_out)} excluded by the selection: {names}.", Role.DIM
    if blocked := _subjects(document, "blocked"):
        if document.get("skip_blocked"):
            yield f"{blocked[0]} with errors {_are(blocked[1])} left out (--skip-blocked).", Role.ERROR
        else:
            yield f"This plan cannot be applied: {blocked[0]} {_have(blocked[1])} errors.", Role.ERROR
    for refusal in document["guard"]["refusals"]:
        yield f"This plan cannot be applied: {show(refusal['summary'])}. {show(_hint(refusal))}", Role.ERROR
    yield from ((text, Role.DIM) for text in forecast_sentences(document, show))


_NOUNS = (("overlay", ""), ("binding", ""), ("repository", "repositories"))


def _counts(document: dict[str, Any]) -> Iterator[tuple[tuple[str, str], dict[str, int]]]:
    """Yield the numbers of steps by action, for each kind of steps that there are."""
    keys = ("overlay_counts", "binding_counts", "counts")
    for noun, key in zip(_NOUNS, keys, strict=True):
        if any(document.get(key, {}).values()):
            yield noun, document[key]


def _subjects(document: dict[str, Any], kind: str) -> tuple[str, int] | None:
    """Return what there is of one kind, in words and as a number; None where there is nothing."""
    found = [(plural(counted[kind], *noun), counted[kind]) for noun, counted in _counts(document) if counted[kind]]
    return (_enumerated([words for words, _ in found]), sum(count for _, count in found)) if found else None


def _enumerated(words: Sequence[str]) -> str:
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last


def _summary(document: dict[str, Any]) -> str:
    counts = document["counts"]
    if overlay_steps(document):
        return _summary_of_overlays(document)
    to_do = ", ".join(f"{counts[kind]:,} to {kind}" for kind in _TO_DO if counts[kind])
    other = ", ".join(f"{counts[kind]:,} {kind}" for kind in _ELSE if counts[kind])
    if to_do:
        return f"Plan: {to_do}; {other}." if other else f"Plan: {to_do}."
    if counts["blocked"] or counts["unknown"]:
        return f"Plan: no changes; {other}."
    if not counts["unchanged"]:
        return "No changes. The plan covers no repositories."
    if counts["unchanged"] == 1:
        return "No changes. The repository matches the manifest."
    return f"No changes. All {counts['unchanged']:,} repositories match the manifest."


def _summary_of_overlays(document: dict[str, Any]) -> str:
    """Return the summary of a plan with overlays or bindings: every number says what it counts."""
    found = [*_counts(document)]
    to_do = [
        f"{plural(number, *noun)} to {kind}"
        for noun, counted in found
        for kind, number in counted.items()
        if number and kind not in _ELSE
    ]
    other = [
        f"{sum(counted[kind] for _, counted in found):,} {kind}"
        for kind in _ELSE
        if any(counted[kind] for _, counted in found)
    ]
    if to_do:
        text = f"Plan: {'; '.join([', '.join(to_do), *([', '.join(other)] if other else [])])}."
        return " ".join([text, *_effect_sentence(document)])
    if any(counted["blocked"] or counted["unknown"] for _, counted in found):
        return f"Plan: no changes; {', '.join(other)}."
    unchanged = _enumerated([plural(counted["unchanged"], *noun) for noun, counted in found])
    return f"No changes. {unchanged} match the manifest."


def _effect_sentence(document: dict[str, Any]) -> Iterator[str]:
    effects = document["effects"]
    names = {name for effect in effects for name in effect["reaches"]["names"]}
    tags = sum(effect["reaches"]["tags"] for effect in effects)
    if tags:
        yield f"{plural(tags, 'tag')} in {repositories(len(names))} will change."
    elif any(step["action"] in OVERLAY_WRITES for step in overlay_steps(document)):
        yield "No tags will change."


def _compared(document: dict[str, Any]) -> str:
    """Return the sentence about what the manifest change causes and does not cause."""
    caused = ", ".join(f"{count:,} to {kind}" for kind, count in document["caused_counts"].items() if count)
    overlays = sum(step.get("caused", False) for step in overlay_steps(document))
    if overlays:
        changed = f"{plural(overlays, 'change')} of overlays and bindings"
        caused = f"{caused}, {changed}" if caused else changed
    before, after = len(document["already_different"]), len(document["no_longer"])
    rest = [f"{repositories(before)} already different"] if before else []
    rest += [f"{repositories(after)} no longer changed"] if after else []
    return f"Plan: this change causes {caused or 'no changes'}{'; ' if rest else ''}{', '.join(rest)}."


def shown_counts(document: dict[str, Any]) -> dict[str, int]:
    """Return the numbers of a plan by action, of steps of every kind; of a comparison those that the change causes."""
    counts: dict[str, int] = document["counts"]
    if overlay_steps(document):
        kinds = ("create", "update", "delete", "reset", "unchanged", "blocked", "unknown")
        return {kind: sum(counted.get(kind, 0) for _, counted in _counts(document)) for kind in kinds}
    if "caused" not in document:
        return counts
    return {**document["caused_counts"], "blocked": counts["blocked"], "unknown": counts["unknown"]}


def _hint(refusal: dict[str, Any]) -> str:
    hint = refusal["hint"]
    return f"{hint[:1].upper()}{hint[1:]}."


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


def _have(count: int) -> str:
    return "has" if count == 1 else "have"


_SEVERITIES = ("error", "warning", "note")
_ORIGINS = {"plan": "Saved plan", "snapshot": "Planned against a snapshot"}


def plan_problems(document: dict[str, Any]) -> list[list[Mapping[str, Any]]]:
    """Return the guard's refusals that have more to say than their sentence, and what planning found; errors first.

    Identical problems are one group.
    """
    found = [*(one for one in document["guard"]["refusals"] if one["detail"]), *document["diagnostics"]]
    return fold_problems(sorted(found, key=lambda one: _SEVERITIES.index(one["severity"])))


def origin_sentences(document: dict[str, Any], show: Callable[[str], str]) -> Iterator[tuple[str, Role]]:
    """Yield a sentence about the file that the plan was drawn from; none where it was planned against the API."""
    if "origin" in document:
        found = document["origin"]
        what = _ORIGINS.get(found["kind"], "From a file")
        yield f"{what}, created {show(found['created'])} by reconciler {show(found['tool_version'])}.", Role.DIM


def forecast_sentences(document: dict[str, Any], show: Callable[[str], str]) -> Iterator[str]:
    """Yield the forecast of a plan document in sentences, if it has one; `show` makes untrusted text safe."""
    found = document.get("forecast")
    if found is None:
        return
    if found["problem"] is not None:
        yield f"Number of builds unknown: {show(found['problem'])}."
        return
    yield _builds(found)
    seconds = found["seconds"]
    if seconds is not None:
        yield (
            f"Recent builds: median {duration(seconds['median'])}, longest {duration(seconds['longest'])} "
            f"({plural(seconds['of'], 'build')})."
        )


def _builds(found: dict[str, Any]) -> str:
    """Return the number of builds and repositories, and what that number leaves out."""
    where = repositories(found["repositories"])
    unknown = found["unknown"]["count"]
    if found["builds"] is None:
        return f"This will start builds in {where}; their number is unknown (no recent builds)."
    count = f"about {plural(found['builds'], 'build')} in {where}"
    if not unknown:
        return f"This will start {count}."
    return f"This will start {count}, not counting {repositories(unknown)} without recent builds."


class ResolvedLine(NamedTuple):
    """One package that comes, goes or changes its version, safe to be shown."""

    text: str
    role: Role


def resolved_lines(document: dict[str, Any], style: Style) -> Iterator[tuple[str, list[ResolvedLine]]]:
    """Return the resolved changes of each repository for which they are known."""
    for step in repository_steps(document):
        if step.get("resolved"):
            yield style.plain(step["repository"]), step_resolved_lines(step, style)


def step_resolved_lines(step: dict[str, Any], style: Style) -> list[ResolvedLine]:
    """Return what a repository gets and loses; nothing where it is not known."""
    found = step.get("resolved")
    return ([*difference_lines(found, style)] or [_same(found)]) if found else []


def _same(change: dict[str, Any]) -> ResolvedLine:
    if change["compared"]:
        return ResolvedLine("the same packages", Role.DIM)
    count = len(change["packages"])
    # What is there now is not known, so that nothing can be said to come or to go.
    return ResolvedLine(plural(count, "package"), Role.DIM)


def difference_lines(change: dict[str, Any], style: Style) -> Iterator[ResolvedLine]:
    """Yield a line for each package that comes, goes or changes its version."""
    for mark, role, found in (("+", Role.ADD, change["added"]), ("-", Role.REMOVE, change["removed"])):
        yield from (
            ResolvedLine(f"{mark} {style.plain(one['name'])} {style.plain(one['version'])}", role) for one in found
        )
    for one in change["changed"]:
        text = f"~ {style.plain(one['name'])} {style.plain(one['before'])} -> {style.plain(one['after'])}"
        yield ResolvedLine(text, Role.CHANGE)
