"""Words what is wrong with files, with YAML, and with single values, for the person who has to fix them.

The problems come from `files` and `yaml_tree`; values are refused by `schema`. The parser names what it expected of its
grammar, and most of the time one of a few slips is behind that; libyaml and the pure-Python parser differ in their
words, so the table knows those of both, and a message that it does not know is shown.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from reconciler.diagnostics import Diagnostic, Place
from reconciler.manifest import patterns
from reconciler.manifest.codes import Code
from reconciler.manifest.document import Finding, Source, quoted, shown
from reconciler.manifest.files import Unread
from reconciler.manifest.patterns import LARGEST_ID, is_glob
from reconciler.manifest.yaml_tree import (
    MAX_ALIASES,
    MAX_COPIED_NODES,
    MAX_COPIED_TEXT,
    MAX_DEPTH,
    MERGE_CONFLICT,
    ODD_INDENTATION,
    Tree,
    YamlProblem,
)

_ON_NO_FILE: Final = frozenset({Code.MANIFEST_NOT_FOUND, Code.NO_MANIFESTS})

# For each code the summary and the hint; the fields are those of `Unread` and `YamlProblem`.
_FILES: Final[Mapping[Code, tuple[str, str]]] = {
    Code.MANIFEST_NOT_FOUND: (
        'there is no file or folder "{name}"',
        "write a first manifest with `reconciler init`, or give the path of a manifest file or folder",
    ),
    Code.NO_MANIFESTS: (
        'the folder "{name}" holds no *.yaml or *.yml file',
        "put a manifest into it, or write a first one with `reconciler init`; folders inside it are not searched",
    ),
    Code.NOT_A_FILE: ("this is not a file, although it is named like a manifest", "rename it, or move it elsewhere"),
    Code.UNREADABLE_FILE: ("the file cannot be read: {reason}", "check its permissions"),
    Code.FILE_TOO_LARGE: ("the file is larger than {reason}", "split it into several files in one folder"),
    Code.NOT_UTF8: ("the file is not UTF-8: {reason}", "save it as UTF-8"),
    Code.BINARY_FILE: ("the file is binary: {reason}", "give a text file in YAML"),
    Code.EMPTY_FILE: ("the file is empty", "write a manifest into it, or remove it"),
    Code.FILE_NOT_FOUND: ('there is no file "{name}"', "a path is relative to the file that it stands in"),
    Code.PATH_OUTSIDE: (
        '"{name}" is not inside the manifest\'s folder{reason}',
        "put the file into the manifest's folder, and write its path from here without `..`",
    ),
}
_AT_THE_NAME: Final = frozenset({Code.FILE_NOT_FOUND, Code.PATH_OUTSIDE})
# What helps with a file that a manifest names, where it is not what helps with a manifest.
_OTHER_HINTS: Final[Mapping[Code, str]] = {
    Code.FILE_TOO_LARGE: "name another file, or take away what is not needed",
    Code.NOT_UTF8: "save it as UTF-8; `openssl x509 -inform der` turns a certificate in DER form into PEM",
    Code.BINARY_FILE: "name a text file; `openssl x509 -inform der` turns a certificate in DER form into PEM",
    Code.EMPTY_FILE: "write something into it, or name another file",
}
_NO_FILE: Final = ("this is not a file", "name a file")
_NAMED_NO_FILE: Final = (
    "this is not a regular file",
    "give the path of a file or a folder; save what comes from a pipe or a device in a file first",
)
_ONE_FILE: Final = "name one file; a wildcard is not accepted here"
_YAML: Final[Mapping[Code, tuple[str, str]]] = {
    Code.ONLY_COMMENTS: ("the file holds nothing but comments", "write a manifest into it, or remove it"),
    Code.EMPTY_FILE: ("the file holds no manifest", "write a manifest into it, or remove it"),
    Code.CONTROL_CHARACTER: (
        "the character {text} must not stand in YAML",
        "remove it, or write it as an escape in double quotes",
    ),
    Code.SEVERAL_DOCUMENTS: (
        "a second YAML document begins here",
        "put it into a file of its own, or remove the line `---`",
    ),
    Code.DUPLICATE_KEY: ('the key "{text}" stands twice in one mapping', "keep one of the two"),
    Code.KEY_NOT_TEXT: ("a key must be text", 'write a word; `null` and `~` need quotes as keys: `"null"`'),
    Code.YAML_TAG: (
        'the YAML tag "{text}" is not accepted',
        "remove it: every value is the text that is written, and text that begins with `!` goes in quotes",
    ),
    Code.DUPLICATE_ANCHOR: ("the anchor `&{text}` is set twice", "give the two different names"),
    Code.UNKNOWN_ALIAS: (
        "the alias `*{text}` has no anchor before it",
        "set `&{text}` further up, or put text that begins with `*` in quotes",
    ),
    Code.RECURSIVE_ALIAS: ("the alias `*{text}` stands inside of what it stands for", "write the value out"),
    Code.BAD_MERGE: ("`<<` takes a mapping or a list of mappings", "write `<<: *name`, or `<<: [*one, *other]`"),
    Code.TOO_MANY_ALIASES: (f"the file holds more than {MAX_ALIASES} aliases", "split it into several files"),
    Code.NESTED_TOO_DEEP: (f"the file is nested deeper than {MAX_DEPTH} levels", "a manifest needs fewer than ten"),
    Code.EXPANSION_TOO_LARGE: (
        "up to here the aliases stand for {text} values; the file is not read further",
        f"write out what has aliases of aliases: the limit is {MAX_COPIED_NODES} values, {MAX_COPIED_TEXT} characters",
    ),
}
_INDENTATION: Final = "the indentation is off, or a quoted text goes on after its quotes"
_ALIGN: Final = "align the keys of one mapping, and put the whole of a value in quotes"

# Part of the parser's message, what it means, and what to do.
_MEANINGS: Final = (
    (
        MERGE_CONFLICT,
        "a merge conflict is left in the file",
        "keep one of the two sides, and remove the lines with `<<<<<<<`, `=======` and `>>>>>>>`",
    ),
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
_OPERATOR: Final = re.compile(r" ?([=<>~@]+) ?")
_ALLOWED: Final = "lower-case letters, digits, `.`, `_`, `-` and spaces"


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


def unread_include(problem: Unread, *, at: int, use_at: int | None, wildcards: bool = False) -> Finding:
    """Return the finding for a file that a manifest names at an offset and that gave no text."""
    summary, hint = _NO_FILE if problem.code is Code.NOT_A_FILE else _FILES[problem.code]
    at_name = problem.code in _AT_THE_NAME
    return Finding(
        code=problem.code,
        summary=summary.format(name=shown(problem.name), reason=problem.reason),
        hint=_ONE_FILE if wildcards else _OTHER_HINTS.get(problem.code, hint),
        at=at,
        use_at=use_at,
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
    """The finding for an error of syntax, at what was opened and not closed where the parser ran into the end."""
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
        return found.text, "indent with spaces; an editor can show which characters are there"
    at = found.at if found.other_at is None or "mapping values" in found.text else found.other_at
    line = text[text.rfind("\n", 0, at) + 1 :].partition("\n")[0]
    if len(line.strip().partition(": ")[0]) > _LONGEST_KEY:
        return f"this key is longer than {_LONGEST_KEY} characters", "write a shorter key"
    known = (meaning for part, *meaning in _MEANINGS if part in found.text)
    summary, hint = next(known, (f"this is not valid YAML: {found.text}", ""))
    return summary, hint


def _character(character: str) -> tuple[str, str]:
    if character == "\t":
        return "a tab cannot be used for indentation", "use spaces"
    return f'a value cannot begin with "{character}"', "put the value in quotes"


def _begins(found: YamlProblem, source: Source) -> Iterator[str]:
    noun = next((noun for part, noun in _CONTEXTS if part in found.context), None)
    if noun and found.other_at not in (None, found.at):
        yield f"{noun} begins at {source.place(found.other_at or 0)}"


def _bad_package(_key: str, text: str) -> tuple[str, str]:
    """A package specification that is none."""
    if not text.strip():
        return "a package has no name", "remove the item, or write a package name"
    if "{{" in text:
        hint = "write `{{major}}` and `{{minor}}` in the name; no other template is known, and none in a version"
        return f"{quoted(text)} is not a package with a known template", hint
    if "," in text or len(_OPERATOR.sub(r"\1", " ".join(text.split())).split()) > 1:
        return f"{quoted(text)} is not one package", "write one package in each list item"
    hint = "write a name, or a name with a constraint: `curl=8.9.1-r0`, `curl~8.9`, `curl>8`, `curl@tag`"
    return f"{quoted(text)} is not a package", hint


def _bad_repository(_key: str, text: str) -> tuple[str, str]:
    """A repository's address that is none."""
    if is_glob(text):
        return f"{quoted(text)} holds a wildcard, which is not accepted here", "name one repository"
    return _bad_entry(_key, text)


def _bad_entry(_key: str, text: str) -> tuple[str, str]:
    """The key of an entry that is neither an address nor a glob."""
    if is_glob(text) and text == text.lower():
        return f"{quoted(text)} is not a glob", f"`*`, `?` and `[abc]` stand between what a name holds: {_ALLOWED}"
    if text != text.lower():
        return f"{quoted(text)} is not a repository's name", f"names are in lower case: `{shown(text.lower())}`"
    hint = f"write `name`, `folder/name` or `/name`; a name holds {_ALLOWED}"
    return f"{quoted(text)} is not a repository's name", hint


def _bad_profile(_key: str, text: str) -> tuple[str, str]:
    """The name of a profile that is none."""
    return f"{quoted(text)} is not a profile's name", "a name holds letters, digits, `.`, `_` and `-`"


def _bad_share(key: str, text: str) -> tuple[str, str]:
    """A share that is none."""
    return f"`{key}` must be a share from 0% to 100%, not {quoted(text)}", f"write it in per cent: `{key}: 30%`"


def bad_organization(_key: str, text: str) -> tuple[str, str]:
    """An organisation that is neither a name nor a path nor a UIDP."""
    hint = "write a name such as `example.com`, a path such as `example.com/team-a`, or a UIDP"
    return f"{quoted(text)} is not an organisation", hint


def _bad_number(key: str, text: str) -> tuple[str, str]:
    """A number that is not plain decimal, or out of range."""
    summary = f"`{key}` must be a whole number from 0 to {LARGEST_ID}, not {quoted(text)}"
    return summary, "write plain decimal digits, without sign, leading zeros or underscores"


def _bad_flag(key: str, text: str) -> tuple[str, str]:
    """A flag that is neither true nor false."""
    return f"`{key}` must be `true` or `false`, not {quoted(text)}", f"write `{key}: true`, or remove the line"


# By the pattern or the kind of error that the schema tells.
VALUE_MESSAGES: Final[Mapping[str, tuple[Code, Callable[[str, str], tuple[str, str]]]]] = {
    patterns.PACKAGE: (Code.BAD_PACKAGE, _bad_package),
    patterns.ADDRESS: (Code.BAD_REPOSITORY_NAME, _bad_repository),
    patterns.ENTRY: (Code.BAD_REPOSITORY_NAME, _bad_entry),
    patterns.PROFILE: (Code.BAD_PROFILE_NAME, _bad_profile),
    patterns.ORGANIZATION_ERROR: (Code.BAD_ORGANIZATION, bad_organization),
    patterns.SHARE_ERROR: (Code.BAD_SHARE, _bad_share),
    patterns.NUMBER_ERROR: (Code.BAD_NUMBER, _bad_number),
    patterns.FLAG_ERROR: (Code.BAD_FLAG, _bad_flag),
}
