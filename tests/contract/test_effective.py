"""The product and the emulator, which share no code, on what overlays and bindings come to for each tag."""

import json
from collections.abc import Iterable
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconciler.api.overlay_update import merge_overlay
from reconciler.core.effects import live_assembly
from reconciler.core.overlay import Overlay
from reconciler.core.state import Live
from reconciler.emulator import EmulatorSettings
from reconciler.engine.ports import with_overlays
from tests.contract import targets
from tests.emulator.test_layering import NESTED, SCOPES, SELECTORS, built, overlays, rank, since
from tests.support.emulated import World

Bound = tuple[int, Any, dict[str, Any]]


def new_world() -> World:
    return World(EmulatorSettings(automatic_rebuilds=False))


def bound_world(bound: Iterable[Bound]) -> tuple[World, dict[str, Any]]:
    """A world with these overlays bound, and what it then builds, by tag."""
    world = new_world()
    reports = since(world)
    for number, (scope, selector, config) in enumerate(bound):
        world.emulator.bind(f"overlay {number}", SCOPES[scope], selector, config)
    return world, built(world, NESTED, reports(NESTED))


def live_state(world: World) -> Live:
    with targets.opened(targets.IN_PROCESS, world) as target, target.reader("v2") as client:
        organization = client.find_organization(target.organization)
        return with_overlays(client.read_live(organization), client)


def customized(effective: Overlay, tag: str) -> Any:
    """What a tag is built with where the repository has a configuration as its standard customization."""
    world = new_world()
    reports = since(world)
    world.emulator.edit(NESTED, merge_overlay({}, effective), replace=True)
    return built(world, NESTED, reports(NESTED))[tag]


def without_order(config: Any) -> Any:
    """A configuration without the order of what is united, which no document tells."""
    contents = {key: sorted(value) for key, value in config["contents"].items() if isinstance(value, list)}
    return json.loads(json.dumps({**config, "contents": {**config["contents"], **contents}}))


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(
        st.tuples(st.integers(0, 3), SELECTORS, overlays()),
        min_size=1,
        max_size=6,
        unique_by=lambda each: (each[0], rank(each[1])),  # of one scope and kind: nothing that could conflict
    )
)
def test_each_tag_gets_what_the_product_says(bound: list[Bound]) -> None:
    world, found = bound_world(bound)
    live = live_state(world)
    folder, _, name = NESTED.rpartition("/")
    repository = next(one for one in live.repositories if (one.folder, one.name) == (folder, name))
    assembly = live_assembly(live)
    assert set(found) <= set(repository.active_tags)
    for tag in repository.active_tags:
        effective = assembly.of_tag(repository, tag)
        assert isinstance(effective, Overlay)
        if tag in found:
            assert without_order(found[tag]) == without_order(customized(effective, tag))
        else:
            assert effective == Overlay()
