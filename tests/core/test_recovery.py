"""What a run came to that died before it knew."""

from dataclasses import replace
from typing import Any

import pytest

from reconciler.core.builds import Stage, Target
from reconciler.core.overlay import EMPTY
from reconciler.core.progress import begin
from reconciler.core.recovery import recovered_outcome
from reconciler.core.runs import (
    Applied,
    Drifted,
    Failed,
    FailureKind,
    NotAttempted,
    RunStep,
    Skip,
    Unchanged,
    is_left,
    is_settled,
    unfollowed,
)
from reconciler.core.steps import Action, Step
from reconciler.diagnostics import Diagnostic
from tests.support.runs import applied, live, recorded, run, step

NOTHING: dict[str, Any] = {}
GIT, JQ = {"packages": ["git"]}, {"packages": ["jq"]}


def test_what_holds_what_was_sent_has_arrived_and_counts_from_the_recorded_time() -> None:
    found = recovered_outcome(recorded(step("a", NOTHING, GIT)), live(a=GIT))
    assert found == Applied(step=step("a", NOTHING, GIT), repository_id="A", since=90.0, read_back=True)


def test_what_stands_as_before_has_not_arrived() -> None:
    found = recovered_outcome(recorded(step("a", NOTHING, GIT)), live(a=NOTHING))
    assert isinstance(found, Failed)
    assert found.problem.code == "not-arrived"


def test_what_is_neither_was_changed_by_somebody_else() -> None:
    assert isinstance(recovered_outcome(recorded(step("a", NOTHING, GIT)), live(a=JQ)), Drifted)


def test_what_is_gone_says_so() -> None:
    found = recovered_outcome(recorded(step("a", NOTHING, GIT)), live(b=GIT))
    assert isinstance(found, Failed)
    assert found.problem.code == "repository-gone"


def test_what_was_not_begun_was_not_attempted() -> None:
    planned = step("a", NOTHING, GIT)
    found = recovered_outcome(recorded(planned, intended=False), live(a=GIT))
    assert found == NotAttempted(step=planned, reason=Skip.INTERRUPTED)


def test_what_is_recorded_is_believed() -> None:
    known = applied(step("a", NOTHING, GIT))
    assert recovered_outcome(known, live(a=JQ)) is known.outcome


@pytest.mark.parametrize(("there", "expected"), [("a", Applied), ("b", Failed)])
def test_a_creation_in_flight_is_found_by_its_name(there: str, expected: type[object]) -> None:
    planned = step("a", NOTHING, GIT, Action.CREATE)
    found = recovered_outcome(recorded(planned, repository_id=None), live(**{there: GIT}))
    assert isinstance(found, expected)


def test_a_run_is_settled_when_nothing_is_in_flight_and_no_build_is_left() -> None:
    planned = step("a", NOTHING, GIT)
    not_attempted = NotAttempted(step=planned, reason=Skip.INTERRUPTED)
    assert is_settled(run(recorded(planned, intended=False)))
    assert is_settled(run(recorded(planned, not_attempted)))
    assert not is_settled(run(recorded(planned)))
    assert not is_settled(run(applied(planned)))


def test_what_a_later_run_found_goes_before_what_it_wrote_itself() -> None:
    """The repository holds what was asked for, but the later run found it as it was before, and wrote that."""
    lost = recorded(step("a", NOTHING, GIT))
    again = run(applied(step("a", NOTHING, GIT)))
    found = recovered_outcome(lost, live(a=GIT), (again,))
    assert isinstance(found, Failed)
    assert found.problem.code == "not-arrived"


def test_what_a_later_run_changed_had_arrived() -> None:
    later = run(applied(step("a", GIT, JQ)))
    assert isinstance(recovered_outcome(recorded(step("a", NOTHING, GIT)), live(a=JQ), (later,)), Applied)


def test_what_a_later_run_did_not_need_to_write_had_arrived() -> None:
    planned = step("a", NOTHING, GIT)
    later = run(recorded(planned, Unchanged(step=planned), intended=False))
    assert isinstance(recovered_outcome(recorded(planned), live(a=GIT), (later,)), Applied)


def test_a_later_run_that_did_not_look_tells_nothing() -> None:
    planned = step("a", NOTHING, GIT)
    later = run(recorded(planned, NotAttempted(step=planned, reason=Skip.INTERRUPTED), intended=False))
    assert isinstance(recovered_outcome(recorded(planned), live(a=GIT), (later,)), Applied)


def test_what_a_later_run_created_was_not_created_before() -> None:
    planned = step("a", NOTHING, GIT, Action.CREATE)
    found = recovered_outcome(recorded(planned, repository_id=None), live(a=GIT), (run(applied(planned)),))
    assert isinstance(found, Failed)
    assert found.problem.code == "not-arrived"


def test_what_the_api_refused_is_not_left_and_what_never_arrived_is() -> None:
    planned = step("a", NOTHING, GIT)
    refused = Failed(step=planned, kind=FailureKind.REFUSED, problem=Diagnostic(code="api-error", summary="no"))
    not_arrived = recovered_outcome(recorded(planned), live(a=NOTHING))
    assert [is_left(recorded(planned, outcome)) for outcome in (None, not_arrived, refused)] == [True, True, False]


def done(planned: Step) -> RunStep:
    """A step that was written, with its builds to their end."""
    assert planned.id is not None
    target = Target(repository=planned.repository, id=planned.id, since=90.0, before=EMPTY, after=EMPTY)
    return replace(applied(planned), progress=replace(begin(target, now=0.0), stage=Stage.DONE))


def test_builds_are_left_to_be_followed_until_a_later_run_writes_again() -> None:
    a, b = step("a", NOTHING, GIT), step("b", NOTHING, GIT)
    refused = Failed(step=a, kind=FailureKind.REFUSED, problem=Diagnostic(code="api-error", summary="no"))
    settled = run(recorded(a, refused))
    first = run(applied(a))
    assert unfollowed(()) is None
    assert unfollowed((settled, first)) is first
    assert unfollowed((first,), ["a"]) is None
    assert unfollowed((run(recorded(a)),), ["b"]) is not None, "a write in flight may have arrived"
    assert unfollowed((run(done(a)), first)) is None
    assert unfollowed((run(done(b)), first)) is first
