"""Checks what does not go together: within an entry or a list, and between the entries and files of a manifest.

Works on trees and not on models, so that a mistake elsewhere in an entry hides nothing. Invalid single values are
refused by `schema`, what the API forbids is in `rules`. Nothing is called missing while a file could not be read, as it
may be there.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from reconciler.core.state import Address
from reconciler.diagnostics import Diagnostic, KnownNames, Place, Severity
from reconciler.manifest.codes import Code
from reconciler.manifest.document import Block, Document, ListNode, MapNode, Source, locate
from reconciler.manifest.files import IncludedFile, IncludedFiles
from reconciler.manifest.form import CONTENT_KEYS, NAMED_TEXT_PATHS, form_at
from reconciler.manifest.problems import Finding, at_key, at_value, diagnostics, quoted, shown, unread_include
from reconciler.manifest.values import ADDRESS, PROFILE, bad_organization, is_glob, is_organization

# A manifest has one of these at least.
_MANAGING: Final = ("repositories", "overlays", "all_repositories", "folders")
_BIND_HINT: Final = "move the content to an overlay and bind that, or remove `overlays`"
_NEW_NAME: Final = re.compile(r"(?:.*/)?[a-z0-9_-]+")
_PROFILE: Final = re.compile(PROFILE)
_ADDRESS: Final = re.compile(ADDRESS)
_ORGANIZATION_HINT: Final = "write `organization: example.com` at the top of the manifest, or give `--org`"


def check_file(document: Document, included: IncludedFiles) -> Iterator[Finding]:
    """Yield what is wrong within the entries of one file, and the overlay files that cannot be read."""
    for name, at, entry in document.entries():
        if isinstance(entry, MapNode):
            yield from _reset(entry)
            yield from _bindings(entry)
            if "source" in entry:
                yield from _source(name, at, entry)
    for _, _, entry in document.customizations():
        if isinstance(entry, MapNode):
            if "profiles" in entry:
                yield from _repeated_profiles(entry)
            if "overlay" in entry:
                yield from _overlay_file(entry, included, Path(document.source.name).parent)


def _overlay_file(entry: MapNode, included: IncludedFiles, folder: Path) -> Iterator[Finding]:
    written = entry["overlay"]
    if isinstance(written, str) and written:
        found = included.read(written, folder=folder)
        if not isinstance(found, IncludedFile):
            spot = locate(entry, ("overlay",))
            yield unread_include(found, spot, wildcards=is_glob(written))


def check_block(block: Block) -> Iterator[Finding]:
    """Yield the certificates and keys of a block that have no text."""
    node = block.node
    for path in NAMED_TEXT_PATHS:
        if path[0] not in node:
            continue
        for index, item in block.items(path):
            if "content" not in item and "file" not in item and not _misspelled("content", item, path):
                yield at_value(
                    block.locate((*path, index)),
                    Code.MISSING_FIELD,
                    f"missing `content` in an item of `{path[-1]}`",
                    "write `content: |` followed by the PEM text, or `file:` with the path of a PEM file",
                )


def _misspelled(key: str, item: MapNode, path: tuple[str, ...]) -> bool:
    """Return whether an unknown key of an item was probably meant to be this one."""
    return key in form_at(("repositories", "x", *path, 0)).suspects(item)


def _reset(entry: MapNode) -> Iterator[Finding]:
    other_keys = [key for key in (*CONTENT_KEYS, "overlays") if key in entry]
    if other_keys and entry.get("reset") == "true":
        yield at_key(
            locate(entry, ("reset",)),
            Code.RESET_WITH_SECTIONS,
            "`reset: true` empties the whole overlay and cannot be combined with "
            + ", ".join(f"`{key}`" for key in other_keys),
            "remove `reset`, or remove the other keys",
        )


def _bindings(entry: MapNode) -> Iterator[Finding]:
    """Yield what cannot be combined with the bindings of an entry."""
    content_keys = [key for key in CONTENT_KEYS if key in entry] if "overlays" in entry else []
    if content_keys:
        yield at_key(
            locate(entry, ("overlays",)),
            Code.OVERLAYS_WITH_SECTIONS,
            "a repository with `overlays` cannot have content of its own: "
            + ", ".join(f"`{key}`" for key in content_keys),
            _BIND_HINT,
        )


def _source(name: str, at: int, entry: MapNode) -> Iterator[Finding]:
    spot = locate(entry, ("source",))
    if is_glob(name):
        yield at_key(
            spot,
            Code.SOURCE_WITH_GLOB,
            "a glob matches existing repositories, so it cannot have `source`",
            "remove `source`, or add an entry for each repository to create",
        )
    elif not _NEW_NAME.fullmatch(name):
        yield Finding(
            code=Code.UNUSUAL_NAME,
            summary=f"{quoted(name)} contains characters that the console does not allow in a new repository name",
            hint="use lower-case letters, digits, `_` and `-`",
            at=at,
        )


def _repeated_profiles(entry: MapNode) -> Iterator[Finding]:
    names = entry["profiles"]
    if not isinstance(names, ListNode):
        return
    seen: set[str] = set()
    for index, name in enumerate(names):
        if not isinstance(name, str):
            continue
        if name in seen:
            yield at_value(
                locate(entry, ("profiles", index)),
                Code.DUPLICATE_PROFILE,
                f"profile {quoted(name)} is listed twice in `profiles`",
                "keep one of the two; later profiles take precedence",
            )
        seen.add(name)


def check_manifest(documents: Sequence[Document], *, organization: str | None, complete: bool) -> Iterator[Diagnostic]:
    """Yield what is wrong between entries and files; `complete` is set if every file was read."""
    yield from _given_organization(organization)
    yield from _conflicting_organizations(documents)
    yield from _conflicting_settings(documents)
    yield from _same_repository(documents)
    yield from _same_source(documents)
    yield from _profiles(documents, complete=complete)
    yield from _overlay_names(documents)
    tops = [document.top for document in documents if document.top is not None]
    if not complete or len(tops) < len(documents):
        return
    mentioned = _mentioned(tops, ("repositories",) if organization is not None else ("organization", "repositories"))
    if organization is None and "organization" not in mentioned:
        yield _missing(documents, Code.MISSING_ORGANIZATION, "the manifest has no `organization`", _ORGANIZATION_HINT)
    if not mentioned.intersection(_MANAGING):
        hint = "add `repositories:` with an entry for each repository"
        yield _missing(documents, Code.MISSING_REPOSITORIES, "the manifest has no `repositories`", hint)
    yield from _no_repositories(documents)


def _mentioned(tops: Sequence[MapNode], wanted: Sequence[str]) -> set[str]:
    """Return the top-level keys of the files; if a required one is missing, also the probable intended keys."""
    mentioned = {key for top in tops for key in top}
    if not mentioned.issuperset(wanted):
        mentioned.update(key for top in tops for key in form_at(()).suspects(top))
    return mentioned


def organization_of(documents: Sequence[Document]) -> tuple[str, Place] | None:
    """Return the organization that the manifest names first, and where."""
    return next(_organizations(documents), None)


def _organizations(documents: Sequence[Document]) -> Iterator[tuple[str, Place]]:
    for document in documents:
        name = document.top.get("organization") if document.top is not None else None
        if isinstance(name, str) and is_organization(name):
            yield name, document.place_of("organization")


def _given_organization(organization: str | None) -> Iterator[Diagnostic]:
    if organization is not None and not is_organization(organization):
        summary, hint = bad_organization("organization", organization)
        yield Diagnostic(code=Code.BAD_ORGANIZATION.value, summary=f"--org: {summary}", hint=hint)


def _conflicting_organizations(documents: Sequence[Document]) -> Iterator[Diagnostic]:
    first = organization_of(documents)
    for name, place in _organizations(documents):
        if first is not None and name != first[0]:
            yield Diagnostic(
                code=Code.CONFLICTING_ORGANIZATIONS.value,
                summary=f"the manifest names two organizations: {quoted(first[0])} and {quoted(name)}",
                detail=f"first at {first[1]}",
                hint="use one organization in each folder of manifests",
                place=place,
            )


def _conflicting_settings(documents: Sequence[Document]) -> Iterator[Diagnostic]:
    seen: dict[str, tuple[object, Place]] = {}
    for document in documents:
        settings = document.top.get("settings") if document.top is not None else None
        if not isinstance(settings, MapNode):
            continue
        for key, value in settings.items():
            place = document.source.place(settings.marks_of(key)[0])
            first, first_place = seen.setdefault(key, (value, place))
            if isinstance(value, str) and value != first:
                yield Diagnostic(
                    code=Code.CONFLICTING_SETTINGS.value,
                    summary=f"setting `{shown(key)}` has two values",
                    detail=f"first at {first_place}",
                    hint="set it in one file only: settings apply to the whole manifest",
                    place=place,
                )


def _same_repository(documents: Sequence[Document]) -> Iterator[Diagnostic]:
    # The schema accepts one spelling of each address, so that equal addresses are equal texts.
    seen: dict[str, tuple[Source, int]] = {}
    for document in documents:
        for name, at, _ in document.entries():
            here = document.source, at
            source, first = seen.setdefault(name, here)
            if (source, first) != here:
                yield Diagnostic(
                    code=Code.DUPLICATE_REPOSITORY.value,
                    summary=f"repository {quoted(name)} has two entries",
                    detail=f"first at {source.place(first)}",
                    hint="merge them into one entry",
                    place=document.source.place(at),
                )


def _same_source(documents: Sequence[Document]) -> Iterator[Diagnostic]:
    """Yield entries with `source` that would create a repository that an entry before them would create."""
    seen: dict[tuple[str, str], tuple[str, Place]] = {}
    for document in documents:
        for name, at, entry in document.entries():
            if not isinstance(entry, MapNode) or "source" not in entry or not _ADDRESS.fullmatch(name):
                continue
            address, place = Address.parse(name), document.source.place(at)
            # Without a folder, a new repository is created on the organization's own level.
            first, first_place = seen.setdefault((address.folder or "", address.name), (name, place))
            if name != first:
                yield Diagnostic(
                    code=Code.DUPLICATE_SOURCE.value,
                    summary=f"{quoted(first)} and {quoted(name)} would create the same repository",
                    detail=f"first at {first_place}",
                    hint="keep one of the two entries",
                    place=place,
                )


def _no_repositories(documents: Sequence[Document]) -> Iterator[Diagnostic]:
    given = [one for one in documents if one.top is not None and one.top.get("repositories") == {}]
    if given and not any(True for one in documents for _ in one.entries()):
        yield Diagnostic(
            code=Code.NO_REPOSITORIES.value,
            summary="the manifest has no repositories",
            hint="add a repository to `repositories`",
            severity=Severity.WARNING,
            place=given[0].place_of("repositories"),
        )


def _missing(documents: Sequence[Document], code: Code, summary: str, hint: str) -> Diagnostic:
    return Diagnostic(code=code.value, summary=summary, hint=hint, place=Place(file=documents[0].source.name))


def _overlay_names(documents: Sequence[Document]) -> Iterator[Diagnostic]:
    """Yield the overlays that two files define, and the overlays that two files bind in one scope."""
    defined: dict[str, Place] = {}
    bound: dict[tuple[str, str], Place] = {}
    for document in documents:
        for name, at, _ in document.overlays():
            place = document.source.place(at)
            if (first := defined.setdefault(name, place)) != place:
                hint = "keep one of the two, or give them different names"
                yield _overlay_twice(f"overlay {quoted(name)} is defined twice", first, place, hint)
        for folder, bindings in document.scopes():
            for name in bindings:
                place = document.source.place(bindings.marks_of(name)[0])
                if (first := bound.setdefault((folder, name), place)) != place:
                    yield _overlay_twice(
                        f"overlay {quoted(name)} is bound twice to the same scope", first, place, "keep one"
                    )


def _overlay_twice(summary: str, first: Place, place: Place, hint: str) -> Diagnostic:
    code = Code.DUPLICATE_OVERLAY.value
    return Diagnostic(code=code, summary=summary, detail=f"first at {first}", hint=hint, place=place)


def _profiles(documents: Sequence[Document], *, complete: bool) -> Iterator[Diagnostic]:
    """Yield what is wrong with the profiles of a manifest; `complete` is set if every file was read."""
    defined: dict[str, Place] = {}
    for document in documents:
        for name, at, _ in document.profiles():
            place = document.source.place(at)
            first = defined.setdefault(name, place)
            if first != place:
                yield _profile_twice(name, first, place)
    used: set[str] = set()
    known = KnownNames(defined)
    for document in documents:
        findings = list(_unknown_profiles(document, known, defined, used))
        if complete:
            yield from diagnostics(document.source, findings)
    if complete:
        yield from (_unused_profile(name, place) for name, place in defined.items() if name not in used)


def _unknown_profiles(
    document: Document, known: KnownNames, defined: dict[str, Place], used: set[str]
) -> Iterator[Finding]:
    for _, _, entry in document.customizations():
        names = entry.get("profiles") if isinstance(entry, MapNode) else None
        if not isinstance(entry, MapNode) or not isinstance(names, ListNode):
            continue
        for index, name in enumerate(names):
            if isinstance(name, str) and name not in defined and _PROFILE.match(name):
                yield at_value(
                    locate(entry, ("profiles", index)),
                    Code.UNKNOWN_PROFILE,
                    f"unknown profile {quoted(name)}",
                    _profile_hint(name, known),
                )
            elif isinstance(name, str):
                used.add(name)


def _profile_hint(name: str, known: KnownNames) -> str:
    near = known.nearest(name)
    if near:
        return "did you mean " + " or ".join(f"`{shown(one)}`" for one in near) + "?"
    return "define it in the top-level `profiles:` of a file in this folder"


def _profile_twice(name: str, first: Place, place: Place) -> Diagnostic:
    return Diagnostic(
        code=Code.DUPLICATE_PROFILE.value,
        summary=f"profile {quoted(name)} is defined twice",
        detail=f"first at {first}",
        hint="keep one of the two, or give them different names",
        place=place,
    )


def _unused_profile(name: str, place: Place) -> Diagnostic:
    return Diagnostic(
        code=Code.UNUSED_PROFILE.value,
        summary=f"unused profile {quoted(name)}",
        hint="add it to the `profiles:` of an entry, or remove it",
        severity=Severity.WARNING,
        place=place,
    )
