"""Merge the wanted overlay into the live `customOverlay` for an update.

An update replaces the whole overlay, and v1's the whole repository, so unknown and unmanaged fields are sent back
unchanged. The object that was read is not modified; the result shares its unchanged parts.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any

from reconciler.api import json_text
from reconciler.api.errors import NotUnderstood, clean
from reconciler.api.schema import (
    OVERLAY_FIELDS,
    V1_SPELLING,
    Kind,
    OverlayField,
    Spelling,
    enum_to_wire,
    item_to_wire,
    object_names,
    object_to_wire,
    overlay_from_wire,
)
from reconciler.core.overlay import (
    EMPTY,
    Group,
    Json,
    Overlay,
    PemFile,
    Preflight,
    User,
    package_spec,
    passed_through,
    without_absent,
)
from reconciler.core.state import LiveRepository, Unreadable
from reconciler.diagnostics import Diagnostic

Named = User | Group | PemFile | Preflight

# The empty value of each kind of field.
_NOTHING: dict[Kind, object] = {Kind.TEXT: "", Kind.TEXT_MAP: {}}
# Fields that are omitted if empty: an enum has no empty name, and an empty command is a command.
_LEFT_OUT = frozenset({Kind.FLAG, Kind.ENUM, Kind.ORDERED_ITEMS, Kind.OBJECT, Kind.PASSED_THROUGH})
# Sections that are null if empty.
_OPTIONAL_SECTIONS = ("accounts", "certificates")


def update_body(
    document: Mapping[str, object], target: LiveRepository, wanted: Overlay, spelling: Spelling = V1_SPELLING
) -> bytes:
    """Return the document with the wanted overlay as JSON; raises `NotUnderstood` if its overlay is malformed."""
    try:
        return json_text.encode(merge_document(document, wanted, spelling))
    except ValueError as error:
        problem = str(error)
    raise NotUnderstood(
        Diagnostic(
            code="unreadable-overlay",
            summary=f'cannot parse the live overlay of "{clean(target.name)}"; nothing was sent',
            detail=clean(problem),
            hint="report this with the output of `reconciler --version`",
        )
    )


def merge_document(document: Mapping[str, object], wanted: Overlay, spelling: Spelling = V1_SPELLING) -> Json:
    """Return the object to send, which differs from the one that was read only in `customOverlay`."""
    raw = document.get("customOverlay")
    if wanted == EMPTY and not isinstance(raw, Mapping):
        raw = None
    return {**document, "customOverlay": merge_overlay(raw, wanted, spelling)}


def merge_overlay(raw: object, wanted: Overlay, spelling: Spelling = V1_SPELLING) -> Json:
    """Return the overlay to send instead of the one that was read.

    A field that already has the wanted meaning stays exactly as it came. `EMPTY` is sent as every field empty, without
    unknown fields except zero ones: an update that leaves nothing looks the same as a reset, and must not lose them.
    Raises `ValueError` if the one that was read is malformed.
    """
    if wanted == EMPTY:
        return _reset(raw if isinstance(raw, Mapping) else {})
    old = overlay_from_wire(raw)
    if isinstance(old, Unreadable):
        raise ValueError(old.problem)  # noqa: TRY004 - the value is wrong, not its type
    merged: Json = dict(raw) if isinstance(raw, Mapping) else {}
    for field in OVERLAY_FIELDS:
        if field.of(old) != field.of(wanted):
            _set_field(merged, field, field.of(wanted), spelling)
    for name in _OPTIONAL_SECTIONS:
        section = merged.get(name)
        if (
            isinstance(section, Mapping)
            and getattr(old, name) != getattr(wanted, name)
            and _says_nothing(name, section)
        ):
            merged[name] = None
    _restore_unknown(merged, set(wanted.unrecognized).difference(old.unrecognized))
    return merged


def _restore_unknown(merged: Json, unknown: Iterable[tuple[str, str]]) -> None:
    """Restore unknown fields that a reset has removed: `contents.x` inside `contents`, others at the top."""
    sections = {field.holder for field in OVERLAY_FIELDS}
    for path, text in sorted(unknown):
        holder, dot, key = path.partition(".")
        if dot and holder in sections:
            merged[holder] = {**_section(merged, holder), key: json.loads(text)}
        else:
            merged[path] = json.loads(text)


def _set_field(merged: Json, field: OverlayField, wanted: Any, spelling: Spelling) -> None:
    if field.kind in _LEFT_OUT and wanted == field.of(EMPTY):
        for name in field.names:
            merged.pop(name, None)
        return
    section = dict(_section(merged, field.holder))
    name = field.name_in(section) or field.names[0]
    section[name] = _MERGES[field.kind](section.get(name), wanted, field, spelling)
    if field.holder:
        merged[field.holder] = section
    else:
        merged[name] = section[name]


def _section(raw: Mapping[str, object], holder: str) -> Mapping[str, object]:
    section = raw.get(holder) if holder else raw
    return section if isinstance(section, Mapping) else {}


def _reset(raw: Mapping[str, object]) -> Json:
    body: Json = {}
    for field in OVERLAY_FIELDS:
        if field.holder in _OPTIONAL_SECTIONS:
            body[field.holder] = _unknown_zeros(raw, field.holder) or None
        elif field.holder:
            section = body.setdefault(field.holder, _unknown_zeros(raw, field.holder))
            assert isinstance(section, dict)
            section[field.names[0]] = _NOTHING.get(field.kind, [])
        elif field.kind not in _LEFT_OUT:
            body[field.names[0]] = _NOTHING.get(field.kind, [])
    return {**body, **_unknown_zeros(raw, "")}


def _unknown_zeros(raw: Mapping[str, object], holder: str) -> Json:
    """Return the unknown zero fields of a section; null is absent and not among them."""
    known = {name for field in OVERLAY_FIELDS if field.holder == holder for name in field.names}
    known |= set() if holder else {field.holder for field in OVERLAY_FIELDS}
    return {key: value for key, value in _section(raw, holder).items() if key not in known and _is_zero(value)}


def _is_zero(value: object) -> bool:
    # A message full of unset fields is not content either, but omitting it loses nothing.
    return value is not None and without_absent(value) is None and not (isinstance(value, dict | list) and value)


def _says_nothing(holder: str, section: Mapping[str, object]) -> bool:
    """Return whether a message may count as unset; an unknown field may have a meaning even if false."""
    return not any(section.values()) and not _unknown_zeros({holder: section}, holder)


def _replace(_raw: object, wanted: Any, _field: OverlayField, _spelling: Spelling) -> object:
    return wanted if isinstance(wanted, str | bool) else list(wanted)


def _merge_enum(_raw: object, wanted: str, field: OverlayField, _spelling: Spelling) -> object:
    return enum_to_wire(field.attribute, wanted)


def _merge_texts(raw: object, wanted: Sequence[str], field: OverlayField, _spelling: Spelling) -> list[str]:
    """Return the kept texts in their places, then the new ones."""
    missing = dict.fromkeys(wanted)
    result: list[str] = []
    for item in raw if isinstance(raw, list) else ():
        meaning = package_spec(item) if field.kind is Kind.PACKAGES else item
        if meaning in missing:
            del missing[meaning]
            result.append(item)
    return [*result, *missing]


def _merge_map(raw: object, wanted: Sequence[tuple[str, str]], _field: OverlayField, _spelling: Spelling) -> Json:
    values = dict(wanted)
    kept = [name for name in raw if name in values] if isinstance(raw, Mapping) else []
    return {name: values[name] for name in dict.fromkeys([*kept, *values])}


def _items(raw: Iterable[object], field: OverlayField) -> list[Any]:
    assert field.model
    return [field.model.model_validate(item).to_core() for item in raw]


def _merge_items(raw: object, wanted: Sequence[Any], field: OverlayField, spelling: Spelling) -> list[Json]:
    """Return the kept or changed objects in their places with their unknown fields, then the new ones."""
    items: list[Json] = raw if isinstance(raw, list) else []
    values = _items(items, field)
    fates = _fates(values, wanted)
    kept = [
        {**items[number], **_changes(values[number], fate, spelling)}
        for number, fate in sorted(fates.items(), key=itemgetter(0))
    ]
    used = list(fates.values())
    return [*kept, *(_new(value, spelling) for value in wanted if value not in used)]


def _merge_checks(raw: object, wanted: Sequence[Preflight], field: OverlayField, spelling: Spelling) -> list[Json]:
    """Return the checks in the wanted order; an existing one keeps its unknown fields."""
    items: list[Json] = raw if isinstance(raw, list) else []
    values = _items(items, field)
    fates = _fates(values, wanted)
    known = item_to_wire(Preflight(), spelling)
    merged: list[Json] = []
    for check in wanted:
        number = next((one for one, fate in fates.items() if fate == check), None)
        if number is None:
            merged.append(_new(check, spelling))
            continue
        del fates[number]
        kept = {key: value for key, value in items[number].items() if key not in known}
        merged.append(items[number] if values[number] == check else {**kept, **_new(check, spelling)})
    return merged


def _merge_object(raw: object, wanted: Any, field: OverlayField, _spelling: Spelling) -> Json:
    """Return an object with its unknown fields as they are."""
    assert field.model
    known = object_names(field.model)
    kept = {key: value for key, value in raw.items() if key not in known} if isinstance(raw, dict) else {}
    return {**kept, **object_to_wire(wanted, field.model)}


def _merge_passed_through(raw: object, wanted: str, _field: OverlayField, _spelling: Spelling) -> object:
    """Return a value with unpublished fields; one with the same content keeps its types."""
    return _passed_through(raw, json.loads(wanted))


def _passed_through(raw: object, wanted: object) -> object:
    if passed_through(raw) == passed_through(wanted):
        return raw
    if isinstance(raw, dict) and isinstance(wanted, dict):
        return {key: _passed_through(raw.get(key), value) for key, value in wanted.items()}
    return wanted


_MERGES: dict[Kind, Callable[[object, Any, OverlayField, Spelling], object]] = {
    Kind.TEXT: _replace,
    Kind.ORDERED_TEXTS: _replace,
    Kind.TEXTS: _merge_texts,
    Kind.PACKAGES: _merge_texts,
    Kind.TEXT_MAP: _merge_map,
    Kind.ITEMS: _merge_items,
    Kind.ORDERED_ITEMS: _merge_checks,
    Kind.FLAG: _replace,
    Kind.ENUM: _merge_enum,
    Kind.OBJECT: _merge_object,
    Kind.PASSED_THROUGH: _merge_passed_through,
}


def _fates(values: Sequence[Named], wanted: Sequence[Named]) -> dict[int, Named]:
    """Return the new value of each item by its index: unchanged, or another value of the same name.

    Names may repeat, so exact matches are made before items are changed into others.
    """
    missing = list(wanted)
    fates: dict[int, Named] = {}
    for number, value in enumerate(values):
        if value in missing:
            missing.remove(value)
            fates[number] = value
    for number, value in enumerate(values):
        heir = next((one for one in missing if _name(one) == _name(value)), None)
        if number not in fates and heir is not None:
            missing.remove(heir)
            fates[number] = heir
    return fates


def _changes(old: Named, new: Named, spelling: Spelling) -> Json:
    if old == new:
        return {}
    before = item_to_wire(old, spelling)
    return {key: value for key, value in item_to_wire(new, spelling).items() if value != before[key]}


def _new(value: Named, spelling: Spelling) -> Json:
    # An id of 0 is a value; an absent gid and empty text are omitted.
    return {key: item for key, item in item_to_wire(value, spelling).items() if item not in (None, "", [])}


def _name(value: Named) -> str:
    match value:
        case User():
            return value.username
        case Group():
            return value.groupname
        case PemFile():
            return value.name
        case Preflight():
            return value.tcp or value.path
