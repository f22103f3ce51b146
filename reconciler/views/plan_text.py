"""A plan document as text for a terminal, made for plans of hundreds of repositories.

Names come first; a small change takes one line; the same change in many repositories is shown once, with all their
names; unchanged repositories are counted. Everything is taken from the document; nothing is computed from the plan.
"""

from collections.abc import Iterator
from typing import Any

from reconciler.views.layout import Page, phrase
from reconciler.views.plan_closing import closing
from reconciler.views.plan_entries import Entries, name_column
from reconciler.views.quoting import token
from reconciler.views.style import Role, Style

_PROBLEMS = ("unknown", "blocked")
_WRITES = ("create", "reset", "update")
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
    return f"Plan for {organization} on {style.plain(document['api'])}"


def _body(document: dict[str, Any], page: Page) -> Iterator[list[str]]:
    """Blocks of lines as they are read: problems, then creations, resets and updates, the single ones first in each."""
    grouped = {name for group in document["groups"] for name in group["repositories"]}
    problems = [step for step in document["steps"] if step["action"] in _PROBLEMS]
    single = [step for step in document["steps"] if step["action"] in _WRITES and step["repository"] not in grouped]
    entries = Entries(page=page, column=name_column([*problems, *single], page))
    for action in _PROBLEMS:
        yield [line for step in problems if step["action"] == action for line in entries.problem(step)]
    for action in _WRITES:
        yield [line for step in single if step["action"] == action for line in entries.step(step)]
        yield from (entries.group(group) for group in document["groups"] if group["action"] == action)


def _unchanged(document: dict[str, Any], page: Page) -> list[str]:
    """The names of the unchanged repositories, those that are left alone for the same reason together."""
    by_reason: dict[str, list[str]] = {}
    for step in document["steps"]:
        if step["action"] == "none":
            by_reason.setdefault(step["reason"], []).append(token(step["repository"], page.style))
    lines: list[str] = []
    for reason, names in sorted(by_reason.items()):
        lines += [page.line(phrase(f"= {reason} ({len(names):,}):", Role.DIM)), *page.columns(names, indent=4)]
    return lines
