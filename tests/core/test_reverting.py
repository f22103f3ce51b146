"""The plan back to what stood before a run."""

from typing import Any

from reconciler.core.overlay import EMPTY
from reconciler.core.reverting import plan_revert
from reconciler.core.runs import Drifted, Failed, FailureKind, NotAttempted, Skip
from reconciler.core.steps import Action, ReasonCode
from reconciler.diagnostics import Diagnostic, Severity
from tests.support.overlays import overlay
from tests.support.runs import applied, live, recorded, run, step

NOTHING: dict[str, Any] = {}
GIT, JQ = {"packages": ["git"]}, {"packages": ["jq"]}


def test_what_was_written_goes_back_to_what_stood_before() -> None:
    plan = plan_revert(run(applied(step("b", JQ, GIT)), applied(step("a", NOTHING, GIT))), live(a=GIT, b=GIT))
    assert [(one.repository, one.id, one.action) for one in plan.steps] == [
        ("a", "A", Action.RESET),
        ("b", "B", Action.UPDATE),
    ]
    assert [(one.before, one.after) for one in plan.steps] == [
        (overlay(GIT), EMPTY),
        (overlay(GIT), overlay(JQ)),
    ]
    assert all(one.changes and one.reason.code is ReasonCode.REVERTED for one in plan.steps)
    assert plan.applyable
    assert plan.diagnostics == ()


def test_what_has_changed_since_is_left_and_named() -> None:
    plan = plan_revert(run(applied(step("a", NOTHING, GIT)), applied(step("b", NOTHING, GIT))), live(a=JQ, b=GIT))
    assert [one.repository for one in plan.steps] == ["b"]
    (told,) = plan.diagnostics
    assert (told.code, told.severity) == ("revert-changed", Severity.WARNING)
    assert told.summary.startswith("a is left")


def test_what_is_gone_or_was_created_is_left_and_named() -> None:
    created = step("b", NOTHING, GIT, Action.CREATE)
    plan = plan_revert(run(applied(step("a", NOTHING, GIT)), applied(created)), live(b=GIT))
    assert plan.steps == ()
    assert [told.code for told in plan.diagnostics] == ["revert-gone", "revert-created"]


def test_what_the_run_did_not_write_is_not_a_part_of_it() -> None:
    planned = step("a", NOTHING, GIT)
    outcomes = (
        NotAttempted(step=planned, reason=Skip.INTERRUPTED),
        Drifted(step=planned, now=overlay(JQ)),
        Failed(step=planned, kind=FailureKind.REFUSED, problem=Diagnostic(code="x", summary="x")),
    )
    for outcome in outcomes:
        plan = plan_revert(run(recorded(planned, outcome)), live(a=GIT))
        assert (plan.steps, plan.diagnostics) == ((), ())


def test_a_write_in_flight_or_with_its_answer_lost_goes_back_where_it_arrived() -> None:
    planned = step("a", NOTHING, GIT)
    lost = Failed(step=planned, kind=FailureKind.ANSWER_LOST, problem=Diagnostic(code="x", summary="x"))
    for known in (recorded(planned), recorded(planned, lost)):
        assert len(plan_revert(run(known), live(a=GIT)).steps) == 1
        assert plan_revert(run(known), live(a=NOTHING)).steps == ()


def test_the_guard_is_that_of_every_plan() -> None:
    names = [f"r{number}" for number in range(12)]
    taken = run(*(applied(step(name, NOTHING, GIT)) for name in names))
    now = live(**dict.fromkeys(names, GIT))
    assert plan_revert(taken, now).refused
    assert not plan_revert(taken, now, max_removal=1.0).refused


def test_entry_37_the_guard_of_a_revert_counts_what_the_revert_writes() -> None:
    names = [f"r{number:02}" for number in range(12)]
    plan = plan_revert(run(*(applied(step(name, NOTHING, GIT)) for name in names)), live(**dict.fromkeys(names, GIT)))
    (refusal,) = plan.guard.refusals
    assert refusal.summary.startswith("12 of the 12 repositories changed by the revert would lose content")
