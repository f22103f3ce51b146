"""Steps and diagnostics of a plan to JSON and back.

What can be computed is computed again on reading and never trusted: the changes of a step are the difference between
its two overlays.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from reconciler.core.diff import diff
from reconciler.core.overlay import EMPTY, Overlay, Section
from reconciler.core.plan import Action, Reason, ReasonCode, Step
from reconciler.diagnostics import Diagnostic, Place, Severity
from reconciler.planfile import fields, overlays
from reconciler.planfile.fields import Malformed

Json = dict[str, Any]

_make_step, _make_place = Step, Place


def encode_step(step: Step, side: Callable[[Overlay], Json] = overlays.encode) -> Json:
    """A step without its changes; `side` encodes the overlay of each side."""
    return {
        "repository": step.repository,
        "id": step.id,
        "action": step.action,
        "reason": {"code": step.reason.code, "names": step.reason.names},
        "place": _place(step.place),
        "unmanaged": step.unmanaged,
        "before": None if step.before is None else side(step.before),
        "after": None if step.after is None else side(step.after),
    }


def decode_step(item: Mapping[str, Any]) -> Step:
    """A step with its changes; raises `Malformed`, also for a write that is not told in full or does another thing."""
    before, after = _sides(item)
    step = _make_step(
        repository=fields.text(item, "repository"),
        id=fields.optional_text(item, "id"),
        action=fields.one_of(item, "action", Action),
        reason=_reason(fields.mapping(item, "reason")),
        place=_read_place(item.get("place")),
        changes=() if before is None or after is None else diff(before, after),
        unmanaged=tuple(map(_section, fields.texts(item, "unmanaged"))),
        before=before,
        after=after,
    )
    if step.writes:
        _check_write(step)
    return step


def _reason(item: Mapping[str, Any]) -> Reason:
    return _known_reason(fields.one_of(item, "code", ReasonCode), fields.texts(item, "names"))


@lru_cache(maxsize=256)  # one reason stands for thousands of steps
def _known_reason(code: ReasonCode, names: tuple[str, ...]) -> Reason:
    return Reason(code=code, names=names)


def _check_write(step: Step) -> None:
    if step.id is None or step.before is None or step.after is None:
        raise Malformed(f"the step for {step.repository!r} is not told in full")
    if step.action is Action.RESET and step.after != EMPTY:
        raise Malformed(f"the reset of {step.repository!r} leaves something")
    if step.action is Action.CREATE and step.before != EMPTY:
        raise Malformed(f"the creation of {step.repository!r} finds something")


def _sides(item: Mapping[str, Any]) -> tuple[Overlay | None, Overlay | None]:
    before, after = item.get("before"), item.get("after")
    if before is None or after is None:
        return _side(item, "before"), _side(item, "after")
    return overlays.decode_both(fields.mapping(item, "before"), fields.mapping(item, "after"))


def _side(item: Mapping[str, Any], name: str) -> Overlay | None:
    return None if item.get(name) is None else overlays.decode(fields.mapping(item, name))


def _section(written: str) -> Section:
    return fields.one_of({"unmanaged": written}, "unmanaged", Section)


def encode_diagnostic(diagnostic: Diagnostic) -> Json:
    """A problem that planning found."""
    return {
        "code": diagnostic.code,
        "severity": diagnostic.severity,
        "summary": diagnostic.summary,
        "detail": diagnostic.detail,
        "hint": diagnostic.hint,
        "place": _place(diagnostic.place),
    }


def decode_diagnostic(item: Mapping[str, Any]) -> Diagnostic:
    """A problem that planning found; raises `Malformed`."""
    return Diagnostic(
        code=fields.text(item, "code"),
        severity=fields.one_of(item, "severity", Severity),
        summary=fields.text(item, "summary"),
        detail=fields.text(item, "detail"),
        hint=fields.text(item, "hint"),
        place=_read_place(item.get("place")),
    )


def _place(place: Place | None) -> Json | None:
    return None if place is None else {"file": place.file, "line": place.line, "column": place.column}


def _read_place(item: object) -> Place | None:
    if item is None:
        return None
    if not isinstance(item, dict):
        raise Malformed("place is no object")
    return _make_place(
        file=fields.text(item, "file"), line=fields.whole(item, "line"), column=fields.whole(item, "column")
    )
