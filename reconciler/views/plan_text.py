"""A plan document as text for a terminal, made for plans of hundreds of repositories.

Names come first; a small change takes one line; the same change in many repositories is shown once, with all their
names; unchanged repositories are counted. Everything is taken from the document; nothing is computed from the plan.
"""

from collections.abc import Iterator
from typing import Any

from reconciler.views import arrangement
from reconciler.views.layout import Page, phrase
from reconciler.views.plan_closing import closing
from reconciler.views.plan_entries import Entries, name_column
from reconciler.views.quoting import token
from reconciler.views.style import Role, Style

_LEAST_WIDTH = 40


def render(document: dict[str, Any], *, style: Style, width: int, show_unchanged: bool) -> str:
    """The whole plan as text that ends in a line end; no line is wider than `width`, save by a name or an address."""
    page = Page(style=style, width=max(width, _LEAST_WIDTH))
    blocks = [
        [_header(document, page)],
        *_body(document, page),
        *([_unchanged(document, page)] if show_unchanged else []),
        closing(document, page),
    ]
    return "\n\n".join("\n".join(block) for block in blocks if block) + "\n"


def _header(document: dict[str, Any], page: Page) -> str:
    style = page.style
    organization = style.paint(style.plain(document["organization"]["name"]), Role.BOLD)
    return f"Plan for {organization} on {style.plain(document['api'])}{_origin(document)}"


def _origin(document: dict[str, Any]) -> str:
    """Where the plan comes from when it was not made just now."""
    origin = document.get("origin")
    if origin is None:
        return ""
    made = "saved" if origin["kind"] == "plan" else "from a snapshot of"
    return f", {made} {origin['created']}"


def _body(document: dict[str, Any], page: Page) -> Iterator[list[str]]:
    """Blocks of lines as they are read: problems, then creations, resets and updates, the single ones first in each."""
    problems, parts = arrangement.problems(document), arrangement.parts(document)
    singles = [step for _, part in parts for step in arrangement.single(part)]
    entries = Entries(page=page, column=name_column([*problems, *singles], page))
    for action in arrangement.PROBLEMS:
        yield [line for step in problems if step["action"] == action for line in entries.problem(step)]
    for heading, part in parts:
        if heading:
            yield [page.style.paint(heading if part["steps"] else f"{heading}: nothing", Role.BOLD)]
        yield from _part(part, entries)


def _part(part: dict[str, Any], entries: Entries) -> Iterator[list[str]]:
    single = arrangement.single(part)
    for action in arrangement.WRITES:
        yield [line for step in single if step["action"] == action for line in entries.step(step)]
        yield from (entries.group(group) for group in arrangement.groups(part, action))


def _unchanged(document: dict[str, Any], page: Page) -> list[str]:
    """The names of the unchanged repositories, those that are left alone for the same reason together."""
    lines: list[str] = []
    for reason, found in arrangement.unchanged(document).items():
        names = [token(name, page.style) for name in found]
        lines += [page.line(phrase(f"= {reason} ({len(names):,}):", Role.DIM)), *page.columns(names, indent=4)]
    return lines
