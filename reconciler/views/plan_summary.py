"""The sentences about a plan that all formats share: what it comes to, what keeps it from an apply, what it starts."""

from collections.abc import Callable, Iterator, Sequence
from typing import cast

from reconciler.diagnostics import listed, plural
from reconciler.views.diagnostics import DiagnosticDocument, fold_problems
from reconciler.views.document import CausedCountsDocument, CountsDocument, ForecastDocument, PlanDocument
from reconciler.views.overlay_steps import OverlayCountsDocument
from reconciler.views.plan_entries import OVERLAY_WRITES, overlay_steps
from reconciler.views.text import Role, duration, repositories

_TO_DO = ("create", "update", "reset")
_MOST_NAMES = 20
_ELSE = ("unchanged", "blocked", "unknown")


def closing_sentences(document: PlanDocument, show: Callable[[str], str]) -> Iterator[tuple[str, Role]]:
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


def _numbers(counts: CountsDocument | OverlayCountsDocument | CausedCountsDocument) -> dict[str, int]:
    return cast("dict[str, int]", counts)


def _counts(document: PlanDocument) -> Iterator[tuple[tuple[str, str], dict[str, int]]]:
    """Yield the numbers of steps by action, for each kind of steps that there are."""
    overlays, bindings = document.get("overlay_counts"), document.get("binding_counts")
    for noun, counted in zip(_NOUNS, (overlays, bindings, document["counts"]), strict=True):
        if counted is not None and any(_numbers(counted).values()):
            yield noun, _numbers(counted)


def _subjects(document: PlanDocument, kind: str) -> tuple[str, int] | None:
    """Return what there is of one kind, in words and as a number; None where there is nothing."""
    found = [(plural(counted[kind], *noun), counted[kind]) for noun, counted in _counts(document) if counted[kind]]
    return (_enumerated([words for words, _ in found]), sum(count for _, count in found)) if found else None


def _enumerated(words: Sequence[str]) -> str:
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last


def _summary(document: PlanDocument) -> str:
    counts = _numbers(document["counts"])
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


def _summary_of_overlays(document: PlanDocument) -> str:
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


def _effect_sentence(document: PlanDocument) -> Iterator[str]:
    effects = document["effects"]
    names = {name for effect in effects for name in effect["reaches"]["names"]}
    tags = sum(effect["reaches"]["tags"] for effect in effects)
    if tags:
        yield f"{plural(tags, 'tag')} in {repositories(len(names))} will change."
    elif any(step["action"] in OVERLAY_WRITES for step in overlay_steps(document)):
        yield "No tags will change."


def _compared(document: PlanDocument) -> str:
    """Return the sentence about what the manifest change causes and does not cause."""
    caused = ", ".join(f"{count:,} to {kind}" for kind, count in _numbers(document["caused_counts"]).items() if count)
    overlays = sum(step.get("caused", False) for step in overlay_steps(document))
    if overlays:
        changed = f"{plural(overlays, 'change')} of overlays and bindings"
        caused = f"{caused}, {changed}" if caused else changed
    blocked = sum(step["action"] == "blocked" for step in document["caused"])
    if blocked:
        errors = plural(blocked, "repository with errors", "repositories with errors")
        caused = f"{caused}, {errors}" if caused else errors
    before, after = len(document["already_different"]), len(document["no_longer"])
    rest = [f"{repositories(before)} already different"] if before else []
    rest += [f"{repositories(after)} no longer changed"] if after else []
    return f"Plan: this change causes {caused or 'no changes'}{'; ' if rest else ''}{', '.join(rest)}."


def shown_counts(document: PlanDocument) -> dict[str, int]:
    """Return the numbers of a plan by action, of steps of every kind; of a comparison those that the change causes."""
    counts = _numbers(document["counts"])
    if overlay_steps(document):
        kinds = ("create", "update", "delete", "reset", "unchanged", "blocked", "unknown")
        return {kind: sum(counted.get(kind, 0) for _, counted in _counts(document)) for kind in kinds}
    if "caused" not in document:
        return counts
    return {**_numbers(document["caused_counts"]), "blocked": counts["blocked"], "unknown": counts["unknown"]}


def _hint(refusal: DiagnosticDocument) -> str:
    hint = refusal["hint"]
    return f"{hint[:1].upper()}{hint[1:]}."


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


def _have(count: int) -> str:
    return "has" if count == 1 else "have"


_SEVERITIES = ("error", "warning", "note")
_ORIGINS = {"plan": "Saved plan", "snapshot": "Planned against a snapshot"}


def plan_problems(document: PlanDocument) -> list[list[DiagnosticDocument]]:
    """Return the guard's refusals that have more to say than their sentence, and what planning found; errors first.

    Identical problems are one group.
    """
    found = [*(one for one in document["guard"]["refusals"] if one["detail"]), *document["diagnostics"]]
    return fold_problems(sorted(found, key=lambda one: _SEVERITIES.index(one["severity"])))


def origin_sentences(document: PlanDocument, show: Callable[[str], str]) -> Iterator[tuple[str, Role]]:
    """Yield a sentence about the file that the plan was drawn from; none where it was planned against the API."""
    if "origin" in document:
        found = document["origin"]
        what = _ORIGINS.get(found["kind"], "From a file")
        yield f"{what}, created {show(found['created'])} by reconciler {show(found['tool_version'])}.", Role.DIM


def forecast_sentences(document: PlanDocument, show: Callable[[str], str]) -> Iterator[str]:
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


def _builds(found: ForecastDocument) -> str:
    """Return the number of builds and repositories, and what that number leaves out."""
    where = repositories(found["repositories"] or 0)
    unknown = found["unknown"]["count"] if found["unknown"] else 0
    if found["builds"] is None:
        return f"This will start builds in {where}; their number is unknown (no recent builds)."
    count = f"about {plural(found['builds'], 'build')} in {where}"
    if not unknown:
        return f"This will start {count}."
    return f"This will start {count}, not counting {repositories(unknown)} without recent builds."
