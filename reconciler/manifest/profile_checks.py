"""Profiles: each defined once, each that is named there, and each that is there named."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from reconciler.diagnostics import Diagnostic, Place, Severity, nearest
from reconciler.manifest.codes import Code
from reconciler.manifest.documents import Document
from reconciler.manifest.findings import Finding, diagnostics, quoted, shown
from reconciler.manifest.nodes import ListNode, MapNode, locate
from reconciler.manifest.patterns import PROFILE

_PROFILE: Final = re.compile(PROFILE)


def check(documents: Sequence[Document], *, complete: bool) -> Iterator[Diagnostic]:
    """What is wrong with the profiles of a manifest; `complete` tells that every file was read."""
    defined: dict[str, Place] = {}
    for document in documents:
        for name, at, _ in document.profiles():
            place = document.source.place(at)
            first = defined.setdefault(name, place)
            if first != place:
                yield _twice(name, first, place)
    used: set[str] = set()
    for document in documents:
        findings = list(_unknown(document, defined, used))
        if complete:
            yield from diagnostics(document.source, findings)
    if complete:
        yield from (_unused(name, place) for name, place in defined.items() if name not in used)


def _unknown(document: Document, defined: dict[str, Place], used: set[str]) -> Iterator[Finding]:
    for _, _, entry in document.entries():
        names = entry.get("profiles") if isinstance(entry, MapNode) else None
        if not isinstance(entry, MapNode) or not isinstance(names, ListNode):
            continue
        for index, name in enumerate(names):
            if isinstance(name, str) and name not in defined and _PROFILE.match(name):
                spot = locate(entry, ("profiles", index))
                yield Finding(
                    code=Code.UNKNOWN_PROFILE,
                    summary=f"there is no profile {quoted(name)}",
                    hint=_perhaps(name, defined),
                    at=spot.value_at,
                    use_at=spot.use_at,
                )
            elif isinstance(name, str):
                used.add(name)


def _perhaps(name: str, defined: dict[str, Place]) -> str:
    near = nearest(name, defined)
    if near:
        return "did you mean " + " or ".join(f"`{shown(one)}`" for one in near) + "?"
    return "define it below `profiles:` at the top of a file of this folder"


def _twice(name: str, first: Place, place: Place) -> Diagnostic:
    return Diagnostic(
        code=Code.DUPLICATE_PROFILE.value,
        summary=f"the profile {quoted(name)} is defined twice",
        detail=f"first at {first}",
        hint="keep one of the two, or give them different names",
        place=place,
    )


def _unused(name: str, place: Place) -> Diagnostic:
    return Diagnostic(
        code=Code.UNUSED_PROFILE.value,
        summary=f"nothing uses the profile {quoted(name)}",
        hint="name it in `profiles:` of an entry, or remove it",
        severity=Severity.WARNING,
        place=place,
    )
