"""Overlays and bindings: each is read again right before its write, settled by reading, and never removed too early."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from reconciler.api.errors import AnswerLost, Rejected, TokenRejected
from reconciler.core.bindings import SelectorKind, TagSelector
from reconciler.core.builds import Progress
from reconciler.core.overlay import EMPTY, Overlay, fingerprint
from reconciler.core.plan import Plan
from reconciler.core.runs import Applied, Drifted, Failed, FailureKind, NotAttempted, Outcome, Skip, Unchanged
from reconciler.core.steps import Action, AnyStep, BindingStep, OverlayStep, Reason, ReasonCode, Scope, ScopeKind, Step
from reconciler.diagnostics import Diagnostic
from reconciler.engine.apply import apply
from reconciler.engine.follow import Limits
from reconciler.engine.ports import OnError
from reconciler.engine.rollout import Batches, Rollout, rollout
from reconciler.engine.waves import parse_sizes, plan_waves
from tests.engine.world import GIT, VIM
from tests.support.clock import FakeClock
from tests.support.fake_api import ORGANIZATION, FakeApi

REASON = Reason(code=ReasonCode.DIFFERS)
ALL = TagSelector(kind=SelectorKind.ALL)
DEV = TagSelector(kind=SelectorKind.VARIANT, variant="dev")
LOST = Diagnostic(code="answer-lost", summary="lost")
KINDS = ("create overlay", "update overlay", "delete overlay", "bind", "select", "unbind")


def repository_scope(name: str) -> Scope:
    return Scope(kind=ScopeKind.REPOSITORY, id=f"{ORGANIZATION.id}/{name}", label=name)


EVERYWHERE = Scope(kind=ScopeKind.ORGANIZATION, id=ORGANIZATION.id, label="all repositories")


class Setting:
    """Two repositories, and an overlay `old` that is bound to `a` for all tags."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.api = FakeApi(self.clock, {"a": EMPTY, "b": EMPTY})
        self.stop = threading.Event()
        self.old = self.api.add_overlay("old", GIT)
        self.free = self.api.add_overlay("free", GIT)
        self.bound = self.api.add_binding(repository_scope("a"), self.old, ALL)

    def overlay(self, name: str, before: Overlay | None, after: Overlay | None) -> OverlayStep:
        id_ = None if before is None else next(one.id for one in self.api.overlays.values() if one.name == name)
        return OverlayStep(
            name=name, id=id_, action=action_of(before, after), reason=REASON, place=None, before=before, after=after
        )

    def binding(self, name: str, scope: Scope, before: TagSelector | None, after: TagSelector | None) -> BindingStep:
        known = next((one.id for one in self.api.overlays.values() if one.name == name), None)
        there = (one.id for one in self.api.bindings.values() if (one.scope, one.overlay) == (scope.id, name))
        return BindingStep(
            scope=scope,
            overlay=name,
            overlay_id=known,
            id=None if before is None else next(there),
            action=action_of(before, after),
            reason=REASON,
            place=None,
            before=before,
            after=after,
        )

    def of(self, kind: str) -> OverlayStep | BindingStep:
        """Return a step of each kind of write."""
        a = repository_scope("a")
        match kind:
            case "create overlay":
                return self.overlay("new", None, GIT)
            case "update overlay":
                return self.overlay("old", GIT, VIM)
            case "delete overlay":
                return self.overlay("free", GIT, None)
            case "bind":
                return self.binding("free", a, None, DEV)
            case "select":
                return self.binding("old", a, ALL, DEV)
            case _:
                return self.binding("old", a, ALL, None)

    def apply(self, *steps: AnyStep, record: "Noted | None" = None, parallelism: int = 1) -> dict[str, Outcome]:
        outcomes = apply(
            plan_of(*steps),
            self.api,
            clock=self.clock,
            stop=self.stop,
            parallelism=parallelism,
            on_event=lambda _: None,
            record=record,
        )
        return {one.step.label: one for one in outcomes}

    def only(self, step: OverlayStep | BindingStep) -> Outcome:
        return self.apply(step)[step.label]

    def content(self, step: OverlayStep | BindingStep) -> object:
        """Return what is live of what a step is about."""
        if isinstance(step, OverlayStep):
            return next((one.overlay for one in self.api.overlays.values() if one.name == step.name), None)
        same = (one for one in self.api.bindings.values() if (one.scope, one.overlay) == (step.scope.id, step.overlay))
        return next((one.selector for one in same), None)


class Noted:
    """A record that notes what it is told, in order."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def about_to_write(self, step: AnyStep, *, repository_id: str | None, since: float) -> None:
        self.told.append(f"about to write {step.label}")

    def finished(self, outcome: Outcome) -> None:
        self.told.append(f"finished {outcome.step.label}")

    def seen(self, progress: Sequence[Progress]) -> None:
        pass


def action_of(before: object, after: object) -> Action:
    if before is None:
        return Action.CREATE
    return Action.DELETE if after is None else Action.UPDATE


def plan_of(*steps: AnyStep) -> Plan:
    return Plan(
        organization=ORGANIZATION,
        steps=tuple(step for step in steps if isinstance(step, Step)),
        overlay_steps=tuple(step for step in steps if not isinstance(step, Step)),
    )


def reset(name: str, before: Overlay, after: Overlay = EMPTY) -> Step:
    return Step(
        repository=name,
        id=f"{ORGANIZATION.id}/{name}",
        action=Action.RESET if after == EMPTY else Action.UPDATE,
        reason=REASON,
        place=None,
        before=before,
        after=after,
    )


@pytest.mark.parametrize("kind", KINDS)
def test_each_write_is_confirmed_by_reading(kind: str) -> None:
    setting = Setting()
    step = setting.of(kind)
    outcome = setting.only(step)
    assert isinstance(outcome, Applied), outcome
    assert outcome.repository_id
    assert not outcome.read_back
    assert setting.content(step) == step.after
    assert len(setting.api.writes) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_as_wanted_already_is_not_written(kind: str) -> None:
    setting = Setting()
    step = setting.of(kind)
    setting.only(step)
    assert isinstance(setting.only(step), Unchanged)
    assert len(setting.api.writes) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_what_somebody_else_changed_is_left_alone(kind: str) -> None:
    setting = Setting()
    step = setting.of(kind)
    other: Overlay | TagSelector
    if isinstance(step, OverlayStep):
        other = Overlay(packages=("curl",))
        if step.id is None:
            setting.api.add_overlay(step.name, other)
        else:
            setting.api.overlays[step.id] = replace(setting.api.overlays[step.id], overlay=other)
    else:
        other = TagSelector(kind=SelectorKind.EXACT, tags=("1",))
        assert step.overlay_id is not None
        if step.id is None:
            setting.api.add_binding(step.scope, step.overlay_id, other)
        else:
            setting.api.bindings[step.id] = replace(setting.api.bindings[step.id], selector=other)
    assert setting.only(step) == Drifted(step=step, now=other)
    assert setting.api.writes == []


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("arrives", [True, False])
def test_a_lost_answer_is_settled_by_reading(kind: str, *, arrives: bool) -> None:
    setting = Setting()
    step = setting.of(kind)
    lost = iter([AnswerLost(LOST)])

    def lose(_: str) -> None:
        error = next(lost, None)
        if error is not None:
            raise error

    if arrives:
        setting.api.after_overlay_write = lose
    else:
        setting.api.before_overlay_write = lose
    outcome = setting.only(step)
    assert isinstance(outcome, Applied), outcome
    assert setting.content(step) == step.after
    # One that did not arrive is sent once more, and that answer is not lost.
    assert (outcome.read_back, len(setting.api.writes)) == ((True, 1) if arrives else (False, 2))


@pytest.mark.parametrize("kind", KINDS)
def test_a_write_that_never_arrives_fails_after_the_second_try(kind: str) -> None:
    setting = Setting()
    step = setting.of(kind)

    def lose(_: str) -> None:
        raise AnswerLost(LOST)

    setting.api.before_overlay_write = lose
    outcome = setting.only(step)
    assert isinstance(outcome, Failed)
    assert outcome.problem.code == "not-written"
    assert len(setting.api.writes) == 2
    assert setting.content(step) == step.before


@pytest.mark.parametrize("kind", ["create overlay", "bind"])
def test_a_creation_that_arrived_before_its_second_try_is_applied(kind: str) -> None:
    setting = Setting()
    step = setting.of(kind)
    tries: list[str] = []

    def late(what: str) -> None:
        tries.append(what)
        if len(tries) == 1:
            raise AnswerLost(LOST)
        if isinstance(step, OverlayStep):
            setting.api.add_overlay(step.name, GIT)
        else:
            assert step.overlay_id is not None
            setting.api.add_binding(step.scope, step.overlay_id, DEV)

    setting.api.before_overlay_write = late
    outcome = setting.only(step)
    assert isinstance(outcome, Applied), outcome
    assert outcome.read_back


@pytest.mark.parametrize("kind", ["create overlay", "bind"])
def test_a_creation_by_somebody_else_at_the_same_time_is_not_a_failure_where_it_is_the_same(kind: str) -> None:
    setting = Setting()
    step = setting.of(kind)

    def overtake(_: str) -> None:
        if isinstance(step, OverlayStep):
            setting.api.add_overlay(step.name, GIT)
        else:
            assert step.overlay_id is not None
            setting.api.add_binding(step.scope, step.overlay_id, DEV)

    setting.api.before_overlay_write = overtake
    assert isinstance(setting.only(step), Unchanged)


@pytest.mark.parametrize(("kind", "code"), [("update overlay", "overlay-gone"), ("select", "binding-gone")])
def test_what_is_gone_is_a_failure(kind: str, code: str) -> None:
    setting = Setting()
    step = setting.of(kind)
    setting.api.bindings.clear()
    if kind == "update overlay":
        setting.api.overlays.clear()
    outcome = setting.only(step)
    assert isinstance(outcome, Failed)
    assert outcome.problem.code == code


def test_a_renamed_overlay_is_not_the_approved_one() -> None:
    setting = Setting()
    step = setting.of("update overlay")
    setting.api.overlays[setting.old] = replace(setting.api.overlays[setting.old], name="other")
    outcome = setting.only(step)
    assert isinstance(outcome, Failed)
    assert outcome.problem.summary == 'the approved overlay was renamed to "other"'


def test_nothing_is_bound_to_a_repository_that_was_renamed() -> None:
    setting = Setting()
    step = setting.of("bind")
    id_ = f"{ORGANIZATION.id}/a"
    setting.api.repositories[id_] = replace(setting.api.repositories[id_], name="z")
    outcome = setting.only(step)
    assert isinstance(outcome, Failed)
    assert outcome.problem.code == "repository-renamed"
    assert setting.api.writes == []


def test_an_overlay_that_changed_since_the_plan_is_not_bound() -> None:
    setting = Setting()
    reviewed = replace(setting.overlay("free", GIT, GIT), action=Action.NONE)
    step = setting.of("bind")
    setting.api.overlays[setting.free] = replace(setting.api.overlays[setting.free], overlay=VIM)
    outcome = setting.apply(reviewed, step)[step.label]
    assert isinstance(outcome, Failed)
    assert outcome.problem.code == "overlay-changed"
    assert setting.api.writes == []


@pytest.mark.parametrize("kind", ["bind", "select"])
def test_an_overlay_outside_the_manifest_is_bound_as_it_was_reviewed(kind: str) -> None:
    setting = Setting()
    step = setting.of(kind)
    assert isinstance(step, BindingStep)
    step = replace(step, content=fingerprint(GIT))
    assert isinstance(setting.only(step), Applied)
    setting = Setting()
    for id_ in (setting.free, setting.old):
        setting.api.overlays[id_] = replace(setting.api.overlays[id_], overlay=VIM)
    outcome = setting.only(step)
    assert isinstance(outcome, Failed)
    assert outcome.problem.code == "overlay-changed"
    assert setting.api.writes == []


def test_a_server_that_stores_something_else_is_reported() -> None:
    setting = Setting()
    step = setting.of("update overlay")

    def distort(_: str) -> None:
        setting.api.overlays[setting.old] = replace(setting.api.overlays[setting.old], overlay=Overlay())

    setting.api.after_overlay_write = distort
    outcome = setting.only(step)
    assert isinstance(outcome, Failed)
    assert outcome.kind is FailureKind.NOT_CONFIRMED
    assert "the overlay differs from what was sent: contents.packages" in outcome.problem.summary


def refusing(*parts: str) -> Callable[[str], None]:
    def refuse(what: str) -> None:
        if any(part in what for part in parts):
            raise Rejected(Diagnostic(code="binding-conflict", summary="no"))

    return refuse


def replacement(setting: Setting) -> tuple[OverlayStep | BindingStep, ...]:
    """Return the steps that put `new` in the place of `old`, in the usual order."""
    a = repository_scope("a")
    return (
        setting.overlay("new", None, VIM),
        setting.binding("new", a, None, ALL),
        setting.binding("old", a, ALL, None),
        setting.overlay("old", GIT, None),
    )


def test_nothing_is_taken_away_before_its_replacement_is_there() -> None:
    setting = Setting()
    outcomes = setting.apply(*replacement(setting), parallelism=4)
    assert all(isinstance(one, Applied) for one in outcomes.values()), outcomes
    assert setting.api.writes == ["create new", "bind new on a", "unbind old on a", "delete old"]


@pytest.mark.parametrize(
    ("refused", "left"),
    [
        ("create new", ["new on a", "old on a", "old"]),
        ("bind new", ["old on a", "old"]),
        ("unbind old", ["old"]),
        ("delete old", []),
    ],
)
def test_what_depends_on_a_failed_step_is_not_attempted(refused: str, left: list[str]) -> None:
    setting = Setting()
    setting.api.before_overlay_write = refusing(refused)
    outcomes = setting.apply(*replacement(setting))
    skipped = [one.step.label for one in outcomes.values() if isinstance(one, NotAttempted)]
    assert sorted(skipped) == sorted(left)
    assert all(one.reason is Skip.PREREQUISITE for one in outcomes.values() if isinstance(one, NotAttempted))
    assert sum(isinstance(one, Failed) for one in outcomes.values()) == 1


@pytest.mark.parametrize(
    ("scope", "held"), [(repository_scope("b"), False), (EVERYWHERE, True)], ids=["beside", "above"]
)
def test_a_binding_elsewhere_holds_nothing_back(scope: Scope, *, held: bool) -> None:
    setting = Setting()
    setting.api.before_overlay_write = refusing("bind free on")
    outcomes = setting.apply(setting.binding("free", scope, None, ALL), setting.of("unbind"))
    assert isinstance(outcomes["old on a"], NotAttempted if held else Applied)


def test_a_standard_customization_is_reset_before_a_bind_and_restored_after_an_unbind() -> None:
    setting = Setting()
    setting.api.put(f"{ORGANIZATION.id}/b", GIT)
    setting.apply(setting.binding("free", repository_scope("b"), None, ALL), reset("b", GIT), reset("a", EMPTY, VIM))
    assert setting.api.writes == ["b", "bind free on b", "a"]
    setting.api.writes.clear()
    unbind = setting.binding("free", repository_scope("b"), ALL, None)
    setting.apply(reset("b", EMPTY, GIT), unbind)
    assert setting.api.writes == ["unbind free on b", "b"]


def test_nothing_is_bound_where_the_reset_failed() -> None:
    setting = Setting()
    setting.api.put(f"{ORGANIZATION.id}/b", VIM)
    outcomes = setting.apply(setting.binding("free", repository_scope("b"), None, ALL), reset("b", GIT))
    assert isinstance(outcomes["b"], Drifted)
    assert outcomes["free on b"] == NotAttempted(step=outcomes["free on b"].step, reason=Skip.PREREQUISITE)


def test_each_write_is_on_record_before_it_is_sent() -> None:
    setting, record = Setting(), Noted()
    setting.api.before_overlay_write = record.told.append
    setting.apply(*replacement(setting), record=record)
    order = [
        ("new", "create new"),
        ("new on a", "bind new on a"),
        ("old on a", "unbind old on a"),
        ("old", "delete old"),
    ]
    assert record.told == [
        line for label, write in order for line in (f"about to write {label}", write, f"finished {label}")
    ]


@pytest.mark.parametrize("written", range(4))
def test_an_interruption_finishes_the_write_in_progress_and_begins_no_other(written: int) -> None:
    setting = Setting()

    def interrupt(_: str) -> None:
        if len(setting.api.writes) > written:
            setting.stop.set()

    setting.api.before_overlay_write = interrupt
    outcomes = setting.apply(*replacement(setting))
    assert len(setting.api.writes) == written + 1
    assert sum(isinstance(one, Applied) for one in outcomes.values()) == written + 1
    left = [one.reason for one in outcomes.values() if isinstance(one, NotAttempted)]
    assert left == [Skip.INTERRUPTED] * (3 - written)


def test_a_rejected_token_ends_all() -> None:
    setting = Setting()

    def reject(_: str) -> None:
        raise TokenRejected(Diagnostic(code="token-rejected", summary="expired"))

    setting.api.before_overlay_write = reject
    outcomes = setting.apply(*replacement(setting))
    assert isinstance(outcomes["new"], Failed)
    assert all(
        isinstance(one, NotAttempted) and one.reason is Skip.TOKEN_REJECTED
        for label, one in outcomes.items()
        if label != "new"
    )


def test_overlays_and_bindings_are_the_first_wave() -> None:
    setting = Setting()
    for name in ("a", "b"):
        setting.api.put(f"{ORGANIZATION.id}/{name}", EMPTY)
    settings = Rollout(
        parallelism=1,
        on_error=OnError.CONTINUE,
        batches=Batches(),
        wait=False,
        limits=Limits(total=600),
    )
    steps = (*replacement(setting), reset("a", EMPTY, GIT), reset("b", EMPTY, GIT))
    waves: list[str] = []
    plan = plan_of(*steps)
    rollout(
        plan,
        setting.api,
        clock=setting.clock,
        stop=setting.stop,
        settings=settings,
        on_event=lambda event: waves.append(type(event).__name__),
        waves=plan_waves(plan, parse_sizes("1")),
    )
    assert setting.api.writes == ["create new", "bind new on a", "unbind old on a", "delete old", "a", "b"]
    assert waves.count("WaveStarted") == 3


def test_an_order_that_the_plan_has_instead_of_the_usual_one_is_kept() -> None:
    """The API refuses two overlays that disagree for the same tags: the one that goes is unbound first."""
    setting = Setting()
    a = repository_scope("a")
    setting.apply(setting.binding("old", a, ALL, None), setting.binding("free", a, None, ALL), parallelism=4)
    assert setting.api.writes == ["unbind old on a", "bind free on a"]


def test_bindings_of_one_scope_are_written_one_after_another() -> None:
    setting = Setting()
    names = [f"o{number}" for number in range(8)]
    for name in names:
        setting.api.add_overlay(name, GIT)
    a, b = repository_scope("a"), repository_scope("b")
    steps = [setting.binding(name, scope, None, ALL) for name in names for scope in (a, b)]
    setting.apply(*steps, parallelism=4)
    of_a = [what for what in setting.api.writes if what.endswith("on a")]
    assert of_a == [f"bind {name} on a" for name in names]
    assert len(setting.api.writes) == 16
