"""Outcomes to JSON and back; the step that they are about is kept once, beside them."""

from collections.abc import Mapping
from typing import Any, assert_never

from reconciler.core.plan import Step
from reconciler.core.runs import Applied, Drifted, Failed, FailureKind, NotAttempted, Outcome, Skip, Unchanged
from reconciler.planfile import fields, overlays
from reconciler.planfile.fields import Malformed
from reconciler.planfile.steps import decode_diagnostic, encode_diagnostic

Json = dict[str, Any]


def encode(outcome: Outcome) -> Json:
    """An outcome without its step."""
    match outcome:
        case Applied(repository_id=id_, since=since, read_back=read_back):
            return {"outcome": "applied", "id": id_, "since": since, "read_back": read_back}
        case Unchanged():
            return {"outcome": "already-done"}
        case Drifted(now=now):
            return {"outcome": "stale", "now": overlays.encode(now)}
        case Failed(kind=kind, problem=problem):
            return {"outcome": "failed", "kind": kind.value, "problem": encode_diagnostic(problem)}
        case NotAttempted(reason=reason):
            return {"outcome": "not-attempted", "reason": reason.value}
        case _:
            assert_never(outcome)


def decode(item: Mapping[str, Any], step: Step) -> Outcome:
    """The outcome of a step; raises `Malformed`."""
    match fields.text(item, "outcome"):
        case "applied":
            return Applied(
                step=step,
                repository_id=fields.text(item, "id"),
                since=fields.number(item, "since"),
                read_back=fields.flag(item, "read_back"),
            )
        case "already-done":
            return Unchanged(step=step)
        case "stale":
            return Drifted(step=step, now=overlays.decode(fields.mapping(item, "now")))
        case "failed":
            problem = decode_diagnostic(fields.mapping(item, "problem"))
            return Failed(step=step, kind=fields.one_of(item, "kind", FailureKind), problem=problem)
        case "not-attempted":
            return NotAttempted(step=step, reason=fields.one_of(item, "reason", Skip))
        case other:
            raise Malformed(f"outcome is {other!r}")
