"""The JSON form of protobuf messages, driven by a description of the message.

`accept` takes what a client sent and returns the *stored form*: only what is set, so that absent stays absent.
`emit` takes the stored form and returns what the gateway prints: every field, unset ones with their zero value.
Field masks say which fields an update changes: proto names joined by dots, or the leaves of the body without a mask.
"""

import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, NoReturn, assert_never

from reconciler.emulator import timestamps
from reconciler.emulator.errors import RpcError, invalid
from reconciler.emulator.store import Json

_UINT32_LIMIT = 2**32
_INT64_LIMIT = 2**63


class Scalar(Enum):
    """The kinds of field that have nothing to say but what they are."""

    TEXT = "string"  # unset is ""
    FLAG = "bool"  # unset is false
    UINT32 = "uint32"  # a JSON number on the wire; unset is 0
    INT32 = "int32"  # as UINT32, which it is stored as: large numbers are negative on the wire, bit for bit the same
    INT64 = "int64"  # text on the wire, a number will do; unset is "0"
    TIMESTAMP = "timestamp"  # RFC 3339 on the wire; unset is null
    TEXT_MAP = "map"  # strings to strings; unset is {}
    FUTURE = "future"  # any JSON under a key that the published document does not have; not emitted while unset


@dataclass(frozen=True, slots=True)
class Choice:
    """An enum: the first name is the zero value; `future` names are newer than the published document.

    `prefix` stands before every name on the wire and is not stored. A name that is not known is the zero value, and
    refused where the enum is `strict`; an unknown number is kept, as its digits, where the enum is `open`.
    """

    names: tuple[str, ...]
    future: tuple[str, ...] = ()
    prefix: str = ""
    strict: bool = False
    open: bool = False


@dataclass(frozen=True, slots=True)
class Optional:
    """A scalar with presence: unset is null, and zero is a value of its own."""

    of: Scalar


@dataclass(frozen=True, slots=True)
class Several:
    """A repeated field; unset is []."""

    of: "Kind"


@dataclass(frozen=True, slots=True)
class Message:
    """A message: its fields by their JSON name; unset is null.

    `stored` gives the name under which a field is stored where that is another one; `read_only` are the fields that
    a client may send and that an update leaves alone.
    """

    fields: "dict[str, Kind]"
    stored: dict[str, str] = field(default_factory=dict)
    read_only: frozenset[str] = frozenset()

    def key(self, name: str) -> str:
        """Return the name under which a field is stored."""
        return self.stored.get(name, name)

    def find(self, key: str) -> str | None:
        """Return the JSON name for a client's key: the proto spelling (custom_overlay) is accepted."""
        if key in self.fields:
            return key
        return next((name for name in self.fields if snake_case(name) == key), None)


Kind = Scalar | Choice | Optional | Several | Message

_ZERO: dict[Scalar, Callable[[], Any]] = {
    Scalar.TEXT: str,
    Scalar.FLAG: bool,
    Scalar.UINT32: int,
    Scalar.INT32: int,
    Scalar.INT64: lambda: "0",
    Scalar.TEXT_MAP: dict,
}


def parse(body: bytes) -> dict[str, Any]:
    """Return the JSON object of a request body; an empty body is an empty message, as the gateway has it."""
    if not body.strip():
        return {}
    try:
        value = json.loads(body.decode(), object_pairs_hook=_unique, parse_constant=_no_constant)
        json.dumps(value, ensure_ascii=False).encode()  # an escaped lone surrogate is no text
    except (ValueError, RecursionError) as error:
        raise invalid(f"proto: syntax error: {error}") from error
    if not isinstance(value, dict):
        raise invalid(f"proto: syntax error: unexpected token {_shown(value)}")
    return value


def accept(kind: Message, value: Any, field: str) -> Json:
    """Return the stored form of a message in JSON, or refuse it as the gateway would (code 3)."""
    return _accept_message(kind, value if isinstance(value, dict) else _refuse("message", value, field))


def emit(kind: Message, stored: Json) -> Json:
    """Return the wire form of a stored message."""
    return {
        name: _emit(item, stored.get(kind.key(name)))
        for name, item in kind.fields.items()
        if kind.key(name) in stored or item is not Scalar.FUTURE
    }


def _accept(kind: Kind, value: Any, field: str) -> Any:
    match kind:
        case Scalar():
            return _accept_scalar(kind, value, field)
        case Choice():
            return _accept_choice(kind, value, field)
        case Optional():
            return _accept_scalar(kind.of, value, field)
        case Several():
            items = value if isinstance(value, list) else _refuse("list", value, field)
            return [_accept(kind.of, item, field) for item in items]
        case Message():
            return accept(kind, value, field)
        case _:
            assert_never(kind)


def _emit(kind: Kind, stored: Any) -> Any:
    """Return the wire form of a stored value; `None` means unset."""
    match kind:
        case Scalar():
            return _emit_scalar(kind, stored)
        case Choice():
            return kind.prefix + (stored or kind.names[0])
        case Optional():
            return None if stored is None else _emit_scalar(kind.of, stored)
        case Several():
            return [_emit(kind.of, item) for item in stored or ()]
        case Message():
            return None if stored is None else emit(kind, stored)
        case _:
            assert_never(kind)


def _emit_scalar(kind: Scalar, stored: Any) -> Any:
    if stored is None:
        make = _ZERO.get(kind)
        return make() if make else None
    return _signed(stored) if kind is Scalar.INT32 else stored


def _signed(number: int) -> int:
    return number - _UINT32_LIMIT if number >= _UINT32_LIMIT // 2 else number


def _accept_scalar(kind: Scalar, value: Any, field: str) -> Any:
    match kind:
        case Scalar.TEXT:
            return value if isinstance(value, str) else _refuse("string", value, field)
        case Scalar.FLAG:
            return value if isinstance(value, bool) else _refuse("bool", value, field)
        case Scalar.UINT32 | Scalar.INT32 | Scalar.INT64:
            return _accept_large_number(value, field) if kind is Scalar.INT64 else _accept_number(kind, value, field)
        case Scalar.TIMESTAMP:
            return _accept_timestamp(value, field)
        case Scalar.TEXT_MAP:
            items = value if isinstance(value, dict) else _refuse("map", value, field)
            return {key: _accept_scalar(Scalar.TEXT, item, field) for key, item in items.items()}
        case Scalar.FUTURE:
            return value


def _accept_message(kind: Message, value: dict[str, Any]) -> dict[str, Any]:
    stored: dict[str, Any] = {}
    given: set[str] = set()
    for key, item in value.items():
        name = kind.find(key)
        if name is None:
            continue  # an unknown field is dropped without a word: the gateway discards what it does not know
        if name in given:
            raise invalid(f"proto: duplicate field {json.dumps(key)}")
        given.add(name)
        expected = kind.fields[name]
        kept = None if item is None else _accept(expected, item, name)
        if _is_set(expected, kept):
            stored[kind.key(name)] = kept
    return stored


def snake_case(name: str) -> str:
    """Return the proto spelling of a JSON field name."""
    return re.sub(r"[A-Z]", lambda match: "_" + match.group().lower(), name)


def _is_set(kind: Kind, stored: Any) -> bool:
    """Return whether a value is kept: presence counts for messages, optionals and future fields only."""
    if stored is None:
        return False
    match kind:
        case Message() | Optional() | Scalar.FUTURE:
            return True
        case Choice():
            return bool(stored != kind.names[0])
        case _:
            return bool(stored)


def _accept_number(kind: Scalar, value: Any, field: str) -> int:
    """Return a whole number given as a number or as its text, as the 32 bits without sign that it has."""
    least, limit = (-_UINT32_LIMIT // 2, _UINT32_LIMIT // 2) if kind is Scalar.INT32 else (0, _UINT32_LIMIT)
    try:
        number = float(value) if isinstance(value, int | float | str) and not isinstance(value, bool) else math.nan
    except (ValueError, OverflowError):
        number = math.nan
    if not number.is_integer() or not least <= number < limit:
        _refuse(kind.value, value, field)
    return int(number) % _UINT32_LIMIT


def _accept_large_number(value: Any, field: str) -> str:
    """Return the digits of a whole number of 64 bits; zero is as good as unset."""
    text = str(value) if isinstance(value, int | str) and not isinstance(value, bool) else ""
    if re.fullmatch(r"-?\d{1,19}", text, re.ASCII) is None or not -_INT64_LIMIT <= int(text) < _INT64_LIMIT:
        _refuse("int64", value, field)
    return str(int(text) or "")


def _accept_timestamp(value: Any, field: str) -> str:
    try:
        return timestamps.to_text(timestamps.from_text(value))
    except (TypeError, ValueError, OverflowError):
        _refuse("timestamp", value, field)


def _accept_choice(kind: Choice, value: Any, field: str) -> str:
    """Return the enum name; names that the server does not know fall back to the zero value, numbers are resolved."""
    names = (*kind.names, *kind.future)
    if isinstance(value, str):
        known = value.startswith(kind.prefix) and value.removeprefix(kind.prefix) in names
        if kind.strict and not known:
            _refuse("enum", value, field)
        return value.removeprefix(kind.prefix) if known else kind.names[0]
    if not isinstance(value, int) or isinstance(value, bool):
        _refuse("enum", value, field)
    if 0 <= value < len(names):
        return names[value]
    return str(value) if kind.open else kind.names[0]


def _refuse(kind: str, value: Any, field: str) -> NoReturn:
    raise invalid(f"proto: invalid value for {kind} field {field}: {_shown(value)}")


def _shown(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 40 else f"{text[:37]}..."  # noqa: PLR2004 - long enough to recognise the value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("duplicate key in object")
    return found


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"invalid value {name}")


Path = tuple[str, ...]
"""The JSON names from the message down to the field."""


def mask_paths(kind: Message, text: str) -> tuple[Path, ...]:
    """Return the paths of an `updateMask` parameter; one that the message does not have is refused."""
    return tuple(_path(kind, each) for each in text.split(","))


def body_paths(kind: Message, body: Json) -> tuple[Path, ...]:
    """Return the paths of the leaves of a JSON body; here a key that the message does not have is refused."""
    return tuple(_leaves(kind, body, ())) if body else ()


def apply_path(kind: Message, target: Json, patch: Json, path: Path) -> Json:
    """Return a stored message in which one field is as in the patch: set, replaced whole, or unset."""
    name, *rest = path
    if name in kind.read_only:
        return target
    key, field = kind.key(name), kind.fields[name]
    old, new = target.get(key), patch.get(key)
    if rest:
        assert isinstance(field, Message), "paths are checked before they are applied"
        new = apply_path(field, old or {}, new or {}, tuple(rest)) if old is not None or new is not None else None
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
    """Return the JSON name of a field in proto spelling; the JSON spelling itself is not a path."""
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


def _unknown(key: str, above: Path) -> RpcError:
    place = ".".join(map(snake_case, above)) or "the message"
    return invalid(f'could not find field "{key}" in {place}')


def merge_patch(target: Any, patch: Any) -> Any:
    """Return the target with a patch laid over it; neither is changed."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merge_patch(result.get(key), value)
    return result
