"""Runs that wrote overlays and bindings: what was in flight, the way back, and the tags to follow."""

from dataclasses import replace
from typing import Any

import pytest

from reconciler.core import planner
from reconciler.core.bindings import UnknownBindings
from reconciler.core.builds import Build, BuildConfig, Progress, Result, Stage, Sync, Target
from reconciler.core.diff import Field, items_of
from reconciler.core.overlay import EMPTY, Overlay
from reconciler.core.plan import Plan
from reconciler.core.progress import advance, begin
from reconciler.core.recovery import recovered_outcome
from reconciler.core.reverting import plan_revert
from reconciler.core.runs import Applied, Drifted, Failed, FailureKind, Run, RunStep, is_settled
from reconciler.core.state import Live
from reconciler.core.steps import Action, AnyStep, BindingStep, OverlayStep, TagEffect
from reconciler.core.tag_targets import builds_of, changed_targets, current, tag_configs, uncovered
from tests.support.bindings import desired_state, identifier, live_state
from tests.support.overlays import overlay
from tests.support.runs import run

PYTHON = {"name": "python", "tags": ["3.12", "3.12-dev", "3.13", "3.13-dev"]}
GIT, JQ = {"packages": ["git"]}, {"packages": ["jq"]}
BEFORE: dict[str, Any] = {
    "repositories": [PYTHON],
    "overlays": {"tools": GIT, "old": JQ},
    "bindings": [{"to": "python", "overlay": "tools", "tags": "all"}],
}
AFTER: dict[str, Any] = {
    "repositories": [PYTHON],
    "overlays": {"tools": {"packages": ["curl"]}, "old": JQ, "new": JQ},
    "bindings": [
        {"to": "python", "overlay": "tools", "tags": "dev"},
        {"to": "python", "overlay": "new", "tags": ["3.13"]},
    ],
}
WANTED: dict[str, Any] = {
    "overlays": {"tools": {"packages": ["curl"]}, "new": JQ},
    "repositories": {"python": {"overlays": {"tools": "dev", "new": ["3.13"]}}},
}


def planned(before: Any = BEFORE, wanted: Any = WANTED) -> Plan:
    return planner.plan(desired_state(wanted), live_state(before))


def only(plan: Plan, kind: type[Any], action: Action) -> Any:
    (found,) = (step for step in plan.overlay_steps if isinstance(step, kind) and step.action is action)
    return found


def in_flight(step: AnyStep) -> RunStep:
    id_ = None if step.action is Action.CREATE else step.id
    return RunStep(step=step, repository_id=id_, since=90.0, intended_at=100.0)


def written(step: AnyStep, live: Live) -> RunStep:
    """Return a step that was applied, with the id that what it wrote has live."""
    ids = {one.name: one.id for one in live.overlays} if isinstance(live.overlays, tuple) else {}
    if isinstance(step, BindingStep):
        bound = live.bindings if isinstance(live.bindings, tuple) else ()
        ids = {one.overlay: one.id for one in bound}
    id_ = step.id or ids[step.overlay if isinstance(step, BindingStep) else step.label]
    outcome = Applied(step=step, repository_id=id_, since=90.0)
    return RunStep(step=step, repository_id=id_, since=90.0, intended_at=100.0, outcome=outcome)


def whole_run(plan: Plan, live: Live) -> Run:
    steps = [written(step, live) for step in plan.overlay_writes]
    return replace(run(*steps), header=replace(run().header, organization=live.organization), effects=plan.effects)


KINDS = [(OverlayStep, Action.CREATE), (OverlayStep, Action.UPDATE), (BindingStep, Action.CREATE)]


@pytest.mark.parametrize(("kind", "action"), [*KINDS, (BindingStep, Action.UPDATE)])
def test_a_write_in_flight_is_judged_by_what_is_live(kind: type[Any], action: Action) -> None:
    step = in_flight(only(planned(), kind, action))
    arrived = recovered_outcome(step, live_state(AFTER))
    assert isinstance(arrived, Applied), arrived
    assert arrived.read_back
    not_arrived = recovered_outcome(step, live_state(BEFORE))
    assert isinstance(not_arrived, Failed)
    assert not_arrived.problem.code == "not-arrived"


def test_a_deletion_in_flight_is_judged_by_what_is_live() -> None:
    unbind = replace(only(planned(), BindingStep, Action.UPDATE), action=Action.DELETE, after=None)
    assert isinstance(recovered_outcome(in_flight(unbind), live_state({**BEFORE, "bindings": []})), Applied)
    assert isinstance(recovered_outcome(in_flight(unbind), live_state(BEFORE)), Failed)


def test_a_change_by_somebody_else_is_drift() -> None:
    step = in_flight(only(planned(), OverlayStep, Action.UPDATE))
    other = live_state({**BEFORE, "overlays": {"tools": {"packages": ["vim"]}}})
    assert recovered_outcome(step, other) == Drifted(step=step.step, now=overlay({"packages": ["vim"]}))


def test_what_cannot_be_read_stays_unknown() -> None:
    step = in_flight(only(planned(), OverlayStep, Action.UPDATE))
    unread = replace(live_state(AFTER), overlays=UnknownBindings(problem="no"))
    outcome = recovered_outcome(step, unread)
    assert isinstance(outcome, Failed)
    assert outcome.kind is FailureKind.ANSWER_LOST


def test_a_revert_restores_what_was_there_in_the_safe_order() -> None:
    plan, live = planned(), live_state(AFTER)
    back = plan_revert(whole_run(plan, live), live)
    assert [(step.label, step.action) for step in back.overlay_steps] == [
        ("tools", Action.UPDATE),
        ("tools on python", Action.UPDATE),
        ("new on python", Action.DELETE),
        ("new", Action.DELETE),
    ]
    assert back.applyable
    assert [(effect.after, effect.before) for effect in back.effects] == [
        (effect.before, effect.after) for effect in sorted(plan.effects, key=lambda one: one.tags)
    ]


def test_a_revert_leaves_what_has_changed_since() -> None:
    plan, live = planned(), live_state(AFTER)
    changed = live_state({**AFTER, "overlays": {**AFTER["overlays"], "tools": {"packages": ["vim"]}}})
    back = plan_revert(whole_run(plan, live), changed)
    assert "tools" not in [step.label for step in back.overlay_steps]
    assert "revert-changed" in [one.code for one in back.diagnostics]


def test_a_revert_does_not_delete_an_overlay_that_others_bind() -> None:
    plan, live = planned(), live_state(AFTER)
    also = live_state({**AFTER, "bindings": [*AFTER["bindings"], {"to": "/", "overlay": "new", "tags": "dev"}]})
    back = plan_revert(whole_run(plan, live), also)
    assert ("new", Action.DELETE) not in [(step.label, step.action) for step in back.overlay_steps]
    assert [one.code for one in back.diagnostics if one.code == "revert-bound"] == ["revert-bound"]


def test_a_deleted_overlay_is_created_and_bound_again() -> None:
    """The overlay gets another id, so that its binding finds it by its name."""
    before = live_state(BEFORE)
    assert isinstance(before.overlays, tuple)
    assert isinstance(before.bindings, tuple)
    tools = next(one for one in before.overlays if one.name == "tools")
    (bound,) = before.bindings
    create = only(planned(), BindingStep, Action.CREATE)
    unbind = replace(
        create,
        overlay="tools",
        overlay_id=tools.id,
        id=bound.id,
        action=Action.DELETE,
        before=bound.selector,
        after=None,
    )
    update = only(planned(), OverlayStep, Action.UPDATE)
    delete = replace(update, action=Action.DELETE, before=overlay(GIT), after=None)
    gone = live_state({**BEFORE, "overlays": {"old": JQ}, "bindings": []})
    back = plan_revert(
        whole_run(Plan(organization=gone.organization, steps=(), overlay_steps=(unbind, delete)), gone), gone
    )
    assert [(step.label, step.action) for step in back.overlay_steps] == [
        ("tools", Action.CREATE),
        ("tools on python", Action.CREATE),
    ]
    assert isinstance(back.overlay_steps[1], BindingStep)
    assert back.overlay_steps[1].overlay_id is None


def test_the_tags_to_follow_are_those_that_really_changed() -> None:
    plan = planned()
    targets = changed_targets(plan.effects, live_state(AFTER), 5.0)
    assert {(one.repository, one.tags, one.after) for one in targets} == {
        (effect.repository, effect.tags, effect.after) for effect in plan.effects
    }
    assert {one.since for one in targets} == {5.0}
    assert changed_targets(plan.effects, live_state(BEFORE), 5.0) == ()
    half = {**AFTER, "bindings": AFTER["bindings"][:1]}  # the second binding was not made
    found = {target.tags: target.after for target in changed_targets(plan.effects, live_state(half), 5.0)}
    assert found == {("3.12",): EMPTY, ("3.13",): EMPTY, ("3.12-dev", "3.13-dev"): overlay({"packages": ["curl"]})}


def test_a_tag_that_does_not_exist_is_not_followed() -> None:
    effect = TagEffect(
        repository="python", id=identifier("repository python"), tags=("3.99",), before=EMPTY, after=overlay(GIT)
    )
    assert changed_targets([effect], live_state(AFTER), 5.0) == ()


def target(tags: tuple[str, ...], after: Overlay, before: Overlay = EMPTY) -> Target:
    id_ = identifier("repository python")
    return Target(repository="python", id=id_, before=before, after=after, since=0.0, tags=tags)


def config(*packages: str) -> BuildConfig:
    entries = frozenset(items_of(Overlay(packages=packages)))
    return BuildConfig(entries=entries, parts=frozenset({Field.PACKAGES}))


def build(number: int, result: Result = Result.SUCCESS, **fields: Any) -> Build:
    known: dict[str, Any] = {"started": 1.0, "ended": 2.0, "digest": f"sha256:{number}", **fields}
    return Build(id=f"b{number}", repository_id=identifier("repository python"), result=result, **known)


def test_builds_go_to_the_tags_that_they_are_of() -> None:
    few, many = target(("3.13",), overlay(GIT)), target(("3.13-dev",), Overlay(packages=("git", "jq")))
    builds = [build(1, config=config("git", "jq")), build(2, config=config("git")), build(3)]
    tags = {"sha256:1": ("3.13",)}  # what the tag says comes before what the configuration looks like
    assert [one.id for one in builds_of(few, (few, many), builds, tags)] == ["b1", "b2", "b3"]
    assert [one.id for one in builds_of(many, (few, many), builds, {})] == ["b1"]
    assert [one.id for one in builds_of(many, (few, many), builds, {"sha256:2": ("3.12",)})] == ["b1"]


def test_tags_are_covered_by_the_digests_that_they_point_to() -> None:
    progress = replace(begin(target(("3.13", "latest"), overlay(GIT)), now=0.0), builds=(build(1),))
    assert uncovered(progress, {"sha256:1": ("3.13", "latest")}) == 0
    assert uncovered(progress, {"sha256:1": ("3.13",)}) == 2


def test_a_refusal_counts_for_tags_and_not_for_repositories() -> None:
    refusal = build(1, Result.FAILURE, digest="", ended=2.0)
    for tags, count in ((("3.13",), 1), ((), 0)):
        begun = begin(target(tags, overlay(GIT)), now=0.0)
        seen = advance(begun, [refusal], Sync.IDLE, now=1.0, settle=5.0)
        assert len(seen.failures) == count


def test_what_tags_get_now_tells_whether_somebody_else_changed_them() -> None:
    live = live_state(AFTER)
    wanted = target(("3.13",), overlay(JQ))
    assert current(wanted, live, tag_configs(live)) == overlay(JQ)
    other = target(("3.13", "3.13-dev"), overlay(JQ))
    assert current(other, live, tag_configs(live)) == overlay({"packages": ["curl"]})
    gone = replace(wanted, id=identifier("repository none"))
    assert current(gone, live, tag_configs(live)) is None


def test_a_run_is_settled_when_the_builds_of_its_tags_are_over() -> None:
    plan, live = planned(), live_state(AFTER)
    recorded = whole_run(plan, live)
    assert not is_settled(recorded)
    targets = changed_targets(plan.effects, live, 5.0)
    over = tuple(replace(begin(one, now=0.0), stage=Stage.DONE) for one in targets)
    assert is_settled(replace(recorded, followed=over))
    unreported: tuple[Progress, ...] = (replace(over[0], stage=Stage.UNREPORTED), *over[1:])
    assert not is_settled(replace(recorded, followed=unreported))
    assert is_settled(replace(recorded, effects=()))
