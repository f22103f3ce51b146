"""The seeded world of the emulator, computed once for each instant and kind, and copied into every other new state.

Most tests begin with it, and computing it takes longer than many of them do.
"""

import sqlite3

import pytest

from reconciler.emulator import seed

_KEPT = 16  # worlds; most tests begin at one of two instants
_TABLES = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
_Rows = list[tuple[object, ...]]


def remember_seeds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the emulator copy a world that it has seeded before in this process."""
    fill = seed.fill
    known: dict[tuple[int, bool], dict[str, _Rows]] = {}

    def copied(db: sqlite3.Connection, now: int, *, with_overlays: bool = False) -> None:
        world = known.pop((now, with_overlays), None)
        if world is None:
            fill(db, now, with_overlays=with_overlays)
            tables = [name for (name,) in db.execute(_TABLES)]
            world = {name: [tuple(row) for row in db.execute(f"SELECT * FROM {name}")] for name in tables}  # noqa: S608
        else:
            for name, rows in world.items():
                if rows:
                    values = ", ".join("?" * len(rows[0]))
                    db.executemany(f"INSERT INTO {name} VALUES ({values})", rows)  # noqa: S608
        known[now, with_overlays] = world
        if len(known) > _KEPT:
            known.pop(next(iter(known)), None)  # the one that was not asked for longest

    monkeypatch.setattr(seed, "fill", copied)
