"""A plan document as text for a terminal, made for plans of hundreds of repositories.

Names come first; a small change takes one line; the same change in many repositories is shown once, with all their
names; unchanged repositories are counted. Everything is taken from the document; nothing is computed from the plan.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from rich.console import RenderableType
from rich.text import Text

from reconciler.core.steps import ReasonCode
from reconciler.diagnostics import listed
from reconciler.views.changes import Fragment, fragments, joined
from reconciler.views.console import Hanging, draw_blocks, names_block, words_text
from reconciler.views.document import PlanDocument
from reconciler.views.plan_entries import (
    PROBLEMS,
    WRITES,
    Entry,
    PlanSection,
    build_word,
    overlay_sections,
    problem_entries,
    repository_sections,
    resolved_lines,
    unchanged_names,
)
from reconciler.views.plan_summary import closing_sentences
from reconciler.views.text import Role, Style, Word, repositories, token

Block = list[RenderableType]
# What changes in one part of an overlay, and its items in a row.
_Part = tuple[Fragment, Text]

_MARKS = {
    "create": ("+", Role.ADD),
    "update": ("~", Role.CHANGE),
    "delete": ("-", Role.REMOVE),
    "reset": ("!", Role.REMOVE),  # a minus reads as "destroy" to those who know Terraform
    "unknown": ("?", Role.ERROR),
}
_GAP = "   "
_LABEL_COLUMNS = 13
_SHARE_OF_NAMES = 0.4
# Where there is no terminal, an entry that is longer than this has a line for each of its items.
_ONE_LINE = 120
_MOST_NAMES = 20


def render(document: PlanDocument, *, style: Style, width: int | None, show_unchanged: bool) -> str:
    """Return the plan as text with a line end; a `width` of None is for an output that is not a terminal."""
    blocks: list[Block] = [
        [_header(document, style)],
        *_body(document, style, width),
        _unchanged(document, style, width) if show_unchanged else [],
        [Text(sentence, role) for sentence, role in sorted(closing_sentences(document, style.plain), key=_weight)],
    ]
    return draw_blocks(blocks, style=style, width=width)


def _weight(sentence: tuple[str, Role]) -> bool:
    """Return the order of the closing sentences: context first, the result of the plan last."""
    return sentence[1] is not Role.DIM


def render_resolved(document: PlanDocument, *, style: Style) -> str:
    """Return a line for each repository with known packages, for the text below the plan; empty if there is none."""
    found = ((name, ", ".join(line.text for line in lines)) for name, lines in resolved_lines(document, style))
    return "".join(f"{name} resolved: {text}\n" for name, text in found)


def _header(document: PlanDocument, style: Style) -> Text:
    organization = (style.plain(document["organization"]["name"]), Role.BOLD)
    return Text.assemble("Plan for ", organization, f" on {style.plain(document['api'])}{_origin(document)}")


def _origin(document: PlanDocument) -> str:
    """Return where the plan comes from when it was not made just now."""
    origin = document.get("origin")
    if origin is None:
        return ""
    made = "saved" if origin["kind"] == "plan" else "snapshot of"
    return f" ({made} {origin['created']})"


def _body(document: PlanDocument, style: Style, width: int | None) -> Iterator[Block]:
    """Yield blocks of lines in order: problems, then creations, resets and updates, single ones first in each."""
    problems, overlays = problem_entries(document), [*overlay_sections(document)]
    sections = [*repository_sections(document)]
    singles = [step for section in (*sections, *overlays) for step in (*section.problems, *section.steps)]
    entries = _Entries(style=style, width=width, column=_name_column([*problems, *singles], style, width))
    for action in PROBLEMS:
        yield [line for one in problems if one.action == action for line in entries.problem(one)]
    for section in overlays:
        yield from entries.titled(section)
    if overlays and not sections[0].expected and any(section.groups or section.steps for section in sections):
        yield [Text("Repositories", Role.BOLD)]
    for section in sections:
        yield from entries.section(section)


def _unchanged(document: PlanDocument, style: Style, width: int | None) -> Block:
    """Return the names of the unchanged repositories, those that are left alone for the same reason together."""
    lines: Block = []
    for reason, found in unchanged_names(document).items():
        names = [token(name, style) for name in found]
        lines += [Text(f"= {reason} ({len(names):,}):", Role.DIM), *names_block(names, indent=4, width=width)]
    return lines


def _name_column(steps: Iterable[Entry], style: Style, width: int | None) -> int:
    """Return the column of the changes: after the widest name, as far as that leaves space for the changes."""
    widest = max((Text(_title(step, style)).cell_len for step in steps), default=0)
    return 2 + min(widest, int((width or _ONE_LINE) * _SHARE_OF_NAMES)) + len(_GAP)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entries:
    """Draws the entries of a plan, the names in one column that ends before `column`."""

    style: Style
    width: int | None
    column: int

    def problem(self, entry: Entry) -> Block:
        """Return a repository that could not be planned, or several for one reason, and why."""
        place = f"({entry.place})" if entry.place else ""
        why = [Word(self.style.plain(entry.reason)), Word(self.style.plain(place), Role.DIM), build_word(entry)]
        line = Hanging(self._named(entry), words_text(word for word in why if word.text), self.column)
        names = [token(name, self.style) for name in entry.names]
        return [line, Hanging(Text("    "), Text(listed(names, _MOST_NAMES)), 4)] if names else [line]

    def section(self, section: PlanSection) -> Iterator[Block]:
        """Yield changes of repositories, those of a comparison below their title."""
        if section.expected:
            yield [Text(section.title if section.count else f"{section.title}: nothing", Role.BOLD)]
        yield [line for one in section.problems for line in self.problem(one)]
        for action in WRITES:
            yield [line for step in section.steps if step.action == action for line in self.step(step)]
            yield from (self.group(group) for group in section.groups if group.action == action)

    def titled(self, section: PlanSection) -> Iterator[Block]:
        """Yield what changes of overlays below its title: the single ones, then what several share."""
        title = Text(f"{section.title} ({section.count:,})", Role.BOLD)
        groups = [self.group(group) for group in section.groups]
        first = [line for step in section.steps for line in self.step(step)] or groups.pop(0)
        yield [title, *first]
        yield from groups

    def step(self, step: Entry) -> Block:
        """Return a repository with its changes: one line where it fits, else one for each part of the overlay."""
        head, lead, kept = self._named(step), _lead(step, self.style), self._kept(step)
        parts = _parts(step, self.style)
        sizes = [lead.cell_len, *(len(part.label) + 1 + items.cell_len for part, items in parts)]
        if self._fits(head, [*sizes, kept.cell_len]):
            return [self._row(head, self._spread([lead, *map(_labelled, parts), kept]))]
        if kept and self._fits(head, sizes):
            body = self._spread([lead, *map(_labelled, parts)])
            return [self._row(head, body), Hanging(Text(" " * self.column), kept, self.column)]
        return [self._row(head, lead), *self._below(parts, kept, indent=4)]

    def group(self, group: Entry) -> Block:
        """Return a change that several repositories share, and the names of all of them."""
        mark, lead, kept = self._mark(group), _lead(group, self.style), self._kept(group)
        parts = _parts(group, self.style)
        whole = Text.assemble(mark, " ", self._spread([lead, *map(_labelled, parts), kept]))
        if whole.cell_len <= (self.width or _ONE_LINE):
            drawn: Block = [whole]
        elif lead:
            drawn = [Text.assemble(mark, " ", lead), *self._below(parts, kept, indent=2)]
        else:
            drawn = [*self._below(parts, kept, indent=2, mark=mark)]
        names = [token(name, self.style) for name in group.names]
        count = Text(f"  in {len(names):,} repositories:", Role.BOLD)
        return [*drawn, count, *names_block(names, indent=4, width=self.width)]

    def _named(self, step: Entry) -> Text:
        return Text.assemble(self._mark(step), " ", (_title(step, self.style), Role.BOLD))

    def _kept(self, entry: Entry) -> Text:
        """Return the text after the changes: unmanaged sections, and whether the images will build."""
        word = build_word(entry)
        return self._spread([Text(entry.note, Role.DIM), Text(word.text, word.role)])

    def _mark(self, entry: Entry) -> Text:
        return Text(*_MARKS.get(entry.action, (self.style.cross, Role.ERROR)))

    def _spread(self, several: Iterable[Text]) -> Text:
        return Text(_GAP).join([text for text in several if text])

    def _fits(self, head: Text, sizes: Iterable[int]) -> bool:
        """Return whether texts of these widths fit behind the head, with gaps between those that are not empty."""
        shown = [size for size in sizes if size]
        body = sum(shown) + len(_GAP) * max(len(shown) - 1, 0)
        return max(self.column, head.cell_len + 2) + body <= (self.width or _ONE_LINE)

    def _row(self, head: Text, body: Text) -> RenderableType:
        return Hanging(head, body, self.column) if body else head

    def _below(
        self, parts: Sequence[_Part], kept: Text, *, indent: int, mark: Text | None = None
    ) -> Iterator[RenderableType]:
        """Yield a line for each part, or for each item of a long part; `mark` comes before the first."""
        labels = [len(part.label) for part, _ in parts]
        column = indent + max((size for size in labels if size <= _LABEL_COLUMNS), default=_LABEL_COLUMNS) + 2
        start = Text(" " * indent) if mark is None else Text.assemble(mark, " ")
        for part, whole in parts:
            head = Text.assemble(start, part.label)
            room = (self.width or _ONE_LINE) - max(column, head.cell_len + 2)
            if whole.cell_len <= room or (part.short and self.width is not None):
                yield Hanging(head, whole, column)
            else:
                first, *rest = map(words_text, part.items)
                yield Hanging(head, first, column)
                yield from (Hanging(Text(" " * column), item, column + 2) for item in rest)
            start = Text(" " * indent)
        if kept:
            yield Hanging(start, kept, indent)


def _title(entry: Entry, style: Style) -> str:
    """Return the name of a repository, or how many the entry is about."""
    return repositories(len(entry.names)) if entry.names else entry.text(style)


def _parts(entry: Entry, style: Style) -> list[_Part]:
    return [(part, words_text(joined(part.items))) for part in fragments(entry.changes, style)]


def _labelled(part: _Part) -> Text:
    return Text.assemble(part[0].label, " ", part[1])


def _lead(entry: Entry, style: Style) -> Text:
    """Return what comes before the changes: where a new repository comes from, and that a reset is one."""
    if entry.lead is not None:
        return Text(token(entry.lead, style), Role.BOLD)
    match entry.action:
        case "create" if entry.source is not None:
            return words_text([Word("from", Role.ADD), Word(token(entry.source, style))])
        case "reset" if entry.reason_code == ReasonCode.PRUNED:
            return words_text([Word("reset", Role.REMOVE), Word("(pruned: not in the manifest)", Role.DIM)])
        case "reset":
            return Text("reset", Role.REMOVE)
        case _:
            return Text()
