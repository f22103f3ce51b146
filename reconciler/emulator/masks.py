"""Field masks: which fields an update changes.

Here belongs what a path means and what it does to a stored message; how a path is spelt is protobuf's: proto names
joined by dots. Without a mask the gateway makes one from the leaves of the body.
"""

from typing import Any

from reconciler.emulator.errors import ApiError, invalid
from reconciler.emulator.protojson import Kind, Message, snake_case
from reconciler.emulator.records import Json

Path = tuple[str, ...]
"""The JSON names from the message down to the field."""


def given(kind: Message, text: str) -> tuple[Path, ...]:
    """Return the paths of an `updateMask` parameter; one that the message does not have is refused."""
    return tuple(_path(kind, each) for each in text.split(","))


def of_body(kind: Message, body: Json) -> tuple[Path, ...]:
    """Return the paths of the leaves of a JSON body; here a key that the message does not have is refused."""
    return tuple(_leaves(kind, body, ())) if body else ()


def applied(kind: Message, target: Json, patch: Json, path: Path) -> Json:
    """Return a stored message in which one field is as in the patch: set, replaced whole, or unset."""
    name, *rest = path
    if name in kind.read_only:
        return target
    key, field = kind.key(name), kind.fields[name]
    old, new = target.get(key), patch.get(key)
    if rest:
        assert isinstance(field, Message), "paths are checked before they are applied"
        new = applied(field, old or {}, new or {}, tuple(rest)) if old is not None or new is not None else None
    elif isinstance(field, Message) and new is not None:
        new = {**_kept(field, old or {}), **{each: new[each] for each in new if each in _writable(field)}}
    others = {each: value for each, value in target.items() if each != key}
    return others if new is None else {**others, key: new}


def _kept(kind: Message, old: Json) -> Json:
    """Return what the replacement of a message leaves alone: what is read only, and what v2 does not show."""
    return {key: value for key, value in old.items() if key not in _writable(kind)}


def _writable(kind: Message) -> set[str]:
    return {kind.key(name) for name in kind.fields if name not in kind.read_only}


def _path(kind: Message, text: str) -> Path:
    here: Kind = kind
    names: list[str] = []
    for part in text.split("."):
        name = _named(here, part)
        if name is None:
            raise invalid(f'update_mask: invalid path "{text}"')
        assert isinstance(here, Message), "only messages have fields"
        names.append(name)
        here = here.fields[name]
    return tuple(names)


def _named(kind: Kind, part: str) -> str | None:
    """Return the JSON name of a field in proto spelling; the JSON spelling itself is no path."""
    if not isinstance(kind, Message):
        return None
    return next((name for name in kind.fields if snake_case(name) == part), None)


def _leaves(kind: Message, value: Json, above: Path) -> list[Path]:
    found: list[Path] = []
    for key, item in value.items():
        name = kind.find(key)
        if name is None:
            raise _unknown(key, above)
        field = kind.fields[name]
        below: Any = item if isinstance(field, Message) and isinstance(item, dict) else None
        found += _leaves(field, below, (*above, name)) if below and isinstance(field, Message) else [(*above, name)]
    return found


def _unknown(key: str, above: Path) -> ApiError:
    place = ".".join(map(snake_case, above)) or "the message"
    return invalid(f'could not find field "{key}" in {place}')
