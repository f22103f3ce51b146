"""The end report of an apply for people: the counts, the names for each outcome, what went wrong, and the builds."""

import shlex
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from reconciler.core.outcome import Skip
from reconciler.views import log_text
from reconciler.views.change_text import LABELS
from reconciler.views.diagnostics_text import problem_lines
from reconciler.views.items import listing, value_words
from reconciler.views.layout import Page, Word, measure, phrase
from reconciler.views.quoting import token
from reconciler.views.reasons import not_attempted
from reconciler.views.safe_text import width as width_of
from reconciler.views.style import Role, Style
from reconciler.views.times import duration

_COUNTS = {
    "applied": "applied",
    "already_done": "already as wanted",
    "stale": "changed meanwhile",
    "failed": "failed",
    "not_attempted": "not attempted",
}
_SIDES = {"planned_from": "planned from", "now": "now", "wanted": "wanted"}
_SIDE_COLUMNS = max(map(len, _SIDES.values())) + 2
_QUEUE = {"queued": "queued", "in-progress": "in the queue, being worked on", "failed": "its last sync failed"}
_ALIKE_FROM = 3
_LEAST_WIDTH = 40


def render(document: dict[str, Any], *, style: Style, width: int) -> str:
    """The report as text that ends in a line end; the worst comes last, where a person looks first."""
    page = Page(style=style, width=max(width, _LEAST_WIDTH))
    blocks = [_head(document, page), *_outcomes(document, page), *_builds(document["builds"], page)]
    blocks.append(_notes(document, page))
    return "\n\n".join("\n".join(block) for block in blocks if block) + "\n"


def _head(document: dict[str, Any], page: Page) -> list[str]:
    counts = [f"{words} {len(document[kind]):,}" for kind, words in _COUNTS.items() if document[kind]]
    text = ",|".join(counts) or "nothing to do"
    # A count stays with its word.
    return [page.line([Word(text=part, role=Role.BOLD) for part in f"{text[0].upper()}{text[1:]}.".split("|")])]


def _outcomes(document: dict[str, Any], page: Page) -> Iterator[list[str]]:
    yield _names("applied", document["applied"], page)
    yield _names(
        "answer lost, but confirmed by reading again", [one for one in document["applied"] if one["read_back"]], page
    )
    yield _names("already as wanted", document["already_done"], page)
    for reason in Skip:
        skipped = [one for one in document["not_attempted"] if one["reason"] == reason]
        yield _names(not_attempted(reason), skipped, page)
    for stale in document["stale"]:
        yield [_titled(stale["repository"], "changed since the plan and left alone", page), *_sides(stale, page)]
    for failed in document["failed"]:
        problem = [f"  {line}" for line in problem_lines(failed["problem"], page.style)]
        yield [_titled(failed["repository"], "failed", page), *problem]


def _names(title: str, found: Sequence[dict[str, Any]], page: Page) -> list[str]:
    if not found:
        return []
    names = [token(one["repository"], page.style) for one in found]
    return [f"{title}:", *page.columns(names, indent=4)]


def _titled(repository: str, what: str, page: Page) -> str:
    name = Word(text=token(repository, page.style) + ":", role=Role.ERROR)
    return page.line([name, *phrase(what)])


def _sides(stale: dict[str, Any], page: Page) -> Iterator[str]:
    """What differs, with what the plan was made from, what is there now, and what the manifest wants."""
    for difference in stale["differences"]:
        key = [Word(text=token(difference["key"], page.style), role=Role.BOLD)] if difference["key"] else []
        place = [*phrase(LABELS[difference["part"]]), *key]
        sides = {side: _side(difference, side, page.style) for side in _SIDES}
        first, *rest = listing([Word(text=_SIDES[side]), *words] for side, words in sides.items())
        line = [*place, replace(first, gap=3), *rest]
        if measure(line) + 2 <= page.width:
            yield page.line(line, indent=2)
            continue
        yield page.line(place, indent=2)
        for side, words in sides.items():
            first = replace(words[0], gap=_SIDE_COLUMNS - len(_SIDES[side]))
            yield page.line([Word(text=_SIDES[side]), first, *words[1:]], indent=4, hanging=4 + _SIDE_COLUMNS)


def _side(difference: dict[str, Any], side: str, style: Style) -> list[Word]:
    values = [word for value in difference[side] for word in value_words(value, difference, style)]
    return values or [Word(text="nothing", role=Role.DIM)]


def _builds(builds: dict[str, Any], page: Page) -> Iterator[list[str]]:
    followed = builds["repositories"]
    if not followed:
        return
    total = _results(builds) or "none seen"
    where = f"in {len(followed):,} {'repository' if len(followed) == 1 else 'repositories'}"
    yield [page.line(phrase(f"Builds: {total} {where}.", Role.BOLD)), *_by_state(followed, page)]
    for one in followed:
        told = [failure for failure in one["failures"] if failure["log_lines"] is not None]
        yield from (_failure(one["repository"], failure, page) for failure in told)
        yield _further(one["repository"], [one for one in one["failures"] if one["log_lines"] is None], page)


def _by_state(followed: Iterable[dict[str, Any]], page: Page) -> Iterator[str]:
    """The repositories with their builds, those that are in the same state together."""
    alike: dict[str, list[str]] = {}
    for one in followed:
        alike.setdefault(_state(one), []).append(token(one["repository"], page.style))
    single = {name: state for state, names in alike.items() if len(names) < _ALIKE_FROM for name in names}
    column = max((min(width_of(name), page.width // 2) for name in single), default=0) + 3
    for state, names in alike.items():
        if len(names) >= _ALIKE_FROM:
            yield page.line(phrase(f"{state}, in {len(names):,} repositories:"), indent=2)
            yield from page.columns(names, indent=4)
    for name, state in sorted(single.items()):
        gap = max(column - width_of(name), 2)
        yield page.line([Word(text=name), *phrase(state, gap=gap)], indent=2, hanging=6)


def _state(one: dict[str, Any]) -> str:
    told = _results(one) or "no build seen"
    if one["stage"] == "done":
        return told
    queue = f"; {_QUEUE[one['queue']]}" if one["queue"] in _QUEUE else ""
    return f"not finished: {told}{queue}"


def _results(counts: dict[str, Any]) -> str:
    return ", ".join(f"{counts[kind]:,} {kind}" for kind in ("succeeded", "failed", "running") if counts[kind])


def _failure(repository: str, failure: dict[str, Any], page: Page) -> list[str]:
    after = "" if failure["seconds"] is None else f" after {duration(failure['seconds'])}"
    style = page.style
    # The command stands on a line of its own and unbroken, so that it can be copied; it also tells the report's id.
    command = f"  reconciler logs {shlex.quote(style.plain(repository))} --build {style.plain(failure['id'])}"
    tail = [line for text in failure["log_tail"] for line in page.quote(log_text.clean(text, style), indent=4)]
    return [_titled(repository, f"a build failed{after}; {_about_log(failure)}", page), *tail, command]


def _further(repository: str, failures: Sequence[dict[str, Any]], page: Page) -> list[str]:
    """The failed builds of a repository whose logs were not read."""
    if not failures:
        return []
    number = "a build" if len(failures) == 1 else f"{len(failures):,} builds"
    numbers = [page.style.plain(failure["id"].rpartition("/")[2]) for failure in failures]
    title = _titled(repository, f"{number} failed; for a log, `reconciler logs` with --build and one of:", page)
    return [title, *page.columns(numbers, indent=4)]


def _about_log(failure: dict[str, Any]) -> str:
    lines, tail = failure["log_lines"], failure["log_tail"]
    if not tail:
        return "it left no log"
    return f"the last {len(tail)} of {lines:,} lines of its log:" if lines > len(tail) else "its log:"


def _notes(document: dict[str, Any], page: Page) -> list[str]:
    builds = document["builds"]
    notes = []
    if document["interrupted"]:
        notes.append("Interrupted: nothing more was started, and what was under way was finished.")
    if document["interrupted"] and builds["waited"]:
        notes.append("Builds that have started go on; `reconciler builds` shows them.")
    if builds["timed_out"]:
        notes.append("Some builds did not finish in time; they go on, and `reconciler builds` shows them.")
    if document["applied"] and not builds["waited"]:
        notes.append("The builds were not waited for; `reconciler builds` shows them.")
    return [page.line(phrase(note, Role.WARNING)) for note in notes]
