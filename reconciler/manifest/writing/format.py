"""The canonical layout of manifest files: the same values, quotes and comments, with lines always cut alike.

Two spaces for each level, lists indented below their key, at most one blank line in a row. A list or mapping in
brackets keeps them while it fits on a line and holds no comment. A result is used only where values and comments are
those of the text before.
"""

import re
from bisect import bisect_left
from collections import Counter, deque
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final, assert_never

from reconciler.diagnostics import Diagnostic, Place
from reconciler.manifest import files as manifest_files
from reconciler.manifest.document import Document, Source
from reconciler.manifest.problems import diagnostics, unread_file, yaml_problem
from reconciler.manifest.writing.syntax import (
    Alias,
    Comment,
    Mapping,
    Node,
    ScalarNode,
    Sequence,
    Syntax,
    normalised,
    with_line_ends,
)
from reconciler.manifest.yaml_tree import parse

WIDTH: Final = 120

_STEP: Final = 2
_ORDER: Final = (
    "organization",
    "owner",
    "settings",
    "defaults",
    "profiles",
    "overlays",
    "all_repositories",
    "folders",
    "repositories",
)
_START: Final = re.compile(r"^---(?=\s|$)", re.MULTILINE)
_DIGIT: Final = re.compile(r"[|>][+-]?([1-9])")


@dataclass(frozen=True, slots=True, kw_only=True)
class FormattedFile:
    """A file before and after, the same where it cannot be formatted; `overlays` are the overlay files it names."""

    path: Path
    before: str = ""
    after: str = ""
    problems: tuple[Diagnostic, ...] = ()
    overlays: frozenset[Path] = frozenset()

    @property
    def changed(self) -> bool:
        """Return whether the layout differs from what is there."""
        return self.before != self.after


def format_files(path: Path, data: bytes | None = None) -> list[FormattedFile]:
    """Format a manifest file, or all in a folder but the overlay files that they name.

    `data` is the content of a manifest from standard input, and `path` its name in messages.
    """
    if data is not None:
        return [_format_text(path, manifest_files.decode(str(path), data))]
    found = manifest_files.find(path)
    if isinstance(found, manifest_files.Unread):
        return [FormattedFile(path=path, problems=(unread_file(found),))]
    if found == (path,):
        return [_format_file(path)]
    files = [_format_file(one, in_folder=True) for one in found]
    # An overlay file that an entry names is not a manifest: its layout belongs to its owner.
    overlays = frozenset[Path]().union(*(one.overlays for one in files))
    return [one for one in files if one.path not in overlays]


def _format_file(path: Path, *, in_folder: bool = False) -> FormattedFile:
    return _format_text(path, manifest_files.read(path, found_in_folder=in_folder))


def _format_text(path: Path, text: str | manifest_files.Unread) -> FormattedFile:
    if isinstance(text, manifest_files.Unread):
        return FormattedFile(path=path, problems=(unread_file(text),))
    source, tree = Source(str(path), text), parse(text)
    overlays = frozenset(Document(source, tree).overlay_files())
    if tree.problems:
        found = diagnostics(source, [yaml_problem(flaw, source) for flaw in tree.problems])
        return FormattedFile(path=path, problems=tuple(found), overlays=overlays)
    result = formatted(text)
    if result is None:
        problems = (_not_formattable(path),)
        return FormattedFile(path=path, before=text, after=text, problems=problems, overlays=overlays)
    return FormattedFile(path=path, before=text, after=with_line_ends(result, text), overlays=overlays)


def _not_formattable(path: Path) -> Diagnostic:
    return Diagnostic(
        code="no-layout",
        summary="file not formatted: its YAML cannot be formatted without changing its content",
        hint="put each key on one line, and use a mapping at the top level",
        place=Place(file=str(path)),
    )


def formatted(text: str) -> str | None:
    """Return the canonical layout of a text without flaws; None where it has none that keeps values and comments."""
    for candidate in (_reordered(text), normalised(text)):
        try:
            result = _lay_out(Syntax(candidate))
        except _LayoutRefused:
            continue
        if _says_the_same(text, result):
            return result
    return None


def _reordered(text: str) -> str:
    """Return a text with the top-level keys in order, each with the comments above it."""
    syntax = Syntax(text)
    root = syntax.root
    if not isinstance(root, Mapping) or root.flow or syntax.column(root.start):
        return syntax.text
    names = [key.value if isinstance(key, ScalarNode) else "" for key, _ in root.pairs]
    wanted = sorted(range(len(names)), key=lambda number: (_rank(names[number]), number))
    if wanted == sorted(wanted):
        return syntax.text
    cuts = [syntax.line_start(root.pairs[0][0].start), *_cuts(syntax, root)]
    blocks = [syntax.text[start:end] for start, end in pairwise(cuts)]
    lines = (block if block.endswith("\n") else block + "\n" for block in (blocks[number] for number in wanted))
    header = syntax.text[: cuts[0]]
    gap = "\n" if header.strip() and not header.endswith("\n\n") else ""
    return header + gap + "".join(lines) + syntax.text[cuts[-1] :]


def _rank(name: str) -> int:
    return _ORDER.index(name) if name in _ORDER else len(_ORDER)


def _cuts(syntax: Syntax, root: Mapping) -> list[int]:
    """Return where the block of each top-level key ends: before the comments that belong to what follows."""
    found = []
    comments = [one.start for one in syntax.comments() if one.own_line and one.column == 0]
    followers = [*(key.start for key, _ in root.pairs[1:]), len(syntax.text)]
    for (key, value), follower in zip(root.pairs, followers, strict=True):
        end = max(key.end, value.end)
        at = bisect_left(comments, end)
        first = min(comments[at], follower) if at < len(comments) else follower
        found.append(syntax.line_start(first) if first < len(syntax.text) else first)
    return found


def _says_the_same(before: str, after: str) -> bool:
    old, new = parse(before), parse(after)
    if old.problems != () or new.problems != ():
        return False
    return _same(old.root, new.root, top=True) and _comments(before) == _comments(after)


def _same(old: object, new: object, *, top: bool = False) -> bool:
    """Return whether two trees are equal; the order of keys counts everywhere but at the top."""
    match old, new:
        case dict(), dict():
            keys = set(old) == set(new) if top else list(old) == list(new)
            return keys and all(_same(old[key], new[key]) for key in old)
        case list(), list():
            return len(old) == len(new) and all(map(_same, old, new))
        case _:
            return old == new


def _comments(text: str) -> Counter[str]:
    return Counter(comment.text for comment in Syntax(text).comments())


class _LayoutRefused(Exception):  # noqa: N818 - it reads as what happened
    """The text uses a form of YAML that has no canonical layout here."""


def _lay_out(syntax: Syntax, *, width: int = WIDTH) -> str:
    """Return the text of a document in canonical layout; raises `_LayoutRefused`."""
    printer = _Printer(syntax, width)
    return "\n".join(printer.document()) + "\n"


def as_block(syntax: Syntax, node: Mapping | Sequence, indent: int) -> list[str]:
    """Return the lines of a value below a key or a dash at `indent`, although it was in brackets."""
    return _Printer(syntax, WIDTH).below(node, indent)


class _Printer:
    """One walk through a document, which uses up its comments as it passes them."""

    def __init__(self, syntax: Syntax, width: int) -> None:
        self._syntax = syntax
        self._width = width
        self._lines: list[str] = []
        self._comments = deque(syntax.comments())
        self._comment_starts = [one.start for one in self._comments]
        # Collections that ended since the last key or item: column in the text, indentation in the result.
        self._closed: list[tuple[int, int]] = []
        self._fresh = True
        self._end = len(syntax.text)

    def document(self) -> list[str]:
        """Return the lines of the whole document."""
        root = self._syntax.root
        if not isinstance(root, Mapping) or not root.pairs or root.anchor:
            raise _LayoutRefused
        self._header(root)
        self._mapping(root, 0, top=True)
        self._leading(len(self._syntax.text), 0, column=0)
        return self._lines

    def below(self, node: Mapping | Sequence, indent: int) -> list[str]:
        """Return the lines of a value alone."""
        self._end = node.end
        self._comments = deque(one for one in self._comments if node.start <= one.start < node.end)
        if isinstance(node, Mapping):
            self._mapping(node, indent + _STEP)
        else:
            self._sequence(node, indent + _STEP)
        self._closed = self._closed[-1:]
        self._leading(node.end, indent + _STEP, column=self._closed[0][0])
        return self._lines

    def _header(self, root: Node) -> None:
        """Write the directives and the mark of the document's start unchanged, if there are any."""
        found = _START.search(self._syntax.text, 0, root.start)
        if found:
            self._lines += [line.rstrip() for line in self._syntax.text[: found.start()].split("\n")[:-1]] + ["---"]
            while self._comments and self._comments[0].start < found.start():
                self._comments.popleft()

    def _mapping(self, node: Mapping, indent: int, *, head: str = "", top: bool = False) -> None:
        """Write the pairs of a mapping; `head` is the dash on the line of the first pair."""
        column = self._syntax.column(node.pairs[0][0].start)
        self._fresh = True
        for number, (key, value) in enumerate(node.pairs):
            if number or not head:
                self._leading(key.start, indent, column=column, apart=top and number > 0)
            self._fresh = False
            start = f"{head} " if head and not number else " " * indent
            self._value(f"{start}{self._key(key)}:", value, indent)
        self._closed.append((column, indent))

    def _sequence(self, node: Sequence, indent: int) -> None:
        column = self._syntax.column(node.start)
        self._fresh = True
        for item in node.items:
            self._leading(self._syntax.dash(node, item), indent, column=column)
            self._fresh = False
            self._value(" " * indent + "-", item, indent)
        self._closed.append((column, indent))

    def _key(self, key: Node) -> str:
        text = self._syntax.slice(key)
        if "\n" in text or not isinstance(key, (ScalarNode, Alias)):
            raise _LayoutRefused
        return f"{text} " if isinstance(key, Alias) else text

    def _value(self, head: str, node: Node, indent: int) -> None:
        match node:
            case ScalarNode(style="|" | ">"):
                self._before(head, node.start)
                self._block_text(head, node, indent)
            case ScalarNode() | Alias():
                self._before(head, node.start)
                self._text(head, node, indent)
            case Sequence() | Mapping():
                self._collection(head, node, indent)
            case _:
                assert_never(node)

    def _before(self, head: str, end: int) -> None:
        """Write comments between a key and its value above the key, as they no longer have a line of their own."""
        while self._comments and self._comments[0].start < end:
            self._lines.append(" " * _indentation(head) + self._comments.popleft().text)

    def _text(self, head: str, node: ScalarNode | Alias, indent: int) -> None:
        first, *more = self._syntax.slice(node).split("\n")
        self._lines.append(f"{head} {first}".rstrip() if not more else f"{head} {first}")
        for line in more:
            stripped = line.lstrip(" \t")
            self._lines.append(" " * (indent + _STEP) + stripped if stripped else "")
        self._line_end(node.end)

    def _block_text(self, head: str, node: ScalarNode, indent: int) -> None:
        header, *body = self._syntax.slice(node).split("\n")
        self._lines.append(f"{head} {header.rstrip()}")
        digit = _DIGIT.search(header)
        new = " " * (indent + (int(digit[1]) if digit else _STEP))
        old = _indentation(next((line for line in body if line.strip()), ""))
        old -= _indentation(next((line for line in node.value.split("\n") if line.strip()), ""))
        self._lines += ["" if not line[old:] else new + line[old:] for line in body]

    def _collection(self, head: str, node: Sequence | Mapping, indent: int) -> None:
        children = node.items if isinstance(node, Sequence) else node.pairs
        if not children:
            self._before(head, node.end)
        flat = self._flat(node)
        if flat is None or (children and len(head) + 1 + len(flat) > self._width):
            self._block(f"{head} &{node.anchor}" if node.anchor else head, node, indent)
            return
        self._before(head, node.start)
        self._lines.append(f"{head} {flat}")
        self._line_end(node.end)

    def _block(self, head: str, node: Sequence | Mapping, indent: int) -> None:
        first = node.items[0] if isinstance(node, Sequence) else node.pairs[0][0]
        dash = head.endswith("-")
        # Comments that come later belong to what is inside.
        inside = first.start if node.flow or node.anchor else node.start
        has_comment = self._comments and self._comments[0].start < inside
        if dash and isinstance(node, Mapping) and not has_comment:
            self._mapping(node, indent + _STEP, head=head)
            return
        self._lines.append(head)
        if has_comment and not self._comments[0].own_line:
            self._lines[-1] += f"  {self._comments.popleft().text}"
        if isinstance(node, Mapping):
            self._mapping(node, indent + _STEP)
        else:
            self._sequence(node, indent + _STEP)

    def _flat(self, node: Node) -> str | None:
        """Return a value on one line in brackets, or None if that is impossible."""
        match node:
            case ScalarNode() | Alias():
                text = self._syntax.slice(node)
                return None if "\n" in text else text
            case Sequence(flow=False) | Mapping(flow=False):
                return None
            case _ if self._holds_comment(node):
                return None
            case Sequence(items=items):
                parts, brackets = [self._flat(item) for item in items], "[]"
            case Mapping(pairs=pairs):
                parts, brackets = [self._flat_pair(key, value) for key, value in pairs], "{}"
            case _:
                assert_never(node)
        if None in parts:
            return None
        anchor = f"&{node.anchor} " if node.anchor else ""
        return f"{anchor}{brackets[0]}{', '.join(map(str, parts))}{brackets[1]}"

    def _holds_comment(self, node: Node) -> bool:
        """Return whether a value contains a comment that is not written yet."""
        if not self._comments:
            return False
        at = bisect_left(self._comment_starts, max(node.start, self._comments[0].start))
        return at < len(self._comment_starts) and self._comment_starts[at] < node.end

    def _flat_pair(self, key: Node, value: Node) -> str | None:
        text = self._flat(value)
        return None if text is None else f"{self._key(key)}: {text}"

    def _leading(self, offset: int, indent: int, *, column: int, apart: bool = False) -> None:
        """Write the comments and the blank line before the item at `offset`; `apart` asks for a blank line."""
        levels = [*self._closed, (column, indent)]
        self._closed.clear()
        while self._comments and self._comments[0].start < offset:
            comment = self._comments.popleft()
            levels = [level for level in levels if level[0] <= comment.column] or levels[-1:]
            # The deepest level that the comment is not left of; of two that begin where it does, the outer one.
            deepest = max(column for column, _ in levels)
            same = [level for level in levels if level[0] == deepest]
            level = same[-1] if comment.column == deepest else same[0]
            levels = levels[levels.index(level) :]
            outside = level[1] == indent
            self._blank(comment.start, apart=apart and outside)
            apart = apart and not outside
            self._lines.append(" " * level[1] + comment.text)
            self._fresh = False
        if self._more(offset):
            self._blank(offset, apart=apart)

    def _more(self, offset: int) -> bool:
        """Return whether something begins at an offset, rather than ends."""
        return offset < self._end

    def _blank(self, offset: int, *, apart: bool) -> None:
        """Write a blank line where there was one, except at the beginning of a collection."""
        line = self._syntax.line_start(offset)
        above = self._syntax.text[self._syntax.line_start(line - 1) : line] if line else "-"
        if self._lines and self._lines[-1] and (apart or not (self._fresh or above.strip())):
            self._lines.append("")

    def _line_end(self, end: int) -> None:
        """Return the comment after a value on its line."""
        if not self._comments:
            return
        comment: Comment = self._comments[0]
        between = self._syntax.text[end : comment.start] if end <= comment.start else "\n"
        if not comment.own_line and not between.strip(" \t,]}") and "\n" not in between:
            self._lines[-1] += f"  {self._comments.popleft().text}"


def _indentation(line: str) -> int:
    return len(line) - len(line.lstrip(" "))
