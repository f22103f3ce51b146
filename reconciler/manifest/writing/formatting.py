"""A manifest's text in canonical layout, with the proof that nothing but its layout changed.

How lines are cut is in `layout`; here are the order of the top level and the comparison of before and after.
"""

from collections import Counter
from itertools import pairwise
from typing import Final

from reconciler.manifest.writing.layout import LayoutRefused, lay_out
from reconciler.manifest.writing.syntax import Mapping, Scalar, Syntax, normalised
from reconciler.manifest.yaml_tree import parse

ORDER: Final = ("organization", "settings", "defaults", "profiles", "repositories")


def formatted(text: str) -> str | None:
    """The canonical layout of a text without flaws; None where it has none that keeps values and comments."""
    for candidate in (reordered(text), normalised(text)):
        try:
            result = lay_out(Syntax(candidate))
        except LayoutRefused:
            continue
        if _says_the_same(text, result):
            return result
    return None


def reordered(text: str) -> str:
    """A text whose top-level keys stand in their order, each with the comments above it."""
    syntax = Syntax(text)
    root = syntax.root
    if not isinstance(root, Mapping) or root.flow or syntax.column(root.start):
        return syntax.text
    names = [key.value if isinstance(key, Scalar) else "" for key, _ in root.pairs]
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
    return ORDER.index(name) if name in ORDER else len(ORDER)


def _cuts(syntax: Syntax, root: Mapping) -> list[int]:
    """Where the block of each top-level key ends: before the comments that belong to what follows."""
    found = []
    comments = [one for one in syntax.comments() if one.own_line and one.column == 0]
    followers = [*(key.start for key, _ in root.pairs[1:]), len(syntax.text)]
    for (key, value), follower in zip(root.pairs, followers, strict=True):
        end = max(key.end, value.end)
        first = next((one.start for one in comments if end <= one.start < follower), follower)
        found.append(syntax.line_start(first) if first < len(syntax.text) else first)
    return found


def _says_the_same(before: str, after: str) -> bool:
    old, new = parse(before), parse(after)
    if old.problems != () or new.problems != ():
        return False
    return _same(old.root, new.root, top=True) and _comments(before) == _comments(after)


def _same(old: object, new: object, *, top: bool = False) -> bool:
    """Whether two trees are equal; the order of keys counts everywhere but at the top."""
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
