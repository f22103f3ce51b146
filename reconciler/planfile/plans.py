"""Saved plans and snapshots, and the JSON of steps, overlays and diagnostics shared with the journal.

Format version 3, line by line. A plan: the header (see `_plan_header`), then `{"diagnostic": …}` and `{"step": …}` in
the order of the plan. A snapshot: the header, then `{"repository": …}` for each repository. A change of meaning raises
the version; a reader ignores keys that it does not know. Version 1 had the fingerprint of each overlay as well, which
must fit where it is there, as in the journal. Version 3 has the sections of the Guarded Entrypoint, and in the header
what was known of overlay bindings.

What can be computed is computed again on reading and never trusted: the changes of a step are the difference between
its two overlays, and the guard is judged again. Values are put together by the core's own constructors and then
validated, strictly, against the core's own types. Nothing is masked here: what is written must be what was planned.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter

from reconciler.core.bindings import NOT_READ, Binding, Bindings, SelectorKind, TagSelector, UnknownBindings
from reconciler.core.diff import diff
from reconciler.core.overlay import (
    EMPTY,
    Json,
    Section,
)
from reconciler.core.plan import GuardRules, LimitSource, Plan, judge_guard
from reconciler.core.state import Address, Live, LiveRepository, Organization, Unreadable
from reconciler.core.steps import Action, Reason, ReasonCode, Step, WillBuild
from reconciler.diagnostics import Diagnostic, Place, Severity
from reconciler.planfile import errors
from reconciler.planfile.errors import Malformed
from reconciler.planfile.format import FileKind, read_file, sealed, write_private
from reconciler.planfile.overlays import STRICT, encode_overlay, list_of, overlay_from, understood, whole

T = TypeVar("T")

_STEPS = TypeAdapter(list[Step], config=STRICT)
_DIAGNOSTICS = TypeAdapter(list[Diagnostic], config=STRICT)


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
        "organization": _as_fields(snapshot.live.organization),
        **_encode_bindings(snapshot.live.bindings),
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


def encode_step(step: Step, *, sealed: bool = False) -> Json:
    """Return the JSON of a step without its changes; `sealed` omits the fingerprints of its overlays."""
    return {
        "repository": step.repository,
        "id": step.id,
        "action": step.action,
        "reason": _as_fields(step.reason),
        "place": None if step.place is None else _as_fields(step.place),
        "unmanaged": step.unmanaged,
        "before": None if step.before is None else encode_overlay(step.before, sealed=sealed),
        "after": None if step.after is None else encode_overlay(step.after, sealed=sealed),
        **({} if step.location is None else {"location": _as_fields(step.location)}),
        **({} if step.will_build is WillBuild.UNKNOWN else {"will_build": step.will_build}),
        **({"owner": step.owner} if step.owner else {}),
        **({"labels": dict(step.labels)} if step.labels else {}),
    }


def decode_step(item: Mapping[str, Any]) -> Step:
    """Return a step with its changes; raises `Malformed`, also for an incomplete write or one of another action."""
    with understood():
        return _STEPS.validate_python([_step(item)])[0]


def encode_diagnostic(diagnostic: Diagnostic) -> Json:
    """Return the JSON of a planning problem."""
    return {
        "code": diagnostic.code,
        "severity": diagnostic.severity,
        "summary": diagnostic.summary,
        "detail": diagnostic.detail,
        "hint": diagnostic.hint,
        "place": None if diagnostic.place is None else _as_fields(diagnostic.place),
        **({"repositories": diagnostic.repositories} if diagnostic.repositories else {}),
    }


def decode_diagnostic(item: Mapping[str, Any]) -> Diagnostic:
    """Return a planning problem; raises `Malformed`."""
    with understood():
        return _DIAGNOSTICS.validate_python([_diagnostic(item)])[0]


def _plan_header(saved: SavedPlan) -> Json:
    plan = saved.plan
    return {
        "tool_version": saved.tool_version,
        "created": _time_text(saved.created),
        "api": saved.api,
        "organization": _as_fields(plan.organization),
        "manifest_digest": saved.manifest_digest,
        "guard": _as_fields(plan.guard.rules),
        "unlisted": plan.unlisted,
        "left_out": plan.left_out,
        **_encode_bindings(plan.bindings),
        **({} if saved.packages_checked else {"packages_checked": False}),
        **({"skip_blocked": True} if plan.skip_blocked else {}),
    }


def _plan_items(plan: Plan) -> Iterator[Json]:
    yield from ({"diagnostic": encode_diagnostic(one)} for one in plan.diagnostics)
    yield from ({"step": encode_step(step, sealed=True)} for step in plan.steps)


def _decode_plan(header: Json, items: Iterable[Json]) -> SavedPlan:
    organization = Organization(**_known(Organization, header["organization"]))
    steps: list[Step] = []
    diagnostics: list[Diagnostic] = []
    for item in items:
        if "step" in item:
            steps.append(_step(item["step"]))
        elif "diagnostic" in item:
            diagnostics.append(_diagnostic(item["diagnostic"]))
        else:
            raise Malformed("a line is neither a step nor a diagnostic")
    _check_steps(steps, organization)
    plan = Plan(
        organization=organization,
        steps=tuple(steps),
        diagnostics=tuple(diagnostics),
        unlisted=tuple(list_of(header, "unlisted", str)),
        left_out=tuple(list_of(header, "left_out", str)),
        guard=judge_guard(tuple(steps), _guard_rules(header["guard"])),
        bindings=_bindings(header.get("bindings")),
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
    known, limit = _known(GuardRules, item), item["limit"]
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
    organization = Organization(**_known(Organization, header["organization"]))
    repositories = tuple(_repository(item["repository"]) for item in items)
    snapshot = Snapshot(
        live=Live(organization=organization, repositories=repositories, bindings=_bindings(header.get("bindings"))),
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
        return {"bindings": _as_fields(bindings)}
    return {"bindings": [{**_as_fields(one), "selector": _as_fields(one.selector)} for one in bindings]}


def _bindings(item: Any) -> Bindings:
    """Return the bindings of a file; one of an earlier version has none."""
    if item is None:
        return NOT_READ
    if isinstance(item, dict):
        return UnknownBindings(**_known(UnknownBindings, item))
    return tuple(_binding(one) for one in list_of({"bindings": item}, "bindings"))


def _binding(item: Mapping[str, Any]) -> Binding:
    selector = item["selector"]
    known = {"kind": SelectorKind(selector["kind"]), "tags": tuple(list_of(selector, "tags", str))}
    chosen = TagSelector(**_known(TagSelector, selector) | known)
    return Binding(**_known(Binding, item) | {"selector": chosen})


def _encode_repository(repository: LiveRepository) -> Json:
    overlay = repository.overlay
    whose = {
        "id": repository.id,
        "name": repository.name,
        "folder": repository.folder,
        "active_tags": repository.active_tags,
        **({} if repository.synced_from is None else {"synced_from": repository.synced_from}),
    }
    if isinstance(overlay, Unreadable):
        return {**whose, "unreadable": overlay.problem, **({"hint": overlay.hint} if overlay.hint else {})}
    return {**whose, **encode_overlay(overlay, sealed=True)}


def _repository(item: Mapping[str, Any]) -> LiveRepository:
    unreadable = item.get("unreadable")
    return LiveRepository(
        id=item["id"],
        name=item["name"],
        folder=item["folder"],
        overlay=overlay_from(item) if unreadable is None else Unreadable(problem=unreadable, hint=item.get("hint", "")),
        active_tags=tuple(list_of(item, "active_tags", str)),
        synced_from=item.get("synced_from"),
    )


def _step(item: Mapping[str, Any]) -> Step:
    before, after = (None if item.get(side) is None else overlay_from(item[side]) for side in ("before", "after"))
    reason = item["reason"]
    step = Step(
        repository=item["repository"],
        id=item["id"],
        action=Action(item["action"]),
        reason=Reason(code=ReasonCode(reason["code"]), names=tuple(list_of(reason, "names", str))),
        place=_place(item.get("place")),
        changes=() if before is None or after is None else diff(before, after),
        unmanaged=tuple(Section(one) for one in list_of(item, "unmanaged", str)),
        before=before,
        after=after,
        location=Address(**_known(Address, item["location"])) if "location" in item else None,
        will_build=WillBuild(item.get("will_build", WillBuild.UNKNOWN)),
        owner=item.get("owner", ""),
        labels=tuple(sorted(item.get("labels", {}).items())),
    )
    if step.writes:
        _check_write(step)
    return step


def _check_write(step: Step) -> None:
    if step.action is Action.DELETE:
        raise Malformed(f"the step for {step.repository!r} deletes a repository")
    if step.id is None or step.before is None or step.after is None:
        raise Malformed(f"the step for {step.repository!r} is incomplete")
    if step.action is Action.RESET and step.after != EMPTY:
        raise Malformed(f"the reset of {step.repository!r} does not empty its overlay")
    if step.action is Action.CREATE and step.before != EMPTY:
        raise Malformed(f"the creation of {step.repository!r} starts from a non-empty overlay")
    if step.location is not None:
        label = step.reason.names[0] if step.action is Action.CREATE and step.reason.names else step.repository
        approved = Address.parse(label)
        if approved.name != step.location.name or approved.folder not in (None, step.location.folder):
            raise Malformed(f"the step for {step.repository!r} refers to a repository with another name")


def _diagnostic(item: Mapping[str, Any]) -> Diagnostic:
    known = _known(Diagnostic, {"repositories": (), **item})
    return Diagnostic(
        **known
        | {
            "severity": Severity(item["severity"]),
            "place": _place(item.get("place")),
            "repositories": tuple(known["repositories"]),
        }
    )


def _place(item: Mapping[str, Any] | None) -> Place | None:
    return None if item is None else Place(file=item["file"], line=whole(item["line"]), column=whole(item["column"]))


def _as_fields(value: Any) -> Json:
    return {field.name: getattr(value, field.name) for field in fields(value)}


def _known(kind: type, item: Mapping[str, Any]) -> Json:
    """Return the fields of a class in a file; other keys are of a later version."""
    return {field.name: item[field.name] for field in fields(kind)}


def _time_text(seconds: float) -> str:
    """Return RFC 3339 text in UTC, to the second: `2026-11-23T09:12:04Z`."""
    return datetime.fromtimestamp(int(seconds), UTC).isoformat().replace("+00:00", "Z")


def _time(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
