"""A plan document as text for a terminal, made for plans of hundreds of repositories.

Names come first; a small change takes one line; the same change in many repositories is shown once, with all their
names; unchanged repositories are counted. Everything is taken from the document; nothing is computed from the plan.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from reconciler.core.plan import ReasonCode
from reconciler.views.changes import LABELS, Fragment, fragments
from reconciler.views.console import Page, Word, measure, phrase
from reconciler.views.plan import (
    PROBLEMS,
    WRITES,
    closing_sentences,
    plan_parts,
    problem_steps,
    resolved_lines,
    shared_changes,
    single_steps,
    unchanged_names,
)
from reconciler.views.text import Role, Style, token, width

_MARKS = {
    "create": Word(text="+", role=Role.ADD),
    "update": Word(text="~", role=Role.CHANGE),
    "reset": Word(text="-", role=Role.REMOVE),
    "blocked": Word(text="!", role=Role.ERROR),
    "unknown": Word(text="?", role=Role.ERROR),
}
_GAP = 3
_LABEL_COLUMNS = 13
_SHARE_OF_NAMES = 0.4


def name_column(steps: Iterable[dict[str, Any]], page: Page) -> int:
    """Where the changes begin behind the names: the widest name's end, as far as that leaves room for the changes."""
    widest = max((width(token(step["repository"], page.style)) for step in steps), default=0)
    return 2 + min(widest, int(page.width * _SHARE_OF_NAMES)) + _GAP


@dataclass(frozen=True, slots=True, kw_only=True)
class Entries:
    """Draws entries on a page, the names in one column that ends before `column`."""

    page: Page
    column: int

    def problem(self, step: dict[str, Any]) -> list[str]:
        """A repository that could not be planned, and why."""
        style = self.page.style
        place = style.plain(f"({step['file']}:{step['line']}:{step['column']})") if step["file"] else ""
        why = [*phrase(style.plain(step["reason"])), *phrase(place, Role.DIM)]
        return [self.page.line([*self._named(step), *self._behind(step, why)], hanging=self.column)]

    def step(self, step: dict[str, Any]) -> list[str]:
        """A repository with its changes."""
        style = self.page.style
        lead, parts, kept = _lead(step, style), fragments(step["changes"], style), _keeps(step["unmanaged"])
        head = self._named(step)
        line = [*head, *self._behind(step, _one_line(lead, parts, kept))]
        if measure(line) <= self.page.width:
            return [self.page.line(line)]
        line = [*head, *self._behind(step, _one_line(lead, parts, []))] if kept else line
        if kept and measure(line) <= self.page.width:
            return [self.page.line(line), self.page.line(kept, indent=self.column)]
        return [self.page.line([*head, *self._behind(step, lead)], hanging=4), *self._below(parts, kept, indent=4)]

    def group(self, group: dict[str, Any]) -> list[str]:
        """A change that several repositories share, and the names of all of them."""
        style, names = self.page.style, group["repositories"]
        lead, parts = _lead(group, style), fragments(group["changes"], style)
        kept = _keeps_in_group(group["unmanaged"], len(names))
        line = [_MARKS[group["action"]], *_one_line(lead, parts, kept, gap=1)]
        if measure(line) <= self.page.width:
            drawn = [self.page.line(line)]
        else:
            top = [self.page.line([_MARKS[group["action"]], *lead])] if lead else []
            drawn = [*top, *self._below(parts, kept, indent=2)]
            if not lead:
                drawn[0] = self.page.line([_MARKS[group["action"]]]) + drawn[0][1:]
        count = style.paint(f"in {len(names):,} repositories:", Role.BOLD)
        return [*drawn, f"  {count}", *self.page.columns([token(name, style) for name in names], indent=4)]

    def _named(self, step: dict[str, Any]) -> list[Word]:
        return [_MARKS[step["action"]], Word(text=token(step["repository"], self.page.style), role=Role.BOLD)]

    def _behind(self, step: dict[str, Any], words: Sequence[Word]) -> list[Word]:
        """The words moved to the column behind the name."""
        if not words:
            return []
        end = 2 + width(token(step["repository"], self.page.style))
        return [words[0].behind(max(self.column - end, 2)), *words[1:]]

    def _below(self, parts: Sequence[Fragment], kept: Sequence[Word], *, indent: int) -> list[str]:
        labels = [len(part.label) for part in parts]
        column = indent + max((size for size in labels if size <= _LABEL_COLUMNS), default=_LABEL_COLUMNS) + 2
        lines = [line for part in parts for line in self._part(part, indent, column)]
        return [*lines, self.page.line(kept, indent=indent)] if kept else lines

    def _part(self, part: Fragment, indent: int, column: int) -> Iterator[str]:
        """One part of the overlay: its items one after another where they are short, else each on a line of its own."""
        label = Word(text=part.label)
        gap = max(column - indent - len(part.label), 2)
        if (behind := indent + len(part.label) + gap) <= self.page.width // 2:
            column = behind
        together = part.words[1:]
        whole = [label, together[0].behind(gap), *together[1:]]
        if part.short or indent + measure(whole) <= self.page.width:
            yield self.page.line(whole, indent=indent, hanging=column)
            return
        first, *rest = part.items
        yield self.page.line([label, first[0].behind(gap), *first[1:]], indent=indent, hanging=column + 2)
        yield from (self.page.line(item, indent=column, hanging=column + 2) for item in rest)


def _one_line(lead: Sequence[Word], parts: Iterable[Fragment], kept: Sequence[Word], *, gap: int = _GAP) -> list[Word]:
    """Everything about an entry in a row; `gap` is the space in front of it."""
    several = [found for found in (lead, *(part.words for part in parts), kept) if found]
    words = [word for found in several for word in (found[0].behind(_GAP), *found[1:])]
    return [words[0].behind(gap), *words[1:]] if words else []


def _lead(entry: dict[str, Any], style: Style) -> list[Word]:
    """What comes before the changes: where a new repository comes from, and that a reset is one."""
    match entry["action"]:
        case "create":
            return [Word(text="from", role=Role.ADD), Word(text=token(entry["source"]["repository"] or "?", style))]
        case "reset" if entry["reason_code"] == ReasonCode.PRUNED:
            return [Word(text="reset", role=Role.REMOVE), *phrase("(pruned: not in the manifest)", Role.DIM)]
        case "reset":
            return [Word(text="reset", role=Role.REMOVE)]
        case _:
            return []


def _keeps(sections: Sequence[str]) -> list[Word]:
    """What stays as it is because the manifest does not mention it."""
    if not sections:
        return []
    return phrase(f"keeps {', '.join(LABELS[section] for section in sections)} (not in the manifest)", Role.DIM)


def _keeps_in_group(found: Sequence[dict[str, Any]], size: int) -> list[Word]:
    told = [
        LABELS[one["section"]] + ("" if one["repositories"] == size else f" in {one['repositories']:,} of them")
        for one in found
    ]
    return phrase(f"keeps {', '.join(told)} (not in the manifest)", Role.DIM) if told else []


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
    problems, parts = problem_steps(document), plan_parts(document)
    singles = [step for _, part in parts for step in single_steps(part)]
    entries = Entries(page=page, column=name_column([*problems, *singles], page))
    for action in PROBLEMS:
        yield [line for step in problems if step["action"] == action for line in entries.problem(step)]
    for heading, part in parts:
        if heading:
            yield [page.style.paint(heading if part["steps"] else f"{heading}: nothing", Role.BOLD)]
        yield from _part(part, entries)


def _part(part: dict[str, Any], entries: Entries) -> Iterator[list[str]]:
    single = single_steps(part)
    for action in WRITES:
        yield [line for step in single if step["action"] == action for line in entries.step(step)]
        yield from (entries.group(group) for group in shared_changes(part, action))


def _unchanged(document: dict[str, Any], page: Page) -> list[str]:
    """The names of the unchanged repositories, those that are left alone for the same reason together."""
    lines: list[str] = []
    for reason, found in unchanged_names(document).items():
        names = [token(name, page.style) for name in found]
        lines += [page.line(phrase(f"= {reason} ({len(names):,}):", Role.DIM)), *page.columns(names, indent=4)]
    return lines


def closing(document: dict[str, Any], page: Page) -> list[str]:
    """The lines, each wrapped at the page's width."""
    return [page.line(phrase(text, role), hanging=2) for text, role in closing_sentences(document, page.style.plain)]


def render_resolved(document: dict[str, Any], *, style: Style) -> str:
    """A line for each repository of which it is known, to stand below the plan; empty text where there is none."""
    found = ((name, ", ".join(line.text for line in told)) for name, told in resolved_lines(document, style))
    return "".join(f"{name} resolved: {told}\n" for name, told in found)
