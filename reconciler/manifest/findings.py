"""From an offset in a manifest file to a diagnostic that a person can click on.

A finding is a problem within one file, already worded. One mistake in an anchored block that many entries use is
reported once, with the places of use.
"""

from array import array
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

from reconciler.diagnostics import Diagnostic, Place, Severity
from reconciler.manifest.codes import Code

LONGEST_ECHO: Final = 60
_MOST_USES: Final = 3


class Source:
    """A manifest file that was read: its name as the user gave it, and its text."""

    __slots__ = ("_starts", "name", "text")

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.text = text
        # `splitlines` ends lines where YAML does, beyond line feeds too.
        self._starts = array("I", accumulate(map(len, text.splitlines(keepends=True)), initial=0))

    def place(self, offset: int) -> Place:
        """Line and column of an offset, both from 1."""
        line = bisect_right(self._starts, min(offset, len(self.text)))
        return Place(file=self.name, line=line, column=offset - self._starts[line - 1] + 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A problem at an offset of a file; `use_at` is where the alias stands that leads there.

    `place` is given where the person has to type in another file, which is named at the offset.
    """

    code: Code
    summary: str
    at: int
    use_at: int | None = None
    detail: str = ""
    hint: str = ""
    severity: Severity = Severity.ERROR
    place: Place | None = None


def diagnostics(source: Source, findings: Iterable[Finding]) -> list[Diagnostic]:
    """The findings of one file, those of one place in one."""
    grouped: dict[tuple[Code, Place | int, str], list[Finding]] = {}
    for finding in findings:
        grouped.setdefault((finding.code, finding.place or finding.at, finding.summary), []).append(finding)
    return [_diagnostic(source, found) for found in grouped.values()]


def _diagnostic(source: Source, found: list[Finding]) -> Diagnostic:
    first = found[0]
    uses = sorted({at for one in found if (at := one.at if one.place else one.use_at) is not None})
    return Diagnostic(
        code=first.code.value,
        summary=first.summary,
        severity=first.severity,
        detail="; ".join(filter(None, (first.detail, _used_at(source, uses)))),
        hint=first.hint,
        place=first.place or source.place(first.at),
    )


def _used_at(source: Source, uses: list[int]) -> str:
    if not uses:
        return ""
    named = ", ".join(str(source.place(use)) for use in uses[:_MOST_USES])
    more = len(uses) - _MOST_USES
    return f"used at {named}" + (f" and {more} more" if more > 0 else "")


def shown(text: str) -> str:
    """What somebody wrote, fit for one line of a message: short, and never a certificate or a key."""
    if "-----BEGIN" in text:
        return "(PEM text)"
    line = " ".join(text.split())
    return line if len(line) <= LONGEST_ECHO else line[: LONGEST_ECHO - 1] + "…"


def quoted(text: str) -> str:
    """What somebody wrote, in quotes."""
    return f'"{shown(text)}"'
