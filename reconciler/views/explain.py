"""Effective overlay of one repository, as a table and as JSON: each value with its source."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from rich.text import Text

from reconciler.core.bindings import Binding
from reconciler.core.diff import KEYED, SECTION_OF, Field
from reconciler.core.layers import Layer, LayerItem, Merged, Precedence, merge
from reconciler.core.overlay import Overlay, Section
from reconciler.core.state import DesiredRepository, wanted
from reconciler.diagnostics import Diagnostic, Place, plural
from reconciler.views.changes import value_words
from reconciler.views.console import Column, draw, draw_table
from reconciler.views.diagnostics import diagnostic_document
from reconciler.views.document import FORMAT_VERSION
from reconciler.views.listings import binding_document, binding_words
from reconciler.views.text import Role, Style, Word, indented_json, json_text, token
from reconciler.views.values import overlay_document, sides_document

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
# Parts whose values are names and not texts.
_NAMES = frozenset({Field.PACKAGES, Field.PROVIDERS, Field.RUN_AS})
_PARTS = {part: number for number, part in enumerate(Field)}


def document(
    name: str,
    entry: DesiredRepository,
    problems: Iterable[Diagnostic] = (),
    bindings: tuple[Binding, ...] | None = None,
) -> dict[str, Any]:
    """Return the effective overlay as plain data; `empty` are the sections that are managed and hold nothing.

    `bindings` are those that hold for the live repository, None where they are not known.
    """
    merged = merge(entry.layers)
    return {
        "format_version": FORMAT_VERSION,
        "repository": name,
        **_place(entry.place),
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
    rows = [(one["path"], _shown(one, style), _line(one), _layer_text(one)) for one in found["values"]]
    rows += [(one["section"], "(emptied)", _line(one), _layer_text(one)) for one in found["empty"]]
    rows += [
        (one["path"], f"{_shown(one, style)} (removed at {_line(one['removed_by'])})", _line(one), _layer_text(one))
        for one in found["removed"]
    ]
    table = draw_table(_COLUMNS, rows, style=style, width=width)
    closing = [Text(line) for line in _closing(found, style)]
    return table + (draw(closing, style=style, width=width) if closing else "")


def render_json(
    name: str,
    entry: DesiredRepository,
    problems: Iterable[Diagnostic],
    bindings: tuple[Binding, ...] | None = None,
    *,
    live: Overlay | None = None,
) -> str:
    """Return the document as JSON text; with `live` it has both overlays in full, `before` being the live one."""
    overlay = {} if live is None else {"overlay": [*_both_sides(entry, live)]}
    return indented_json({**document(name, entry, problems, bindings), **overlay})


def render_diff(name: str, entry: DesiredRepository, live: Overlay, *, style: Style, width: int | None) -> str:
    """Return every value of the live and of the wanted overlay as a table, and below it how many differ."""
    found = [*_both_sides(entry, live)]
    rows = []
    for one in found:
        mark, role = DIFF_KINDS[one["kind"]]
        sides = (", ".join(value_text(value, one, style) for value in one[side]) for side in ("before", "after"))
        place = _line(one) if one["managed"] else "(not managed)"
        rows.append([Word(mark, role), one["path"], *(Word(side or "-", role) for side in sides), place])
    table = draw_table(_DIFF_COLUMNS, rows, style=style, width=width)
    differing = sum(one["kind"] != "same" for one in found)
    if differing:
        closing = f"{differing:,} of {plural(len(found), 'value')} of {style.plain(name)} would change."
    else:
        closing = f"{style.plain(name)} matches the manifest."
    return f"{table}\n{closing}\n" if table else f"{closing}\n"


def _both_sides(entry: DesiredRepository, live: Overlay) -> Iterator[dict[str, Any]]:
    """Yield each value of both overlays; one that goes has the place of the entry, one that is not managed has none."""
    places = {(one["part"], one["key"]): one for one in map(_value, merge(entry.layers).winners)}
    for one in overlay_document(live, wanted(entry, live)):
        part = Field(one["part"])
        section = SECTION_OF.get(part)
        managed = entry.reset or section in entry.managed
        source = places.get((one["part"], one["key"])) if managed else None
        nowhere = {"file": None, "line": None, "column": None}
        place = source or (_place(entry.place) if managed else nowhere)
        yield {
            "path": f"{part}.{one['key']}" if part in KEYED else str(part),
            **one,
            "managed": managed,
            "layer": source["layer"] if source else None,
            **{name: place[name] for name in nowhere},
        }


def _shown(one: dict[str, Any], style: Style) -> str:
    return value_text(one["value"], one, style)


def value_text(value: Any, one: Mapping[str, Any], style: Style) -> str:
    """Return a value of one part of an overlay as text."""
    if one["part"] in _NAMES:
        return token(value, style)
    if one["part"] == Field.UNRECOGNIZED:  # JSON text, which has quotes of its own
        return json_text(value, style)
    return " ".join(word.text for word in value_words(value, one, style))


def _closing(found: dict[str, Any], style: Style) -> Iterator[str]:
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


def _value(claim: LayerItem) -> dict[str, Any]:
    entry = claim.entry
    assert entry is not None
    shown = sides_document(entry.field, entry.key, {"value": (entry.value,)})
    return {
        "path": f"{entry.field}.{entry.key}" if entry.field in KEYED else str(entry.field),
        "section": str(SECTION_OF.get(entry.field, entry.field)),
        "part": str(entry.field),
        "key": entry.key,
        "value": shown["value"][0],
        "masked": shown["masked"],
        "layer": _layer(claim.layer),
        **_place(claim.place(entry.field, entry.key)),
    }


def _empty(entry: DesiredRepository, merged: Merged) -> Iterator[dict[str, Any]]:
    held = {SECTION_OF.get(claim.entry.field) for claim in merged.winners if claim.entry}
    for section in Section:
        if section in entry.managed and section not in held:
            part = next(part for part, of in SECTION_OF.items() if of is section)
            layer = next(one for one in reversed(entry.layers) if section in one.managed or part in one.emptied)
            yield {"section": str(section), "layer": _layer(layer), **_place(layer.place_of(part, ""))}


def _layer(layer: Layer) -> dict[str, Any]:
    return {"kind": _LAYERS[layer.kind], "name": layer.name or None}


def _place(place: Place) -> dict[str, Any]:
    return {"file": place.file, "line": place.line, "column": place.column}


def _line(found: dict[str, Any]) -> str:
    return f"{found['file']}:{found['line']}"


def _layer_text(found: dict[str, Any]) -> str:
    return " ".join(filter(None, (found["layer"]["kind"], found["layer"]["name"])))
