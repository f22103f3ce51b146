"""Saved plans.

Format version 4, line by line: the header (see `_plan_header`), then `{"diagnostic": …}`, `{"step": …}`,
`{"effect": …}` and `{"resolved": …}` in the order of the plan. A change of meaning raises the version; a reader ignores
keys that it does not know. Version 1 had the fingerprint of each overlay as well, which must fit where it is there, as
in the journal. Version 3 has the sections of the Guarded Entrypoint, and in the header what was known of overlay
bindings. Version 4 has the steps of overlays and bindings, what they change in the images, and resolved packages.

What can be computed is computed again on reading and never trusted: the changes of a step are the difference between
its two overlays, and the guard is judged again. Values are put together by the core's own constructors and then
validated, strictly, against the core's own types. Nothing is masked here: what is written must be what was planned.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter

from reconciler.core.overlay import Json
from reconciler.core.plan import GuardRules, LimitSource, Plan, judge_guard
from reconciler.core.resolution import ResolvedChange
from reconciler.core.state import Organization
from reconciler.core.steps import (
    Action,
    BindingStep,
    OverlayStep,
    Step,
    TagEffect,
)
from reconciler.diagnostics import Diagnostic
from reconciler.planfile import errors
from reconciler.planfile.errors import Malformed
from reconciler.planfile.format import FileKind, read_file, sealed, time_of, time_text, write_private
from reconciler.planfile.overlays import STRICT, list_of, understood, whole_number
from reconciler.planfile.snapshots import bindings_from, encode_bindings
from reconciler.planfile.steps import (
    EffectReader,
    as_fields,
    diagnostic_from,
    encode_diagnostic,
    encode_effects,
    encode_step,
    known_fields,
    step_from,
)

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedPlan:
    """A plan with its target and its source.

    `api` is the address of the API in one spelling, `created` is in seconds since the epoch, and `manifest_digest` is
    that of the texts of the manifest. `packages_checked` is False if there was no API to look up the packages, which is
    then left to the apply. `resolved` is what each repository would get, by its name, as far as it is known.
    """

    plan: Plan
    api: str
    tool_version: str
    created: float
    manifest_digest: str
    packages_checked: bool = True
    resolved: Mapping[str, ResolvedChange] = field(default_factory=dict)


_PLANS = TypeAdapter(list[SavedPlan], config=STRICT)


def save_plan(path: Path, saved: SavedPlan) -> None:
    """Write a plan; raises `PlanFileError`."""
    write_private(path, plan_lines(saved))


def plan_lines(saved: SavedPlan) -> Iterator[bytes]:
    """Return the lines of the file of a plan."""
    return sealed(FileKind.PLAN, _plan_header(saved), _plan_items(saved))


def load_plan(path: Path, data: bytes | None = None) -> SavedPlan:
    """Read a plan; raises `PlanFileError` unless it is unchanged and fully understood.

    `data` is the content if already read, such as from standard input.
    """
    header, items = read_file(path, FileKind.PLAN, data)
    try:
        with understood():
            return _decode_plan(header, items)
    except Malformed as problem:
        raise errors.malformed(path, FileKind.PLAN, str(problem)) from None


def _plan_header(saved: SavedPlan) -> Json:
    plan = saved.plan
    return {
        "tool_version": saved.tool_version,
        "created": time_text(saved.created),
        "api": saved.api,
        "organization": as_fields(plan.organization),
        "manifest_digest": saved.manifest_digest,
        "guard": as_fields(plan.guard.rules),
        "unlisted": plan.unlisted,
        "left_out": plan.left_out,
        **encode_bindings(plan.bindings),
        **({} if saved.packages_checked else {"packages_checked": False}),
        **({"skip_blocked": True} if plan.skip_blocked else {}),
    }


def _plan_items(saved: SavedPlan) -> Iterator[Json]:
    plan = saved.plan
    yield from ({"diagnostic": encode_diagnostic(one)} for one in plan.diagnostics)
    yield from ({"step": encode_step(step, sealed=True)} for step in (*plan.steps, *plan.overlay_steps))
    yield from encode_effects(plan.effects, sealed=True)
    yield from ({"resolved": {"repository": name, **as_fields(one)}} for name, one in sorted(saved.resolved.items()))


@dataclass(slots=True)
class _Lines:
    """What the lines of a plan hold, by their kind."""

    steps: list[Step] = field(default_factory=list)
    overlay_steps: list[OverlayStep | BindingStep] = field(default_factory=list)
    effects: list[TagEffect] = field(default_factory=list)
    diagnostics: list[Diagnostic] = field(default_factory=list)
    resolved: dict[str, ResolvedChange] = field(default_factory=dict)


def _decode_plan(header: Json, items: Iterable[Json]) -> SavedPlan:
    organization = Organization(**known_fields(Organization, header["organization"]))
    lines = _decode_lines(items)
    _check_steps(lines.steps, organization)
    _check_overlay_steps(lines.overlay_steps, organization)
    _check_effects(lines.effects, organization)
    plan = Plan(
        organization=organization,
        steps=tuple(lines.steps),
        diagnostics=tuple(lines.diagnostics),
        unlisted=tuple(list_of(header, "unlisted", str)),
        left_out=tuple(list_of(header, "left_out", str)),
        guard=judge_guard(lines.steps, _guard_rules(header["guard"]), effects=lines.effects),
        bindings=bindings_from(header.get("bindings")),
        overlay_steps=tuple(lines.overlay_steps),
        skip_blocked=header.get("skip_blocked", False),
    )
    saved = SavedPlan(
        plan=plan,
        api=header["api"],
        tool_version=header["tool_version"],
        created=time_of(header["created"]),
        manifest_digest=header["manifest_digest"],
        packages_checked=header.get("packages_checked", True),
        resolved=lines.resolved,
    )
    valid = _PLANS.validate_python([saved])[0]
    # These are valid already, and as thousands of them share a few configurations, looking again would take long.
    return replace(valid, plan=replace(valid.plan, effects=tuple(lines.effects)))


def _decode_lines(items: Iterable[Json]) -> _Lines:
    lines, effects = _Lines(), EffectReader()
    for item in items:
        match item:
            case {"step": step}:
                found = step_from(step)
                if isinstance(found, Step):
                    lines.steps.append(found)
                else:
                    lines.overlay_steps.append(found)
            case {"config": config}:
                effects.take_config(config)
            case {"effect": effect}:
                lines.effects.append(effects.effect(effect))
            case {"diagnostic": diagnostic}:
                lines.diagnostics.append(diagnostic_from(diagnostic))
            case {"resolved": resolved}:
                lines.resolved[resolved["repository"]] = _resolved(resolved)
            case _:
                raise Malformed("a line is of an unknown kind")
    return lines


def _resolved(item: Mapping[str, Any]) -> ResolvedChange:
    rows = {name: tuple(map(tuple, list_of(item, name, list))) for name in ("added", "removed", "changed")}
    return ResolvedChange(packages=tuple(list_of(item, "packages", str)), compared=item["compared"], **rows)


def _guard_rules(item: Json) -> GuardRules:
    known, limit = known_fields(GuardRules, item), item["limit"]
    if isinstance(limit, bool) or not isinstance(limit, int | float) or not 0 <= limit <= 1:
        raise Malformed("`limit` is not a number from 0 to 1")
    known |= {"limit_from": LimitSource(item["limit_from"]), "covered": whole_number(item["covered"])}
    return GuardRules(**known | {"named": whole_number(item["named"])})


def _check_steps(steps: Iterable[Step], organization: Organization) -> None:
    """Check that writes stay in the plan's organization, and write each repository at most once."""
    writes = [step for step in steps if step.writes]
    for step in writes:
        if step.id is None or not step.id.startswith(f"{organization.id}/"):
            raise Malformed(f"{step.repository!r} is not a repository of the organization {organization.id}")
    labels = Counter(step.repository for step in writes)
    # `new` and `/new` create one repository; what exists has its id.
    made = Counter(step.repository.removeprefix("/") for step in writes if step.action is Action.CREATE)
    written = Counter(step.id for step in writes if step.action is not Action.CREATE)
    if any(count > 1 for count in (*labels.values(), *made.values(), *written.values())):
        raise Malformed("several steps write to the same repository")


def _check_overlay_steps(steps: Iterable[OverlayStep | BindingStep], organization: Organization) -> None:
    """Check that overlays belong to the plan's organization, and bindings to it or what is below; each at most once."""
    root = organization.id.partition("/")[0]
    writes = [step for step in steps if step.writes]
    for step in writes:
        if isinstance(step, OverlayStep):
            ours = step.id is None or step.id.startswith(f"{root}/")
        else:
            scope = step.scope.id
            ours = scope == organization.id or scope.startswith(f"{organization.id}/")
            ours = ours and step.id in (None, f"{scope}/{(step.id or '').rpartition('/')[2]}")
        if not ours:
            raise Malformed(f"{step.label!r} does not belong to the organization {organization.id}")
    for keys in (Counter(step.key for step in writes), Counter(step.id for step in writes if step.id is not None)):
        if any(count > 1 for count in keys.values()):
            raise Malformed("several steps write to the same overlay or binding")


def _check_effects(effects: Iterable[TagEffect], organization: Organization) -> None:
    """Check that effects stay in the plan's organization, and tell of each tag at most once."""
    tags = Counter((effect.id, tag) for effect in effects for tag in effect.tags)
    if any(count > 1 for count in tags.values()):
        raise Malformed("several effects are of the same tag")
    if not all(id_.startswith(f"{organization.id}/") for id_, _ in tags):
        raise Malformed(f"an effect is of a repository outside the organization {organization.id}")
