"""The guard's figures, what counts as a loss, what prune resets, and what a protection stops."""

from typing import Any

import pytest

from reconciler.core import planner
from reconciler.core.diff import diff
from reconciler.core.overlay import EMPTY, Section
from reconciler.core.plan import GuardFlags, LimitSource, Plan, losses, percent
from reconciler.core.state import (
    Address,
    Desired,
    DesiredRepository,
    Live,
    LiveRepository,
    Organization,
    Settings,
    Unreadable,
)
from reconciler.core.steps import Action, ReasonCode
from reconciler.diagnostics import Place
from tests.support.overlays import managed, overlay

ORGANIZATION = Organization(id="a" * 40, name="example.com")
GIT = {"packages": ["git"]}


def live(*repositories: tuple[str, dict[str, Any] | None]) -> Live:
    """Repositories by name with a short overlay, or None for one that was not understood."""
    return Live(
        organization=ORGANIZATION,
        repositories=tuple(
            LiveRepository(
                id=f"{ORGANIZATION.id}/{number:016x}",
                name=name,
                overlay=Unreadable(problem="odd") if short is None else overlay(short),
            )
            for number, (name, short) in enumerate(repositories)
        ),
    )


def entry(name: str, asked: dict[str, Any], **more: Any) -> DesiredRepository:
    return DesiredRepository(
        address=Address.parse(name),
        place=Place(file="m.yaml", line=more.pop("line", 1)),
        overlay=overlay(asked),
        managed=managed(asked),
        **more,
    )


def make(entries: list[DesiredRepository], state: Live, *, settings: Settings | None = None, **flags: Any) -> Plan:
    desired = Desired(organization="example.com", repositories=tuple(entries), settings=settings or Settings())
    return planner.plan(desired, state, flags=GuardFlags(**flags))


def emptied(count: int, of: int, **how: Any) -> Plan:
    """A plan that takes git away from so many repositories of so many."""
    names = [f"r{number:02}" for number in range(of)]
    entries = [entry(name, {"packages": [] if number < count else ["git"]}) for number, name in enumerate(names)]
    return make(entries, live(*((name, GIT) for name in names)), **how)


CASES: list[tuple[str, dict[str, Any], dict[str, Any], list[str]]] = [
    ("nothing", GIT, GIT, []),
    ("an addition", {}, GIT, []),
    ("a package", {"packages": ["curl", "git"]}, GIT, ["contents.packages curl"]),
    ("another version", {"packages": ["git=1"]}, {"packages": ["git=2"]}, []),
    ("one of two spellings", {"packages": ["git", "git=1"]}, {"packages": ["git=1"]}, []),
    ("both spellings", {"packages": ["git", "git=1"]}, {}, ["contents.packages git"]),
    ("a package for another", {"packages": ["vim"]}, GIT, ["contents.packages vim"]),
    ("a variable", {"environment": {"A": "1"}}, {}, ["environment A"]),
    ("another value", {"environment": {"A": "1"}}, {"environment": {"A": ""}}, []),
    ("an annotation", {"annotations": {"a": "1"}}, {}, ["annotations a"]),
    ("run-as", {"accounts": {"run_as": "app"}}, {}, ["accounts.run-as"]),
    ("another run-as", {"accounts": {"run_as": "app"}}, {"accounts": {"run_as": "web"}}, []),
    ("a list of repositories", {"runtime_repositories": ["a", "b"]}, {}, ["contents.runtime_repositories"]),
    (
        "one of the list",
        {"runtime_repositories": ["a", "b"]},
        {"runtime_repositories": ["b"]},
        ["contents.runtime_repositories"],
    ),
    ("another order", {"runtime_repositories": ["a", "b"]}, {"runtime_repositories": ["b", "a", "c"]}, []),
    (
        "a member",
        {"accounts": {"groups": [{"groupname": "dev", "gid": 1, "members": ["a", "b"]}]}},
        {"accounts": {"groups": [{"groupname": "dev", "gid": 2, "members": ["b"]}]}},
        ["accounts.groups dev"],
    ),
    (
        "another id",
        {"accounts": {"groups": [{"groupname": "dev", "gid": 1, "members": ["a"]}]}},
        {"accounts": {"groups": [{"groupname": "dev", "gid": 2, "members": ["a", "b"]}]}},
        [],
    ),
    (
        "a certificate",
        {"certificates": {"additional": [{"name": "x", "text": "y"}]}},
        {},
        ["certificates.additional x"],
    ),
    ("unknown content", {"unrecognised": [["later", "{}"]]}, {}, ["unrecognised later"]),
]


@pytest.mark.parametrize(("before", "after", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_what_is_a_loss(before: dict[str, Any], after: dict[str, Any], expected: list[str]) -> None:
    old, new = overlay(before), overlay(after)
    assert list(losses(diff(old, new), new)) == expected


def test_up_to_the_limit_nothing_is_refused() -> None:
    plan = emptied(3, of=10)
    assert (plan.guard.losing, plan.guard.ratio) == (("r00", "r01", "r02"), 0.3)
    assert plan.guard.refusals == ()
    assert plan.applyable


def test_above_the_limit_everything_is_refused_with_the_figures_and_the_flag() -> None:
    plan = emptied(4, of=12)
    (refusal,) = plan.guard.refusals
    assert refusal.code == "removal-guard"
    assert refusal.summary == (
        "4 of the 12 repositories covered by the manifest would lose content (33.3%); the limit is 30% (default)"
    )
    assert refusal.detail == "affected: r00, r01, r02 and 1 more"
    assert refusal.hint == "check the affected repositories, then allow it with `--max-removal 34%`"
    assert (plan.applyable, plan.refused, plan.complete, plan.failed) == (False, True, True, False)


@pytest.mark.parametrize(("count", "of"), [(1, 10), (3, 11), (4, 12), (7, 13), (10, 10), (29, 97), (99, 100)])
def test_the_suggested_flag_is_enough(count: int, of: int) -> None:
    refused = emptied(count, of=of, max_removal=0.0)
    (refusal,) = refused.guard.refusals
    told = int(refusal.hint.partition("--max-removal ")[2].rstrip("%`"))
    assert emptied(count, of=of, max_removal=told / 100).guard.refusals == ()
    assert emptied(count, of=of, max_removal=(told - 1) / 100).guard.refusals != ()


def test_a_small_manifest_has_no_guard() -> None:
    assert emptied(9, of=9).applyable
    assert not emptied(10, of=10).applyable


@pytest.mark.parametrize(
    ("settings", "flag", "limit", "source"),
    [
        (None, None, 0.3, LimitSource.DEFAULT),
        (0.5, None, 0.5, LimitSource.MANIFEST),
        (0.5, 0.1, 0.1, LimitSource.COMMAND_LINE),
        (0.0, None, 0.0, LimitSource.MANIFEST),
        (0.5, 0.0, 0.0, LimitSource.COMMAND_LINE),
    ],
)
def test_who_sets_the_limit(settings: float | None, flag: float | None, limit: float, source: LimitSource) -> None:
    plan = emptied(4, of=10, settings=Settings(max_removal=settings), max_removal=flag)
    assert (plan.guard.rules.limit, plan.guard.rules.limit_from) == (limit, source)
    assert plan.applyable is (limit >= 0.4)


def test_creations_and_what_cannot_be_planned_do_not_count() -> None:
    names = [f"r{number}" for number in range(9)]
    state = live(*((name, GIT) for name in names), ("odd", None), ("other", {}))
    entries = [
        *(entry(name, {"packages": []}) for name in names),
        *(entry(f"new{number}", GIT, source=Address(name="other")) for number in range(5)),
        entry("nowhere", GIT),
    ]
    assert make(entries, state).guard.rules.covered == 9
    assert make([*entries, entry("odd", GIT)], state).guard.rules.covered == 10


def test_percent() -> None:
    assert [percent(share) for share in (0.3, 1.0, 0.125, 0.0)] == ["30%", "100%", "12.5%", "0%"]


STATE = live(("named", GIT), ("stray", {"environment": {"A": "1"}}), ("plain", {}))


@pytest.mark.parametrize("how", [{"prune": True}, {"settings": Settings(prune=True)}])
def test_prune_resets_what_is_customised_and_not_named(how: dict[str, Any]) -> None:
    plan = make([entry("named", GIT)], STATE, **how)
    assert [(step.repository, step.action, step.reason.code) for step in plan.steps] == [
        ("named", Action.NONE, ReasonCode.AS_WANTED),
        ("stray", Action.RESET, ReasonCode.PRUNED),
    ]
    assert (plan.steps[1].place, plan.steps[1].after) == (None, EMPTY)
    assert [change.path for change in plan.steps[1].changes] == ["environment.A"]
    assert plan.unlisted == ("plain",)
    assert plan.guard.losing == ("stray",)
    assert plan.guard.rules.covered == 2


def test_without_prune_nothing_is_reset() -> None:
    plan = make([entry("named", GIT)], STATE)
    assert [step.repository for step in plan.steps] == ["named"]
    assert plan.unlisted == ("plain", "stray")


def test_what_may_be_meant_by_a_name_is_not_pruned() -> None:
    two = Live(
        organization=ORGANIZATION,
        repositories=tuple(
            LiveRepository(id=f"{ORGANIZATION.id}/{folder}", name="x", folder=folder, overlay=overlay(GIT))
            for folder in "ab"
        ),
    )
    plan = make([entry("x", {})], two, prune=True)
    assert [step.reason.code for step in plan.steps] == [ReasonCode.AMBIGUOUS]


def test_what_was_not_understood_is_not_pruned_and_not_passed_over() -> None:
    plan = make([entry("named", GIT)], live(("named", GIT), ("odd", None)), prune=True)
    (step,) = (step for step in plan.steps if step.repository == "odd")
    assert (step.action, step.reason.code) == (Action.UNKNOWN, ReasonCode.UNREADABLE)
    assert not plan.complete
    assert [problem.code for problem in plan.diagnostics] == ["unreadable-overlay"]


@pytest.mark.parametrize("limit", [None, 1.0])
def test_an_empty_manifest_with_prune_is_refused_whatever_the_share(limit: float | None) -> None:
    plan = make([], live(("one", GIT)), prune=True, max_removal=limit)
    assert [refusal.code for refusal in plan.guard.refusals] == ["prune-with-empty-manifest"]
    assert not plan.applyable


def test_prune_cannot_get_around_the_guard_with_a_short_manifest() -> None:
    state = live(*((f"r{number}", GIT) for number in range(20)))
    plan = make([entry("r0", GIT)], state, prune=True)
    assert len(plan.guard.losing) == 19
    assert [refusal.code for refusal in plan.guard.refusals] == ["removal-guard"]


def test_a_protected_repository_loses_nothing() -> None:
    state = live(("kept", {"packages": ["curl", "git"], "environment": {"A": "secret"}}), ("other", {}))
    plan = make([entry("kept", {"packages": ["git"], "environment": {}}, protect=True), entry("other", GIT)], state)
    step = plan.steps[0]
    assert (step.action, step.reason.code) == (Action.BLOCKED, ReasonCode.PROTECTED)
    assert step.reason.names == ("contents.packages curl", "environment A")
    (problem,) = plan.diagnostics
    assert problem.code == "protected-repository"
    assert "contents.packages curl, environment A" in problem.summary
    assert (plan.applyable, plan.refused, plan.complete, plan.failed) == (False, True, True, False)


@pytest.mark.parametrize("asked", [{"packages": ["git", "vim"]}, {"packages": ["git=2"]}, {}])
def test_a_protected_repository_may_gain(asked: dict[str, Any]) -> None:
    plan = make([entry("kept", asked, protect=True)], live(("kept", GIT)))
    assert not plan.refused
    assert plan.complete


def test_a_reset_of_a_protected_repository() -> None:
    assert make([entry("kept", {}, protect=True, reset=True)], live(("kept", GIT))).refused
    assert not make([entry("kept", {}, protect=True, reset=True)], live(("kept", {}))).refused


def test_sections_that_are_kept_are_no_loss() -> None:
    plan = make([entry("x", {"annotations": {"a": "b"}})], live(("x", GIT)))
    assert plan.steps[0].unmanaged == (Section.PACKAGES,)
    assert plan.guard.losing == ()
