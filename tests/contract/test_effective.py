"""The law of overlays: what the product says a tag gets is what it is built with, and it knows what is refused."""

from dataclasses import replace
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconciler.api.schema import overlay_from_wire
from reconciler.core.binding_rules import compete, disagreements
from reconciler.core.bindings import DEV, SelectorKind, TagSelector, UnknownBindings
from reconciler.core.effects import live_assembly
from reconciler.core.overlay import Overlay
from reconciler.core.state import Live
from reconciler.emulator import EmulatorSettings
from reconciler.emulator.errors import RpcError
from tests.contract.targets import IN_PROCESS, opened
from tests.support.bound_overlays import NESTED, SCOPES, SELECTORS, configs
from tests.support.emulated import World
from tests.support.examples import examples

# In every scope, in one folder, in the organization alone, and with a standard customization.
REPOSITORIES = (NESTED, "team-a/checkout-api", "orders-api", "custom-go")
DRAWN = st.lists(st.tuples(st.integers(0, 3), SELECTORS, configs()), min_size=1, max_size=6)
LAW = settings(max_examples=examples(12), deadline=None, suppress_health_check=list(HealthCheck))
Drawn = list[tuple[int, Any, dict[str, Any]]]


def read(world: World) -> Live:
    """What the product reads of everything."""
    with opened(IN_PROCESS, world) as target, target.reader("v2") as client:
        organization = client.find_organization(target.organization)
        live = client.read_live(organization)
        return replace(live, bindings=client.read_bindings(organization), overlays=client.read_overlays(organization))


def selector_of(drawn: Any) -> TagSelector:
    """The product's selector of `all`, `dev` or a list of tags."""
    if isinstance(drawn, list):
        return TagSelector(kind=SelectorKind.EXACT, tags=tuple(drawn))
    return TagSelector(kind=SelectorKind.ALL) if drawn == "all" else TagSelector(kind=SelectorKind.VARIANT, variant=DEV)


def is_taken(world: World, overlay: str, to: str, tags: Any) -> bool:
    """Bind, and say whether the API took it; any refusal but that of a conflict is an error."""
    try:
        world.emulator.bind(overlay, to, tags)
    except RpcError as error:
        if "does not merge commutatively" not in error.message:
            raise
        return False
    return True


@LAW
@given(DRAWN)
def test_a_tag_is_built_with_what_the_product_says(drawn: Drawn) -> None:
    world = World(EmulatorSettings(automatic_rebuilds=False))
    for number, (scope, selector, config) in enumerate(drawn):
        world.emulator.bind(f"overlay {number}", config=config)
        is_taken(world, f"overlay {number}", SCOPES[scope], selector)
    live = read(world)
    assembly = live_assembly(live)
    ids = {world.id(name): name for name in REPOSITORIES}
    checked = [one for one in live.repositories if one.id in ids]
    assert len(checked) == len(ids)
    for one in checked:
        built = [world.emulator.effective_overlay(ids[one.id], tag) for tag in one.active_tags]
        assert list(assembly.of_tags(one)) == [overlay_from_wire(each or {}) for each in built]


@LAW
@given(DRAWN)
def test_the_product_foresees_which_bindings_are_refused(drawn: Drawn) -> None:
    world = World(EmulatorSettings(automatic_rebuilds=False))
    for number, (_, _, config) in enumerate(drawn):
        world.emulator.bind(f"overlay {number}", config=config)
    live = read(world)
    assert not isinstance(live.overlays, UnknownBindings)
    overlays = [one.overlay for one in live.overlays]  # by name, which is in the order of the numbers
    bound: list[tuple[int, TagSelector, Overlay]] = []
    for number, (scope, drawn_selector, _) in enumerate(drawn):
        selector, overlay = selector_of(drawn_selector), overlays[number]
        assert isinstance(overlay, Overlay)
        conflict = any(
            where == scope and compete(selector, other) and disagreements(overlay, beside)
            for where, other, beside in bound
        )
        assert is_taken(world, f"overlay {number}", SCOPES[scope], drawn_selector) is not conflict
        bound += [] if conflict else [(scope, selector, overlay)]
