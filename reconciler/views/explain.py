"""Effective overlay of one repository, as a table and as a document: each value with its source."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NotRequired

from rich.text import Text
from typing_extensions import TypedDict

from reconciler.core.bindings import Binding
from reconciler.core.diff import KEYED, SECTION_OF, Field
from reconciler.core.layers import Layer, LayerItem, Merged, Precedence, merge
from reconciler.core.overlay import Overlay, Section
from reconciler.core.state import DesiredRepository, wanted
from reconciler.diagnostics import Diagnostic, Place, plural
from reconciler.views.changes import value_text
from reconciler.views.console import Column, draw, draw_table
from reconciler.views.diagnostics import DiagnosticDocument, diagnostic_document
from reconciler.views.listings import BindingDocument, binding_document, binding_words
from reconciler.views.steps import Position
from reconciler.views.text import FORMAT_VERSION, Role, Style, Word
from reconciler.views.values import OverlayItemDocument, Value, overlay_document, public_values

_COLUMNS = (
    Column("PATH", keep="start", least=16),
    Column("VALUE", keep="both", least=16, yields=True),
    Column("FROM", keep="end", least=24),
    Column("LAYER", keep="start", least=10, optional=True),
)
_DIFF_COLUMNS = (
    Column("", least=1),
    Column("PATH", keep="start", least=16),
    Column("LIVE", keep="both", least=12, yields=True),
    Column("WANTED", keep="both", least=12, yields=True),
    Column("FROM", keep="end", least=13),
)
DIFF_KINDS = {
    "same": ("", Role.PLAIN),
    "add": ("+", Role.ADD),
    "remove": ("-", Role.REMOVE),
    "change": ("~", Role.CHANGE),
}
_LAYERS = {
    Precedence.DEFAULTS: "defaults",
    Precedence.GLOB: "glob",
    Precedence.PROFILE: "profile",
    Precedence.OVERLAY_FILE: "overlay file",
    Precedence.ENTRY: "entry",
}
_PARTS = {part: number for number, part in enumerate(Field)}


class LocatedDocument(TypedDict):
    """Something with its place in the manifest, null where it has none."""

    file: str | None
    line: Position
    column: Position


class LayerNameDocument(TypedDict):
    """A layer of the manifest; `name` is null where its kind has no names."""

    kind: str
    name: str | None


class LayerDocument(LayerNameDocument, LocatedDocument):
    """A layer of the manifest, with its place."""


class ValueDocument(LocatedDocument):
    """A value with the layer that it comes from."""

    path: str
    section: str
    part: str
    key: str
    value: Value
    masked: bool
    layer: LayerNameDocument


class RemovedDocument(ValueDocument):
    """A value of a layer, and the place that removes it again."""

    removed_by: LocatedDocument


class EmptyDocument(LocatedDocument):
    """A section that is managed and holds nothing."""

    section: str
    layer: LayerNameDocument


class ComparedDocument(OverlayItemDocument, LocatedDocument):
    """The values under one key of the live overlay and of the wanted one; `layer` is null where there is none."""

    path: str
    managed: bool
    layer: LayerNameDocument | None


class ExplanationDocument(LocatedDocument):
    """Document of `reconciler explain REPO --format json`; `overlay` are both overlays in full, with `--diff`.

    `bindings` are those that hold for the live repository, null where they are not known.
    """

    format_version: str
    repository: str
    reset: bool
    source: str | None
    protect: bool
    values: list[ValueDocument]
    empty: list[EmptyDocument]
    removed: list[RemovedDocument]
    owner: str | None
    labels: dict[str, str]
    unmanaged: list[str]
    bindings: list[BindingDocument] | None
    layers: list[LayerDocument]
    diagnostics: list[DiagnosticDocument]
    overlay: NotRequired[list[ComparedDocument]]


def document(
    name: str,
    entry: DesiredRepository,
    problems: Iterable[Diagnostic] = (),
    bindings: tuple[Binding, ...] | None = None,
    *,
    live: Overlay | None = None,
) -> ExplanationDocument:
    """Return the effective overlay as plain data; with `live`, the live overlay, both in full."""
    merged = merge(entry.layers)
    found: ExplanationDocument = {
        "format_version": FORMAT_VERSION,
        "repository": name,
        "file": entry.place.file,
        "line": entry.place.line,
        "column": entry.place.column,
        "reset": entry.reset,
        "source": str(entry.source) if entry.source else None,
        "protect": entry.protect,
        "values": [_value(claim) for claim in sorted(merged.winners, key=_order)],
        "empty": list(_empty(entry, merged)),
        "removed": [{**_value(claim), "removed_by": _place(one.place)} for claim, one in merged.removed],
        "owner": entry.owner or None,
        "labels": dict(entry.labels),
        "unmanaged": [str(one) for one in Section if one not in entry.managed and not entry.reset],
        "bindings": None if bindings is None else [binding_document(one) for one in bindings],
        "layers": [{**_layer(layer), **_place(layer.place)} for layer in entry.layers],
        "diagnostics": [diagnostic_document(problem) for problem in problems],
    }
    if live is not None:
        found["overlay"] = [*_both_sides(entry, live)]
    return found


def render(
    name: str,
    entry: DesiredRepository,
    *,
    style: Style,
    width: int | None,
    bindings: tuple[Binding, ...] | None = None,
) -> str:
    """Return the effective overlay as a table, and below it what is not managed and which overlays are bound."""
    found = document(name, entry, bindings=bindings)
    rows = [_row(one["path"], _shown(one, style), one) for one in found["values"]]
    rows += [_row(one["section"], "(emptied)", one) for one in found["empty"]]
    rows += [
        _row(one["path"], f"{_shown(one, style)} (removed at {_line(one['removed_by'])})", one)
        for one in found["removed"]
    ]
    table = draw_table(_COLUMNS, rows, style=style, width=width)
    closing = [Text(line) for line in _closing(found, style)]
    return table + (draw(closing, style=style, width=width) if closing else "")


def render_diff(name: str, entry: DesiredRepository, live: Overlay, *, style: Style, width: int | None) -> str:
    """Return every value of the live and of the wanted overlay as a table, and below it how many differ."""
    found = [*_both_sides(entry, live)]
    rows: list[list[str | Word]] = []
    for one in found:
        mark, role = DIFF_KINDS[one["kind"]]
        sides = item_sides(one, style)
        place = _line(one) if one["managed"] else "(not managed)"
        rows.append([Word(mark, role), one["path"], *(Word(side or "-", role) for side in sides), place])
    table = draw_table(_DIFF_COLUMNS, rows, style=style, width=width)
    differing = sum(one["kind"] != "same" for one in found)
    if differing:
        closing = f"{differing:,} of {plural(len(found), 'value')} of {style.plain(name)} would change."
    else:
        closing = f"{style.plain(name)} matches the manifest."
    return f"{table}\n{closing}\n" if table else f"{closing}\n"


def _both_sides(entry: DesiredRepository, live: Overlay) -> Iterator[ComparedDocument]:
    """Yield each value of both overlays; one that goes has the place of the entry, one that is not managed has none."""
    places = {(one["part"], one["key"]): one for one in map(_value, merge(entry.layers).winners)}
    for one in overlay_document(live, wanted(entry, live)):
        part = Field(one["part"])
        section = SECTION_OF.get(part)
        managed = entry.reset or section in entry.managed
        source = places.get((one["part"], one["key"])) if managed else None
        nowhere: LocatedDocument = {"file": None, "line": None, "column": None}
        place = source or (_place(entry.place) if managed else nowhere)
        yield {
            "path": item_path(part, one["key"]),
            **one,
            "managed": managed,
            "layer": source["layer"] if source else None,
            "file": place["file"],
            "line": place["line"],
            "column": place["column"],
        }


def _shown(one: ValueDocument, style: Style) -> str:
    return value_text(one["value"], one["part"], style, masked=one["masked"])


def item_sides(one: OverlayItemDocument, style: Style) -> list[str]:
    """Return the values of both overlays under one key as text."""
    return [
        ", ".join(value_text(value, one["part"], style, masked=one["masked"]) for value in values)
        for values in (one["before"], one["after"])
    ]


def item_path(field: Field, key: str) -> str:
    """Return the part of an overlay, and the key where its items have names of their own."""
    return f"{field}.{key}" if field in KEYED else str(field)


def _closing(found: ExplanationDocument, style: Style) -> Iterator[str]:
    name = style.plain(found["repository"])
    if found["bindings"]:
        yield f"Bound overlays: {style.plain(binding_words(found['bindings']))}"
    if found["reset"]:
        yield f"{name} is reset ({_line(found)}): its whole overlay is emptied."
        return
    if found["source"]:
        yield f"Created from {style.plain(found['source'])} if it does not exist."
    if found["protect"]:
        yield "Protected: nothing may be removed from it."
    if found["owner"]:
        yield f"Owner: {style.plain(found['owner'])}"
    if found["labels"]:
        yield "Labels: " + ", ".join(
            f"{style.plain(key)}={style.plain(value)}" for key, value in found["labels"].items()
        )
    if found["unmanaged"]:
        yield "Not managed: " + ", ".join(found["unmanaged"])


def _order(claim: LayerItem) -> tuple[int, str]:
    assert claim.entry is not None
    return _PARTS[claim.entry.field], claim.entry.key


def _value(claim: LayerItem) -> ValueDocument:
    entry = claim.entry
    assert entry is not None
    shown, masked = public_values(entry.field, entry.key, {"value": (entry.value,)})
    return {
        "path": item_path(entry.field, entry.key),
        "section": str(SECTION_OF.get(entry.field, entry.field)),
        "part": str(entry.field),
        "key": entry.key,
        "value": shown["value"][0],
        "masked": masked,
        "layer": _layer(claim.layer),
        **_place(claim.place(entry.field, entry.key)),
    }


def _empty(entry: DesiredRepository, merged: Merged) -> Iterator[EmptyDocument]:
    held = {SECTION_OF.get(claim.entry.field) for claim in merged.winners if claim.entry}
    for section in Section:
        if section in entry.managed and section not in held:
            part = next(part for part, of in SECTION_OF.items() if of is section)
            layer = next(one for one in reversed(entry.layers) if section in one.managed or part in one.emptied)
            yield {"section": str(section), "layer": _layer(layer), **_place(layer.place_of(part, ""))}


def _layer(layer: Layer) -> LayerNameDocument:
    return {"kind": _LAYERS[layer.kind], "name": layer.name or None}


def _place(place: Place) -> LocatedDocument:
    return {"file": place.file, "line": place.line, "column": place.column}


def _line(found: Mapping[str, object]) -> str:
    return f"{found['file']}:{found['line']}"


def _row(path: str, value: str, found: ValueDocument | EmptyDocument) -> Sequence[str]:
    layer = found["layer"]
    return path, value, _line(found), " ".join(filter(None, (layer["kind"], layer["name"])))
