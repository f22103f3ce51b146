"""Diagnostics as plain data and as text: where, what, and what to do next."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from rich.text import Text

from reconciler.diagnostics import Diagnostic, plural
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
    """The first hundred problems, and the number of all where there are several; empty text where there is none.

    Lines are not wrapped, so that a terminal can make `file:line:column` something to click on.
    """
    # One beyond the limit takes no more room than to say that there is one more; of a manifest it counts the rest.
    shown = diagnostics if len(diagnostics) <= MOST_SHOWN + 1 else diagnostics[:MOST_SHOWN]
    lines = [line for one in shown for line in problem_lines(diagnostic_document(one), style)]
    if len(diagnostics) > len(shown):
        lines.append(Text(f"and {len(diagnostics) - len(shown):,} more"))
    if len(diagnostics) > 1:
        lines.append(Text(_count(str(one.severity) for one in diagnostics)))
    return draw(lines, style=style, width=None) if lines else ""


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
