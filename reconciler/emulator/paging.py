"""Pages of a list: order, position, tokens.

Here belongs what every paged list of v2 shares. A token names the last record of a page, not a number of records, so
that a list that changes meanwhile neither repeats nor omits what stays in it.
"""

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reconciler.emulator import instants, uidp
from reconciler.emulator.errors import ApiError, invalid
from reconciler.emulator.query import Query
from reconciler.emulator.records import Json

DEFAULT_SIZE = 50
LARGEST_SIZE = 200
TOKEN_LIFE = 3 * instants.DAY

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
    """One page of records, and what the answer says beside them."""

    items: Sequence[Json]
    beside: Json


def page(query: Query, found: Sequence[Json], orders: Orders, now: int, *, optional: bool = False) -> Page:
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
    return Page(items=items, beside={"nextPageToken": token, "totalCount": str(len(found)), "skipped": skipped})


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
    """Say whether a decoded token has the parts of one; only somebody who made it up could have mistyped them."""
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


def _bad(problem: str) -> ApiError:
    return invalid(f"page_token: the token {problem}")
