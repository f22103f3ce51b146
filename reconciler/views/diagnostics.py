"""Diagnostics as plain data and as text: where, what, and what to do next."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.text import Text

from reconciler.diagnostics import Diagnostic, listed, plural
from reconciler.views.console import draw
from reconciler.views.plan_schema import DiagnosticDocument
from reconciler.views.text import Role, Style


def diagnostic_document(diagnostic: Diagnostic) -> DiagnosticDocument:
    """Return one problem as a document; file, line and column are null where it has no place."""
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
        "repositories": list(diagnostic.repositories),
    }


MOST_SHOWN = 100
_ROLES = {"error": Role.ERROR, "warning": Role.WARNING, "note": Role.DIM}


def render(diagnostics: Sequence[Diagnostic], *, style: Style) -> str:
    """Draw the first hundred different problems, and the number of all where there are several; "" without any.

    Lines are not wrapped, so that a terminal can make `file:line:column` something to click on.
    """
    folded = fold_problems(map(diagnostic_document, diagnostics))
    # One beyond the limit takes no more lines than to say that there is one more; of a manifest it counts the rest.
    shown = folded if len(folded) <= MOST_SHOWN + 1 else folded[:MOST_SHOWN]
    lines = [line for same in shown for line in _folded(same, style)]
    rest = sum(map(len, folded)) - sum(map(len, shown))
    if rest:
        lines.append(Text(f"and {rest:,} more"))
    if len(diagnostics) > 1:
        lines.append(Text(_count(str(one.severity) for one in diagnostics)))
    return draw(lines, style=style, width=None) if lines else ""


def fold_problems(problems: Iterable[Mapping[str, Any]]) -> list[list[Mapping[str, Any]]]:
    """Group documents of problems that differ only in their place and their repositories."""
    folded: dict[tuple[str, ...], list[Mapping[str, Any]]] = {}
    for one in problems:
        folded.setdefault(tuple(one[name] for name in _SAME), []).append(one)
    return list(folded.values())


_SAME = ("severity", "code", "summary", "detail", "hint")


def problem_place(found: Mapping[str, Any]) -> str:
    """Return where in the manifest a document points, as file:line:column; "" where it is nowhere in it."""
    return f"{found['file']}:{found['line']}:{found['column']}" if found["file"] is not None else ""


def repetitions(same: Sequence[Mapping[str, Any]]) -> str:
    """Return how often a problem was found and its first places: `(5 times: a.yaml:1:1 and 4 more)`; "" for once."""
    places = [problem_place(one) for one in same if problem_place(one)]
    where = f": {listed(places)}" if places else ""
    return f"({len(same):,} times{where})" if len(same) > 1 else ""


def problem_details(same: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the lines below the summary of a problem: detail, repositories, hint."""
    detail, hint = _lines(same[0]["detail"]), _lines(same[0]["hint"])
    names = list(dict.fromkeys(name for one in same for name in one["repositories"]))
    return [
        *detail,
        *([f"in {listed(names)}"] if names else ()),
        *(f"{'' if number else 'hint: '}{line}" for number, line in enumerate(hint)),
    ]


def _lines(text: str) -> list[str]:
    return text.strip().replace("\r\n", "\n").split("\n") if text.strip() else []


def problem_lines(problem: Mapping[str, Any], style: Style) -> list[Text]:
    """Draw one problem: a line with its place and summary, then its details, indented."""
    return _folded([problem], style)


def _folded(same: Sequence[Mapping[str, Any]], style: Style) -> list[Text]:
    first, often = same[0], repetitions(same)
    severity = (f"{first['severity']}:", _ROLES[first["severity"]])
    place = f"{problem_place(first)}: " if problem_place(first) and not often else ""
    code = (f"[{style.plain(first['code'])}]", Role.DIM)
    line = Text.assemble(severity, f" {style.plain(place)}{style.plain(first['summary'].strip())} ", code)
    if often:
        line.append(f" {style.plain(often)}")
    return [line, *(Text(f"  {style.plain(more)}") for more in problem_details(same))]


def _count(severities: Iterable[str]) -> str:
    counts = Counter(severities)
    return " and ".join(plural(counts[severity], severity) for severity in _ROLES if counts[severity])
