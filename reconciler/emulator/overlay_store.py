"""Overlays and bindings in the state file: messages in stored form, as they are and as they were."""

import itertools
import json
import sqlite3
from collections.abc import Sequence
from typing import Literal

from reconciler.emulator import store, uidp
from reconciler.emulator.store import Json

Table = Literal["overlays", "bindings"]


def records(db: sqlite3.Connection, table: Table) -> list[Json]:
    """Return all overlays or bindings, in the order of ids."""
    return [json.loads(row["message"]) for row in db.execute(f"SELECT message FROM {table} ORDER BY id")]  # noqa: S608


def records_as_of(db: sqlite3.Connection, table: Table, instant: int) -> dict[str, Json]:
    """Return all overlays or bindings by id as they were at an instant of the last hour."""
    now = {each["id"]: each for each in records(db, table)}
    found = now | store.replaced_since(db, table, instant)
    return {identifier: message for identifier, message in found.items() if message is not None}


def record(db: sqlite3.Connection, table: Table, identifier: str) -> Json | None:
    """Return the overlay or the binding with this id."""
    row = db.execute(f"SELECT message FROM {table} WHERE id = ?", (identifier,)).fetchone()  # noqa: S608
    return json.loads(row["message"]) if row else None


def record_as_of(db: sqlite3.Connection, table: Table, identifier: str, instant: int) -> Json | None:
    """Return the overlay or the binding with this id as it was at an instant of the last hour."""
    replaced = store.replaced_since(db, table, instant)
    return replaced[identifier] if identifier in replaced else record(db, table, identifier)


def named(db: sqlite3.Connection, root: str, name: str) -> list[Json]:
    """Return an organization's overlays of a name, those of the organization itself before those of its folders."""
    rows = db.execute("SELECT message FROM overlays WHERE name = ? ORDER BY id", (name,))
    found = [each for row in rows if uidp.root((each := json.loads(row["message"]))["id"]) == root]
    return sorted(found, key=lambda each: len(uidp.levels(each["id"])))


def bindings_of(db: sqlite3.Connection, overlay: str) -> list[Json]:
    """Return an overlay's bindings, in the order of ids."""
    rows = db.execute("SELECT message FROM bindings WHERE overlay = ? ORDER BY id", (overlay,))
    return [json.loads(row["message"]) for row in rows]


def bound(db: sqlite3.Connection, parents: Sequence[str]) -> list[tuple[Json, Json]]:
    """Return the bindings that lie directly under some ids, in the order of ids, each with its overlay."""
    rows = db.execute(
        "SELECT bindings.message AS binding, overlays.message AS overlay "  # noqa: S608 - of fixed texts
        "FROM bindings JOIN overlays ON overlays.id = bindings.overlay "
        f"WHERE bindings.parent IN ({', '.join('?' * len(parents))}) ORDER BY bindings.id",
        tuple(parents),
    )
    return [(json.loads(row["binding"]), json.loads(row["overlay"])) for row in rows]


def new_id(db: sqlite3.Connection, parent: str, *parts: str) -> str:
    """Return an id for an overlay or a binding that nothing has or had: not what was renamed, nor what was deleted."""
    for number in itertools.count():
        found = uidp.of_child(parent, *parts, *([number] if number else []))
        if db.execute("INSERT OR IGNORE INTO given (id) VALUES (?)", (found,)).rowcount:
            return found
    raise AssertionError("the numbers do not end")


def put_overlay(db: sqlite3.Connection, message: Json, now: int) -> None:
    """Insert or replace an overlay."""
    _remember(db, "overlays", message["id"], now)
    db.execute(
        "INSERT OR REPLACE INTO overlays (id, name, message) VALUES (?, ?, ?)",
        (message["id"], message["name"], store.dump(message)),
    )


def put_binding(db: sqlite3.Connection, message: Json, now: int) -> None:
    """Insert or replace a binding, whose overlay is the id of one."""
    _remember(db, "bindings", message["id"], now)
    db.execute(
        "INSERT OR REPLACE INTO bindings (id, parent, overlay, message) VALUES (?, ?, ?, ?)",
        (message["id"], uidp.parent(message["id"]), message["overlay"], store.dump(message)),
    )


def delete(db: sqlite3.Connection, table: Table, identifier: str, now: int) -> None:
    """Remove an overlay or a binding."""
    _remember(db, table, identifier, now)
    db.execute(f"DELETE FROM {table} WHERE id = ?", (identifier,))  # noqa: S608


def _remember(db: sqlite3.Connection, table: Table, identifier: str, now: int) -> None:
    store.remember(db, table, identifier, record(db, table, identifier), now)
