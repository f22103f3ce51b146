"""The layers of a manifest for one repository: the merged overlay and its conflicts.

This is the only place that decides which value wins. `manifest` reads layers; `globs` finds the repositories of a glob.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum
from functools import partial

from reconciler.core.diff import KEYED, SECTION_OF, Field, Item, assemble, has_key, items_of
from reconciler.core.guarded import guarded_errors, guarded_warnings, unmanaged_warnings
from reconciler.core.overlay import Overlay, PemFile, Section
from reconciler.diagnostics import Diagnostic, Place, Severity


class Precedence(IntEnum):
    """Precedence of layers, lowest first."""

    DEFAULTS = 0
    GLOB = 1
    PROFILE = 2
    OVERLAY_FILE = 3
    ENTRY = 4


# Finds where an item of a layer was written, or its section; called only for messages.
Locator = Callable[[Field, str], Place]


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """One item that a layer takes out of what weaker layers give, and where that is written."""

    field: Field
    key: str
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One block of the manifest.

    `kind` is that of the block; a profile that a glob names has the precedence of the glob. `emptied` are the fields
    that the block sets to empty, which removes what lower layers set; `removed` are
    single items that it takes out of them. Of two layers of the same precedence the later
    one wins, unless their `chain` (a file) differs: then they conflict.
    """

    precedence: Precedence
    kind: Precedence
    place: Place
    overlay: Overlay
    managed: frozenset[Section]
    name: str = ""
    chain: str = ""
    emptied: frozenset[Field] = frozenset()
    removed: tuple[Removal, ...] = ()
    protect: bool | None = None
    locate: Locator | None = field(default=None, compare=False, repr=False)

    def place_of(self, part: Field, key: str) -> Place:
        """Return the place of an item of the layer."""
        return self.place if self.locate is None else self.locate(part, key)


@dataclass(frozen=True, slots=True)
class LayerItem:
    """An item with its layer; the item is None if the layer empties the field."""

    layer: Layer
    entry: Item | None

    def place(self, part: Field, key: str) -> Place:
        """Return where the item was written."""
        return self.layer.place_of(part, key)


@dataclass(frozen=True, slots=True)
class Conflict:
    """Two items of the same precedence with different values."""

    field: Field
    key: str
    first: LayerItem
    second: LayerItem


@dataclass(frozen=True, slots=True)
class Merged:
    """The result of merging layers: the overlay, and for each of its items the winning layer item.

    `removed` are the items that a layer took out, each with what it was.
    """

    overlay: Overlay
    managed: frozenset[Section]
    winners: tuple[LayerItem, ...]
    conflicts: tuple[Conflict, ...] = ()
    removed: tuple[tuple[LayerItem, Removal], ...] = ()


def merge(layers: Sequence[Layer]) -> Merged:
    """Return the merged overlay of layers, lowest precedence first."""
    stack = _Stack()
    for layer in layers:
        stack.put(layer)
    winners = stack.winners()
    return Merged(
        overlay=assemble(claim.entry for claim in winners if claim.entry),
        managed=frozenset[Section]().union(*(layer.managed for layer in layers)),
        winners=winners,
        conflicts=tuple(stack.conflicts()),
        removed=tuple(stack.removed),
    )


def winning_items(layers: Sequence[Layer], part: Field) -> Mapping[str, LayerItem]:
    """Return the winning layer item for each key of one field."""
    stack = _Stack()
    for layer in layers:
        stack.put(layer, part)
    return {claim.entry.key: claim for claim in stack.winners() if claim.entry}


def item_place(layers: Sequence[Layer], part: Field, key: str) -> Place | None:
    """Return where the winning item was written; for a missing item, where its field was emptied."""
    claim = winning_items(layers, part).get(key)
    if claim is not None:
        return claim.place(part, key)
    emptying = (layer for layer in reversed(layers) if part in layer.emptied and SECTION_OF[part] in layer.managed)
    empty = next(emptying, None)
    return empty.place_of(part, key) if empty is not None else None


def protected(layers: Sequence[Layer]) -> bool:
    """Return whether the highest layer that mentions protection protects the repository; any of equal ones suffices."""
    declaring = [layer for layer in layers if layer.protect is not None]
    return any(layer.protect for layer in declaring if layer is declaring[-1] or _equals(layer, declaring[-1]))


class _Stack:
    """Layer items by field and key while layers are merged."""

    def __init__(self) -> None:
        self.claims: dict[tuple[Field, str], list[LayerItem]] = {}
        self.removed: list[tuple[LayerItem, Removal]] = []
        self._empty: dict[Field, list[Layer]] = {}

    def put(self, layer: Layer, only: Field | None = None) -> None:
        """Add a layer of higher or equal precedence, or only one field of it."""
        for part in layer.emptied:
            for key in self.claims:
                if key[0] is part:
                    self.claims[key] = _rivals(self.claims[key], layer)
            self._empty[part] = [*(one for one in self._empty.get(part, ()) if _equals(one, layer)), layer]
        self._take_out(layer.removed)
        for entry in items_of(layer.overlay):
            if only is not None and entry.field is not only:
                continue
            key, claim = (entry.field, entry.key), LayerItem(layer, entry)
            below = self.claims.get(key)
            if not below:
                self.claims[key] = [claim]
            else:
                kept = below if entry.field is Field.PACKAGES else _rivals(below, layer)
                self.claims[key] = [*kept, claim]

    def _take_out(self, removed: Iterable[Removal]) -> None:
        for one in removed:
            claims = self.claims.pop((one.field, one.key), None)
            if claims:
                self.removed.append((claims[-1], one))

    def winners(self) -> tuple[LayerItem, ...]:
        """Return the winning item for each key."""
        return tuple(_winner(part, claims) for (part, _), claims in self.claims.items() if claims)

    def conflicts(self) -> Iterator[Conflict]:
        """Return every pair of conflicting items, one for each key."""
        for (part, key), claims in self.claims.items():
            if not claims or (len(claims) == 1 and part not in self._empty):
                continue
            candidates = _constrained(claims) if part is Field.PACKAGES else claims
            other = next((one for one in candidates[1:] if _disagree(candidates[0], one)), None)
            if other is not None:
                yield Conflict(part, key, candidates[0], other)
                continue
            for claim in claims:
                empty = next((one for one in self._empty.get(part, ()) if _equals(one, claim.layer)), None)
                if empty is not None:
                    yield Conflict(part, key, claim, LayerItem(empty, None))
                    break


def _rivals(claims: Sequence[LayerItem], layer: Layer) -> list[LayerItem]:
    """Return the items that remain next to those of a layer, because its precedence is not higher."""
    return [claim for claim in claims if _equals(claim.layer, layer)]


def _equals(one: Layer, other: Layer) -> bool:
    return one.precedence is other.precedence and one.chain != other.chain


def _disagree(one: LayerItem, other: LayerItem) -> bool:
    # `manifest` reports duplicates within one block.
    return one.layer is not other.layer and one.entry != other.entry


def _constrained(claims: Sequence[LayerItem]) -> list[LayerItem]:
    """Return the items of a package that constrain its version: a bare name agrees with any constraint."""
    return [one for one in claims if one.entry and one.entry.value != one.entry.key]


def _winner(part: Field, claims: Sequence[LayerItem]) -> LayerItem:
    several = len(claims) > 1 and part is Field.PACKAGES
    return ((_constrained(claims) if several else ()) or claims)[-1]


KEYS_LIMIT = 512 * 1024
CERTIFICATES_LIMIT = 50 * 1024

_LONGEST = 60


def overlay_errors(
    overlay: Overlay, conflicts: Iterable[Conflict], place: Place, layers: Sequence[Layer]
) -> list[Diagnostic]:
    """Return the errors of a merged overlay; `place` is that of its highest layer."""
    keys, certificates = overlay.runtime_keyring, overlay.certificates.additional
    found = [_conflict(one) for one in conflicts]
    if keys:
        found += _too_large("keyring-too-large", "keys", keys, KEYS_LIMIT, place)
    if certificates:
        found += _too_large("certificates-too-large", "certificates", certificates, CERTIFICATES_LIMIT, place)
    found += _given_and_removed(layers)
    if _manages_wrapper(layers):
        found += guarded_errors(overlay, partial(item_place, layers), place)
    return found


def _manages_wrapper(layers: Sequence[Layer]) -> bool:
    return any(Section.GUARDED_ENTRYPOINT in layer.managed for layer in layers)


def overlay_warnings(overlay: Overlay, layers: Sequence[Layer]) -> list[Diagnostic]:
    """Return warnings: allowed, but probably a mistake."""
    place_of = partial(item_place, layers)
    found = [*guarded_warnings(overlay, place_of), *_run_as_warnings(overlay, layers)]
    found += _nothing_to_remove(layers)
    return found if _manages_wrapper(layers) else [*unmanaged_warnings(overlay, place_of), *found]


def _given_and_removed(layers: Sequence[Layer]) -> Iterator[Diagnostic]:
    for layer in layers:
        for one in layer.removed:
            if has_key(layer.overlay, one.field, one.key):
                yield Diagnostic(
                    code="given-and-removed",
                    summary=f"{_removal(one)} is both added and removed in the same entry",
                    detail=f"given at {layer.place_of(one.field, one.key)}",
                    hint="remove one of the two lines",
                    place=one.place,
                )


def _removal(one: Removal) -> str:
    return f"`{_short(_path(one.field, one.key) if one.field in KEYED else one.key)}`"


def _nothing_to_remove(layers: Sequence[Layer]) -> Iterator[Diagnostic]:
    if not any(layer.removed for layer in layers):
        return
    removed = {one for _, one in merge(layers).removed}
    for one in (one for layer in layers for one in layer.removed if one not in removed):
        yield Diagnostic(
            code="nothing-to-remove",
            summary=f"`remove` lists {_removal(one)}, which no profile, glob or `defaults` adds",
            hint="correct the name, or remove the line",
            severity=Severity.WARNING,
            place=one.place,
        )


def _run_as_warnings(overlay: Overlay, layers: Sequence[Layer]) -> list[Diagnostic]:
    run_as = overlay.accounts.run_as
    if not run_as or run_as.isdigit() or run_as in {user.username for user in overlay.accounts.users}:
        return []
    return [
        Diagnostic(
            code="unknown-run-as",
            summary=f'`run-as` names "{_short(run_as)}", which is not a user of this overlay',
            hint="add the user to `accounts.users`, or write its UID; "
            "ignore this warning if the base image has the user",
            severity=Severity.WARNING,
            place=item_place(layers, Field.RUN_AS, ""),
        )
    ]


def overlay_problems(merged: Merged, layers: Sequence[Layer], place: Place) -> list[Diagnostic]:
    """Return errors and warnings of one repository."""
    errors = overlay_errors(merged.overlay, merged.conflicts, place, layers)
    return [*errors, *overlay_warnings(merged.overlay, layers)]


def group_problems(found: Iterable[tuple[str, Diagnostic]]) -> Iterator[Diagnostic]:
    """Return the problems of many repositories, equal ones grouped into one that names them."""
    grouped: dict[Diagnostic, list[str]] = {}
    for repository, problem in found:
        grouped.setdefault(problem, []).append(repository)
    for problem, names in grouped.items():
        yield replace(problem, repositories=tuple(names))


def _conflict(conflict: Conflict) -> Diagnostic:
    part, key = conflict.field, conflict.key
    first, second = (one.place(part, key) for one in (conflict.first, conflict.second))
    if part is Field.PACKAGES and conflict.first.entry and conflict.second.entry:
        return Diagnostic(
            code="conflicting-packages",
            summary=f'package "{_short(key)}" has conflicting constraints: '
            f"`{_short(str(conflict.first.entry.value))}` and `{_short(str(conflict.second.entry.value))}`",
            detail=f"first at {first}",
            hint="keep one of the two",
            place=second,
        )
    return Diagnostic(
        code="conflicting-layers",
        summary=f"`{_short(_path(part, key))}` has different values in two layers of the same precedence",
        detail=f"first at {first}",
        hint="use one value in both, or set it in the repository's own entry, which takes precedence",
        place=second,
    )


def both_reset_and_customized(first: Place, second: Place) -> Diagnostic:
    """Return the error for a reset by a glob next to a customization by something else."""
    return Diagnostic(
        code="conflicting-reset",
        summary="a glob resets this repository, and another entry customizes it",
        detail=f"reset at {first}",
        hint="set `reset: true` in the repository's own entry, or narrow the glob",
        place=second,
    )


def both_bound_and_customized(first: Place, second: Place) -> Diagnostic:
    """Return the problem of a repository that has overlays bound to it and content of its own."""
    return Diagnostic(
        code="overlays-with-glob",
        summary="this repository has overlays bound to it, and a glob or an entry customizes it as well",
        detail=f"customized at {first}",
        hint="move the content to an overlay and bind that, or narrow the glob",
        place=second,
    )


def _path(part: Field, key: str) -> str:
    return f"{part}.{key}" if part in KEYED else str(part)


def _too_large(code: str, noun: str, files: Sequence[PemFile], limit: int, place: Place) -> Iterator[Diagnostic]:
    size = sum(len((file.text or file.pem).encode("utf-8", "surrogatepass")) for file in files)
    if size > limit:
        yield Diagnostic(
            code=code,
            summary=f"the {noun} of this repository total {size:,} bytes; the limit is {limit // 1024} KB",
            hint=f"remove {noun} that it does not need, and text before the PEM blocks, which counts too",
            place=place,
        )


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"
