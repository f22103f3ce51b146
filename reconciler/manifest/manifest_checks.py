"""What only shows when the whole manifest is looked at: the organisation, settings, and entries in several places.

What is wrong within one entry is in `checks`, profiles are in `profile_checks`. Nothing is called missing while a file
could not be read, as it may be there.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from reconciler.diagnostics import Diagnostic, Place, Severity
from reconciler.manifest import profile_checks, values
from reconciler.manifest.codes import Code
from reconciler.manifest.documents import Document
from reconciler.manifest.findings import Source, quoted, shown
from reconciler.manifest.nodes import MapNode
from reconciler.manifest.patterns import is_organization

_HINT: Final = "write `organization: example.com` at the top of the manifest, or give `--org`"


def check(documents: Sequence[Document], *, organization: str | None, complete: bool) -> Iterator[Diagnostic]:
    """What is wrong between entries and files; `complete` tells that every file was read."""
    yield from _given_organization(organization)
    yield from _conflicting_organizations(documents)
    yield from _conflicting_settings(documents)
    yield from _same_repository(documents)
    yield from profile_checks.check(documents, complete=complete)
    tops = [document.top for document in documents if document.top is not None]
    if not complete or len(tops) < len(documents):
        return
    mentioned = _mentioned(tops, ("repositories",) if organization is not None else ("organization", "repositories"))
    if organization is None and "organization" not in mentioned:
        yield _missing(documents, Code.MISSING_ORGANIZATION, "the manifest names no organisation", _HINT)
    if "repositories" not in mentioned:
        hint = "write `repositories:`, and below it each repository with what it should have"
        yield _missing(documents, Code.MISSING_REPOSITORIES, "the manifest has no `repositories`", hint)
    yield from _no_repositories(documents)


def _mentioned(tops: Sequence[MapNode], wanted: Sequence[str]) -> set[str]:
    """The keys at the top of the files; where a wanted one is missing, also what they were probably meant to be."""
    mentioned = {key for top in tops for key in top}
    if not mentioned.issuperset(wanted):
        from reconciler.manifest.form import form_at  # loads pydantic, and is wanted for mistakes alone

        mentioned.update(key for top in tops for key in form_at(()).suspects(top))
    return mentioned


def organization_of(documents: Sequence[Document]) -> tuple[str, Place] | None:
    """The organisation that the manifest names first, and where."""
    return next(_organizations(documents), None)


def _organizations(documents: Sequence[Document]) -> Iterator[tuple[str, Place]]:
    for document in documents:
        name = document.top.get("organization") if document.top is not None else None
        if isinstance(name, str) and is_organization(name):
            yield name, document.place_of("organization")


def _given_organization(organization: str | None) -> Iterator[Diagnostic]:
    if organization is not None and not is_organization(organization):
        summary, hint = values.organization("organization", organization)
        yield Diagnostic(code=Code.BAD_ORGANIZATION.value, summary=f"--org: {summary}", hint=hint)


def _conflicting_organizations(documents: Sequence[Document]) -> Iterator[Diagnostic]:
    first = organization_of(documents)
    for name, place in _organizations(documents):
        if first is not None and name != first[0]:
            yield Diagnostic(
                code=Code.CONFLICTING_ORGANIZATIONS.value,
                summary=f"the manifest names two organisations: {quoted(first[0])} and {quoted(name)}",
                detail=f"first at {first[1]}",
                hint="name one organisation; plan another one's files by themselves",
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
                    summary=f"`{shown(key)}` has two values in the settings of this manifest",
                    detail=f"first at {first_place}",
                    hint="settings are for the whole manifest: write each in one file",
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
                    summary=f"the repository {quoted(name)} has two entries",
                    detail=f"first at {source.place(first)}",
                    hint="write one entry with what both say",
                    place=document.source.place(at),
                )


def _no_repositories(documents: Sequence[Document]) -> Iterator[Diagnostic]:
    given = [one for one in documents if one.top is not None and one.top.get("repositories") == {}]
    if given and not any(True for one in documents for _ in one.entries()):
        yield Diagnostic(
            code=Code.NO_REPOSITORIES.value,
            summary="the manifest names no repository, so there is nothing to plan",
            hint="name a repository below `repositories`",
            severity=Severity.WARNING,
            place=given[0].place_of("repositories"),
        )


def _missing(documents: Sequence[Document], code: Code, summary: str, hint: str) -> Diagnostic:
    return Diagnostic(code=code.value, summary=summary, hint=hint, place=Place(file=documents[0].source.name))
