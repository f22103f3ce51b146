"""Overlays and bindings for tests: from the short form of case files, with UIDPs that are the same in every run."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from typing import Any

from reconciler.core.bindings import DEV, Binding, SelectorKind, TagSelector
from reconciler.core.plan import Plan
from reconciler.core.state import (
    Address,
    Desired,
    DesiredBinding,
    DesiredOverlay,
    DesiredRepository,
    DesiredScope,
    Live,
    LiveOverlay,
    LiveRepository,
    Organization,
    Settings,
    Unreadable,
)
from reconciler.core.steps import OverlayStep, ScopeKind
from reconciler.diagnostics import Place
from tests.support.overlays import managed, overlay

ORGANIZATION = Organization(id="a" * 40, name="example.com")
Short = Mapping[str, Any]


def identifier(*path: str) -> str:
    """The UIDP of what lies below the organization: a part for each name."""
    return "/".join([ORGANIZATION.id, *(sha256(name.encode()).hexdigest()[:16] for name in path if name)])


def selector(short: str | Sequence[str]) -> TagSelector:
    """`all`, `dev` or a list of tags."""
    match short:
        case "all":
            return TagSelector(kind=SelectorKind.ALL)
        case "dev":
            return TagSelector(kind=SelectorKind.VARIANT, variant=DEV)
        case str():
            return TagSelector(kind=SelectorKind.UNKNOWN)
        case _:
            return TagSelector(kind=SelectorKind.EXACT, tags=tuple(map(str, short)))


def live_state(short: Short) -> Live:
    """`folders`, `repositories`, `overlays` by name, and `bindings`: `{to, overlay, tags}`.

    `to` is a repository (`name` or `folder/name`), `/` for the organization or `folder/` for a folder.
    """
    return Live(
        organization=ORGANIZATION,
        repositories=tuple(_repository(one) for one in short.get("repositories", ())),
        overlays=tuple(
            LiveOverlay(id=identifier(f"overlay {name}"), name=name, overlay=_config(config))
            for name, config in sorted(short.get("overlays", {}).items())
        ),
        bindings=tuple(_binding(one) for one in short.get("bindings", ())),
        folders=tuple((path, identifier(*path.split("/"))) for path in short.get("folders", ())),
    )


def _repository(short: Short) -> LiveRepository:
    folder, name = short.get("folder", ""), short["name"]
    return LiveRepository(
        id=identifier(*folder.split("/"), f"repository {name}"),
        name=name,
        folder=folder,
        overlay=_config(short.get("overlay", {})),
        active_tags=tuple(map(str, short.get("tags", ("1", "1-dev", "2", "2-dev")))),
    )


def _config(short: Short | str) -> Any:
    return Unreadable(problem=short) if isinstance(short, str) else overlay(short)


def _binding(short: Short) -> Binding:
    folder, _, name = short["to"].rpartition("/")
    repository = identifier(*folder.split("/"), f"repository {name}") if name else ""
    scope = repository or identifier(*folder.split("/"))
    return Binding(
        id=f"{scope}/{sha256(short['overlay'].encode()).hexdigest()[:16]}",
        overlay_id=identifier(f"overlay {short['overlay']}"),
        overlay=short["overlay"],
        selector=selector(short["tags"]),
        repository=repository,
    )


def desired_state(short: Short) -> Desired:
    """The keys of a manifest, each on a line of its own in the order in which it is written."""
    lines = iter(range(1, 10_000))

    def place() -> Place:
        return Place(file="m.yaml", line=next(lines))

    def bindings(given: Short) -> tuple[DesiredBinding, ...]:
        return tuple(
            DesiredBinding(overlay=name, selector=selector(tags), place=place()) for name, tags in given.items()
        )

    def scope(folder: str, given: Short) -> DesiredScope:
        return DesiredScope(folder=folder, place=place(), bindings=bindings(given["overlays"]))

    def entry(name: str, given: Short) -> DesiredRepository:
        content = given.get("overlay", {})
        return DesiredRepository(
            address=Address.parse(name),
            place=place(),
            overlay=overlay(content),
            managed=managed(content),
            reset=given.get("reset", False),
            protect=given.get("protect", False),
            source=Address.parse(given["source"]) if "source" in given else None,
            bindings=bindings(given["overlays"]) if "overlays" in given else None,
            allow_missing_tags=given.get("allow_missing_tags", False),
        )

    overlays = tuple(
        DesiredOverlay(name=name, place=place(), overlay=overlay(given), managed=managed(given))
        for name, given in short.get("overlays", {}).items()
    )
    scopes = [scope("", short["all_repositories"])] if "all_repositories" in short else []
    scopes += [scope(folder, given) for folder, given in short.get("folders", {}).items()]
    return Desired(
        organization="example.com",
        overlays=overlays,
        scopes=tuple(scopes),
        repositories=tuple(entry(name, given) for name, given in short.get("repositories", {}).items()),
        settings=Settings(**short.get("settings", {})),
    )


def applied(plan: Plan, live: Live) -> Live:
    """The live state once an apply has written the steps of overlays and bindings one after another."""
    assert isinstance(live.overlays, tuple)
    assert isinstance(live.bindings, tuple)
    overlays = {one.id: one for one in live.overlays}
    bindings = {one.id: one for one in live.bindings}
    for step in plan.overlay_writes:
        if isinstance(step, OverlayStep):
            id_ = step.id or identifier(f"overlay {step.name}")
            if step.after is None:
                assert all(one.overlay_id != id_ for one in bindings.values()), "it is still bound"
                del overlays[id_]
            else:
                overlays[id_] = LiveOverlay(id=id_, name=step.name, overlay=step.after)
            continue
        id_ = step.id or f"{step.scope.id}/{sha256(step.overlay.encode()).hexdigest()[:16]}"
        if step.after is None:
            del bindings[id_]
        else:
            overlay_id = step.overlay_id or identifier(f"overlay {step.overlay}")
            assert overlay_id in overlays, "it does not exist yet"
            repository = step.scope.id if step.scope.kind is ScopeKind.REPOSITORY else ""
            bindings[id_] = Binding(
                id=id_, overlay_id=overlay_id, overlay=step.overlay, selector=step.after, repository=repository
            )
    found = sorted(overlays.values(), key=lambda one: one.name)
    return replace(live, overlays=tuple(found), bindings=tuple(bindings.values()))
