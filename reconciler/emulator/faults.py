"""Scripted faults: what goes wrong, on which requests, how many times.

A fault is data: a script file holds a list of them, and the state file keeps those that are still to fire, so that
successive commands share them.
"""

import json
import re
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args
from urllib.parse import unquote

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from werkzeug import Response

from reconciler.emulator import messages, protojson, store
from reconciler.emulator.errors import (
    CODE_OF_STATUS,
    ConnectionDropped,
    FaultsError,
    RpcCode,
    RpcError,
    balancer_response,
    json_response,
    status_response,
)
from reconciler.emulator.protojson import merge_patch
from reconciler.emulator.store import StateFile

BEFORE: Literal["before"] = "before"
AFTER: Literal["after"] = "after"
When = Literal["before", "after"]
Feature = Literal["guarded_entrypoint", "overlays"]

_EXPECTED = {
    "bool_type": "true or false",
    "dict_type": "an object",
    "float_type": "a number",
    "int_type": "a whole number",
    "list_type": "a list",
    "string_type": "a text",
    "tuple_type": "a list",
}


class _Effect(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Status(_Effect):
    """Answer with an error status: a google.rpc.Status body, or a load balancer's page when `html`.

    `code` is the code of the body where it is not the usual one of the status; `details` are its details.
    """

    do: Literal["status"] = "status"
    status: int
    message: str = "scripted fault"
    html: bool = False
    retry_after: str = ""
    code: int | None = None
    details: list[dict[str, Any]] = []
    when: When = BEFORE

    @field_validator("status")
    @classmethod
    def _is_error(cls, value: int) -> int:
        if not 400 <= value <= 599:  # noqa: PLR2004 - the range of HTTP errors
            raise ValueError(f'"status" must be an HTTP error, 400 to 599, not {value}')
        return value


class _Timed(_Effect):
    seconds: float

    @field_validator("seconds")
    @classmethod
    def _is_bounded(cls, value: float) -> float:
        if not 0 <= value <= 3600:  # noqa: PLR2004 - an hour is beyond any timeout
            raise ValueError(f'"seconds" must be between 0 and 3600, not {value}')
        return value


class Delay(_Timed):
    """Let the client wait before the request is handled."""

    do: Literal["delay"] = "delay"


class Lag(_Timed):
    """Answer reads of repositories with the state of some seconds ago."""

    do: Literal["lag"] = "lag"


class Drop(_Effect):
    """Cut the connection: before the request takes effect, or after, so that only the answer is lost."""

    do: Literal["drop"] = "drop"
    when: When = BEFORE


class Garble(_Effect):
    """Handle the request, then answer 200 with a body that is not JSON, or with half of the JSON when `truncated`."""

    do: Literal["garble"] = "garble"
    truncated: bool = False


class Edit(_Effect):
    """Change a repository's overlay behind the client's back, around the handling of a request.

    The overlay is merged into the live one (RFC 7396: null removes, lists are replaced), or stands for it.
    """

    do: Literal["edit"] = "edit"
    edit: str
    overlay: dict[str, Any] = {}
    replace: bool = False
    when: When = BEFORE

    @field_validator("overlay")
    @classmethod
    def _is_overlay(cls, value: dict[str, Any]) -> dict[str, Any]:
        known = messages.OVERLAY.fields
        unknown = sorted(value.keys() - known.keys())
        if unknown:
            raise ValueError(f'"overlay": unknown key {json.dumps(unknown[0])}; known are {", ".join(sorted(known))}')
        try:
            protojson.accept(messages.OVERLAY, merge_patch({}, value), "overlay")  # null stands for removal
        except RpcError as error:
            raise ValueError(f'"overlay": {error.message}') from error
        return value


class Omit(_Effect):
    """Lose fields, named by their JSON path: of the request's body `before` it is handled, or of the answer `after`.

    In an answer that is a list, every record loses them.
    """

    do: Literal["omit"] = "omit"
    fields: Annotated[tuple[str, ...], Field(strict=False)]
    when: When = BEFORE


class Respond(_Effect):
    """Answer 200 with a given body, in the place of handling the request or after it."""

    do: Literal["respond"] = "respond"
    body: Any
    when: When = BEFORE


class Header(_Effect):
    """Set a header of the answer."""

    do: Literal["header"] = "header"
    name: str
    value: str


class ReportedResult(_Effect):
    """Report builds that have ended with this result and without a digest; of one repository, or of all."""

    do: Literal["result"] = "result"
    result: str = "Unknown"
    of: str = ""


class NoReports(_Effect):
    """Leave the builds of a repository, or all of them, out of the reports."""

    do: Literal["no_reports"] = "no_reports"
    of: str = ""


class ParsedConfigs(_Effect):
    """Report configurations as apko's parser leaves them: no slashes at the end of URLs, run-as as a UID."""

    do: Literal["parsed_configs"] = "parsed_configs"


class NotEnrolled(_Effect):
    """Treat the organization as one that is not enrolled in a feature."""

    do: Literal["not_enrolled"] = "not_enrolled"
    feature: Feature


Effect = (
    Status
    | Delay
    | Drop
    | Garble
    | Edit
    | Omit
    | Respond
    | Header
    | Lag
    | ReportedResult
    | NoReports
    | ParsedConfigs
    | NotEnrolled
)
EFFECTS: dict[str, type[Effect]] = {kind.model_fields["do"].default: kind for kind in get_args(Effect)}


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
        """The names of repositories that the fault depends on."""
        named = (self.repository, getattr(self.effect, "edit", ""), getattr(self.effect, "of", ""))
        return tuple(filter(None, named))


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
                fires = row["seen"] + 1 >= fault.nth and not (_decides(fault.effect) and any(map(_decides, effects)))
                _count(db, row, fault, fires=fires)
                effects.extend((fault.effect,) if fires else ())
        return tuple(effects)


def inject(
    effects: tuple[Effect, ...],
    handle: Callable[[], Response],
    edit: Callable[[Edit], None],
    sleep: Callable[[float], object],
) -> Response:
    """Handle a request with the effects that meet it; ConnectionDropped when one cuts the connection."""
    for effect in effects:
        if isinstance(effect, Delay):
            sleep(effect.seconds)
    _edit(effects, BEFORE, edit)
    response = _decision(effects, BEFORE)
    if response is None:
        response = handle()
        _edit(effects, AFTER, edit)
        response = _decision(effects, AFTER) or response
        for effect in effects:
            response = _changed(response, effect)
    for effect in effects:
        if isinstance(effect, Header):
            response.headers[effect.name] = effect.value
    return response


def without_fields(body: bytes, omit: Omit) -> bytes:
    """Return a JSON body without the fields that a fault loses; what is not a JSON object is returned as it is."""
    try:
        value = json.loads(body)
    except ValueError:
        return body
    if not isinstance(value, dict):
        return body
    lists = [item for item in value.values() if isinstance(item, list)]
    for target in (value, *(record for items in lists for record in items)):
        for field in omit.fields:
            _remove(target, field.split("."))
    return json.dumps(value, ensure_ascii=False).encode()


def _remove(target: Any, names: list[str]) -> None:
    *above, last = names
    for name in above:
        target = target.get(name) if isinstance(target, dict) else None
    if isinstance(target, dict):
        target.pop(last, None)


def _edit(effects: tuple[Effect, ...], when: When, edit: Callable[[Edit], None]) -> None:
    for effect in effects:
        if isinstance(effect, Edit) and effect.when == when:
            edit(effect)


def _decision(effects: tuple[Effect, ...], when: When) -> Response | None:
    """Return the response that a fault gives in the API's place, if one does at this point."""
    for effect in effects:
        match effect:
            case Drop() if effect.when == when:
                raise ConnectionDropped(f"scripted fault: connection dropped {when} the effect")
            case Status() if effect.when == when:
                return _error_response(effect)
            case Respond() if effect.when == when:
                return json_response(effect.body)
            case _:
                continue
    return None


def _changed(response: Response, effect: Effect) -> Response:
    """Return the API's own response as an effect leaves it."""
    match effect:
        case Garble(truncated=True):
            response.data = response.data[: len(response.data) // 2]
        case Garble():
            return Response(b"upstream connect error\n", mimetype="text/plain")
        case Omit(when="after") if response.status_code == 200:  # noqa: PLR2004 - success
            response.data = without_fields(response.data, effect)
        case _:
            pass
    return response


def _error_response(status: Status) -> Response:
    code = CODE_OF_STATUS.get(status.status, RpcCode.INTERNAL) if status.code is None else status.code
    if status.html:
        response = balancer_response(status.status)
    else:
        response = status_response(status.status, code, status.message, status.details)
    if status.retry_after:
        response.headers["Retry-After"] = status.retry_after
    return response


def _decides(effect: Effect) -> bool:
    return isinstance(effect, Status | Drop | Garble | Respond)


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
