"""Letting scripted faults happen: which ones meet a request, and what they do around its handling.

Here belongs the order of things; what the faults are is data in `faults.py`, kept in the state file so that successive
commands share them.
"""

import json
import re
import sqlite3
from collections.abc import Callable
from dataclasses import replace

from reconciler.emulator import answers, records
from reconciler.emulator.answers import Answer
from reconciler.emulator.errors import ConnectionDropped, FaultsError
from reconciler.emulator.faults import (
    AFTER,
    BEFORE,
    Delay,
    Drop,
    Edit,
    Effect,
    Fault,
    Garble,
    Status,
    from_json,
    to_json,
)
from reconciler.emulator.state import State


class Faults:
    """The faults that are still to fire, shared by every emulator on the same state file."""

    def __init__(self, state: State) -> None:
        self._state = state

    def add(self, *faults: Fault) -> None:
        """Add faults; FaultsError when one names a repository that is not there."""
        with self._state.writing() as db:
            for fault in faults:
                _check_names(db, fault)
                db.execute("INSERT INTO faults (script) VALUES (?)", (to_json(fault),))

    def clear(self) -> None:
        """Forget all faults."""
        with self._state.writing() as db:
            db.execute("DELETE FROM faults")

    def pending(self) -> tuple[Fault, ...]:
        """Return the faults that are still to fire; `times` is what they began with."""
        with self._state.reading() as db:
            return tuple(from_json(json.loads(row["script"])) for row in _rows(db))

    def fire(self, method: str, path: str) -> tuple[Effect, ...]:
        """Return the effects that meet a request, and count them; at most one of them decides the answer."""
        with self._state.reading() as db:
            if not _rows(db):
                return ()
        effects: list[Effect] = []
        with self._state.writing() as db:
            for row in _rows(db):
                fault = from_json(json.loads(row["script"]))
                if not _matches(db, fault, method, path):
                    continue
                fires = row["seen"] + 1 >= fault.nth and not (_decides(fault.effect) and any(map(_decides, effects)))
                _count(db, row, fault, fires=fires)
                effects.extend((fault.effect,) if fires else ())
        return tuple(effects)


def around(
    effects: tuple[Effect, ...],
    handle: Callable[[], Answer],
    edit: Callable[[Edit], None],
    sleep: Callable[[float], None],
) -> Answer:
    """Handle a request with the effects that meet it; ConnectionDropped when one cuts the connection."""
    for effect in effects:
        if isinstance(effect, Delay):
            sleep(effect.seconds)
    _edit(effects, BEFORE, edit)
    early = _decision(effects, BEFORE)
    if early is not None:
        return early
    answer = handle()
    _edit(effects, AFTER, edit)
    late = _decision(effects, AFTER)
    if late is not None:
        return late
    garble = next((effect for effect in effects if isinstance(effect, Garble)), None)
    return answer if garble is None else _garbled(answer, garble)


def _edit(effects: tuple[Effect, ...], when: str, edit: Callable[[Edit], None]) -> None:
    for effect in effects:
        if isinstance(effect, Edit) and effect.when == when:
            edit(effect)


def _decision(effects: tuple[Effect, ...], when: str) -> Answer | None:
    """Return the answer that a fault gives in the API's place, if one does at this point."""
    for effect in effects:
        match effect:
            case Drop() if effect.when == when:
                raise ConnectionDropped(f"scripted fault: connection dropped {when} the effect")
            case Status(html=True) if effect.when == when:
                return answers.of_balancer(effect.status, effect.retry_after)
            case Status() if effect.when == when:
                return answers.of_status(effect.status, effect.message, effect.retry_after)
            case _:
                continue
    return None


def _garbled(answer: Answer, garble: Garble) -> Answer:
    if garble.truncated:
        return replace(answer, body=answer.body[: len(answer.body) // 2])
    return Answer(status=200, body=b"upstream connect error\n", content_type="text/plain")


def _decides(effect: Effect) -> bool:
    return isinstance(effect, Status | Drop | Garble)


def _matches(db: sqlite3.Connection, fault: Fault, method: str, path: str) -> bool:
    if fault.method and fault.method.upper() != method:
        return False
    if re.search(fault.path, path) is None:
        return False
    if not fault.repository:
        return True
    repo = records.locate(db, fault.repository)
    return repo is not None and repo.id in path


def _count(db: sqlite3.Connection, row: sqlite3.Row, fault: Fault, *, fires: bool) -> None:
    fired = row["fired"] + fires
    if fault.times is not None and fired >= fault.times:
        db.execute("DELETE FROM faults WHERE position = ?", (row["position"],))
    else:
        db.execute("UPDATE faults SET seen = seen + 1, fired = ? WHERE position = ?", (fired, row["position"]))


def _rows(db: sqlite3.Connection) -> list[sqlite3.Row]:
    return db.execute("SELECT position, script, seen, fired FROM faults ORDER BY position").fetchall()


def _check_names(db: sqlite3.Connection, fault: Fault) -> None:
    names = (fault.repository, fault.effect.edit if isinstance(fault.effect, Edit) else "")
    for name in filter(None, names):
        if records.locate(db, name) is None:
            raise FaultsError(f'no repository is named "{name}"')
