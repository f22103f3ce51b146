"""One request: its caller and what they may do, its parameters, and the filters and pages that lists share.

A page token names the last record of a page, not a number of records, so that a list that changes meanwhile neither
repeats nor omits what stays in it.
"""

import base64
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from reconciler.emulator import timestamps, uidp
from reconciler.emulator.effects import Effect, Feature, Lag, NotEnrolled
from reconciler.emulator.errors import RpcCode, RpcError, invalid
from reconciler.emulator.protojson import snake_case
from reconciler.emulator.settings import OWNER, VIEWER, EmulatorSettings
from reconciler.emulator.store import HOME, Json, StateFile

ORGANIZATION = uidp.of_root(HOME)
_INT32_LIMIT = 2**31
_BOOLEANS = {
    **dict.fromkeys(("1", "t", "T", "TRUE", "true", "True"), True),
    **dict.fromkeys(("0", "f", "F", "FALSE", "false", "False"), False),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """Claims of a JWT; instants in nanoseconds."""

    issuer: str
    subject: str
    audience: tuple[str, ...]
    issued: int
    expires: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """The holder of an accepted token; `grants` are capabilities by group, None for the usual ones."""

    token: str = field(repr=False)
    read_only: bool
    claims: Claims | None = None
    grants: Mapping[str, tuple[str, ...]] | None = None

    def capabilities(self, record: str) -> tuple[str, ...]:
        """Return what the caller may do with a record: what is granted on it or anywhere above it."""
        if self.grants is None:
            return OWNER if uidp.root(record) == ORGANIZATION and not self.read_only else VIEWER
        granted = (held for group, held in self.grants.items() if record == group or uidp.is_below(record, group))
        return tuple(sorted({each for held in granted for each in held}))

    def may(self, capability: str, record: str) -> bool:
        """Return whether the caller has a capability for a record."""
        return capability in self.capabilities(record)

    def demand(self, capability: str, record: str) -> None:
        """Refuse a call for which the caller lacks the capability."""
        if not self.may(capability, record):
            raise RpcError(RpcCode.PERMISSION_DENIED, f"caller does not have capability {capability} on {record}")


class Query:
    """The parameters of one request; names that a call does not ask for are ignored, as the gateway does."""

    def __init__(self, pairs: Iterable[tuple[str, str]]) -> None:
        self._values: dict[str, list[str]] = {}
        for name, value in pairs:
            self._values.setdefault(_json_name(name), []).append(value)
        self._check_messages()

    def _check_messages(self) -> None:
        """Refuse a message that is given a value of its own, and a field of what is not a message."""
        if "uidp" in self._values:
            raise invalid('parsing field "uidp": unsupported message type: "chainguard.platform.common.UIDPFilter"')
        below = next((name for name in self._values if name.count(".") > 1 and name.startswith("uidp.")), None)
        if below:
            raise invalid(f'invalid path: "{below.split(".")[1]}" is not a message')

    def texts(self, name: str) -> tuple[str, ...]:
        """Return a repeatable parameter; empty values say nothing."""
        return tuple(value for value in self._values.get(name, ()) if value)

    def others(self, names: frozenset[str]) -> list[tuple[str, list[str]]]:
        """Return the parameters with other names than these, in an order that does not depend on the request."""
        return sorted((name, values) for name, values in self._values.items() if name not in names)

    def text(self, name: str) -> str:
        """Return a parameter given at most once; "" when it is not there."""
        values = self._values.get(name, [])
        if len(values) > 1:
            raise invalid(f'too many values for field "{proto_name(name)}": {", ".join(values)}')
        return values[0] if values else ""

    def flag(self, name: str) -> bool:
        """Return a boolean parameter, spelled as Go spells booleans."""
        value = self.text(name)
        if value and value not in _BOOLEANS:
            raise invalid(f'parsing field "{proto_name(name)}": invalid value "{value}" for a boolean')
        return _BOOLEANS.get(value, False)

    def count(self, name: str) -> int:
        """Return a number of records, 0 if it is not given."""
        value = self.text(name) or "0"
        if re.fullmatch(r"\d{1,10}", value, re.ASCII) is None or int(value) >= _INT32_LIMIT:
            raise invalid(f'parsing field "{proto_name(name)}": invalid value "{value}" for a count')
        return int(value)

    def instant(self, name: str) -> int | None:
        """Return an RFC 3339 parameter; a plus sign that was not escaped has become a space and is refused."""
        value = self.text(name)
        if not value:
            return None
        try:
            return timestamps.storable(timestamps.from_text(value))
        except (ValueError, OverflowError) as error:
            raise invalid(f'parsing field "{proto_name(name)}": {error}') from error


@dataclass(frozen=True, slots=True, kw_only=True)
class IdFilter:
    """The filters by id of a list call; all that are given must hold."""

    ancestors_of: str
    descendants_of: str
    children_of: str
    in_root: bool
    ids: frozenset[str]
    id: str
    visible: Callable[[str], bool]

    @property
    def scopes(self) -> tuple[str, ...]:
        """Return the records that the request names."""
        named = (self.descendants_of, self.children_of, self.id, *sorted(self.ids))
        return tuple(each for each in named if each)

    @property
    def within(self) -> tuple[str, ...]:
        """Return records of which each match is one, or lies below it; none of them where nothing limits the list."""
        if self.id:
            return (self.id,)
        return tuple(sorted(self.ids)) or tuple(filter(None, (self.descendants_of or self.children_of,)))

    def matches(self, identifier: str) -> bool:
        """Return whether a record with this id is asked for."""
        return (
            (not self.ancestors_of or uidp.is_below(self.ancestors_of, identifier))
            and (not self.descendants_of or uidp.is_below(identifier, self.descendants_of))
            and (not self.children_of or uidp.parent(identifier) == self.children_of)
            and (not self.in_root or "/" not in identifier)
            and (not self.ids or identifier in self.ids)
            and (not self.id or identifier == self.id)
            and self.visible(identifier)
        )


def proto_name(name: str) -> str:
    """Return the proto name of a parameter's last field, as the gateway's refusals name it."""
    return snake_case(name.rpartition(".")[2])


def selection(query: Query, visible: Callable[[str], bool]) -> IdFilter:
    """Return the id filters of a request, which `visible` narrows further; an id that is not a UIDP is refused."""
    return IdFilter(
        ancestors_of=_uidp(query, "uidp.ancestorsOf"),
        descendants_of=_uidp(query, "uidp.descendantsOf"),
        children_of=_uidp(query, "uidp.childrenOf"),
        in_root=query.flag("uidp.inRoot"),
        ids=frozenset(uidp.checked(value, "ids") for value in query.texts("uidp.ids")),
        id=_uidp(query, "id"),
        visible=visible,
    )


def _uidp(query: Query, name: str) -> str:
    value = query.text(name)
    return uidp.checked(value, proto_name(name)) if value else ""


def _json_name(name: str) -> str:
    """Return the JSON name of a parameter: the proto spelling (uidp.descendants_of) is accepted as well."""
    return re.sub(r"_([a-z])", lambda match: match.group(1).upper(), name)


DEFAULT_SIZE = 50
LARGEST_SIZE = 200
TOKEN_LIFE = 3 * timestamps.DAY

Key = int | str
Orders = Mapping[str, Callable[[Json], Key]]
"""By proto name of a field: what a record (stored form, with its `id`) is ordered by."""

_POSITIONS = frozenset({"pageSize", "pageToken", "skip"})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cursor:
    """The place after a page: the last record's key and id, and how many were skipped so far."""

    key: Key
    id: str
    skipped: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page of records, and the other fields of the answer."""

    items: Sequence[Json]
    extra: Json


def paginate(query: Query, found: Sequence[Json], orders: Orders, now: int, *, optional: bool = False) -> Page:
    """Return the page that the parameters ask for of the records that the filters found.

    The first order is the one that is meant when none is named. Where pages are `optional`, a request that says neither
    size nor token gets everything.
    """
    name, descending = _order(query.text("orderBy"), orders)
    key_of = orders[name]
    size = min(query.count("pageSize") or DEFAULT_SIZE, LARGEST_SIZE)
    if optional and not query.count("pageSize") and not query.text("pageToken"):
        size = len(found) + 1
    skip = query.count("skip")
    cursor = _decoded(query, now)
    ordered = sorted(found, key=lambda each: str(each["id"]))
    ordered.sort(key=key_of, reverse=descending)
    rest = [each for each in ordered if cursor is None or _is_after(key_of(each), each["id"], cursor, descending)]
    items = rest[skip : skip + size]
    skipped = (cursor.skipped if cursor else 0) + min(skip, len(rest))
    token = ""
    if len(rest) > skip + size:
        last = _Cursor(key=key_of(items[-1]), id=items[-1]["id"], skipped=skipped)
        token = _encoded(query, last, now)
    return Page(items=items, extra={"nextPageToken": token, "totalCount": str(len(found)), "skipped": skipped})


def _order(text: str, orders: Orders) -> tuple[str, bool]:
    name, _, direction = (text.strip() or next(iter(orders))).partition(" ")
    if name not in orders or direction.strip().lower() not in ("", "asc", "desc"):
        raise invalid(f'order_by: "{text}" is not one of {", ".join(orders)} with asc or desc')
    return name, direction.strip().lower() == "desc"


def _is_after(key: Key, identifier: str, cursor: _Cursor, descending: bool) -> bool:  # noqa: FBT001 - a property of the order
    if key == cursor.key:
        return identifier > cursor.id
    # Both keys come from one order, so that they are of one type.
    later = str(key) > str(cursor.key) if isinstance(key, str) else key > int(cursor.key)
    return later is not descending


def _encoded(query: Query, cursor: _Cursor, now: int) -> str:
    value = [_asked(query), now, cursor.key, cursor.id, cursor.skipped]
    return base64.urlsafe_b64encode(json.dumps(value, separators=(",", ":")).encode()).decode()


def _decoded(query: Query, now: int) -> _Cursor | None:
    text = query.text("pageToken")
    if not text:
        return None
    try:
        value = json.loads(base64.b64decode(text.encode(), altchars=b"-_", validate=True))
    except (ValueError, RecursionError) as error:
        raise _bad("is malformed") from error
    if not _is_cursor(value):
        raise _bad("is malformed")
    asked, issued, key, identifier, skipped = value
    if asked != _asked(query):
        raise _bad("belongs to a request with another filter or order")
    if now - issued > TOKEN_LIFE:
        raise _bad("has expired")
    return _Cursor(key=key, id=identifier, skipped=skipped)


def _is_cursor(value: Any) -> bool:
    """Return whether a decoded token has the parts of one; only somebody who made it up could have mistyped them."""
    kinds = [str, int, None, str, int]
    return (
        isinstance(value, list)
        and len(value) == len(kinds)
        and all(kind is None or type(each) is kind for kind, each in zip(kinds, value, strict=True))
        and type(value[2]) in (int, str)
    )


def _asked(query: Query) -> str:
    """Return a digest of what was asked, less the position: the pages of one list share it."""
    return uidp.digest(json.dumps(query.others(_POSITIONS)))[:16]


def _bad(problem: str) -> RpcError:
    return invalid(f"page_token: the token {problem}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiRequest:
    """One authenticated request: `identifier` is the id of the path as it came, "" when the path has none."""

    state: StateFile
    settings: EmulatorSettings
    caller: Caller
    now: int
    identifier: str
    query: Query
    body: bytes
    effects: tuple[Effect, ...] = ()

    @property
    def seen(self) -> int:
        """Return the instant whose repositories a read shows: now, or earlier where reads lag."""
        lag = max((effect.seconds for effect in self.effects if isinstance(effect, Lag)), default=0.0)
        return self.now - round(lag * timestamps.SECOND)

    def enrolled(self, feature: Feature) -> bool:
        """Return whether the organization may use a feature."""
        refused = {effect.feature for effect in self.effects if isinstance(effect, NotEnrolled)}
        return feature not in refused | self.settings.not_enrolled

    def uidp(self) -> str:
        """Return the id of the path, or refuse it if it is not a UIDP."""
        return uidp.checked(self.identifier, "id")

    def selection(self, capability: str) -> IdFilter:
        """Return what the filters of a list ask for; what the caller lacks the capability for is refused or unseen."""
        chosen = selection(self.query, lambda record: self.caller.may(capability, record))
        for scope in chosen.scopes:
            self.caller.demand(capability, scope)
        return chosen
