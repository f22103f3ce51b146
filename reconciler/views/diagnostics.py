"""Diagnostics as plain data, as text, and for CI systems: GitHub's workflow commands, GitLab's Code Quality, SARIF.

For CI systems, paths are relative to the checkout; a problem without a file has no place there. What a file is called
and what a problem says may come from strangers: each form escapes it as its reader asks for.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Any
from urllib.parse import quote

from pydantic import Field as Schema
from rich.text import Text
from typing_extensions import TypedDict

from reconciler.diagnostics import Diagnostic, Severity, has_errors, listed, plural
from reconciler.views.console import draw
from reconciler.views.text import FORMAT_VERSION, Role, Style, plain


class DiagnosticDocument(TypedDict):
    """One problem; file, line and column are null where it has no place."""

    severity: Annotated[str, Schema(json_schema_extra={"enum": ["error", "warning", "note"]})]
    code: str
    summary: str
    detail: str
    hint: str
    file: str | None
    line: int | None
    column: int | None
    repositories: Annotated[
        list[str], Schema(description="Those that have it, where it is found in the manifest once.")
    ]


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


class ValidationDocument(TypedDict):
    """Document of `reconciler validate --format json`; `repositories` is the number of entries."""

    format_version: str
    valid: bool
    repositories: int
    diagnostics: list[DiagnosticDocument]


def validation_document(problems: Sequence[Diagnostic], repositories: int) -> ValidationDocument:
    """Return the problems of a manifest; it is valid where none of them is an error."""
    return {
        "format_version": FORMAT_VERSION,
        "valid": not has_errors(problems),
        "repositories": repositories,
        "diagnostics": [diagnostic_document(problem) for problem in problems],
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


def fold_problems(problems: Iterable[DiagnosticDocument]) -> list[list[DiagnosticDocument]]:
    """Group documents of problems that differ only in their place and their repositories."""
    folded: dict[tuple[str, ...], list[DiagnosticDocument]] = {}
    for one in problems:
        key = (one["severity"], one["code"], one["summary"], one["detail"], one["hint"])
        folded.setdefault(key, []).append(one)
    return list(folded.values())


def problem_place(found: Mapping[str, object]) -> str:
    """Return where in the manifest a document points, as file:line:column; "" where it is nowhere in it."""
    return f"{found['file']}:{found['line']}:{found['column']}" if found["file"] is not None else ""


def repetitions(same: Sequence[DiagnosticDocument]) -> str:
    """Return how often a problem was found and its first places: `(5 times: a.yaml:1:1 and 4 more)`; "" for once."""
    places = [problem_place(one) for one in same if problem_place(one)]
    where = f": {listed(places)}" if places else ""
    return f"({len(same):,} times{where})" if len(same) > 1 else ""


def problem_details(same: Sequence[DiagnosticDocument]) -> list[str]:
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


def problem_lines(problem: DiagnosticDocument, style: Style) -> list[Text]:
    """Draw one problem: a line with its place and summary, then its details, indented."""
    return _folded([problem], style)


def _folded(same: Sequence[DiagnosticDocument], style: Style) -> list[Text]:
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


UNCHANGED = "Nothing was changed."


def refusal(command: str, reason: str) -> str:
    """Return the verdict on a run that was refused before it wrote anything."""
    return f"{command.capitalize()} refused: {reason}. {UNCHANGED}"


def early_end(command: str, *, interrupted: bool, errors: int, run: str | None, left: str = "") -> str:
    """Return the verdict on a run that ended before its report.

    `run` is its id where it may have written, `left` what is known of one that was aborted.
    """
    name = command.capitalize()
    if interrupted:
        if run is None:
            return f"{name} interrupted. {UNCHANGED}"
        return f"{name} interrupted: {left or f'writes of run {run} may be unfinished'}."
    if run is not None:
        return f"{name} finished with errors. Details: `reconciler history {run}`."
    return refusal(command, plural(errors, "error"))


# From the file of a diagnostic to its path in the checkout; "" where it is not in it.
InCheckout = Callable[[str], str]

_COMMANDS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "notice"}
_GRADES = {Severity.ERROR: "major", Severity.WARNING: "minor", Severity.NOTE: "info"}


def render_github(problems: Iterable[Diagnostic], in_checkout: InCheckout) -> str:
    """Return a workflow command for each problem, which GitHub shows at its line."""
    return "".join(_command(one, in_checkout) for one in problems)


def _command(one: Diagnostic, in_checkout: InCheckout) -> str:
    return f"::{_COMMANDS[one.severity]} {_properties(one, in_checkout)}::{_data(_message(one))}\n"


def _properties(one: Diagnostic, in_checkout: InCheckout) -> str:
    path = in_checkout(one.place.file) if one.place else ""
    place = {"file": path, "line": one.place.line, "col": one.place.column} if one.place and path else {}
    return ",".join(f"{name}={_property(str(value))}" for name, value in {**place, "title": one.code}.items())


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(plain(text)).replace(":", "%3A").replace(",", "%2C")


def render_gitlab(problems: Iterable[Diagnostic], in_checkout: InCheckout) -> str:
    """Return a Code Quality report; problems without a file in the checkout cannot be in it."""
    return json.dumps([*_code_quality(problems, in_checkout)], indent=2) + "\n"


def _code_quality(problems: Iterable[Diagnostic], in_checkout: InCheckout) -> Iterator[dict[str, Any]]:
    seen: dict[str, int] = {}
    for one in problems:
        path = in_checkout(one.place.file) if one.place else ""
        if one.place is None or not path:
            continue
        same = f"{one.code}\n{path}\n{one.summary}"
        number = seen[same] = seen.get(same, 0) + 1  # a line that moves is the same problem
        yield {
            "description": _message(one),
            "check_name": one.code,
            "fingerprint": hashlib.sha256(f"{same}\n{number}".encode("utf-8", "surrogatepass")).hexdigest(),
            "severity": _GRADES[one.severity],
            "location": {"path": path, "lines": {"begin": one.place.line}},
        }


def render_sarif(problems: Sequence[Diagnostic], in_checkout: InCheckout, *, tool_version: str) -> str:
    """Return a SARIF log with one run; its rules are the codes of the problems."""
    rules = [{"id": code} for code in dict.fromkeys(one.code for one in problems)]
    driver = {"name": "reconciler", "version": tool_version, "rules": rules}
    log = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": driver},
                "columnKind": "unicodeCodePoints",
                "results": [_result(one, in_checkout) for one in problems],
            }
        ],
    }
    return json.dumps(log, indent=2) + "\n"


def _result(one: Diagnostic, in_checkout: InCheckout) -> dict[str, Any]:
    found: dict[str, Any] = {
        "ruleId": one.code,
        "level": str(one.severity),
        "message": {"text": _message(one)},
    }
    path = in_checkout(one.place.file) if one.place else ""
    if one.place is not None and path:
        region = {"startLine": one.place.line, "startColumn": one.place.column}
        location = {"artifactLocation": {"uri": quote(path, errors="surrogatepass")}, "region": region}
        found["locations"] = [{"physicalLocation": location}]
    return found


def _message(one: Diagnostic) -> str:
    """Return the summary, and below it detail, repositories and hint."""
    names = f"in {', '.join(one.repositories)}" if one.repositories else ""
    lines = [one.summary, one.detail, names, f"hint: {one.hint}" if one.hint else ""]
    return "\n".join(plain(line) for text in lines for line in text.strip().splitlines() if line.strip())
