"""What a change of the manifest causes, and what was different before it."""

from dataclasses import replace
from typing import Any

from hypothesis import given, settings

from reconciler.core.diff import diff
from reconciler.core.overlay import Overlay
from reconciler.core.plan import Comparison, Plan, compare
from reconciler.core.state import Address
from reconciler.core.steps import Action, Reason, ReasonCode, Step
from tests.core.test_guards import entry, live, make
from tests.support.examples import examples
from tests.support.overlays import overlays, patch

STATE = live(("a", {"packages": ["old"]}), ("b", {}), ("c", {}))


def plan(**asked: dict[str, Any]) -> Plan:
    return make([entry(name, short) for name, short in asked.items()], STATE)


def shown(steps: tuple[Step, ...]) -> dict[str, list[str]]:
    return {
        step.repository: [f"{change.kind} {change.after or change.before}" for change in step.changes] for step in steps
    }


def parts(comparison: Comparison) -> tuple[dict[str, list[str]], ...]:
    return shown(comparison.caused), shown(comparison.already_different), shown(comparison.no_longer)


def test_the_parts() -> None:
    base = plan(a={"packages": ["git"]}, b={"packages": ["vim"]})
    head = plan(a={"packages": ["git", "curl"]}, b={}, c={"packages": ["jq"]})
    assert parts(compare(base, head)) == (
        {"a": ["add curl"], "c": ["add jq"]},
        {"a": ["add git", "remove old"]},
        {"b": ["add vim"]},
    )


def test_another_value_is_caused_and_the_one_before_no_longer() -> None:
    base, head = plan(b={"environment": {"A": "1"}}), plan(b={"environment": {"A": "2"}})
    assert parts(compare(base, head)) == ({"b": ["add 2"]}, {}, {"b": ["add 1"]})


def test_the_same_manifest_causes_nothing() -> None:
    same = plan(a={"packages": []}, b={"packages": ["git"]})
    comparison = compare(same, same)
    assert (comparison.caused, comparison.no_longer) == ((), ())
    assert comparison.already_different == same.writes


def test_a_creation_without_a_change_is_a_change() -> None:
    create = make([entry("new", {}, source=Address(name="b"))], STATE)
    other = make([entry("new", {}, source=Address(name="c"))], STATE)
    nothing = plan(b={})
    assert parts(compare(nothing, create)) == ({"new": []}, {}, {})
    assert parts(compare(create, create)) == ({}, {"new": []}, {})
    assert parts(compare(create, nothing)) == ({}, {}, {"new": []})
    assert parts(compare(other, create)) == ({"new": []}, {}, {"new": []})


def test_what_is_blocked_is_caused_or_not_by_what_the_base_requests() -> None:
    base, head = plan(b={"packages": ["git", "vim"]}), plan(b={"packages": ["git", "nope"]})
    (step,) = head.steps
    blocked = replace(head, steps=(replace(step, action=Action.BLOCKED, reason=Reason(code=ReasonCode.UNBUILDABLE)),))
    assert parts(compare(base, blocked)) == ({"b": ["add nope"]}, {"b": ["add git"]}, {"b": ["add vim"]})
    assert parts(compare(head, blocked)) == ({}, {"b": ["add git", "add nope"]}, {})
    assert parts(compare(blocked, blocked)) == ({}, {"b": ["add git", "add nope"]}, {})


def test_of_a_repository_whose_changes_are_unknown_nothing_is_no_longer_requested() -> None:
    base = plan(b={"packages": ["git"]})
    (step,) = base.steps
    lost = replace(step, action=Action.BLOCKED, reason=Reason(code=ReasonCode.NOT_FOUND), changes=())
    assert parts(compare(base, replace(base, steps=(lost,)))) == ({"b": []}, {}, {})


def test_what_prune_starts_to_reset_is_caused() -> None:
    base, head = make([entry("b", {})], STATE), make([entry("b", {})], STATE, prune=True)
    assert parts(compare(base, head)) == ({"a": ["remove old"]}, {}, {})


@settings(max_examples=examples(50))
@given(now=overlays(), old=overlays(), new=overlays())
def test_nothing_is_lost_and_nothing_repeated(now: Overlay, old: Overlay, new: Overlay) -> None:
    before, after = diff(now, old), diff(now, new)
    base, head = (Plan(organization=STATE.organization, steps=_steps(now, one)) for one in (old, new))
    comparison = compare(base, head)
    caused, already, no_longer = (
        tuple(change for step in steps for change in step.changes)
        for steps in (comparison.caused, comparison.already_different, comparison.no_longer)
    )
    assert {*caused, *already} == set(after)
    assert {*already, *no_longer} == set(before)
    assert not set(caused) & set(before)
    assert patch(now, (*already, *caused)) == new


def _steps(now: Overlay, wanted: Overlay) -> tuple[Step, ...]:
    (step,) = plan(b={"packages": ["x"]}).steps
    return (replace(step, before=now, after=wanted, changes=diff(now, wanted)),) if now != wanted else ()
