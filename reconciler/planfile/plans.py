"""Saved plans and snapshots of live state.

Format version 4, line by line. A plan: the header (see `_plan_header`), then `{"diagnostic": …}`, `{"step": …}` and
`{"effect": …}` in the order of the plan. A snapshot: the header, then `{"repository": …}` for each repository. A change
of meaning raises the version; a reader ignores keys that it does not know. Version 1 had the fingerprint of each
overlay as well, which must fit where it is there, as in the journal. Version 3 has the sections of the Guarded
Entrypoint, and in the header what was known of overlay bindings. Version 4 has the steps of overlays and bindings, what
they change in the images, and in the header of a snapshot the overlays and the folders.

What can be computed is computed again on reading and never trusted: the changes of a step are the difference between
its two overlays, and the guard is judged again. Values are put together by the core's own constructors and then
validated, strictly, against the core's own types. Nothing is masked here: what is written must be what was planned.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter

from reconciler.core.bindings import NOT_READ, Binding, Bindings, UnknownBindings
from reconciler.core.overlay import Json, Overlay
from reconciler.core.plan import GuardRules, LimitSource, Plan, judge_guard
from reconciler.core.state import Live, LiveOverlay, LiveRepository, Organization, Overlays, Unreadable
from reconciler.core.steps import (
    Action,
    AnyStep,
    BindingStep,
    OverlayStep,
    Step,
    TagEffect,
)
from reconciler.diagnostics import Diagnostic
from reconciler.planfile import errors
from reconciler.planfile.errors import Malformed
from reconciler.planfile.format import FileKind, read_file, sealed, write_private
from reconciler.planfile.overlays import STRICT, encode_overlay, list_of, overlay_from, understood, whole
from reconciler.planfile.steps import (
    as_fields,
    decode_selector,
    diagnostic_from,
    effect_from,
    encode_diagnostic,
    encode_effect,
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
    then left to the apply.
    """

    plan: Plan
    api: str
    tool_version: str
    created: float
    manifest_digest: str
    packages_checked: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """Live state with the place and time of reading; `api` and `created` are as in a saved plan."""

    live: Live
    api: str
    tool_version: str
    created: float


_PLANS = TypeAdapter(list[SavedPlan], config=STRICT)
_SNAPSHOTS = TypeAdapter(list[Snapshot], config=STRICT)


def save_plan(path: Path, saved: SavedPlan) -> None:
    """Write a plan; raises `PlanFileError`."""
    write_private(path, plan_lines(saved))


def plan_lines(saved: SavedPlan) -> Iterator[bytes]:
    """Return the lines of the file of a plan."""
    return sealed(FileKind.PLAN, _plan_header(saved), _plan_items(saved.plan))


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


def save_snapshot(path: Path, snapshot: Snapshot) -> None:
    """Write a snapshot; raises `PlanFileError`."""
    write_private(path, snapshot_lines(snapshot))


def snapshot_lines(snapshot: Snapshot) -> Iterator[bytes]:
    """Return the lines of the file of a snapshot."""
    header = {
        "tool_version": snapshot.tool_version,
        "created": _time_text(snapshot.created),
        "api": snapshot.api,
        "organization": as_fields(snapshot.live.organization),
        **_encode_bindings(snapshot.live.bindings),
        **_encode_overlays(snapshot.live),
    }
    ordered = sorted(snapshot.live.repositories, key=lambda one: one.id)
    return sealed(FileKind.SNAPSHOT, header, ({"repository": _encode_repository(one)} for one in ordered))


def load_snapshot(path: Path, data: bytes | None = None) -> Snapshot:
    """Read a snapshot; raises `PlanFileError` unless it is unchanged. `data` is as in `load_plan`."""
    header, items = read_file(path, FileKind.SNAPSHOT, data)
    try:
        with understood():
            return _decode_snapshot(header, items)
    except Malformed as problem:
        raise errors.malformed(path, FileKind.SNAPSHOT, str(problem)) from None


def _plan_header(saved: SavedPlan) -> Json:
    plan = saved.plan
    return {
        "tool_version": saved.tool_version,
        "created": _time_text(saved.created),
        "api": saved.api,
        "organization": as_fields(plan.organization),
        "manifest_digest": saved.manifest_digest,
        "guard": as_fields(plan.guard.rules),
        "unlisted": plan.unlisted,
        "left_out": plan.left_out,
        **_encode_bindings(plan.bindings),
        **({} if saved.packages_checked else {"packages_checked": False}),
        **({"skip_blocked": True} if plan.skip_blocked else {}),
    }


def _plan_items(plan: Plan) -> Iterator[Json]:
    yield from ({"diagnostic": encode_diagnostic(one)} for one in plan.diagnostics)
    yield from ({"step": encode_step(step, sealed=True)} for step in (*plan.steps, *plan.overlay_steps))
    yield from ({"effect": encode_effect(effect, sealed=True)} for effect in plan.effects)


def _decode_plan(header: Json, items: Iterable[Json]) -> SavedPlan:
    organization = Organization(**known_fields(Organization, header["organization"]))
    found: list[AnyStep] = []
    effects: list[TagEffect] = []
    diagnostics: list[Diagnostic] = []
    for item in items:
        if "step" in item:
            found.append(step_from(item["step"]))
        elif "effect" in item:
            effects.append(effect_from(item["effect"]))
        elif "diagnostic" in item:
            diagnostics.append(diagnostic_from(item["diagnostic"]))
        else:
            raise Malformed("a line is neither a step nor an effect nor a diagnostic")
    steps = tuple(step for step in found if isinstance(step, Step))
    overlay_steps = tuple(step for step in found if not isinstance(step, Step))
    _check_steps(steps, organization)
    _check_overlay_steps(overlay_steps, organization)
    _check_effects(effects, organization)
    plan = Plan(
        organization=organization,
        steps=steps,
        diagnostics=tuple(diagnostics),
        unlisted=tuple(list_of(header, "unlisted", str)),
        left_out=tuple(list_of(header, "left_out", str)),
        guard=judge_guard(steps, _guard_rules(header["guard"]), effects=effects),
        bindings=_bindings(header.get("bindings")),
        overlay_steps=overlay_steps,
        effects=tuple(effects),
        skip_blocked=header.get("skip_blocked", False),
    )
    saved = SavedPlan(
        plan=plan,
        api=header["api"],
        tool_version=header["tool_version"],
        created=_time(header["created"]),
        manifest_digest=header["manifest_digest"],
        packages_checked=header.get("packages_checked", True),
    )
    return _PLANS.validate_python([saved])[0]


def _guard_rules(item: Json) -> GuardRules:
    known, limit = known_fields(GuardRules, item), item["limit"]
    if isinstance(limit, bool) or not isinstance(limit, int | float) or not 0 <= limit <= 1:
        raise Malformed("`limit` is not a number from 0 to 1")
    known |= {"limit_from": LimitSource(item["limit_from"]), "covered": whole(item["covered"])}
    return GuardRules(**known | {"named": whole(item["named"])})


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


def _decode_snapshot(header: Json, items: Iterable[Json]) -> Snapshot:
    organization = Organization(**known_fields(Organization, header["organization"]))
    repositories = tuple(_repository(item["repository"]) for item in items)
    snapshot = Snapshot(
        live=Live(
            organization=organization,
            repositories=repositories,
            bindings=_bindings(header.get("bindings")),
            overlays=_overlays(header.get("overlays")),
            folders=tuple((one["path"], one["id"]) for one in list_of(header, "folders")),
        ),
        api=header["api"],
        tool_version=header["tool_version"],
        created=_time(header["created"]),
    )
    return _SNAPSHOTS.validate_python([snapshot])[0]


def _encode_bindings(bindings: Bindings) -> Json:
    """Return the JSON of bindings: a list if read, an object with the reason if unknown, nothing if not requested."""
    if bindings == NOT_READ:
        return {}
    if isinstance(bindings, UnknownBindings):
        return {"bindings": as_fields(bindings)}
    return {"bindings": [{**as_fields(one), "selector": as_fields(one.selector)} for one in bindings]}


def _bindings(item: Any) -> Bindings:
    """Return the bindings of a file; one of an earlier version has none."""
    if item is None:
        return NOT_READ
    if isinstance(item, dict):
        return UnknownBindings(**known_fields(UnknownBindings, item))
    return tuple(_binding(one) for one in list_of({"bindings": item}, "bindings"))


def _binding(item: Mapping[str, Any]) -> Binding:
    return Binding(**known_fields(Binding, item) | {"selector": decode_selector(item["selector"])})


def _encode_overlays(live: Live) -> Json:
    """Return the overlays that were read as a list, else an object with the reason; nothing if they were not read."""
    if live.overlays == NOT_READ:
        return {}
    folders = {"folders": [{"path": path, "id": id_} for path, id_ in live.folders]}
    if isinstance(live.overlays, UnknownBindings):
        return {"overlays": as_fields(live.overlays), **folders}
    return {"overlays": [_encode_content(one, {"id": one.id, "name": one.name}) for one in live.overlays], **folders}


def _overlays(item: Any) -> Overlays:
    """Return what a file says of overlays; one of an earlier version says nothing."""
    if item is None:
        return NOT_READ
    if isinstance(item, dict):
        return UnknownBindings(**known_fields(UnknownBindings, item))
    found = list_of({"overlays": item}, "overlays")
    return tuple(LiveOverlay(id=one["id"], name=one["name"], overlay=_content(one)) for one in found)


def _encode_content(thing: LiveRepository | LiveOverlay, about: Json) -> Json:
    overlay = thing.overlay
    if isinstance(overlay, Unreadable):
        return {**about, "unreadable": overlay.problem, **({"hint": overlay.hint} if overlay.hint else {})}
    return {**about, **encode_overlay(overlay, sealed=True)}


def _content(item: Mapping[str, Any]) -> Overlay | Unreadable:
    unreadable = item.get("unreadable")
    return overlay_from(item) if unreadable is None else Unreadable(problem=unreadable, hint=item.get("hint", ""))


def _encode_repository(repository: LiveRepository) -> Json:
    about = {
        "id": repository.id,
        "name": repository.name,
        "folder": repository.folder,
        "active_tags": repository.active_tags,
        **({} if repository.synced_from is None else {"synced_from": repository.synced_from}),
    }
    return _encode_content(repository, about)


def _repository(item: Mapping[str, Any]) -> LiveRepository:
    return LiveRepository(
        id=item["id"],
        name=item["name"],
        folder=item["folder"],
        overlay=_content(item),
        active_tags=tuple(list_of(item, "active_tags", str)),
        synced_from=item.get("synced_from"),
    )


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


def _time_text(seconds: float) -> str:
    """Return RFC 3339 text in UTC, to the second: `2026-11-23T09:12:04Z`."""
    return datetime.fromtimestamp(int(seconds), UTC).isoformat().replace("+00:00", "Z")


def _time(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
