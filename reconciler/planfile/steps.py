"""The JSON of steps, of their effects and of diagnostics, shared by saved plans and the journal.

What can be computed is computed again on reading and never trusted: the changes of a step are the difference between
its two sides. Values are put together by the core's own constructors and then validated, strictly, against the core's
own types.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields
from typing import Any

from pydantic import TypeAdapter

from reconciler.core.bindings import SelectorKind, TagSelector
from reconciler.core.diff import diff
from reconciler.core.overlay import EMPTY, Json, Overlay, Section, fingerprint
from reconciler.core.state import Address
from reconciler.core.steps import (
    Action,
    AnyStep,
    BindingStep,
    OverlayStep,
    Reach,
    Reason,
    ReasonCode,
    Scope,
    ScopeKind,
    Step,
    TagEffect,
    WillBuild,
)
from reconciler.diagnostics import Diagnostic, Place, Severity
from reconciler.planfile.errors import Malformed
from reconciler.planfile.overlays import (
    STRICT,
    decode_overlay,
    encode_overlay,
    list_of,
    overlay_from,
    understood,
    whole_number,
)

_STEPS: TypeAdapter[list[AnyStep]] = TypeAdapter(list[AnyStep], config=STRICT)
_SELECTORS = TypeAdapter(list[TagSelector], config=STRICT)
_DIAGNOSTICS = TypeAdapter(list[Diagnostic], config=STRICT)


def encode_step(step: AnyStep, *, sealed: bool = False) -> Json:
    """Return a step without its changes; `sealed` leaves out the fingerprints of its overlays.

    The steps of overlays and bindings have a `kind`.
    """
    common = {
        "id": step.id,
        "action": step.action,
        "reason": as_fields(step.reason),
        "place": None if step.place is None else as_fields(step.place),
    }
    match step:
        case Step():
            return {
                "repository": step.repository,
                **common,
                "unmanaged": step.unmanaged,
                **_encode_sides(step, sealed=sealed),
                **({} if step.location is None else {"location": as_fields(step.location)}),
                **({} if step.will_build is WillBuild.UNKNOWN else {"will_build": step.will_build}),
                **({"owner": step.owner} if step.owner else {}),
                **({"labels": dict(step.labels)} if step.labels else {}),
            }
        case OverlayStep():
            return {
                "kind": "overlay",
                "name": step.name,
                **common,
                **_encode_sides(step, sealed=sealed),
                "reaches": as_fields(step.reaches),
            }
        case BindingStep():
            return {
                "kind": "binding",
                "scope": as_fields(step.scope),
                "overlay": step.overlay,
                "overlay_id": step.overlay_id,
                **common,
                "before": encode_selector(step.before),
                "after": encode_selector(step.after),
                **({"content": step.content} if step.content else {}),
                "reaches": as_fields(step.reaches),
            }


def decode_step(item: Mapping[str, Any]) -> AnyStep:
    """Return a step with its changes; raises `Malformed`, also for an incomplete or inconsistent write."""
    with understood():
        return _STEPS.validate_python([step_from(item)])[0]


def encode_effects(effects: Iterable[TagEffect], *, sealed: bool = False) -> Iterator[Json]:
    """Yield what changes in the images of tags: an `effect` for each, and before it a `config` for what is new in it.

    Thousands of repositories get the same few configurations: an effect names them by their fingerprints. `sealed` is
    as in `encode_step`.
    """
    keyed: dict[int, tuple[Overlay, str]] = {}
    names: set[str] = set()
    for effect in effects:
        for side in (effect.before, effect.after):
            if id(side) not in keyed:
                keyed[id(side)] = side, fingerprint(side)
                if keyed[id(side)][1] not in names:
                    names.add(keyed[id(side)][1])
                    yield {"config": {"key": keyed[id(side)][1], **encode_overlay(side, sealed=sealed)}}
        yield {
            "effect": {
                "repository": effect.repository,
                "id": effect.id,
                "tags": effect.tags,
                "before": keyed[id(effect.before)][1],
                "after": keyed[id(effect.after)][1],
            }
        }


class EffectReader:
    """Reads what `encode_effects` wrote; every method raises `Malformed`."""

    def __init__(self) -> None:
        self._configs: dict[str, Overlay] = {}

    def take_config(self, item: Mapping[str, Any]) -> None:
        """Remember a configuration by its fingerprint."""
        key, overlay = item["key"], decode_overlay(item)
        if key != fingerprint(overlay):
            raise Malformed("a configuration has another fingerprint")
        self._configs[key] = overlay

    def effect(self, item: Mapping[str, Any]) -> TagEffect:
        """Return what changes in the images of tags."""
        with understood():
            repository, id_ = item["repository"], item["id"]
            if not isinstance(repository, str) or not isinstance(id_, str):
                raise Malformed("an effect is of no repository")
            return TagEffect(
                repository=repository,
                id=id_,
                tags=tuple(list_of(item, "tags", str)),
                before=self._configs[item["before"]],
                after=self._configs[item["after"]],
            )


def encode_selector(selector: TagSelector | None) -> Json | None:
    """Return a selector, None for none."""
    return None if selector is None else as_fields(selector)


def decode_selector(item: Mapping[str, Any] | None) -> TagSelector | None:
    """Return a selector; raises `Malformed`."""
    with understood():
        selector = _selector(item)
        return None if selector is None else _SELECTORS.validate_python([selector])[0]


def _selector(item: Mapping[str, Any] | None) -> TagSelector | None:
    if item is None:
        return None
    kind, tags = SelectorKind(item["kind"]), tuple(list_of(item, "tags", str))
    return TagSelector(kind=kind, tags=tags, variant=item["variant"])


def _encode_sides(change: Step | OverlayStep, *, sealed: bool) -> Json:
    sides = {"before": change.before, "after": change.after}
    return {side: None if one is None else encode_overlay(one, sealed=sealed) for side, one in sides.items()}


def encode_diagnostic(diagnostic: Diagnostic) -> Json:
    """Return the JSON of a planning problem."""
    return {
        "code": diagnostic.code,
        "severity": diagnostic.severity,
        "summary": diagnostic.summary,
        "detail": diagnostic.detail,
        "hint": diagnostic.hint,
        "place": None if diagnostic.place is None else as_fields(diagnostic.place),
        **({"repositories": diagnostic.repositories} if diagnostic.repositories else {}),
    }


def decode_diagnostic(item: Mapping[str, Any]) -> Diagnostic:
    """Return a planning problem; raises `Malformed`."""
    with understood():
        return _DIAGNOSTICS.validate_python([diagnostic_from(item)])[0]


def step_from(item: Mapping[str, Any]) -> AnyStep:
    """Put a step together from its JSON; its types are not checked yet."""
    match item.get("kind"):
        case None:
            return _repository_step(item)
        case "overlay":
            return _overlay_step(item)
        case "binding":
            return _binding_step(item)
        case _:
            raise Malformed("a step has an unknown kind")


def _repository_step(item: Mapping[str, Any]) -> Step:
    before, after = _sides(item)
    step = Step(
        repository=item["repository"],
        **_common(item),
        changes=() if before is None or after is None else diff(before, after),
        unmanaged=tuple(Section(one) for one in list_of(item, "unmanaged", str)),
        before=before,
        after=after,
        location=Address(**known_fields(Address, item["location"])) if "location" in item else None,
        will_build=WillBuild(item.get("will_build", WillBuild.UNKNOWN)),
        owner=item.get("owner", ""),
        labels=tuple(sorted(item.get("labels", {}).items())),
    )
    if step.writes:
        _check_write(step)
    return step


def _overlay_step(item: Mapping[str, Any]) -> OverlayStep:
    before, after = _sides(item)
    step = OverlayStep(
        name=item["name"],
        **_common(item),
        changes=diff(before or EMPTY, after or EMPTY),
        before=before,
        after=after,
        reaches=_reach(item["reaches"]),
    )
    if step.writes:
        _check_overlay_write(step)
    return step


def _binding_step(item: Mapping[str, Any]) -> BindingStep:
    scope = item["scope"]
    step = BindingStep(
        scope=Scope(kind=ScopeKind(scope["kind"]), id=scope["id"], label=scope["label"]),
        overlay=item["overlay"],
        overlay_id=item["overlay_id"],
        **_common(item),
        before=_selector(item["before"]),
        after=_selector(item["after"]),
        content=item.get("content", ""),
        reaches=_reach(item["reaches"]),
    )
    if step.writes:
        _check_overlay_write(step)
    return step


def _common(item: Mapping[str, Any]) -> Json:
    reason = item["reason"]
    return {
        "id": item["id"],
        "action": Action(item["action"]),
        "reason": Reason(code=ReasonCode(reason["code"]), names=tuple(list_of(reason, "names", str))),
        "place": _place(item.get("place")),
    }


def _sides(item: Mapping[str, Any]) -> tuple[Overlay | None, Overlay | None]:
    before, after = (None if item.get(side) is None else overlay_from(item[side]) for side in ("before", "after"))
    return before, after


def _reach(item: Mapping[str, Any]) -> Reach:
    return Reach(repositories=tuple(list_of(item, "repositories", str)), tags=whole_number(item["tags"]))


# Whether there is something before and after a write, and whether it has an id.
_OVERLAY_WRITES = {
    Action.CREATE: (False, True, False),
    Action.UPDATE: (True, True, True),
    Action.DELETE: (True, False, True),
}


def _check_overlay_write(step: OverlayStep | BindingStep) -> None:
    sides = (step.before is not None, step.after is not None, step.id is not None)
    if sides != _OVERLAY_WRITES.get(step.action):
        raise Malformed(f"the step for {step.label!r} is incomplete")


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


def diagnostic_from(item: Mapping[str, Any]) -> Diagnostic:
    """Put a diagnostic together from its JSON; its types are not checked yet."""
    known = known_fields(Diagnostic, {"repositories": (), **item})
    return Diagnostic(
        **known
        | {
            "severity": Severity(item["severity"]),
            "place": _place(item.get("place")),
            "repositories": tuple(known["repositories"]),
        }
    )


def _place(item: Mapping[str, Any] | None) -> Place | None:
    return (
        None
        if item is None
        else Place(file=item["file"], line=whole_number(item["line"]), column=whole_number(item["column"]))
    )


def as_fields(value: Any) -> Json:
    """Return the fields of a dataclass."""
    return {field.name: getattr(value, field.name) for field in fields(value)}


def known_fields(kind: type, item: Mapping[str, Any]) -> Json:
    """Return the fields of a class in a file; other keys are of a later version."""
    return {field.name: item[field.name] for field in fields(kind)}
