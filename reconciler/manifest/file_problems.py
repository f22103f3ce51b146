"""Files that give no manifest, and YAML that is none, worded for the person who has to mend them.

What was found comes from `reading` and `yaml_tree`; nothing is decided here but the words. Those for errors of syntax
are in `syntax_problems`.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from reconciler.diagnostics import Diagnostic, Place
from reconciler.manifest import syntax_problems
from reconciler.manifest.anchors import MAX_ALIASES, MAX_COPIED_NODES, MAX_COPIED_TEXT
from reconciler.manifest.codes import Code
from reconciler.manifest.findings import Finding, Source, shown
from reconciler.manifest.flaws import Flaw
from reconciler.manifest.reading import Unread
from reconciler.manifest.yaml_tree import MAX_DEPTH, Tree

_ON_NO_FILE: Final = frozenset({Code.MANIFEST_NOT_FOUND, Code.NO_MANIFESTS})

# For each code the summary and the hint; the fields are those of `Unread` and `Flaw`.
_FILES: Final[Mapping[Code, tuple[str, str]]] = {
    Code.MANIFEST_NOT_FOUND: (
        'there is no file or folder "{name}"',
        "give the path of a manifest file, or of a folder that holds manifest files",
    ),
    Code.NO_MANIFESTS: (
        'the folder "{name}" holds no *.yaml or *.yml file',
        "put a manifest into it, or give the path of another folder; folders inside it are not searched",
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


def unread(problem: Unread) -> Diagnostic:
    """The diagnostic for a file or folder that gave no text."""
    summary, hint = _FILES[problem.code]
    place = Place(file=problem.name, line=problem.line, column=problem.column)
    return Diagnostic(
        code=problem.code.value,
        summary=summary.format(name=problem.name, reason=problem.reason),
        hint=hint,
        place=None if problem.code in _ON_NO_FILE else place,
    )


def named(problem: Unread, *, at: int, use_at: int | None, wildcards: bool = False) -> Finding:
    """The finding for a file that a manifest names at an offset and that gave no text."""
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


def nothing(tree: Tree, text: str) -> Iterator[Flaw]:
    """The flaw of a document that has nothing in it."""
    if tree.root is None and not tree.flaws:
        lines = (line.strip() for line in text.splitlines())
        comments = all(line.startswith("#") for line in lines if line)
        yield Flaw(code=Code.ONLY_COMMENTS if comments else Code.EMPTY_FILE, at=0)


def flaw(found: Flaw, source: Source) -> Finding:
    """The finding for something wrong with the YAML of a file."""
    if found.code is Code.YAML_SYNTAX:
        return syntax_problems.finding(found, source)
    summary, hint = _YAML[found.code]
    text = shown(found.text.removeprefix("tag:yaml.org,2002:"))
    return Finding(
        code=found.code,
        summary=summary.format(text=text),
        hint=hint.format(text=text),
        detail=_elsewhere(found, source),
        at=found.at,
    )


def _elsewhere(found: Flaw, source: Source) -> str:
    if found.other_at is None:
        return ""
    what = "the anchor is" if found.code is Code.RECURSIVE_ALIAS else "first"
    return f"{what} at {source.place(found.other_at)}"
