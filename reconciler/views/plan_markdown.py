"""A plan document as Markdown, made for the comment of a pull request: the summary on top, the details folded below.

Bounded: a comment that is too long is refused as a whole. The first line is a comment that stays the same for an
organisation and API, so that a later plan can take the place of an earlier one.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from reconciler.views import arrangement, resolved
from reconciler.views.folding import Fold, Missing, fit
from reconciler.views.markdown_entries import Entries, names_fold
from reconciler.views.plan_closing import sentences
from reconciler.views.plan_problems import more_lines, origin, place, plan_problems
from reconciler.views.quoting import quoted, token
from reconciler.views.safe_markdown import cell, code, fence, marker, row
from reconciler.views.style import Role, Style

LIMIT = 60_000
_FEW = 5
_HEAD_COLUMNS = 300


def render(document: dict[str, Any], *, unicode: bool = True, limit: int = LIMIT) -> str:
    """The whole plan as Markdown that ends in a line end, in at most `limit` characters; without `unicode` in ASCII."""
    style = Style(color=False, unicode=unicode)
    folds = [fold for part in (_problems, _diagnostics, _writes, _resolved, _others) for fold in part(document, style)]
    return fit(_head(document, style), folds, limit=limit - 1, note=_note) + "\n"


def _head(document: dict[str, Any], style: Style) -> str:
    """What is never left out; its size does not depend on that of the plan."""
    organization, counts = document["organization"], document["counts"]

    def show(text: str) -> str:
        return code(style.shorten(style.plain(text), _HEAD_COLUMNS))

    said = [_sentence(text, role) for text, role in (*origin(document, show), *sentences(document, show))]
    blocks = [
        marker("reconciler", "plan", organization["id"][:_HEAD_COLUMNS], document["api"][:_HEAD_COLUMNS]),
        f"### Plan for {show(organization['name'])} on {show(document['api'])}",
        *said,
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
    told = []
    if missing.shortened:
        told.append(f"{missing.shortened:,} {'entry is' if missing.shortened == 1 else 'entries are'} told in short")
    if missing.dropped:
        told.append(f"the last {missing.dropped:,} {'is' if missing.dropped == 1 else 'are'} left out")
    where = "`reconciler plan --format html=plan.html` shows everything."
    return f"\n\n> **Too long for a comment: {' and '.join(told)}.** {where}"


def _problems(document: dict[str, Any], style: Style) -> Iterator[Fold]:
    """A table of what could not be planned; the rows are entries of their own."""
    found = arrangement.problems(document)
    if not found:
        return
    yield _heading(f"Cannot be carried out ({len(found):,})")
    yield Fold(forms=(f"{row(['', 'repository', 'why', 'where'])}\n{row(['---'] * 4)}",), entries=0)
    for step in found:
        told = (_name(step["repository"], style), _short(step["reason"], style), _short(place(step) or "-", style))
        yield Fold(forms=(row([step["action"], *map(cell, told)]),), tight=True)
    entries = Entries(style=style, unfolded=False)
    yield from (entries.step(step) for step in found if step["changes"])


def _diagnostics(document: dict[str, Any], style: Style) -> Iterator[Fold]:
    found = plan_problems(document)
    if not found:
        return
    yield _heading(f"Problems ({len(found):,})")
    for one in found:
        where = f" at {code(_short(place(one), style))}" if place(one) else ""
        summary, name = code(_short(one["summary"].strip(), style)), code(_short(one["code"], style))
        line = f"**{one['severity']}**{where}: {summary} ({name})"
        more = [style.plain(text) for text in more_lines(one)]
        yield Fold(forms=(f"{line}\n\n{fence(more, 'text')}", line) if more else (line,))


def _writes(document: dict[str, Any], style: Style) -> Iterator[Fold]:
    """The changes, in each section those that several repositories share, then the single ones."""
    sections = [*arrangement.sections(document)]
    few = sum(len(section.groups) + len(section.steps) for section in sections) <= _FEW
    entries = Entries(style=style, unfolded=few)
    for section in sections:
        if section.count or section.expected:
            yield _heading(f"{section.title} ({section.count:,})")
        yield from (entries.group(group) for group in section.groups)
        yield from (entries.step(step) for step in section.steps)


def _resolved(document: dict[str, Any], style: Style) -> Iterator[Fold]:
    """What would be installed in the end, where that was asked."""
    found = [*resolved.lines(document, style)]
    entries = Entries(style=style, unfolded=False)
    if found:
        yield _heading(f"Resolved packages ({len(found):,})")
    yield from (entries.resolution(name, told) for name, told in found)


def _others(document: dict[str, Any], style: Style) -> Iterator[Fold]:
    """What is not touched, by name."""
    lists: Sequence[tuple[str, list[str]]] = [
        *((f"unchanged: {reason}", names) for reason, names in arrangement.unchanged(document).items()),
        ("left out by the selection", document["left_out"]["names"]),
        ("not in the manifest, untouched", document["unlisted"]["names"]),
    ]
    if any(names for _, names in lists):
        yield _heading("Not touched")
    yield from (names_fold(title, names, style) for title, names in lists if names)


def _heading(title: str) -> Fold:
    return Fold(forms=(f"#### {title}",), entries=0)


def _name(name: str, style: Style) -> str:
    return token(name, style) if len(name) <= style.value_limit else quoted(name, style)


def _short(text: str, style: Style) -> str:
    """Prose from outside, where very long cut as a value is."""
    return style.plain(text) if len(text) <= style.value_limit else quoted(text, style)
