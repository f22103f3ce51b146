"""What a plan comes to, in sentences: the counts, what stays untouched, and why a plan cannot be applied.

The last lines of its text, and the first of its Markdown and HTML.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from reconciler.views import forecast
from reconciler.views.layout import Page, phrase
from reconciler.views.style import Role

_TO_DO = ("create", "update", "reset")
_MOST_NAMES = 20
_ELSE = ("unchanged", "blocked", "unknown")


def closing(document: dict[str, Any], page: Page) -> list[str]:
    """The lines, each wrapped at the page's width."""
    return [page.line(phrase(text, role), hanging=2) for text, role in sentences(document, page.style.plain)]


def sentences(document: dict[str, Any], show: Callable[[str], str]) -> Iterator[tuple[str, Role]]:
    """Each sentence with its weight; `show` makes text from outside safe for the format that they are for."""
    counts = document["counts"]
    yield _summary(counts), Role.BOLD
    if counts["blocked"]:
        yield f"Nothing of this can be applied: {_entries(counts['blocked'])} cannot be carried out.", Role.ERROR
    if counts["unknown"]:
        yield f"Not complete: {_repositories(counts['unknown'])} could not be read and will be left alone.", Role.ERROR
    unlisted, left_out = document["unlisted"]["count"], document["left_out"]["count"]
    if unlisted:
        yield _untouched(unlisted, show(document["organization"]["name"])), Role.DIM
    if left_out:
        names = _listed([show(name) for name in document["left_out"]["names"]])
        yield f"{_repositories(left_out)} {_are(left_out)} left out by the selection: {names}.", Role.DIM
    for refusal in document["guard"]["refusals"]:
        yield f"Refused: {show(refusal['summary'])}. {show(_hint(refusal))}", Role.ERROR
    yield from ((text, Role.DIM) for text in forecast.told(document, show))


def _summary(counts: dict[str, int]) -> str:
    to_do = ", ".join(f"{counts[kind]:,} to {kind}" for kind in _TO_DO if counts[kind])
    other = ", ".join(f"{counts[kind]:,} {kind}" for kind in _ELSE if counts[kind])
    if to_do:
        return f"Plan: {to_do}; {other}." if other else f"Plan: {to_do}."
    if counts["blocked"] or counts["unknown"]:
        return f"Plan: nothing to change; {other}."
    if not counts["unchanged"]:
        return "No changes: the plan covers no repository."
    one = counts["unchanged"] == 1
    told = "the one repository is" if one else f"all {counts['unchanged']:,} repositories are"
    return f"No changes: {told} as the manifest wants {'it' if one else 'them'}."


def _untouched(count: int, organization: str) -> str:
    other = "other repository" if count == 1 else "other repositories"
    verbs = ("is", "stays as it is") if count == 1 else ("are", "stay as they are")
    return f"{count:,} {other} of {organization} {verbs[0]} not in the manifest and {verbs[1]}."


def _listed(names: Sequence[str]) -> str:
    """The names, as many as a reader can take in; the JSON document has all of them."""
    rest = len(names) - _MOST_NAMES
    return ", ".join(names) if rest <= 0 else f"{', '.join(names[:_MOST_NAMES])} and {rest:,} more"


def _hint(refusal: dict[str, Any]) -> str:
    hint = refusal["hint"]
    return f"{hint[:1].upper()}{hint[1:]}."


def _repositories(count: int) -> str:
    return f"{count:,} {'repository' if count == 1 else 'repositories'}"


def _entries(count: int) -> str:
    return f"{count:,} {'entry' if count == 1 else 'entries'}"


def _are(count: int) -> str:
    return "is" if count == 1 else "are"
