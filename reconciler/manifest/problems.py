"""Problems of a manifest: findings at an offset of a file, and the words for what is wrong with files and with YAML.

One mistake in an anchored block that many entries use is reported once, with the places of use. The parser names what
it expected of its grammar, and most of the time one of a few slips is behind that; libyaml and the pure-Python parser
differ in their words, so the table knows those of both, and a message that it does not know is shown.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from reconciler.diagnostics import Diagnostic, Place, Severity
from reconciler.manifest.codes import WARNINGS, Code
from reconciler.manifest.document import Source, Spot, Tree, YamlProblem
from reconciler.manifest.files import Unread
from reconciler.manifest.yaml_tree import (
    MAX_ALIASES,
    MAX_COPIED_NODES,
    MAX_COPIED_TEXT,
    MAX_DEPTH,
    MERGE_CONFLICT,
    ODD_INDENTATION,
)

LONGEST_ECHO: Final = 60
MOST_PROBLEMS: Final = 100
_MOST_USES: Final = 3
_ON_NO_FILE: Final = frozenset({Code.MANIFEST_NOT_FOUND, Code.NO_MANIFESTS})

# For each code the summary and the hint; the fields are those of `Unread` and `YamlProblem`.
_FILES: Final[Mapping[Code, tuple[str, str]]] = {
    Code.MANIFEST_NOT_FOUND: (
        'file or folder "{name}" not found',
        "write a first manifest with `reconciler init`, or give the path of a manifest file or folder",
    ),
    Code.NO_MANIFESTS: (
        'folder "{name}" contains no *.yaml or *.yml file',
        "add a manifest, or write a first one with `reconciler init`; subfolders are not searched",
    ),
    Code.NOT_A_FILE: ("not a file, although it is named like a manifest", "rename it, or move it elsewhere"),
    Code.UNREADABLE_FILE: ("cannot read the file: {reason}", "check its permissions"),
    Code.FILE_TOO_LARGE: ("the file is larger than {reason}", "split it into several files in one folder"),
    Code.NOT_UTF8: ("the file is not UTF-8: {reason}", "save it as UTF-8"),
    Code.BINARY_FILE: ("the file is binary: {reason}", "use a YAML text file"),
    Code.EMPTY_FILE: ("the file is empty", "add a manifest, or remove the file"),
    Code.FILE_NOT_FOUND: ('file "{name}" not found', "give a path relative to this file"),
    Code.PATH_OUTSIDE: (
        '"{name}" is outside the manifest\'s folder{reason}',
        "move the file into the manifest's folder, and give its path relative to this file",
    ),
}
_AT_THE_NAME: Final = frozenset({Code.FILE_NOT_FOUND, Code.PATH_OUTSIDE})
# What helps with a file that a manifest names, where it is not what helps with a manifest.
_OTHER_HINTS: Final[Mapping[Code, str]] = {
    Code.FILE_TOO_LARGE: "use another file, or remove what is not needed",
    Code.NOT_UTF8: "save it as UTF-8; `openssl x509 -inform der` converts a DER certificate to PEM",
    Code.BINARY_FILE: "use a text file; `openssl x509 -inform der` converts a DER certificate to PEM",
    Code.EMPTY_FILE: "add content, or use another file",
}
_NO_FILE: Final = ("not a file", "give the path of a file")
_NAMED_NO_FILE: Final = (
    "not a regular file",
    "give the path of a file or a folder; save the output of a pipe in a file first",
)
_ONE_FILE: Final = "give one file; wildcards are not accepted here"
_YAML: Final[Mapping[Code, tuple[str, str]]] = {
    Code.ONLY_COMMENTS: ("the file contains only comments", "add a manifest, or remove the file"),
    Code.EMPTY_FILE: ("the file contains no manifest", "add a manifest, or remove the file"),
    Code.CONTROL_CHARACTER: (
        "YAML does not allow the character {text}",
        "remove it, or write it as an escape in double quotes",
    ),
    Code.SEVERAL_DOCUMENTS: (
        "a second YAML document starts here",
        "move it to its own file, or remove the line `---`",
    ),
    Code.DUPLICATE_KEY: ('duplicate key "{text}"', "keep one of the two"),
    Code.KEY_NOT_TEXT: ("a key must be text", 'use text as the key; quote `null` and `~`: `"null"`'),
    Code.YAML_TAG: (
        'the YAML tag "{text}" is not accepted',
        "remove it; quote text that starts with `!`",
    ),
    Code.DUPLICATE_ANCHOR: ("anchor `&{text}` is defined twice", "rename one of them"),
    Code.UNKNOWN_ALIAS: (
        "alias `*{text}` has no anchor before it",
        "define `&{text}` before it, or quote text that starts with `*`",
    ),
    Code.RECURSIVE_ALIAS: (
        "alias `*{text}` refers to a value that contains it",
        "write the value instead of the alias",
    ),
    Code.BAD_MERGE: ("`<<` takes a mapping or a list of mappings", "write `<<: *name`, or `<<: [*one, *other]`"),
    Code.TOO_MANY_ALIASES: (f"the file has more than {MAX_ALIASES} aliases", "split it into several files"),
    Code.NESTED_TOO_DEEP: (
        f"the file is nested deeper than {MAX_DEPTH} levels",
        "reduce the nesting; a manifest needs fewer than ten levels",
    ),
    Code.EXPANSION_TOO_LARGE: (
        "aliases expand to {text} values up to here",
        f"avoid aliases of aliases: the limit is {MAX_COPIED_NODES} values, {MAX_COPIED_TEXT} characters",
    ),
}
_INDENTATION: Final = "wrong indentation, or text after the closing quote"
_ALIGN: Final = "align the keys of the mapping, and quote the whole value"

# Part of the parser's message, what it means, and what to do.
_MEANINGS: Final = (
    (
        MERGE_CONFLICT,
        "unresolved merge conflict",
        "keep one side, and remove the lines with `<<<<<<<`, `=======` and `>>>>>>>`",
    ),
    (
        "mapping values are not allowed",
        "this colon starts a second key on the line",
        "quote text that contains `: `, and check the indentation",
    ),
    ("sequence entries are not allowed", "a list item cannot start here", "start it on a new line"),
    ("mapping keys are not allowed", "a key cannot start here", "start it on a new line"),
    (
        "could not find expected ':'",
        "a line before this one is neither `key: value` nor a list item",
        "add a colon and a space after the key; use `|` and indentation for multi-line text",
    ),
    ("unexpected end of stream", "unclosed quote", "close the quotes"),
    ("unexpected document", "unclosed quote before this line", "close the quotes"),
    (
        "unknown escape character",
        "invalid escape sequence in double quotes",
        "use single quotes, or double the backslash",
    ),
    (
        "expected hexdecimal number",
        "incomplete escape sequence in double quotes",
        "use single quotes, or add the digits",
    ),
    ("escape sequence of", "incomplete escape sequence in double quotes", "use single quotes, or add the digits"),
    ("tab character", "a tab cannot be used for indentation", "use spaces"),
    ("expected key", _INDENTATION, _ALIGN),
    ("expected <block end>", _INDENTATION, _ALIGN),
    ("expected '-' indicator", "wrong indentation: expected the next list item", "align the dashes"),
    ("expected ',' or ']'", "unclosed list, or missing comma", "close it with `]`"),
    ("expected ',' or '}'", "unclosed mapping, or missing comma", "close it with `}`"),
    ("expected node content", "expected a value here", "add the value, or remove the text before it"),
    ("expected the node content", "expected a value here", "add the value, or remove the text before it"),
    (
        "alphabetic or numeric character",
        "a value that starts with `&` or `*` is read as an anchor or alias",
        "quote the value",
    ),
    ("expected comment or line break", "text follows the `|` or `>`", "start the text on the next line"),
    ("expected chomping", "text follows the `|` or `>`", "start the text on the next line"),
    ("undefined tag handle", "YAML tags are not accepted", "remove it, or quote text that starts with `!`"),
    ("<document start>", "content after the end of the document", "check the indentation of this line"),
    ("incompatible YAML document", "unsupported YAML version", "remove the line `%YAML`"),
)
# libyaml and PyYAML look no further for the colon.
_LONGEST_KEY: Final = 1024
_CONTEXTS: Final = (
    ("quoted scalar", "the quoted text"),
    ("flow sequence", "the list"),
    ("flow mapping", "the mapping"),
    ("block mapping", "the mapping"),
    ("block collection", "the list"),
    ("block sequence", "the list"),
)


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
    place: Place | None = None

    @property
    def severity(self) -> Severity:
        """Return whether it stops a command, which its code decides."""
        return Severity.WARNING if self.code in WARNINGS else Severity.ERROR


def at_key(spot: Spot, code: Code, summary: str, hint: str, *, detail: str = "") -> Finding:
    """Return a finding about a key, or about an item of a list."""
    return Finding(code=code, summary=summary, hint=hint, detail=detail, at=spot.at, use_at=spot.use_at)


def at_value(spot: Spot, code: Code, summary: str, hint: str, *, detail: str = "") -> Finding:
    """Return a finding about a value."""
    return Finding(code=code, summary=summary, hint=hint, detail=detail, at=spot.value_at, use_at=spot.use_at)


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


def unread_file(problem: Unread) -> Diagnostic:
    """Return the diagnostic for a file or folder that gave no text."""
    named = problem.code is Code.NOT_A_FILE and problem.reason
    summary, hint = _NAMED_NO_FILE if named else _FILES[problem.code]
    place = Place(file=problem.name, line=problem.line, column=problem.column)
    return Diagnostic(
        code=problem.code.value,
        summary=summary.format(name=problem.name, reason=problem.reason),
        hint=hint,
        place=None if problem.code in _ON_NO_FILE else place,
    )


def unread_include(problem: Unread, spot: Spot, *, wildcards: bool) -> Finding:
    """Return the finding for a file that a manifest names at a place and that gave no text."""
    summary, hint = _NO_FILE if problem.code is Code.NOT_A_FILE else _FILES[problem.code]
    at_name = problem.code in _AT_THE_NAME
    return Finding(
        code=problem.code,
        summary=summary.format(name=shown(problem.name), reason=problem.reason),
        hint=_ONE_FILE if wildcards else _OTHER_HINTS.get(problem.code, hint),
        at=spot.value_at,
        use_at=spot.use_at,
        place=None if at_name else Place(file=problem.name, line=problem.line, column=problem.column),
    )


def no_content(tree: Tree, text: str) -> Iterator[YamlProblem]:
    """Yield the problem of a document that has nothing in it."""
    if tree.root is None and not tree.problems:
        lines = (line.strip() for line in text.splitlines())
        comments = all(line.startswith("#") for line in lines if line)
        yield YamlProblem(code=Code.ONLY_COMMENTS if comments else Code.EMPTY_FILE, at=0)


def yaml_problem(found: YamlProblem, source: Source) -> Finding:
    """Return the finding for something wrong with the YAML of a file."""
    if found.code is Code.YAML_SYNTAX:
        return _syntax_error(found, source)
    summary, hint = _YAML[found.code]
    text = shown(found.text.removeprefix("tag:yaml.org,2002:"))
    return Finding(
        code=found.code,
        summary=summary.format(text=text),
        hint=hint.format(text=text),
        detail=_elsewhere(found, source),
        at=found.at,
    )


def _elsewhere(found: YamlProblem, source: Source) -> str:
    if found.other_at is None:
        return ""
    what = "the anchor is" if found.code is Code.RECURSIVE_ALIAS else "first"
    return f"{what} at {source.place(found.other_at)}"


def _syntax_error(found: YamlProblem, source: Source) -> Finding:
    """Return the finding for a syntax error; at an unexpected end of the file, where the unclosed item was opened."""
    opened = found.other_at
    at_end = not source.text[found.at :].strip()
    summary, hint = _meaning(found, source.text)
    if at_end and opened is not None:
        return Finding(code=Code.YAML_SYNTAX, summary=summary, hint=hint, at=opened)
    detail = "; ".join(_begins(found, source))
    return Finding(code=Code.YAML_SYNTAX, summary=summary, hint=hint, at=found.at, detail=detail)


def _meaning(found: YamlProblem, text: str) -> tuple[str, str]:
    if "cannot start any token" in found.text:
        return _character(text[found.at : found.at + 1])
    if found.text.endswith(ODD_INDENTATION):
        return found.text, "indent with spaces; make your editor show invisible characters"
    at = found.at if found.other_at is None or "mapping values" in found.text else found.other_at
    line = text[text.rfind("\n", 0, at) + 1 :].partition("\n")[0]
    if len(line.strip().partition(": ")[0]) > _LONGEST_KEY:
        return f"this key is longer than {_LONGEST_KEY} characters", "write a shorter key"
    known = (meaning for part, *meaning in _MEANINGS if part in found.text)
    summary, hint = next(known, (f"invalid YAML: {found.text}", ""))
    return summary, hint


def _character(character: str) -> tuple[str, str]:
    if character == "\t":
        return "a tab cannot be used for indentation", "use spaces"
    return f'a value cannot start with "{character}"', "quote the value"


def _begins(found: YamlProblem, source: Source) -> Iterator[str]:
    noun = next((noun for part, noun in _CONTEXTS if part in found.context), None)
    if noun and found.other_at not in (None, found.at):
        yield f"{noun} starts at {source.place(found.other_at or 0)}"
