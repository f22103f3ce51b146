"""Saved plans: the approved intent with everything that applying it needs, and no token.

Format version 2, line by line: the header (see `_header`), then `{"diagnostic": …}` and `{"step": …}` in the order of
the plan, then the seal. A change of meaning raises the version; a reader ignores keys that it does not know. Version 1
had the fingerprint of each overlay as well, which must fit where it is there.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reconciler.core.plan import GuardRules, LimitSource, Plan, Step, judge_guard
from reconciler.core.state import Organization
from reconciler.diagnostics import Diagnostic
from reconciler.planfile import envelope, fields, instants, overlays, refusals
from reconciler.planfile.envelope import Kind
from reconciler.planfile.fields import Malformed
from reconciler.planfile.steps import decode_diagnostic, decode_step, encode_diagnostic, encode_step

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedPlan:
    """A plan with where it is for and where it comes from.

    `api` is the address of the API in one spelling, `created` is in seconds since the epoch, and `manifest_digest` is
    that of the texts that the manifest was read from.
    """

    plan: Plan
    api: str
    tool_version: str
    created: float
    manifest_digest: str


def save_plan(path: Path, saved: SavedPlan) -> None:
    """Write a plan; raises `PlanFileError`."""
    envelope.write(path, Kind.PLAN, _header(saved), _items(saved.plan))


def load_plan(path: Path) -> SavedPlan:
    """Read a plan; raises `PlanFileError` unless it is what was saved and all of it is understood."""
    header, items = envelope.read(path, Kind.PLAN)
    try:
        return _saved(header, items)
    except Malformed as problem:
        raise refusals.malformed(path, Kind.PLAN, str(problem)) from None


def _header(saved: SavedPlan) -> Json:
    plan, rules = saved.plan, saved.plan.guard.rules
    return {
        "tool_version": saved.tool_version,
        "created": instants.to_text(saved.created),
        "api": saved.api,
        "organization": {"id": plan.organization.id, "name": plan.organization.name},
        "manifest_digest": saved.manifest_digest,
        "guard": {
            "limit": rules.limit,
            "limit_from": rules.limit_from.value,
            "prune": rules.prune,
            "covered": rules.covered,
            "named": rules.named,
        },
        "unlisted": plan.unlisted,
        "left_out": plan.left_out,
    }


def _items(plan: Plan) -> Iterator[Json]:
    yield from ({"diagnostic": encode_diagnostic(one)} for one in plan.diagnostics)
    yield from ({"step": encode_step(step, overlays.encode_sealed)} for step in plan.steps)


def _saved(header: Json, items: Iterable[Json]) -> SavedPlan:
    told = fields.mapping(header, "organization")
    organization = Organization(id=fields.text(told, "id"), name=fields.text(told, "name"))
    steps, diagnostics = _contents(items)
    _check_steps(steps, organization)
    plan = Plan(
        organization=organization,
        steps=steps,
        diagnostics=diagnostics,
        unlisted=fields.texts(header, "unlisted"),
        left_out=fields.texts(header, "left_out"),
        guard=judge_guard(steps, _rules(fields.mapping(header, "guard"))),
    )
    return SavedPlan(
        plan=plan,
        api=fields.text(header, "api"),
        tool_version=fields.text(header, "tool_version"),
        created=instants.from_text(fields.text(header, "created")),
        manifest_digest=fields.text(header, "manifest_digest"),
    )


def _contents(items: Iterable[Json]) -> tuple[tuple[Step, ...], tuple[Diagnostic, ...]]:
    steps: list[Step] = []
    diagnostics: list[Diagnostic] = []
    for item in items:
        if "step" in item:
            steps.append(decode_step(fields.mapping(item, "step")))
        elif "diagnostic" in item:
            diagnostics.append(decode_diagnostic(fields.mapping(item, "diagnostic")))
        else:
            raise Malformed("a line of it is neither a step nor a problem")
    return tuple(steps), tuple(diagnostics)


def _rules(item: Any) -> GuardRules:
    return GuardRules(
        limit=fields.number(item, "limit"),
        limit_from=fields.one_of(item, "limit_from", LimitSource),
        prune=fields.flag(item, "prune"),
        covered=fields.whole(item, "covered"),
        named=fields.whole(item, "named"),
    )


def _check_steps(steps: tuple[Step, ...], organization: Organization) -> None:
    """A write goes to a repository of the plan's own organisation, and at most once to each."""
    writes = [step for step in steps if step.writes]
    for step in writes:
        if step.id is None or not step.id.startswith(f"{organization.id}/"):
            raise Malformed(f"{step.repository!r} is no repository of the organisation {organization.id}")
    if len({step.repository for step in writes}) < len(writes):
        raise Malformed("it has several steps for one repository")
