"""A file that was read: its text and tree, the blocks of sections in it, and what is found wrong at an offset of it.

One mistake in an anchored block that many entries use is reported once, with the places of use.
"""

from array import array
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Final

from reconciler.diagnostics import Diagnostic, Place, Severity
from reconciler.manifest.codes import Code
from reconciler.manifest.nodes import MapNode
from reconciler.manifest.yaml_tree import Tree

LONGEST_ECHO: Final = 60
MOST_PROBLEMS: Final = 100
_MOST_USES: Final = 3

Path = tuple[str, ...]


class Source:
    """A manifest file that was read: its name as the user gave it, and its text."""

    __slots__ = ("_starts", "name", "text")

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.text = text
        # `splitlines` ends lines where YAML does, beyond line feeds too.
        self._starts = array("I", accumulate(map(len, text.splitlines(keepends=True)), initial=0))

    def place(self, offset: int) -> Place:
        """Return line and column of an offset, both from 1."""
        line = bisect_right(self._starts, min(offset, len(self.text)))
        return Place(file=self.name, line=line, column=offset - self._starts[line - 1] + 1)


@dataclass(frozen=True, slots=True)
class Block:
    """A mapping of sections, with its file and the path of keys that leads to it.

    An entry, a profile, the defaults, or a whole overlay file.
    """

    source: Source
    path: Path
    node: MapNode


@dataclass(frozen=True, slots=True)
class Document:
    """A file with its tree; `root` of that is `BROKEN` where the YAML could not be read. `is_overlay`: no manifest."""

    source: Source
    tree: Tree
    is_overlay: bool = False

    @property
    def root(self) -> object:
        """Return the root of the tree."""
        return self.tree.root

    @property
    def top(self) -> MapNode | None:
        """Return the top level, where it is a mapping as it should be."""
        return self.tree.root if isinstance(self.tree.root, MapNode) else None

    def place_of(self, key: str) -> Place:
        """Return the place of the value of a top-level key."""
        return self.source.place(self.top.marks_of(key)[1] if self.top is not None else 0)

    def entries(self) -> Iterator[tuple[str, int, object]]:
        """Yield each repository as it is addressed, its offset, and its entry, in the order of the file."""
        yield from self._below("repositories")

    def profiles(self) -> Iterator[tuple[str, int, object]]:
        """Yield each profile as it is named, its offset, and its sections, in the order of the file."""
        yield from self._below("profiles")

    def overlays(self) -> Iterator[tuple[str, int, object]]:
        """Yield each overlay as it is named, its offset, and its sections, in the order of the file."""
        yield from self._below("overlays")

    def customizations(self) -> Iterator[tuple[str, int, object]]:
        """Yield all that can build on profiles and on an overlay file: the overlays and the repositories."""
        yield from self.overlays()
        yield from self.entries()

    def scopes(self) -> Iterator[tuple[str, MapNode]]:
        """Yield the folder ("" for the organization) and the bindings of all that holds for many repositories."""
        found = [("", self.top.get("all_repositories") if self.top is not None else None)]
        found += [(name, node) for name, _, node in self._below("folders")]
        for folder, node in found:
            bindings = node.get("overlays") if isinstance(node, MapNode) else None
            if isinstance(bindings, MapNode):
                yield folder, bindings

    def blocks(self) -> Iterator[Block]:
        """Yield every block of sections."""
        if self.is_overlay:
            if self.top is not None:
                yield Block(self.source, (), self.top)
            return
        defaults = self.top.get("defaults") if self.top is not None else None
        if isinstance(defaults, MapNode):
            yield Block(self.source, ("defaults",), defaults)
        for key in ("profiles", "overlays", "repositories"):
            for name, _, node in self._below(key):
                if isinstance(node, MapNode):
                    yield Block(self.source, (key, name), node)

    def _below(self, key: str) -> Iterator[tuple[str, int, object]]:
        named = self.top.get(key) if self.top is not None else None
        if isinstance(named, MapNode):
            for (name, at), value in zip(named.keys_at(), named.values(), strict=True):
                yield name, at, value


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A problem at an offset of a file, already worded; `use_at` is the place of the alias that leads there.

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


@dataclass(slots=True)
class Problems:
    """The problems of a manifest: the first hundred errors and warnings, and a count of the rest."""

    _kept: dict[Severity, list[Diagnostic]] = field(default_factory=dict)
    _left_out: Counter[Severity] = field(default_factory=Counter)

    def add(self, problems: Iterable[Diagnostic]) -> None:
        """Take problems that have a place already."""
        for one in problems:
            kept = self._kept.setdefault(one.severity, [])
            if len(kept) < MOST_PROBLEMS:
                kept.append(one)
            else:
                self._left_out[one.severity] += 1

    def find(self, source: Source, findings: Iterable[Finding]) -> None:
        """Take the findings of one file; one is counted and let go as soon as there are enough of its kind."""
        grouped: dict[tuple[Code, Place | int, str], list[Finding]] = {}
        room = {one: MOST_PROBLEMS - len(self._kept.get(one, ())) for one in Severity}
        for finding in findings:
            key = (finding.code, finding.place or finding.at, finding.summary)
            if key in grouped:
                grouped[key].append(finding)
            elif room[finding.severity] > 0:
                room[finding.severity] -= 1
                grouped[key] = [finding]
            else:
                self._left_out[finding.severity] += 1
        self.add(_diagnostic(source, found) for found in grouped.values())

    def count(self, severity: Severity, more: int) -> None:
        """Count problems that nobody worded, as there are enough."""
        self._left_out[severity] += max(0, more)

    def ordered(self) -> tuple[Diagnostic, ...]:
        """Return the first hundred problems by place, errors before warnings, and how many more there are."""
        ranked = [one for severity in Severity for one in self._kept.get(severity, ())]
        shown, cut = sorted(ranked[:MOST_PROBLEMS], key=_order), ranked[MOST_PROBLEMS:]
        left_out = self._left_out + Counter(one.severity for one in cut)
        return (*shown, *([_more(left_out)] if left_out.total() else ()))


def _order(problem: Diagnostic) -> tuple[object, ...]:
    place = problem.place
    return (place.file, place.line, place.column, problem.code) if place else ("", 0, 0, problem.code)


def _more(left_out: Counter[Severity]) -> Diagnostic:
    total, errors = left_out.total(), left_out[Severity.ERROR]
    verb = "problem is" if total == 1 else "problems are"
    return Diagnostic(
        code=Code.MORE_PROBLEMS.value,
        summary=f"{total} more {verb} not shown ({errors} of them {'an error' if errors == 1 else 'errors'})",
        hint="fix these problems, then run the command again",
        severity=Severity.NOTE,  # so that no count of what is shown counts it
    )


def diagnostics(source: Source, findings: Iterable[Finding]) -> list[Diagnostic]:
    """Return the findings of one file as diagnostics, those of one place in one."""
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
    """Return what somebody wrote, fit for one line of a message: short, and never a certificate or a key."""
    if "-----BEGIN" in text:
        return "(PEM text)"
    line = " ".join(text.split())
    return line if len(line) <= LONGEST_ECHO else line[: LONGEST_ECHO - 1] + "…"


def quoted(text: str) -> str:
    """Return what somebody wrote, in quotes."""
    return f'"{shown(text)}"'
