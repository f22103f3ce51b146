"""Scripted faults as values: what goes wrong, on which request, how many times.

Here belong the values and their JSON form; when a fault fires belongs to `mischief.py`.
"""

import json
import re
from dataclasses import MISSING, asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from reconciler.emulator import messages, protojson
from reconciler.emulator.errors import ApiError, FaultsError
from reconciler.emulator.merging import merged

BEFORE = "before"
AFTER = "after"

_NAMES: dict[type, str] = {
    str: "a text",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    dict: "an object",
    type(None): "null",
}
_TYPES: dict[str, tuple[type, ...]] = {
    "method": (str,),
    "path": (str,),
    "repository": (str,),
    "nth": (int,),
    "times": (int, type(None)),
    "status": (int,),
    "message": (str,),
    "html": (bool,),
    "retry_after": (str,),
    "when": (str,),
    "seconds": (int, float),
    "truncated": (bool,),
    "edit": (str,),
    "overlay": (dict,),
    "replace": (bool,),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """Answer with an error status: a google.rpc.Status body, or a load balancer's page when `html`."""

    status: int
    message: str = "scripted fault"
    html: bool = False
    retry_after: str = ""
    when: str = BEFORE


@dataclass(frozen=True, slots=True, kw_only=True)
class Delay:
    """Let the client wait before the request is handled."""

    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Drop:
    """Cut the connection: before the request takes effect, or after, so that only the answer is lost."""

    when: str = BEFORE


@dataclass(frozen=True, slots=True, kw_only=True)
class Garble:
    """Handle the request, then answer 200 with a body that is no JSON, or with half of the JSON when `truncated`."""

    truncated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """Change a repository's overlay behind the client's back, around the handling of a request.

    The overlay is merged into the live one (RFC 7396: null removes, lists are replaced), or stands for it.
    """

    edit: str
    overlay: dict[str, Any] = field(default_factory=dict)
    replace: bool = False
    when: str = BEFORE


Effect = Status | Delay | Drop | Garble | Edit

EFFECTS: dict[str, type[Effect]] = {
    "status": Status,
    "delay": Delay,
    "drop": Drop,
    "garble": Garble,
    "edit": Edit,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """An effect and the requests that it meets.

    `path` is a regular expression searched in the raw path, `repository` a name whose id the path must contain, `nth`
    the first matching request that is met (1 is the first), `times` how many are met (None: all of them).
    """

    effect: Effect
    method: str = ""
    path: str = ""
    repository: str = ""
    nth: int = 1
    times: int | None = 1

    def __post_init__(self) -> None:
        """Refuse values that could never fire or never be read back."""
        _check(self)


def to_json(fault: Fault) -> str:
    """Return the flat JSON object of a fault, as a script file holds it."""
    values = {item.name: getattr(fault, item.name) for item in fields(fault) if item.name != "effect"}
    kind = next(name for name, effect in EFFECTS.items() if isinstance(fault.effect, effect))
    return json.dumps({**values, "do": kind, **asdict(fault.effect)})


def from_json(value: Any) -> Fault:
    """Return the fault of a decoded JSON object; FaultsError says what is wrong with it."""
    if not isinstance(value, dict):
        raise FaultsError("expected an object")
    kind = value.get("do")
    effect = EFFECTS.get(kind) if isinstance(kind, str) else None
    if effect is None:
        raise FaultsError(f'"do" must be one of {", ".join(EFFECTS)}, not {json.dumps(kind)}')
    own = {item.name for item in fields(Fault)} - {"effect"}
    allowed = {item.name for item in fields(effect)}
    unknown = sorted(value.keys() - own - allowed - {"do"})
    if unknown:
        raise FaultsError(f"unknown key {json.dumps(unknown[0])}; known are {', '.join(sorted(own | allowed))}")
    missing = [f.name for f in fields(effect) if _is_required(f) and f.name not in value]
    if missing:
        raise FaultsError(f'"do": "{kind}" needs the key "{missing[0]}"')
    made = effect(**{key: item for key, item in value.items() if key in allowed})
    return Fault(effect=made, **{key: item for key, item in value.items() if key in own})


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


def _entry(path: Path, position: int, entry: Any) -> Fault:
    try:
        return from_json(entry)
    except FaultsError as error:
        raise FaultsError(f"{path}: entry {position}: {error}") from error


def _is_required(item: Any) -> bool:
    return item.default is MISSING and item.default_factory is MISSING


def _check(fault: Fault) -> None:
    _check_types(fault)
    _check_types(fault.effect)
    try:
        re.compile(fault.path)
    except re.error as error:
        raise FaultsError(f'"path" is not a regular expression: {error}') from error
    if fault.nth < 1 or (fault.times is not None and fault.times < 1):
        raise FaultsError('"nth" and "times" must be 1 or more')
    _check_effect(fault.effect)


def _check_effect(effect: Effect) -> None:
    match effect:
        case Status(when=when) | Drop(when=when) | Edit(when=when) if when not in (BEFORE, AFTER):
            raise FaultsError(f'"when" must be "before" or "after", not {json.dumps(when)}')
        case Status(status=status) if not 400 <= status <= 599:  # noqa: PLR2004 - the range of HTTP errors
            raise FaultsError(f'"status" must be an HTTP error, 400 to 599, not {status}')
        case Delay(seconds=seconds) if not 0 <= seconds <= 3600:  # noqa: PLR2004 - an hour is beyond any time-out
            raise FaultsError(f'"seconds" must be between 0 and 3600, not {seconds}')
        case Edit(overlay=overlay) if _merged_problem(overlay):
            raise FaultsError(f'"overlay": {_merged_problem(overlay)}')
        case _:
            return


def _merged_problem(overlay: dict[str, Any]) -> str:
    """Say what is wrong with the overlay of an edit; "" when it is one."""
    unknown = sorted(overlay.keys() - messages.OVERLAY.fields.keys())
    if unknown:
        return f"unknown key {json.dumps(unknown[0])}; known are {', '.join(sorted(messages.OVERLAY.fields))}"
    try:
        protojson.accept(messages.OVERLAY, merged({}, overlay), "overlay")  # null stands for removal
    except ApiError as error:
        return error.message
    return ""


def _check_types(value: Fault | Effect) -> None:
    """Refuse values of another type than the field has: they come from a file."""
    for item in fields(value):
        given = getattr(value, item.name)
        allowed = _TYPES.get(item.name, ())
        if allowed and (not isinstance(given, allowed) or (isinstance(given, bool) and bool not in allowed)):
            names = " or ".join(_NAMES[each] for each in allowed)
            raise FaultsError(f'"{item.name}" must be {names}, not {json.dumps(given, default=repr)}')
