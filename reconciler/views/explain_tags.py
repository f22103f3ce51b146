"""Effective overlays of a repository's tags, as tables and as a document: each value with its source."""

from collections.abc import Iterable, Sequence

from typing_extensions import TypedDict

from reconciler.core.diff import Field
from reconciler.core.effective import EffectiveItem
from reconciler.core.explanation import SourceLayer, TagExplanation
from reconciler.core.overlay import Overlay
from reconciler.core.state import Unreadable
from reconciler.diagnostics import Diagnostic, Place, plural
from reconciler.views.changes import value_text
from reconciler.views.console import Column, draw_table
from reconciler.views.diagnostics import DiagnosticDocument, diagnostic_document
from reconciler.views.explain import DIFF_KINDS, LocatedDocument, item_path, item_sides
from reconciler.views.overlay_steps import ScopeDocument, Selector, scope_document, selected
from reconciler.views.steps import position
from reconciler.views.text import FORMAT_VERSION, Style, Word, token
from reconciler.views.values import Value, overlay_document, public_values

_COLUMNS = (
    Column("PATH", keep="start", least=16),
    Column("VALUE", keep="both", least=16, yields=True),
    Column("FROM", keep="start", least=24),
    Column("OVERRIDES", keep="start", least=12, optional=True),
)
_LAYER_COLUMNS = (
    Column("OVERLAY", keep="start", least=12),
    Column("BOUND TO", keep="start", least=16),
    Column("TAGS", keep="start", least=8, yields=True),
    Column("WHERE", keep="end", least=16, optional=True),
)
_DIFF_COLUMNS = (
    Column("", least=1),
    Column("PATH", keep="start", least=16),
    Column("LIVE", keep="both", least=12, yields=True),
    Column("WANTED", keep="both", least=12, yields=True),
)
_ORDER = {field: number for number, field in enumerate(Field)}
_LIVE = "(live)"


class SourceOverlayDocument(LocatedDocument):
    """The overlay that a value comes from, with its line in the manifest; null if only the live one has it."""

    overlay: str
    scope: str
    selector: Selector


class OverriddenDocument(SourceOverlayDocument):
    """A value of an overlay that another one overrides."""

    value: Value


class EffectiveValueDocument(TypedDict):
    """A value that tags get."""

    path: str
    part: str
    key: str
    value: Value
    masked: bool
    sources: list[SourceOverlayDocument]
    overrides: list[OverriddenDocument]


class BoundOverlayDocument(LocatedDocument):
    """An overlay that tags get."""

    overlay: str
    scope: ScopeDocument
    kind: str
    selector: Selector


class TagsDocument(TypedDict):
    """Tags with the same overlays, lowest precedence first; `problem` where it is not known what they come to."""

    tags: list[str]
    known: bool
    problem: str | None
    layers: list[BoundOverlayDocument]
    values: list[EffectiveValueDocument]


class TagsExplanationDocument(TypedDict):
    """Document of `reconciler explain REPO:TAG --format json`."""

    format_version: str
    repository: str
    tags: list[TagsDocument]
    diagnostics: list[DiagnosticDocument]


def document(name: str, found: Sequence[TagExplanation], problems: Iterable[Diagnostic]) -> TagsExplanationDocument:
    """Return the tags as plain data, those with the same overlays together, the layers lowest precedence first."""
    return {
        "format_version": FORMAT_VERSION,
        "repository": name,
        "tags": [_tags(one) for one in found],
        "diagnostics": [diagnostic_document(problem) for problem in problems],
    }


def render(name: str, found: Sequence[TagExplanation], *, style: Style, width: int | None, diff: bool = False) -> str:
    """Return for each group of tags a table of its overlays and one of its values; `diff` adds the live ones."""
    blocks = [_group(name, one, style, width, diff=diff) for one in found]
    return "\n".join(blocks)


def _group(name: str, one: TagExplanation, style: Style, width: int | None, *, diff: bool) -> str:
    shown = _tags(one)
    title = f"{token(name, style)}: tag" + ("" if len(one.tags) == 1 else "s")
    heading = f"{title} {', '.join(token(tag, style) for tag in one.tags)}"
    if isinstance(one.after, Unreadable):
        return f"{heading}\nNot known: {style.plain(one.after.problem)}\n"
    if not one.layers:
        return f"{heading}\nNo overlay is bound to {'it' if len(one.tags) == 1 else 'them'}.\n"
    layers = [
        (layer["overlay"], layer["scope"]["name"], _selector(layer["selector"]), _line(layer) or _LIVE)
        for layer in shown["layers"]
    ]
    tables = [draw_table(_LAYER_COLUMNS, layers, style=style, width=width)]
    tables.append(_diff(one, style, width) if diff else _values(shown, style, width))
    return "\n".join([heading, *filter(None, tables)])


def _values(shown: TagsDocument, style: Style, width: int | None) -> str:
    rows = [
        (
            value["path"],
            value_text(value["value"], value["part"], style, masked=value["masked"]),
            ", ".join(f"{style.plain(one['overlay'])} {_line(one) or _LIVE}" for one in value["sources"]),
            ", ".join(
                f"{value_text(other['value'], value['part'], style, masked=value['masked'])} of "
                f"{style.plain(other['overlay'])}"
                for other in value["overrides"]
            ),
        )
        for value in shown["values"]
    ]
    return draw_table(_COLUMNS, rows, style=style, width=width)


def _diff(one: TagExplanation, style: Style, width: int | None) -> str:
    if not isinstance(one.before, Overlay) or not isinstance(one.after, Overlay):
        return "The live configuration is not known.\n"
    rows: list[list[str | Word]] = []
    differing = 0
    items = overlay_document(one.before, one.after)
    for item in items:
        mark, role = DIFF_KINDS[item["kind"]]
        differing += item["kind"] != "same"
        rows.append(
            [
                Word(mark, role),
                item_path(Field(item["part"]), item["key"]),
                *(Word(side or "-", role) for side in item_sides(item, style)),
            ]
        )
    closing = f"{differing:,} of {plural(len(items), 'value')} would change." if differing else "Nothing would change."
    return f"{draw_table(_DIFF_COLUMNS, rows, style=style, width=width)}{closing}\n"


def _tags(one: TagExplanation) -> TagsDocument:
    after = one.after
    return {
        "tags": list(one.tags),
        "known": isinstance(after, Overlay),
        "problem": after.problem if isinstance(after, Unreadable) else None,
        "layers": [_layer(layer) for layer in one.layers],
        "values": [_value(value, one.layers) for value in sorted(one.values, key=_place_in_order)],
    }


def _place_in_order(value: EffectiveItem) -> tuple[int, str]:
    return _ORDER[value.item.field], value.item.key


def _layer(layer: SourceLayer) -> BoundOverlayDocument:
    return {
        "overlay": layer.overlay,
        "scope": {**scope_document(layer.scope), "id": layer.scope.id},
        "kind": str(layer.selector.kind),
        "selector": selected(layer.selector),
        **_place(layer.place),
    }


def _value(value: EffectiveItem, layers: Sequence[SourceLayer]) -> EffectiveValueDocument:
    field, key = value.item.field, value.item.key
    sides = {"value": (value.item.value,), "overrides": tuple(other for _, other in value.overridden)}
    shown, masked = public_values(field, key, sides)
    return {
        "path": item_path(field, key),
        "part": str(field),
        "key": key,
        "value": shown["value"][0],
        "masked": masked,
        "sources": [_source(layers[position], field, key) for position in value.sources],
        "overrides": [
            {"value": other, **_source(layers[position], field, key)}
            for (position, _), other in zip(value.overridden, shown["overrides"], strict=True)
        ],
    }


def _source(layer: SourceLayer, field: Field, key: str) -> SourceOverlayDocument:
    """Return the overlay that a value comes from, with its line in the manifest; null if only the live one has it."""
    return {
        "overlay": layer.overlay,
        "scope": layer.scope.label,
        "selector": selected(layer.selector),
        **_place(layer.place_of(field, key)),
    }


def _place(place: Place | None) -> LocatedDocument:
    file, line, column = position(place)
    return {"file": file, "line": line, "column": column}


def _line(found: BoundOverlayDocument | SourceOverlayDocument) -> str:
    return f"{found['file']}:{found['line']}" if found["file"] is not None else ""


def _selector(selector: str | Sequence[str] | None) -> str:
    return selector if isinstance(selector, str) else ", ".join(selector or ())
