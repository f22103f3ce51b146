"""Effects of faults on requests, and how each changes the handling.

An effect is data, so that a script file and the state file can hold it.
"""

import json
from collections.abc import Callable
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, field_validator
from werkzeug import Response

from reconciler.emulator import messages, protojson
from reconciler.emulator.errors import (
    CODE_OF_STATUS,
    ConnectionDropped,
    RpcCode,
    RpcError,
    balancer_response,
    json_response,
    status_response,
)
from reconciler.emulator.protojson import merge_patch

BEFORE: Literal["before"] = "before"
AFTER: Literal["after"] = "after"
When = Literal["before", "after"]
Feature = Literal["guarded_entrypoint", "overlays"]


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
    retry_after: str | int = ""
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
    """Answer reads of repositories, overlays and bindings with the state of some seconds ago."""

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
    """Change a repository's overlay as another user, during the handling of a request.

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
        return _checked_overlay(value, "overlay")


class Bind(_Effect):
    """Make, change or bind an overlay behind the client's back, around the handling of a request.

    `bind` is its name, and `config` its configuration from then on; see `Emulator.bind` for `to` and `tags`.
    """

    do: Literal["bind"] = "bind"
    bind: str
    to: str = ""
    tags: Literal["all", "dev"] | list[str] | None = "all"
    config: dict[str, Any] | None = None
    when: When = BEFORE

    @field_validator("config")
    @classmethod
    def _is_overlay(cls, value: dict[str, Any] | None) -> dict[str, Any] | None:
        return None if value is None else _checked_overlay(value, "config")


def _checked_overlay(value: dict[str, Any], field: str) -> dict[str, Any]:
    known = messages.OVERLAY.fields
    unknown = sorted(value.keys() - known.keys())
    if unknown:
        raise ValueError(f'"{field}": unknown key {json.dumps(unknown[0])}; known are {", ".join(sorted(known))}')
    try:
        protojson.accept(messages.OVERLAY, merge_patch({}, value), "overlay")  # null stands for removal
    except RpcError as error:
        raise ValueError(f'"{field}": {error.message}') from error
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


class LateConflicts(_Effect):
    """Take a write of an overlay or a binding although it does not go together with other bindings.

    The builds of the tags that it concerns are refused for it.
    """

    do: Literal["late_conflicts"] = "late_conflicts"


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
    | Bind
    | Omit
    | Respond
    | Header
    | Lag
    | ReportedResult
    | NoReports
    | ParsedConfigs
    | LateConflicts
    | NotEnrolled
)
EFFECTS: dict[str, type[Effect]] = {kind.model_fields["do"].default: kind for kind in get_args(Effect)}


def inject(
    effects: tuple[Effect, ...],
    handle: Callable[[], Response],
    edit: Callable[[Edit | Bind], None],
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


def decides(effect: Effect) -> bool:
    """Return whether an effect gives the answer itself."""
    return isinstance(effect, Status | Drop | Garble | Respond)


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


def _edit(effects: tuple[Effect, ...], when: When, edit: Callable[[Edit | Bind], None]) -> None:
    for effect in effects:
        if isinstance(effect, Edit | Bind) and effect.when == when:
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
    if status.retry_after != "":
        response.headers["Retry-After"] = str(status.retry_after)
    return response
