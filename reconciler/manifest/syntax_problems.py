"""What the YAML parser says about text that is no YAML, worded for somebody who writes manifests.

The parser names what it expected of its grammar; most of the time a few slips are behind that. libyaml and the
pure-Python parser differ in their words, so the table knows those of both; a message that it does not know is shown.
"""

from collections.abc import Iterator
from typing import Final

from reconciler.manifest.codes import Code
from reconciler.manifest.findings import Finding, Source
from reconciler.manifest.flaws import Flaw

_INDENTATION: Final = "the indentation is off, or a quoted text goes on after its quotes"
_ALIGN: Final = "align the keys of one mapping, and put the whole of a value in quotes"

# Part of the parser's message, what it means, and what to do.
_MEANINGS: Final = (
    (
        "mapping values are not allowed",
        "this colon makes a second key in one line, or in the middle of a text",
        "put text that holds `: ` in quotes, and check the indentation",
    ),
    ("sequence entries are not allowed", "a list item cannot begin here", "begin it on a line of its own"),
    ("mapping keys are not allowed", "a key cannot begin here", "begin it on a line of its own"),
    (
        "could not find expected ':'",
        "a line before this one is neither `key: value` nor a list item",
        "put a colon and a space after the key; text of several lines needs `|` and indentation",
    ),
    ("unexpected end of stream", "the quotes that open here are never closed", "close the quotes"),
    ("unexpected document", "a text in quotes is not closed before this line", "close the quotes"),
    (
        "unknown escape character",
        "a backslash in double quotes stands before a character that it cannot escape",
        "use single quotes, or write two backslashes",
    ),
    ("expected hexdecimal number", "an escape in double quotes lacks digits", "use single quotes, or add the digits"),
    ("escape sequence of", "an escape in double quotes lacks digits", "use single quotes, or add the digits"),
    ("tab character", "a tab cannot be used for indentation", "use spaces"),
    ("expected key", _INDENTATION, _ALIGN),
    ("expected <block end>", _INDENTATION, _ALIGN),
    ("expected '-' indicator", "the indentation is off: the next item of a list was expected", "align the dashes"),
    ("expected ',' or ']'", "a list in brackets is not closed, or lacks a comma", "close it with `]`"),
    ("expected ',' or '}'", "a mapping in braces is not closed, or lacks a comma", "close it with `}`"),
    ("expected node content", "a value was expected here", "write the value, or remove what comes before it"),
    ("expected the node content", "a value was expected here", "write the value, or remove what comes before it"),
    (
        "alphabetic or numeric character",
        "a value that begins with `&` or `*` is taken for an anchor or an alias",
        "put the value in quotes",
    ),
    ("expected comment or line break", "text follows the `|` or `>`", "begin the text on the next line"),
    ("expected chomping", "text follows the `|` or `>`", "begin the text on the next line"),
    ("undefined tag handle", "a YAML tag is not accepted", "remove it, or put text that begins with `!` in quotes"),
    ("<document start>", "something follows the end of the document", "check the indentation of this line"),
    ("incompatible YAML document", "this version of YAML is not understood", "remove the line `%YAML`"),
)
_CONTEXTS: Final = (
    ("quoted scalar", "the quoted text"),
    ("flow sequence", "the list"),
    ("flow mapping", "the mapping"),
    ("block mapping", "the mapping"),
    ("block collection", "the list"),
    ("block sequence", "the list"),
)


def finding(flaw: Flaw, source: Source) -> Finding:
    """The finding for an error of syntax, at what was opened and not closed where the parser ran into the end."""
    opened = flaw.other_at
    at_end = not source.text[flaw.at :].strip()
    summary, hint = _meaning(flaw, source.text)
    if at_end and opened is not None:
        return Finding(code=Code.YAML_SYNTAX, summary=summary, hint=hint, at=opened)
    detail = "; ".join(_begins(flaw, source))
    return Finding(code=Code.YAML_SYNTAX, summary=summary, hint=hint, at=flaw.at, detail=detail)


def _meaning(flaw: Flaw, text: str) -> tuple[str, str]:
    if "cannot start any token" in flaw.text:
        return _character(text[flaw.at : flaw.at + 1])
    known = (meaning for part, *meaning in _MEANINGS if part in flaw.text)
    summary, hint = next(known, (f"this is not valid YAML: {flaw.text}", ""))
    return summary, hint


def _character(character: str) -> tuple[str, str]:
    if character == "\t":
        return "a tab cannot be used for indentation", "use spaces"
    return f'a value cannot begin with "{character}"', "put the value in quotes"


def _begins(flaw: Flaw, source: Source) -> Iterator[str]:
    noun = next((noun for part, noun in _CONTEXTS if part in flaw.context), None)
    if noun and flaw.other_at not in (None, flaw.at):
        yield f"{noun} begins at {source.place(flaw.other_at or 0)}"
