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


def _bad_package(_key: str, text: str) -> tuple[str, str]:
    """Return the finding for an invalid package specification."""
    if not text.strip():
        return "missing package name", "add a package name, or remove the item"
    if "{{" in text:
        hint = "use `{{major}}` and `{{minor}}` in the name only; other templates are not supported"
        return f"{quoted(text)} is not a package with a supported template", hint
    if "," in text or len(_OPERATOR.sub(r"\1", " ".join(text.split())).split()) > 1:
        return f"{quoted(text)} is not one package", "use one list item for each package"
    hint = "use a name, or a name with a constraint: `curl=8.9.1-r0`, `curl~8.9`, `curl>8`, `curl@tag`"
    return f"{quoted(text)} is not a package", hint


def _bad_repository(_key: str, text: str) -> tuple[str, str]:
    """Return the finding for an invalid repository address."""
    if is_glob(text):
        return f"{quoted(text)} contains a wildcard, which is not accepted here", "use the name of one repository"
    return _bad_entry(_key, text)


def _bad_entry(_key: str, text: str) -> tuple[str, str]:
    """Return the finding for a key of an entry that is neither an address nor a glob."""
    if is_glob(text) and text == text.lower():
        return f"{quoted(text)} is not a glob", f"use `*`, `?`, `[abc]` and the characters of a name: {_ALLOWED}"
    if text != text.lower():
        return f"{quoted(text)} is not a repository name", f"use lower case: `{shown(text.lower())}`"
    hint = f"use `name`, `folder/name` or `/name`; a name may contain {_ALLOWED}"
    return f"{quoted(text)} is not a repository name", hint


def _bad_profile(_key: str, text: str) -> tuple[str, str]:
    """Return the finding for an invalid profile name."""
    return f"{quoted(text)} is not a profile name", "use letters, digits, `.`, `_` and `-`"


def _bad_share(key: str, text: str) -> tuple[str, str]:
    """Return the finding for an invalid share."""
    return f"`{key}` must be a percentage from 0% to 100%, not {quoted(text)}", f"use a percentage: `{key}: 30%`"


def bad_organization(_key: str, text: str) -> tuple[str, str]:
    """Return the finding for an organization that is neither a name nor a path nor a UIDP."""
    hint = "use a name such as `example.com`, a path such as `example.com/team-a`, or a UIDP"
    return f"{quoted(text)} is not an organization", hint


def _bad_number(key: str, text: str) -> tuple[str, str]:
    """Return the finding for a number that is not plain decimal, or out of range."""
    summary = f"`{key}` must be a whole number from 0 to {LARGEST_ID}, not {quoted(text)}"
    return summary, "use decimal digits without sign, leading zeros or underscores"


def _bad_flag(key: str, text: str) -> tuple[str, str]:
    """Return the finding for a flag that is neither true nor false."""
    return f"`{key}` must be `true` or `false`, not {quoted(text)}", f"write `{key}: true`, or remove the line"


def _bad_selector(key: str, _text: str) -> tuple[str, str]:
    """Return the finding for an invalid selector of tags."""
    name = shown(key)
    summary = f"the tags of overlay `{name}` must be `all`, `dev` or a list of tags"
    return summary, f"write `{name}: all`, `{name}: dev` or `{name}: [1.2, 1.2-dev]`"


def _bad_overlay(_key: str, text: str) -> tuple[str, str]:
    """Return the finding for an invalid overlay name."""
    return f"{quoted(text)} is not an overlay name", f"use {_ALLOWED}"


def _bad_owner(_key: str, text: str) -> tuple[str, str]:
    """Return the finding for an invalid owner name."""
    return f"{quoted(text)} is not the name of an owner", "use letters, digits, `.`, `_`, `-`, `@` and spaces"


def _bad_label(_key: str, text: str) -> tuple[str, str]:
    """Return the finding for an invalid key or value of a label."""
    return f"{quoted(text)} is not a label", "use letters, digits, `.`, `_`, `-` and `/`"


def _bad_folder(_key: str, text: str) -> tuple[str, str]:
    """Return the finding for an invalid folder path."""
    return f"{quoted(text)} is not the path of a folder", "use its path from the organization, such as `team-a/edge`"


# By the pattern or the kind of error that the schema reports.
VALUE_MESSAGES: Final[Mapping[str, tuple[Code, Callable[[str, str], tuple[str, str]]]]] = {
    patterns.PACKAGE: (Code.BAD_PACKAGE, _bad_package),
    patterns.ADDRESS: (Code.BAD_REPOSITORY_NAME, _bad_repository),
    patterns.ENTRY: (Code.BAD_REPOSITORY_NAME, _bad_entry),
    patterns.PROFILE: (Code.BAD_PROFILE_NAME, _bad_profile),
    patterns.OVERLAY: (Code.BAD_OVERLAY_NAME, _bad_overlay),
    patterns.FOLDER: (Code.BAD_FOLDER, _bad_folder),
    patterns.OWNER: (Code.BAD_OWNER, _bad_owner),
    patterns.LABEL: (Code.BAD_LABEL, _bad_label),
    patterns.SELECTOR_ERROR: (Code.BAD_SELECTOR, _bad_selector),
    patterns.ORGANIZATION_ERROR: (Code.BAD_ORGANIZATION, bad_organization),
    patterns.SHARE_ERROR: (Code.BAD_SHARE, _bad_share),
    patterns.NUMBER_ERROR: (Code.BAD_NUMBER, _bad_number),
    patterns.FLAG_ERROR: (Code.BAD_FLAG, _bad_flag),
}
