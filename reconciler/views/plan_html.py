"""A plan document as one page for a browser, made for reviewing plans of hundreds of repositories.

Everything can be read without the script; it adds the filter. The looks are in `plan.css`, the filter in `plan.js`.
"""

from collections.abc import Iterable
from typing import Any

from reconciler.views.html_changes import STYLE
from reconciler.views.html_entries import Entries
from reconciler.views.html_page import page
from reconciler.views.plan import (
    Section,
    closing_sentences,
    origin_sentences,
    plan_problems,
    plan_sections,
    problem_details,
    problem_place,
    problem_steps,
    resolved_lines,
    unchanged_names,
)
from reconciler.views.safe_html import NOTHING, Html, element, joined, text
from reconciler.views.text import Role, plain

_UNFOLDED_UP_TO = 150
_NOTICES = {Role.ERROR: "error", Role.WARNING: "warning", Role.BOLD: "lead", Role.DIM: "dim"}
_KINDS = {"add": "+ adds", "change": "~ changes", "remove": "\N{MINUS SIGN} removes"}


def render(document: dict[str, Any], *, unicode: bool = True) -> str:
    """The whole plan as an HTML document; without `unicode` in ASCII, for a stream that takes nothing else."""
    sections = [*plan_sections(document)]
    few = sum(len(section.groups) + len(section.steps) for section in sections) <= _UNFOLDED_UP_TO
    entries = Entries(unfolded=few)
    main = element(
        "main",
        _problems(document, entries),
        _diagnostics(document),
        *(_writes(section, entries) for section in sections),
        _resolved(document, entries),
        _others(document, entries),
    )
    body = [_header(document), _filter(), main, _footer(document)]
    whole = page(f"Plan for {document['organization']['name']}", body)
    return whole if unicode else whole.encode("ascii", "xmlcharrefreplace").decode("ascii")


def _header(document: dict[str, Any]) -> Html:
    name = element("span", text(document["organization"]["name"]), class_="organization")
    told = (*origin_sentences(document, plain), *closing_sentences(document, plain))
    said = [element("p", text(sentence), class_=_NOTICES[role]) for sentence, role in told]
    return element(
        "header",
        element("h1", text("Plan for "), name),
        element("p", text(f"on {document['api']}"), class_="api"),
        element("div", *(_tile(*counted) for counted in document["counts"].items()), class_="tiles"),
        element("div", *said, class_="said"),
    )


def _tile(action: str, count: int) -> Html:
    """A count, which the script makes a button that shows those repositories alone."""
    number = element("b", text(f"{count:,}"))
    classes = f"tile {action}" if count else f"tile {action} empty"
    inside = (number, text(f" {action}"))
    return element(
        "button", *inside, class_=classes, type="button", disabled=True, data_action=action, aria_pressed="false"
    )


def _filter() -> Html:
    """The filter, hidden until the script that carries it out shows it."""
    words = Html(
        '<input type="search" id="words" autocomplete="off" spellcheck="false" placeholder="Filter by name or change"'
        ' aria-keyshortcuts="/"><kbd>/</kbd>'
    )
    kinds = [
        element("button", text(told), type="button", class_=f"chip {kind}", data_kind=kind, aria_pressed="false")
        for kind, told in _KINDS.items()
    ]
    folds = [
        element("button", text(told), type="button", class_="fold", data_fold=fold)
        for fold, told in {"open": "Unfold all", "close": "Fold all"}.items()
    ]
    label = element("label", text("Filter"), for_="words")
    status = element("output", id="shown", for_="words", aria_live="polite")
    inside = [element("span", label, words, class_="words"), *kinds, *folds, status]
    return element("div", *inside, id="filter", role="search", hidden=True)


def _problems(document: dict[str, Any], entries: Entries) -> Html:
    found = problem_steps(document)
    return _section("Cannot be carried out", len(found), map(entries.problem, found))


def _diagnostics(document: dict[str, Any]) -> Html:
    found = plan_problems(document)
    return _section("Problems", len(found), map(_diagnostic, found))


def _diagnostic(one: dict[str, Any]) -> Html:
    head = [
        element("b", text(one["severity"])),
        text(one["summary"].strip()),
        element("code", text(one["code"])),
        *([element("span", text(problem_place(one)), class_="place")] if problem_place(one) else []),
    ]
    more = [element("p", text(line), class_="detail") for line in problem_details(one)]
    return element("div", element("p", joined(head, " ")), *more, class_=f"diagnostic {one['severity']}")


def _writes(section: Section, entries: Entries) -> Html:
    """Changes that several repositories share, then the single ones."""
    inside = [*map(entries.group, section.groups), *map(entries.step, section.steps)]
    if section.expected and not inside:
        inside = [element("p", text("nothing"), class_="dim")]
    return _section(section.title, section.count, inside)


def _resolved(document: dict[str, Any], entries: Entries) -> Html:
    """What would be installed in the end, where that was asked."""
    found = [entries.resolution(name, told) for name, told in resolved_lines(document, STYLE)]
    return _section("Resolved packages", len(found), found)


def _others(document: dict[str, Any], entries: Entries) -> Html:
    lists = [
        *(("unchanged", f"unchanged: {why}", names) for why, names in unchanged_names(document).items()),
        ("other", "left out by the selection", document["left_out"]["names"]),
        ("other", "not in the manifest, untouched", document["unlisted"]["names"]),
    ]
    found = [entries.names(action, title, names) for action, title, names in lists if names]
    return _section("Not touched", sum(len(names) for _, _, names in lists), found)


def _section(title: str, count: int, inside: Iterable[Html]) -> Html:
    found = [*inside]
    if not found:
        return NOTHING
    heading = element("h2", text(f"{title} "), element("span", text(f"{count:,}"), class_="number"))
    return element("details", element("summary", heading), *found, class_="section", open=True)


def _footer(document: dict[str, Any]) -> Html:
    told = (
        f"reconciler {document['tool_version']}, plan document {document['format_version']}, "
        f"organisation {document['organization']['id']}"
    )
    return element("footer", text(told))
