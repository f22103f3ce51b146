"""Diagnostics as plain data and as text: where, what, and what to do next."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from rich.text import Text

from reconciler.diagnostics import Diagnostic, listed, plural
from reconciler.views.console import draw
from reconciler.views.text import Role, Style


def diagnostic_document(diagnostic: Diagnostic) -> dict[str, Any]:
    """One problem; file, line and column are null where it has no place."""
    place = diagnostic.place
    return {
        "severity": str(diagnostic.severity),
        "code": diagnostic.code,
        "summary": diagnostic.summary,
        "detail": diagnostic.detail,
        "hint": diagnostic.hint,
        "file": place.file if place else None,
        "line": place.line if place else None,
        "column": place.column if place else None,
    }


MOST_SHOWN = 100
_ROLES = {"error": Role.ERROR, "warning": Role.WARNING, "note": Role.DIM}


def render(diagnostics: Sequence[Diagnostic], *, style: Style) -> str:
    """The first hundred different problems, and the number of all where there are several; empty text without any.

    Lines are not wrapped, so that a terminal can make `file:line:column` something to click on.
    """
    alike: dict[Diagnostic, list[Diagnostic]] = {}
    for one in diagnostics:
        alike.setdefault(replace(one, place=None), []).append(one)
    folded = list(alike.values())
    # One beyond the limit takes no more room than to say that there is one more; of a manifest it counts the rest.
    shown = folded if len(folded) <= MOST_SHOWN + 1 else folded[:MOST_SHOWN]
    lines = [line for same in shown for line in _folded(same, style)]
    rest = sum(map(len, folded)) - sum(map(len, shown))
    if rest:
        lines.append(Text(f"and {rest:,} more"))
    if len(diagnostics) > 1:
        lines.append(Text(_count(str(one.severity) for one in diagnostics)))
    return draw(lines, style=style, width=None) if lines else ""


def _folded(same: Sequence[Diagnostic], style: Style) -> list[Text]:
    """Problems that differ in nothing but their place, as one: how many there are, and the first places."""
    if len(same) == 1:
        return problem_lines(diagnostic_document(same[0]), style)
    first, *more = problem_lines(diagnostic_document(replace(same[0], place=None)), style)
    places = [style.plain(str(one.place)) for one in same if one.place is not None]
    where = f": {listed(places)}" if places else ""
    return [first.append(f" ({len(same):,} times{where})"), *more]


def problem_lines(problem: dict[str, Any], style: Style) -> list[Text]:
    """One problem from its document: a line that says all, then its detail and its hint, indented."""
    severity = (f"{problem['severity']}:", _ROLES[problem["severity"]])
    code = (f"[{style.plain(problem['code'])}]", Role.DIM)
    summary = f" {_place(problem, style)}{style.plain(problem['summary'].strip())} "
    found = [Text.assemble(severity, summary, code)]
    found += _indented(problem["detail"], "", style)
    found += _indented(problem["hint"], "hint: ", style)
    return found


def _place(problem: dict[str, Any], style: Style) -> str:
    if problem["file"] is None:
        return ""
    return style.plain(f"{problem['file']}:{problem['line']}:{problem['column']}: ")


def _indented(text: str, start: str, style: Style) -> list[Text]:
    lines = style.plain(text.strip(), lines=True).split("\n") if text.strip() else []
    return [Text(f"  {start if number == 0 else ''}{line}") for number, line in enumerate(lines)]


def _count(severities: Iterable[str]) -> str:
    counts = Counter(severities)
    return " and ".join(plural(counts[severity], severity) for severity in _ROLES if counts[severity])
