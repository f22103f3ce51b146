"""What only shows when several values of one entry are looked at together.

Works on trees and not on models, so that a mistake elsewhere in an entry hides nothing. What is wrong by itself is
refused by `schema`; what concerns several entries or files is in `manifest_checks`.
"""

import re
from collections.abc import Iterator
from typing import Final

from reconciler.core.canonical import package_name, package_spec
from reconciler.manifest.codes import Code
from reconciler.manifest.documents import Document
from reconciler.manifest.findings import Finding, Source, quoted, shown
from reconciler.manifest.nodes import ListNode, MapNode, Spot, locate
from reconciler.manifest.schema import PACKAGE

_PACKAGE: Final = re.compile(PACKAGE)
_OPERATOR: Final = re.compile("[=<>~@]")
_BESIDE_RESET: Final = (
    "packages", "contents", "environment", "annotations", "accounts", "certificates", "source",
)  # fmt: skip
# Where names must not repeat: the path to the list, the key that names an item, the code, and what an item is.
_NAMED: Final = (
    (("accounts", "users"), "username", Code.DUPLICATE_USER, "user"),
    (("accounts", "groups"), "groupname", Code.DUPLICATE_GROUP, "group"),
    (("contents", "runtime_keyring"), "name", Code.DUPLICATE_KEYRING_ENTRY, "key"),
    (("certificates", "additional"), "name", Code.DUPLICATE_CERTIFICATE, "certificate"),
)


def check(document: Document) -> Iterator[Finding]:
    """What is wrong within the entries of one file."""
    source = document.source
    for _, _, entry in document.entries():
        if isinstance(entry, MapNode):
            yield from _reset(entry)
            yield from _conflicting_packages(entry, source)
            for path, key, code, noun in _NAMED:
                if path[0] in entry:
                    yield from _duplicates(entry, source, path=path, key=key, code=code, noun=noun)


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


def _conflicting_packages(entry: MapNode, source: Source) -> Iterator[Finding]:
    lists = tuple(_package_lists(entry))
    if not any(_OPERATOR.search(" ".join(filter(_is_text, packages))) for _, packages in lists):
        return  # names alone cannot conflict
    seen: dict[str, tuple[str, Spot]] = {}
    for path, packages in lists:
        for index, item in enumerate(packages):
            if isinstance(item, str) and _PACKAGE.match(item):
                yield from _conflict(package_spec(item), locate(entry, (*path, index)), seen, source)


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _package_lists(entry: MapNode) -> Iterator[tuple[tuple[str, ...], ListNode]]:
    contents = entry.get("contents")
    below = contents.get("packages") if isinstance(contents, MapNode) else None
    for path, packages in ((("packages",), entry.get("packages")), (("contents", "packages"), below)):
        if isinstance(packages, ListNode):
            yield path, packages


def _conflict(spec: str, spot: Spot, seen: dict[str, tuple[str, Spot]], source: Source) -> Iterator[Finding]:
    name = package_name(spec)
    first, first_spot = seen.setdefault(name, (spec, spot))
    if spec != first:
        yield Finding(
            code=Code.CONFLICTING_PACKAGES,
            summary=f"the package {quoted(name)} is asked for twice and differently: "
            f"`{shown(first)}` and `{shown(spec)}`",
            detail=f"first at {source.place(first_spot.value_at)}",
            hint="keep one of the two",
            at=spot.value_at,
            use_at=spot.use_at,
        )


def _duplicates(
    entry: MapNode, source: Source, *, path: tuple[str, ...], key: str, code: Code, noun: str
) -> Iterator[Finding]:
    seen: dict[str, Spot] = {}
    for spot in _names(entry, path, key):
        name = str(spot.value)
        first = seen.setdefault(name, spot)
        if first is not spot:
            yield Finding(
                code=code,
                summary=f"the {noun} {quoted(name)} stands twice in `{path[-1]}`",
                detail=f"first at {source.place(first.value_at)}",
                hint="keep one of the two, or give them different names",
                at=spot.value_at,
                use_at=spot.use_at,
            )


def _names(entry: MapNode, path: tuple[str, ...], key: str) -> Iterator[Spot]:
    items = locate(entry, path).value
    if isinstance(items, ListNode):
        for index, item in enumerate(items):
            if isinstance(item, MapNode) and isinstance(item.get(key), str):
                yield locate(entry, (*path, index, key))
