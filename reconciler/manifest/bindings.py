"""Checks the overlays and bindings of a manifest against the rules of the API that are certain without asking it.

Which overlays and tags there are is known only when planning. `assembly` reads the blocks.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations
from typing import Final

from reconciler.core.binding_rules import compete, disagreements
from reconciler.core.diff import Field
from reconciler.core.layers import item_place
from reconciler.core.overlay import EMPTY
from reconciler.core.state import DesiredBinding, DesiredOverlay
from reconciler.diagnostics import Diagnostic, Place, listed
from reconciler.manifest.codes import Code
from reconciler.manifest.document import Document, MapNode, locate
from reconciler.manifest.form import CONTENT_KEYS
from reconciler.manifest.problems import Finding, at_key, quoted, shown

_BIND_HINT: Final = "move the content to an overlay and bind that, or remove `overlays`"


def check_entry(entry: MapNode) -> Iterator[Finding]:
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


def check_names(documents: Sequence[Document]) -> Iterator[Diagnostic]:
    """Yield the overlays that two files define, and the overlays that two files bind in one scope."""
    defined: dict[str, Place] = {}
    bound: dict[tuple[str, str], Place] = {}
    for document in documents:
        for name, at, _ in document.overlays():
            place = document.source.place(at)
            if (first := defined.setdefault(name, place)) != place:
                hint = "keep one of the two, or give them different names"
                yield _twice(f"overlay {quoted(name)} is defined twice", first, place, hint)
        for folder, bindings in document.scopes():
            for name in bindings:
                place = document.source.place(bindings.marks_of(name)[0])
                if (first := bound.setdefault((folder, name), place)) != place:
                    yield _twice(f"overlay {quoted(name)} is bound twice to the same scope", first, place, "keep one")


def _twice(summary: str, first: Place, place: Place, hint: str) -> Diagnostic:
    code = Code.DUPLICATE_OVERLAY.value
    return Diagnostic(code=code, summary=summary, detail=f"first at {first}", hint=hint, place=place)


def overlay_content_problems(overlay: DesiredOverlay, *, complete: bool) -> Iterator[Diagnostic]:
    """Yield what the API refuses in the configuration that an overlay comes to; `complete`: all of it was read."""
    if overlay.overlay == EMPTY and complete:
        yield Diagnostic(
            code=Code.EMPTY_OVERLAY.value,
            summary=f"overlay {quoted(overlay.name)} has no content",
            hint="add content, such as `packages: [curl]`, or remove the overlay",
            place=overlay.place,
        )
    for provider in overlay.overlay.certificates.providers:
        yield Diagnostic(
            code=Code.PROVIDERS_IN_OVERLAY.value,
            summary="an overlay cannot have `certificates.providers`",
            hint=f"add `{shown(provider)}` to its `packages`",
            place=item_place(overlay.layers, Field.PROVIDERS, provider) or overlay.place,
        )


def conflicting_bindings(
    scopes: Iterable[Sequence[DesiredBinding]], overlays: Sequence[DesiredOverlay]
) -> Iterator[Diagnostic]:
    """Yield the bindings of a scope that give one tag two values for the same thing; the same problem once."""
    known = {one.name: one for one in overlays}
    found: dict[Diagnostic, None] = {}
    for bindings in scopes:
        for first, second in combinations(bindings, 2):
            one, other = known.get(first.overlay), known.get(second.overlay)
            if one is not None and other is not None and compete(first.selector, second.selector):
                problem = _conflict(first, second, one, other)
                if problem is not None:
                    found[problem] = None
    yield from found


def _conflict(
    first: DesiredBinding, second: DesiredBinding, one: DesiredOverlay, other: DesiredOverlay
) -> Diagnostic | None:
    differ = disagreements(one.overlay, other.overlay)
    if not differ:
        return None
    fields = listed([f"{item.field}.{item.key}".rstrip(".") for item in differ])
    places = [item_place(overlay.layers, differ[0].field, differ[0].key) or overlay.place for overlay in (one, other)]
    return Diagnostic(
        code=Code.CONFLICTING_OVERLAYS.value,
        summary=f"overlays {quoted(one.name)} and {quoted(other.name)} are bound to the same tags "
        f"and have different values: {shown(fields)}",
        detail=f"values at {places[0]} and {places[1]}; first bound at {first.place}",
        hint="use one value in both, or bind one of them to a more specific set of tags",
        place=second.place,
    )
