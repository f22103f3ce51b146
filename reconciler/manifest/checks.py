"""What does not go together within one entry or one list. What the API forbids is in `rules`.

Works on trees and not on models, so that a mistake elsewhere in an entry hides nothing. What is wrong by itself is
refused by `schema`; what concerns several entries or files is in `manifest_checks`.
"""

import re
from collections.abc import Iterator
from typing import Final

from reconciler.diagnostics import Severity
from reconciler.manifest.codes import Code
from reconciler.manifest.documents import Block, Document
from reconciler.manifest.findings import Finding, quoted
from reconciler.manifest.nodes import ListNode, MapNode, locate
from reconciler.manifest.patterns import is_glob
from reconciler.manifest.rules.names import items

_BESIDE_RESET: Final = (
    "profiles", "overlay", "packages", "contents", "environment", "annotations", "accounts", "certificates", "source",
)  # fmt: skip
_NEW_NAME: Final = re.compile(r"(?:.*/)?[a-z0-9_-]+")
# Lists whose items hold a text that can be given in two ways.
_TEXTS: Final = (("contents", "runtime_keyring"), ("certificates", "additional"))


def check(document: Document) -> Iterator[Finding]:
    """What is wrong within the entries of one file."""
    for name, at, entry in document.entries():
        if isinstance(entry, MapNode):
            yield from _reset(entry)
            if "source" in entry:
                yield from _source(name, at, entry)
            if "profiles" in entry:
                yield from _profiles(entry)


def check_block(block: Block) -> Iterator[Finding]:
    """Certificates and keys of a block that have no text."""
    node = block.node
    for path in _TEXTS:
        if path[0] not in node:
            continue
        for item, _, index in items(block, path):
            if "content" not in item and "file" not in item and not _misspelt("content", item, path):
                spot = locate(node, (*path, index))
                yield Finding(
                    code=Code.MISSING_FIELD,
                    summary=f"`content` is missing in an item of `{path[-1]}`",
                    hint="write `content: |` and below it the PEM text, or `file:` and the path of a file with it",
                    at=spot.value_at,
                    use_at=spot.use_at,
                )


def _misspelt(key: str, item: MapNode, path: tuple[str, ...]) -> bool:
    """Whether an unknown key of an item was probably meant to be this one."""
    from reconciler.manifest.form import form_at  # loads pydantic, and is wanted for mistakes alone

    return key in form_at(("repositories", "x", *path, 0)).suspects(item)


def _reset(entry: MapNode) -> Iterator[Finding]:
    beside = [key for key in _BESIDE_RESET if key in entry]
    if beside and entry.get("reset") == "true":
        spot = locate(entry, ("reset",))
        yield Finding(
            code=Code.RESET_WITH_SECTIONS,
            summary="`reset: true` empties the whole overlay and cannot stand beside "
            + ", ".join(f"`{key}`" for key in beside),
            hint="remove `reset`, or remove everything beside it",
            at=spot.at,
            use_at=spot.use_at,
        )


def _source(name: str, at: int, entry: MapNode) -> Iterator[Finding]:
    spot = locate(entry, ("source",))
    if is_glob(name):
        yield Finding(
            code=Code.SOURCE_WITH_GLOB,
            summary="a glob means repositories that are there, so `source` has no meaning for it",
            hint="remove `source`, or give each repository that is to be created an entry of its own",
            at=spot.at,
            use_at=spot.use_at,
        )
    elif not _NEW_NAME.fullmatch(name):
        yield Finding(
            code=Code.UNUSUAL_NAME,
            summary=f"{quoted(name)} holds what the console does not allow in the name of a new repository",
            hint="take lower-case letters, digits, `_` and `-`",
            severity=Severity.WARNING,
            at=at,
        )


def _profiles(entry: MapNode) -> Iterator[Finding]:
    names = entry["profiles"]
    if not isinstance(names, ListNode):
        return
    for index, name in enumerate(names):
        if isinstance(name, str) and name in names[:index]:
            spot = locate(entry, ("profiles", index))
            yield Finding(
                code=Code.DUPLICATE_PROFILE,
                summary=f"the profile {quoted(name)} stands twice in `profiles`",
                hint="keep one of the two; a later profile is stronger than an earlier one",
                at=spot.value_at,
                use_at=spot.use_at,
            )
