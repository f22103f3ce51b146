"""A plan, or the result of its apply, as Markdown for the comment of a pull request: a summary, details folded below.

Bounded: a comment that is too long is refused as a whole, so the largest entries are shortened first. The first line is
a comment that stays the same for an organization and API, so that a later plan can take the place of an earlier one.
Text from outside stands in code spans and fences, where no markup, address or mention is looked for, and nowhere else.
"""

import heapq
import html
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from reconciler.core.steps import ReasonCode
from reconciler.diagnostics import listed, plural
from reconciler.views.changes import brief, diff_lines, fragments
from reconciler.views.diagnostics import DiagnosticDocument, problem_details, problem_place
from reconciler.views.document import PlanDocument
from reconciler.views.plan_entries import (
    Entry,
    ResolvedLine,
    build_word,
    plan_sections,
    problem_entries,
    resolved_lines,
    unchanged_names,
)
from reconciler.views.plan_summary import closing_sentences, origin_sentences, plan_problems, shown_counts
from reconciler.views.text import Role, Style, plain, quoted, token
from reconciler.views.verdict import SummaryLine, outcome_lists, result_lists


@dataclass(frozen=True, slots=True, kw_only=True)
class Fold:
    """A piece of the text, from its whole form to its shortest; a `tight` one follows the last without a blank line.

    `entries` is the number of entries that it shows, to say what is missing; a heading shows none.
    """

    forms: tuple[str, ...]
    entries: int = 1
    tight: bool = False

    def written(self, form: int) -> str:
        """Return the form with the space in front of it."""
        return ("\n" if self.tight else "\n\n") + self.forms[form]


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """Size of the omitted text: folds shortened and entries omitted."""

    shortened: int
    dropped: int


def fit(head: str, folds: Sequence[Fold], *, limit: int, note: Callable[[Missing], str]) -> str:
    """Return the head, a note where something is missing, and the folds: together at most `limit` characters."""
    whole = head + "".join(fold.written(0) for fold in folds)
    if len(whole) <= limit:
        return whole
    most = sum(fold.entries for fold in folds)
    room = limit - len(head) - len(note(Missing(shortened=len(folds), dropped=most)))
    forms = _shrunk(folds, room)
    pieces = [fold.written(form) for fold, form in zip(folds, forms, strict=True)]
    shown = sum(reached <= room for reached in accumulate(map(len, pieces)))
    while shown and not folds[shown - 1].entries:  # no heading without what it is for
        shown -= 1
    shortened = sum(form > 0 for form in forms[:shown])
    dropped = sum(fold.entries for fold in folds[shown:])
    return head + note(Missing(shortened=shortened, dropped=dropped)) + "".join(pieces[:shown])


def _shrunk(folds: Sequence[Fold], room: int) -> list[int]:
    """Return the form that each fold is shown in: the largest is shortened until all fit, or none has fewer."""
    forms = [0] * len(folds)
    sizes = [len(fold.written(0)) for fold in folds]
    used = sum(sizes)
    queue = [(-size, number) for number, size in enumerate(sizes) if len(folds[number].forms) > 1]
    heapq.heapify(queue)
    while used > room and queue:
        size, number = heapq.heappop(queue)
        forms[number] += 1
        smaller = len(folds[number].written(forms[number]))
        used += size + smaller
        if forms[number] + 1 < len(folds[number].forms):
            heapq.heappush(queue, (-smaller, number))
    return forms


_TICKS = re.compile("`+")
_NOT_FOR_COMMENTS = re.compile(r"[^0-9A-Za-z/]")
_SHORTEST_FENCE = 3


def code(text: str) -> str:
    """Return the text as a code span that begins and ends where it should, whatever it contains."""
    inner = plain(text) or '""'
    ticks = "`" * (_longest_run(inner) + 1 if "`" in inner else 1)
    # One space on each side is taken off again where both are there, and a backtick must not touch the delimiter.
    touches = inner[0] == "`" or inner[-1] == "`"
    spaced = inner[0] == inner[-1] == " " and inner.strip(" ") != ""
    pad = " " if touches or spaced else ""
    return f"{ticks}{pad}{inner}{pad}{ticks}"


def cell(text: str) -> str:
    """Return the text as a code span inside a table, where a bar would begin the next cell even within code."""
    return code(text).replace("|", r"\|")


def row(cells: Iterable[str]) -> str:
    """Return one line of a table, from cells that are Markdown already."""
    return f"| {' | '.join(cells)} |"


def fence(lines: Iterable[str], language: str) -> str:
    """Return lines of text as a block of code that ends where it should, whatever they contain."""
    inner = [plain(line) for line in lines]
    ticks = "`" * max(_SHORTEST_FENCE, 1 + max(map(_longest_run, inner), default=0))
    return "\n".join([f"{ticks}{language}", *inner, ticks])


def marker(*words: str) -> str:
    """Return a comment that no reader sees and that a program finds again: the words joined with colons."""
    return f"<!-- {':'.join(_NOT_FOR_COMMENTS.sub(_number, word) for word in words)} -->"


def comment_marker(kind: str, document: PlanDocument) -> str:
    """Return the marker of a plan or its apply: one for each organization, API, and owner or folder of the manifest."""
    words = [document["organization"]["id"], document["api"], *filter(None, [document.get("manifest")])]
    return marker("reconciler", kind, *(word[:_HEAD_COLUMNS] for word in words))


def _number(found: re.Match[str]) -> str:
    return f"%{ord(found[0]):x}"


def _longest_run(text: str) -> int:
    return max(map(len, _TICKS.findall(text)), default=0)


_BRIEF_COLUMNS = 90


@dataclass(frozen=True, slots=True, kw_only=True)
class Entries:
    """Writes entries; `unfolded` shows their details without a click."""

    style: Style
    unfolded: bool

    def step(self, step: Entry) -> Fold:
        """Return a repository with its changes."""
        name = _name(step, self.style)
        text = brief(step.changes, self.style, _BRIEF_COLUMNS)
        details = [*self._changes(step), *filter(None, [step.note])]
        if not details:
            return Fold(forms=(f"- {code(name)}{self._source(step, code)}{_build(step)}",))
        title = f"<code>{html.escape(plain(name))}</code>{self._source(step, _html)}"
        summary = f"{title} {_html(text)}{_build(step)}" if text else f"{title}{_build(step)}"
        short = f"- {code(name)}{self._source(step, code)} {code(text)} (values omitted){_build(step)}"
        return Fold(forms=(_details(summary, details, unfolded=self.unfolded), short))

    def group(self, group: Entry) -> Fold:
        """Return a change that several repositories share, and the names of all of them."""
        names = group.names
        count = f"{len(names):,} repositories"
        text = brief(group.changes, self.style, _BRIEF_COLUMNS)
        shared = [*self._changes(group), *filter(None, [group.note])]
        summary = f"<b>{count}</b>{self._source(group, _html)} {_html(text)}{_build(group)}"
        listed = " ".join(code(_token(name, self.style)) for name in names)
        forms = [
            _details(summary, [*shared, f"In {count}:", listed], unfolded=self.unfolded),
            _details(summary, [*shared, f"In {count}; names omitted."], unfolded=self.unfolded),
            f"- **{count}**{self._source(group, code)} {code(text)} (values and names omitted){_build(group)}",
        ]
        return Fold(forms=tuple(forms), entries=len(names))

    def resolution(self, name: str, lines: Iterable[ResolvedLine]) -> Fold:
        """Return a repository with the packages that come and go in the end."""
        shown = _token(name, self.style)
        summary = f"<code>{html.escape(plain(shown))}</code>"
        short = f"- {code(shown)} (packages omitted)"
        return Fold(
            forms=(_details(summary, [fence((line.text for line in lines), "diff")], unfolded=self.unfolded), short)
        )

    def _changes(self, entry: Entry) -> Iterator[str]:
        if entry.changes:
            yield fence(diff_lines(fragments(entry.changes, self.style)), "diff")

    def _source(self, entry: Entry, show: Callable[[str], str]) -> str:
        if entry.kind in ("overlay", "binding"):
            lead = "" if entry.lead is None else f" {show(_token(entry.lead, self.style))}"
            return f"{lead}: {entry.action}"
        if entry.source is None:
            return " (pruned: not in the manifest)" if entry.reason_code == ReasonCode.PRUNED else ""
        return f" from {show(_token(entry.source, self.style))}"


def _build(entry: Entry) -> str:
    word = build_word(entry).text
    return f": {word}" if word else ""


def names_fold(title: str, names: Sequence[str], style: Style) -> Fold:
    """Return repositories about which there is nothing to say but their names."""
    summary = f"{len(names):,} {title}"
    listed = " ".join(code(_token(name, style)) for name in names)
    forms = (_details(summary, [listed], unfolded=False), f"- {summary} (names omitted)")
    return Fold(forms=forms, entries=len(names))


def _details(summary: str, blocks: Iterable[str], *, unfolded: bool) -> str:
    """Return a fold; the empty lines make what is in it Markdown again."""
    opening = "<details open>" if unfolded else "<details>"
    return "\n\n".join([f"{opening}<summary>{summary}</summary>", *blocks, "</details>"])


def _html(text: str) -> str:
    return f"<code>{html.escape(plain(text))}</code>"


def _name(entry: Entry, style: Style) -> str:
    if entry.titled:
        return style.shorten(style.plain(entry.name), style.value_limit)
    return _token(entry.name, style)


def _token(name: str, style: Style) -> str:
    return token(name, style) if len(name) <= style.value_limit else quoted(name, style)


LIMIT = 60_000
_FEW = 5
_HEAD_COLUMNS = 300


def render(
    document: PlanDocument, *, unicode: bool = True, limit: int = LIMIT, summary: SummaryLine | None = None
) -> str:
    """Return the plan as Markdown with a line end, in at most `limit` characters; without `unicode` in ASCII.

    With the `summary` of an apply of the plan, it is the result of the apply instead.
    """
    if summary is not None:
        return fit(_apply_head(summary, document), _apply_folds(summary), limit=limit - 1, note=_apply_note) + "\n"
    style = Style(color=False, unicode=unicode)
    folds = [fold for part in (_problems, _diagnostics, _writes, _resolved, _others) for fold in part(document, style)]
    return fit(_head(document, style), folds, limit=limit - 1, note=_note) + "\n"


def _head(document: PlanDocument, style: Style) -> str:
    """Return what is never left out; its size does not depend on that of the plan."""
    organization, counts = document["organization"], shown_counts(document)

    def show(text: str) -> str:
        return code(style.shorten(style.plain(text), _HEAD_COLUMNS))

    sentences = [
        _sentence(text, role) for text, role in (*origin_sentences(document, show), *closing_sentences(document, show))
    ]
    blocks = [
        comment_marker("plan", document),
        f"### Plan for {show(organization['name'])} on {show(document['api'])}",
        *sentences,
        "\n".join([row(counts), row("---:" for _ in counts), row(f"{count:,}" for count in counts.values())]),
    ]
    return "\n\n".join(blocks)


def _sentence(text: str, role: Role) -> str:
    match role:
        case Role.ERROR | Role.WARNING:
            return f"> **{text}**"
        case Role.BOLD:
            return f"**{text}**"
        case _:
            return text


def _note(missing: Missing) -> str:
    parts = []
    if missing.shortened:
        parts.append(f"{plural(missing.shortened, 'entry', 'entries')} shortened")
    if missing.dropped:
        parts.append(f"the last {missing.dropped:,} omitted")
    where = "To see everything: `reconciler plan --format html=plan.html`."
    return f"\n\n> **Too long for a comment: {' and '.join(parts)}.** {where}"


def _problems(document: PlanDocument, style: Style) -> Iterator[Fold]:
    """Yield a table of what could not be planned; the rows are entries of their own."""
    found = problem_entries(document)
    if found:
        yield _heading(f"Blocked ({sum(len(one.names) or 1 for one in found):,})")
        yield from _problem_table(found, style)


def _problem_table(found: Sequence[Entry], style: Style) -> Iterator[Fold]:
    entries = Entries(style=style, unfolded=False)
    yield Fold(forms=(f"{row(['', 'repository', 'why', 'where'])}\n{row(['---'] * 4)}",), entries=0)
    for step in found:
        names = step.names
        name = f"{len(names):,} repositories" if names else cell(_name(step, style))
        why, where = (cell(_short(text, style)) for text in (step.reason, step.place or "-"))
        cells = [step.action, name, f"{why}{_build(step)}", where]
        yield Fold(forms=(row(cells),), tight=True, entries=len(names) or 1)
    for step in found:
        if step.names:
            yield names_fold(f"{step.action}: {_html(_short(step.reason, style))}", step.names, style)
        elif step.changes:
            yield entries.step(step)


def _diagnostics(document: PlanDocument, style: Style) -> Iterator[Fold]:
    found = plan_problems(document)
    if not found:
        return
    yield _heading(f"Problems ({sum(map(len, found)):,})")
    for same in found:
        one = same[0]
        summary, name = code(_short(one["summary"].strip(), style)), code(_short(one["code"], style))
        line = f"**{one['severity']}**{_where(same, style)}: {summary} ({name})"
        more = [style.plain(text) for text in problem_details(same)]
        yield Fold(forms=(f"{line}\n\n{fence(more, 'text')}", line) if more else (line,))


def _where(same: Sequence[DiagnosticDocument], style: Style) -> str:
    places = [code(_short(problem_place(one), style)) for one in same if problem_place(one)]
    often = f" ({len(same):,} times)" if len(same) > 1 else ""
    return f" at {listed(places)}{often}" if places else often


def _writes(document: PlanDocument, style: Style) -> Iterator[Fold]:
    """Yield the changes, in each section those that several repositories share, then the single ones."""
    sections = [*plan_sections(document)]
    few = sum(len(section.groups) + len(section.steps) for section in sections) <= _FEW
    entries = Entries(style=style, unfolded=few)
    for section in sections:
        if section.count or section.expected:
            yield _heading(f"{section.title} ({section.count:,})")
        if section.problems:
            yield from _problem_table(section.problems, style)
        yield from (entries.group(group) for group in section.groups)
        yield from (entries.step(step) for step in section.steps)


def _resolved(document: PlanDocument, style: Style) -> Iterator[Fold]:
    """Yield what would be installed in the end, where that was asked."""
    found = [*resolved_lines(document, style)]
    entries = Entries(style=style, unfolded=False)
    if found:
        yield _heading(f"Resolved packages ({len(found):,})")
    yield from (entries.resolution(name, lines) for name, lines in found)


def _others(document: PlanDocument, style: Style) -> Iterator[Fold]:
    """Yield what is not touched, by name."""
    lists: Sequence[tuple[str, list[str]]] = [
        *((f"unchanged: {reason}", names) for reason, names in unchanged_names(document).items()),
        ("excluded by the selection", document["left_out"]["names"]),
        ("not in the manifest", document["unlisted"]["names"]),
    ]
    if any(names for _, names in lists):
        yield _heading("Unchanged")
    yield from (names_fold(title, names, style) for title, names in lists if names)


def _heading(title: str) -> Fold:
    return Fold(forms=(f"#### {title}",), entries=0)


def _short(text: str, style: Style) -> str:
    """Return untrusted prose, cut as a value is if very long."""
    return style.plain(text) if len(text) <= style.value_limit else quoted(text, style)


def _apply_head(summary: SummaryLine, plan: PlanDocument) -> str:
    organization, builds = code(plan["organization"]["name"]), summary["builds"]
    counts = {title: len(names) for title, names in outcome_lists(summary) if names}
    results = {"succeeded": builds["succeeded"], "failed": builds["failed"], "running": builds["running"]}
    counts |= {f"builds {result}": count for result, count in results.items() if count}
    table = [row(counts), row("---:" for _ in counts), row(f"{count:,}" for count in counts.values())]
    proven = builds["verified"]
    blocks = [
        comment_marker("apply", plan),
        f"### Apply to {organization} on {code(plan['api'])}",
        f"**{code(summary['verdict'])}**",
        *(["\n".join(table)] if counts else []),
        *([f"Verified: {proven['proven']:,} of {plural(proven['of'], 'new image')}."] if proven["of"] else []),
    ]
    return "\n\n".join(blocks)


def _apply_folds(summary: SummaryLine) -> list[Fold]:
    return [_list_fold(title, names) for title, names in result_lists(summary)]


def _list_fold(title: str, names: Sequence[str]) -> Fold:
    lines = "\n".join(f"- {code(name)}" for name in names)
    whole = f"<details><summary>{title}: {len(names):,}</summary>\n\n{lines}\n\n</details>"
    return Fold(forms=(whole, f"{title}: {len(names):,}"), entries=len(names))


def _apply_note(missing: Missing) -> str:
    return f"\n\n> {plural(missing.shortened + missing.dropped, 'list')} shortened: too long for a comment."
