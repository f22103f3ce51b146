"""Diagnostics for CI systems: workflow commands of GitHub, Code Quality of GitLab, and SARIF 2.1.0.

Paths are relative to the checkout; a problem without a file has no place there. What a file is called and what a
problem says may come from strangers: each form escapes it as its reader asks for.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any
from urllib.parse import quote

from reconciler.diagnostics import Diagnostic, Severity
from reconciler.views.text import plain

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
