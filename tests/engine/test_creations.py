"""Creating what somebody else has created since the plan: told with its sides, and never written over."""

import pytest

from reconciler.api.errors import AnswerLost, Rejected
from reconciler.core import planner
from reconciler.core.overlay import EMPTY, Overlay, Section
from reconciler.core.plan import Plan
from reconciler.core.runs import Applied, Drifted, Failed, Outcome, Unchanged
from reconciler.core.state import Address, Desired, DesiredRepository, LiveRepository, Unreadable
from reconciler.diagnostics import Diagnostic, Place
from reconciler.engine.apply import apply
from tests.support.clock import FakeClock
from tests.support.fake_api import ORGANIZATION, FakeApi
from tests.support.overlays import overlay

GIT = overlay({"packages": ["git"]})
VIM = overlay({"packages": ["vim"]})
PROBLEM = Diagnostic(code="x", summary="x")


class NeverStops:
    def is_set(self) -> bool:
        return False

    def wait(self, timeout: float) -> bool:
        return False


class Api(FakeApi):
    """Answers a creation with 409 where the repository exists; while `losing`, loses the answer."""

    def __init__(self) -> None:
        super().__init__(FakeClock(), {"source": EMPTY})
        self.losing = False
        self.status = 409

    def create_repository(self, *args: object, **kwargs: object) -> LiveRepository:
        name = kwargs["name"]
        if any(one.name == name for one in self.repositories.values()):
            error = Rejected(PROBLEM)
            error.status = self.status
            raise error
        if self.losing:
            raise AnswerLost(PROBLEM)
        return super().create_repository(*args, **kwargs)  # type: ignore[arg-type]

    def exists(self, overlay: Overlay | Unreadable) -> None:
        id_ = f"{ORGANIZATION.id}/new"
        self.repositories[id_] = LiveRepository(id=id_, name="new", overlay=overlay)


def creation(api: FakeApi) -> Plan:
    entry = DesiredRepository(
        address=Address(name="new"),
        place=Place(file="m.yaml"),
        overlay=GIT,
        managed=frozenset({Section.PACKAGES}),
        source=Address(name="source"),
    )
    return planner.plan(Desired(organization="example.com", repositories=(entry,)), api.read_live(ORGANIZATION))


def carried_out(api: FakeApi, plan: Plan) -> Outcome:
    (outcome,) = apply(plan, api, clock=api.clock, stop=NeverStops(), parallelism=1, on_event=lambda _: None)
    return outcome


def test_another_overlay_is_left_alone() -> None:
    api = Api()
    plan = creation(api)
    api.exists(VIM)
    outcome = carried_out(api, plan)
    assert isinstance(outcome, Drifted)
    assert (outcome.step.before, outcome.now, outcome.step.after) == (EMPTY, VIM, GIT)
    assert api.writes == []


def test_the_wanted_overlay_is_success_without_a_write() -> None:
    api = Api()
    plan = creation(api)
    api.exists(GIT)
    assert isinstance(carried_out(api, plan), Unchanged)
    assert api.writes == []


def test_an_overlay_that_is_not_understood() -> None:
    api = Api()
    plan = creation(api)
    api.exists(Unreadable(problem="odd"))
    outcome = carried_out(api, plan)
    assert isinstance(outcome, Failed)
    assert outcome.problem.code == "unreadable-overlay"


@pytest.mark.parametrize("status", [400, None])
def test_another_refusal_is_a_failure(status: int | None) -> None:
    api = Api()
    plan = creation(api)
    api.exists(GIT)
    api.status = status  # type: ignore[assignment]
    outcome = carried_out(api, plan)
    assert isinstance(outcome, Failed)
    assert outcome.problem is PROBLEM


def test_a_first_try_that_arrives_after_all_is_ours() -> None:
    api = Api()
    plan = creation(api)
    api.losing = True
    looks = 0
    read_live = api.read_live

    def look(organization: object) -> object:
        nonlocal looks
        looks += 1
        found = read_live(ORGANIZATION)
        if looks == 3:  # after the last look that finds nothing, and before the second try
            api.exists(GIT)
        return found

    api.read_live = look  # type: ignore[assignment,method-assign]
    outcome = carried_out(api, plan)
    assert isinstance(outcome, Applied)
    assert outcome.read_back
