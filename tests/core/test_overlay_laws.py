"""The laws of overlays and bindings: what a plan says is what comes of it, in whatever order the inputs are."""

from dataclasses import replace
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from reconciler.core import planner
from reconciler.core.binding_rules import compete, disagreements
from reconciler.core.diff import assemble, items_of
from reconciler.core.effective import Assembly, Bound, combined
from reconciler.core.effects import live_assembly
from reconciler.core.overlay import EMPTY, Overlay
from reconciler.core.plan import Plan
from reconciler.core.state import Desired, Live
from tests.support.bindings import applied, desired_state, live_state
from tests.support.examples import examples
from tests.support.overlays import overlays

NAMES = ("a", "b", "c")
TAGS = ("1", "1-dev", "2", "2-dev")
SELECTORS = st.sampled_from(["all", "dev", ["1"], ["2", "2-dev"], ["1", "1-dev"]])
CONFIGS = st.fixed_dictionaries(
    {"annotations": st.just({"always": "there"})},
    optional={
        "packages": st.lists(st.sampled_from(["curl", "git", "jq"]), max_size=2),
        "environment": st.dictionaries(st.sampled_from(["X", "Y"]), st.sampled_from(["1", "2"]), max_size=2),
        "guarded_entrypoint": st.just(value=True),
    },
)
BINDINGS = st.dictionaries(st.sampled_from(NAMES), SELECTORS, max_size=3)
SCOPES = ("/", "team-a/", "python", "team-a/node")


@st.composite
def live_states(draw: st.DrawFn) -> Live:
    """States that the API would allow: nothing in them competes and disagrees."""
    configs = draw(st.dictionaries(st.sampled_from(NAMES), CONFIGS, max_size=3))
    bound = [
        {"to": to, "overlay": name, "tags": tags}
        for to in SCOPES
        for name, tags in draw(BINDINGS).items()
        if name in configs
    ]
    live = live_state(
        {
            "folders": ["team-a"],
            "repositories": [
                {"name": "python", "tags": TAGS},
                {"name": "node", "folder": "team-a", "tags": TAGS[:2]},
                {"name": "standard", "folder": "team-a", "tags": TAGS, "overlay": {"packages": ["zlib"]}},
            ],
            "overlays": configs,
            "bindings": bound,
        }
    )
    assume(not conflicts(live))
    return live


def conflicts(live: Live) -> bool:
    assert isinstance(live.bindings, tuple)
    assert isinstance(live.overlays, tuple)
    configs = {one.id: one.overlay for one in live.overlays}
    pairs = [(one, other) for one in live.bindings for other in live.bindings if one.id < other.id]
    return any(
        one.scope == other.scope
        and compete(one.selector, other.selector)
        and disagreements(configs[one.overlay_id], configs[other.overlay_id])  # type: ignore[arg-type]
        for one, other in pairs
    )


@st.composite
def manifests(draw: st.DrawFn) -> Desired:
    def scoped(name: str) -> dict[str, Any]:
        return {name: {"overlays": draw(BINDINGS)}} if draw(st.booleans()) else {}

    short: dict[str, Any] = {"overlays": draw(st.dictionaries(st.sampled_from(NAMES), CONFIGS, max_size=3))}
    short |= scoped("all_repositories")
    short["folders"] = scoped("team-a")
    short["repositories"] = scoped("python") | scoped("team-a/node")
    short["settings"] = {"prune_overlays": draw(st.booleans())}
    return desired_state(short)


def effective(live: Live) -> dict[tuple[str, str], Any]:
    assembly = live_assembly(live)
    return {
        (one.name, tag): config
        for one in live.repositories
        for tag, config in zip(one.active_tags, assembly.of_tags(one), strict=True)
    }


def plan_of(desired: Desired, live: Live) -> Plan:
    plan = planner.plan(desired, live)
    assume(not plan.failed and plan.complete)
    return plan


@settings(max_examples=examples(40))
@given(manifests(), live_states())
def test_the_plan_of_the_applied_state_is_empty(desired: Desired, live: Live) -> None:
    plan = plan_of(desired, live)
    again = planner.plan(desired, applied(plan, live))
    assert again.overlay_writes == ()
    assert again.effects == ()
    assert not again.failed


@settings(max_examples=examples(40))
@given(manifests(), live_states())
def test_the_effects_are_the_difference_of_every_tag(desired: Desired, live: Live) -> None:
    plan = plan_of(desired, live)
    before, after = effective(live), effective(applied(plan, live))
    told = {(one.repository, tag): (one.before, one.after) for one in plan.effects for tag in one.tags}
    assert told == {key: (before[key], after[key]) for key in before if before[key] != after[key]}


@settings(max_examples=examples(40))
@given(manifests(), live_states())
def test_no_write_leaves_a_state_that_the_api_refuses(desired: Desired, live: Live) -> None:
    plan = plan_of(desired, live)
    for count in range(len(plan.overlay_steps) + 1):
        assert not conflicts(applied(replace(plan, overlay_steps=plan.overlay_steps[:count]), live))


@settings(max_examples=examples(40))
@given(manifests(), live_states())
def test_the_reach_of_a_step_is_what_it_alone_changes(desired: Desired, live: Live) -> None:
    plan = plan_of(desired, live)
    state = live
    for step in plan.overlay_steps:
        after = applied(replace(plan, overlay_steps=(step,)), state)
        before, now = effective(state), effective(after)
        changed = [key for key in before if before[key] != now[key]]
        assert step.reaches.tags == len(changed)
        assert set(step.reaches.repositories) == {name for name, _ in changed}
        state = after


@settings(max_examples=examples(40))
@given(manifests(), live_states(), st.randoms(use_true_random=False))
def test_the_order_of_the_inputs_means_nothing(desired: Desired, live: Live, random: Any) -> None:
    def shuffled(values: Any) -> Any:
        return tuple(random.sample(values, len(values)))

    other_live = replace(
        live,
        repositories=shuffled(live.repositories),
        overlays=shuffled(live.overlays),
        bindings=shuffled(live.bindings),
    )
    other = replace(
        desired,
        overlays=shuffled(desired.overlays),
        scopes=tuple(replace(one, bindings=shuffled(one.bindings)) for one in shuffled(desired.scopes)),
        repositories=tuple(replace(one, bindings=shuffled(one.bindings)) for one in shuffled(desired.repositories)),
    )
    one, two = planner.plan(desired, live), planner.plan(other, other_live)
    assert one.overlay_steps == two.overlay_steps
    assert one.effects == two.effects
    assert one.steps == two.steps


@given(overlays())
def test_an_overlay_alone_is_what_a_tag_gets(overlay: Overlay) -> None:
    named = combined([overlay])
    assert combined([named]) == named
    assert combined([named, named]) == named
    assert combined([EMPTY, named, EMPTY]) == named


@given(overlays(), overlays(), overlays())
def test_layers_can_be_combined_in_groups(one: Overlay, two: Overlay, three: Overlay) -> None:
    assert combined([combined([one, two]), three]) == combined([one, combined([two, three])])


@given(overlays(), overlays())
def test_what_disagrees_in_nothing_comes_to_the_same_in_both_orders(one: Overlay, other: Overlay) -> None:
    one, other = (replace(combined([each]), preflight=(), runtime_repositories=()) for each in (one, other))
    different = disagreements(other, one)
    other = assemble(item for item in items_of(other) if item not in different)
    assert not disagreements(one, other)
    assert combined([one, other]) == combined([other, one])


def test_an_assembly_without_an_overlay_says_so() -> None:
    (python,) = live_state({"repositories": [{"name": "python", "tags": ["1"]}]}).repositories
    bound = Bound(scope=python.id, overlay="gone", selector=live_bindings()[0].selector)
    (found,) = Assembly({}, [bound], {}).of_tags(python)
    assert "does not exist" in found.problem  # type: ignore[union-attr]


def live_bindings() -> Any:
    return live_state({"bindings": [{"to": "python", "overlay": "gone", "tags": "all"}]}).bindings
