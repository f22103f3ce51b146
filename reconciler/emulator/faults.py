"""Scripted faults: which effects meet which requests, how many times.

A fault is data: a script file holds a list of them, and the state file keeps those that are still to fire, so that
successive commands share them.
"""

import json
import re
import sqlite3
from pathlib import Path
from typing import Annotated, Any, Self
from urllib.parse import unquote

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from reconciler.emulator import store
from reconciler.emulator.effects import EFFECTS, Effect, decides
from reconciler.emulator.errors import FaultsError
from reconciler.emulator.store import StateFile

_EXPECTED = {
    "bool_type": "true or false",
    "dict_type": "an object",
    "float_type": "a number",
    "int_type": "a whole number",
    "list_type": "a list",
    "string_type": "a text",
    "tuple_type": "a list",
}


class Fault(BaseModel):
    """An effect and the requests that it meets.

    `path` is a regular expression searched in the raw path, `repository` a name whose id the path must contain, `nth`
    the first matching request that is met (1 is the first), `times` how many are met (None: all of them).
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    effect: Annotated[Effect, Field(discriminator="do")]
    method: str = ""
    path: str = ""
    repository: str = ""
    nth: int = 1
    times: int | None = 1

    @field_validator("path")
    @classmethod
    def _is_pattern(cls, value: str) -> str:
        try:
            re.compile(value)
        except re.error as error:
            raise ValueError(f'"path" is not a regular expression: {error}') from error
        return value

    @field_validator("nth", "times")
    @classmethod
    def _is_positive(cls, value: int | None) -> int | None:
        if value is not None and value < 1:
            raise ValueError('"nth" and "times" must be 1 or more')
        return value

    @classmethod
    def from_json(cls, value: Any) -> Self:
        """Return the fault of a decoded JSON object; FaultsError says what is wrong with it."""
        if not isinstance(value, dict):
            raise FaultsError("expected an object")
        own = cls.model_fields.keys() - {"effect"}
        effect = {key: item for key, item in value.items() if key not in own}
        try:
            return cls.model_validate({**{key: value[key] for key in own if key in value}, "effect": effect})
        except ValidationError as error:
            raise FaultsError(_problem(error, value, sorted(own))) from error

    def to_json(self) -> str:
        """Return the flat JSON object of a fault, as a script file holds it."""
        values = self.model_dump(mode="json")
        effect = values.pop("effect")
        return json.dumps({**values, **effect})

    @property
    def repositories(self) -> tuple[str, ...]:
        """Return the names of repositories that the fault depends on."""
        named = [self.repository, *(getattr(self.effect, key, "") for key in ("edit", "of", "to"))]
        return tuple(name for name in named if name and not name.endswith("/"))  # which is the path of a group


def load_faults(path: Path) -> tuple[Fault, ...]:
    """Return the faults of a script file: a JSON list of objects; FaultsError names the entry that is wrong."""
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise FaultsError(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise FaultsError(f"{path}: not JSON: {error}") from error
    if not isinstance(entries, list):
        raise FaultsError(f"{path}: expected a list of faults")
    return tuple(_entry(path, position, entry) for position, entry in enumerate(entries, start=1))


class Faults:
    """The faults that are still to fire, shared by every emulator on the same state file."""

    def __init__(self, state: StateFile) -> None:
        self._state = state

    def add(self, *faults: Fault) -> None:
        """Add faults; FaultsError when one names a repository that is not there."""
        with self._state.writing() as db:
            for fault in faults:
                for name in fault.repositories:
                    if store.locate(db, name) is None:
                        raise FaultsError(f'no repository is named "{name}"')
                db.execute("INSERT INTO faults (script) VALUES (?)", (fault.to_json(),))

    def clear(self) -> None:
        """Forget all faults."""
        with self._state.writing() as db:
            db.execute("DELETE FROM faults")

    def pending(self) -> tuple[Fault, ...]:
        """Return the faults that are still to fire; `times` is what they began with."""
        with self._state.reading() as db:
            return tuple(Fault.from_json(json.loads(row["script"])) for row in _rows(db))

    def fire(self, method: str, path: str) -> tuple[Effect, ...]:
        """Return the effects that meet a request, and count them; at most one of them decides the answer."""
        with self._state.reading() as db:
            if not _rows(db):
                return ()
        effects: list[Effect] = []
        with self._state.writing() as db:
            for row in _rows(db):
                fault = Fault.from_json(json.loads(row["script"]))
                if not _matches(db, fault, method, path):
                    continue
                fires = row["seen"] + 1 >= fault.nth and not (decides(fault.effect) and any(map(decides, effects)))
                _count(db, row, fault, fires=fires)
                effects.extend((fault.effect,) if fires else ())
        return tuple(effects)


def _matches(db: sqlite3.Connection, fault: Fault, method: str, path: str) -> bool:
    if fault.method and fault.method.upper() != method:
        return False
    if re.search(fault.path, path) is None:
        return False
    if not fault.repository:
        return True
    repo = store.locate(db, fault.repository)
    return repo is not None and repo.id in unquote(path)


def _count(db: sqlite3.Connection, row: sqlite3.Row, fault: Fault, *, fires: bool) -> None:
    fired = row["fired"] + fires
    if fault.times is not None and fired >= fault.times:
        db.execute("DELETE FROM faults WHERE position = ?", (row["position"],))
    else:
        db.execute("UPDATE faults SET seen = seen + 1, fired = ? WHERE position = ?", (fired, row["position"]))


def _rows(db: sqlite3.Connection) -> list[sqlite3.Row]:
    return db.execute("SELECT position, script, seen, fired FROM faults ORDER BY position").fetchall()


def _entry(path: Path, position: int, entry: Any) -> Fault:
    try:
        return Fault.from_json(entry)
    except FaultsError as error:
        raise FaultsError(f"{path}: entry {position}: {error}") from error


def _problem(error: ValidationError, value: dict[str, Any], own: list[str]) -> str:
    """Return what is wrong with an entry, in one line."""
    first = error.errors(include_url=False)[0]
    kind, place = first["type"], first["loc"]
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        return f'"do" must be one of {", ".join(EFFECTS)}, not {json.dumps(value.get("do"))}'
    key = place[2] if place[0] == "effect" else place[0]
    if kind == "missing":
        return f'"do": "{value["do"]}" needs the key "{key}"'
    if kind == "extra_forbidden":
        known = sorted({*own, *EFFECTS[value["do"]].model_fields} - {"do"})
        return f"unknown key {json.dumps(key)}; known are {', '.join(known)}"
    if kind == "value_error":
        return str(first["ctx"]["error"])
    if kind == "literal_error":
        expected = first["ctx"]["expected"].replace("'", '"')
        return f'"{key}" must be {expected}, not {json.dumps(first["input"])}'
    return f'"{key}" must be {_EXPECTED.get(kind, "another value")}, not {json.dumps(first["input"])}'
