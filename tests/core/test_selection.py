"""Which steps a selection keeps, what it names, and what it finds wrong."""

from dataclasses import replace
from typing import Any

import pytest

from reconciler.core.plan import Plan
from reconciler.core.selection import Selection, select
from reconciler.core.state import Address, Live, LiveRepository, Organization
from reconciler.core.steps import ReasonCode
from reconciler.diagnostics import Diagnostic, Severity
from tests.core.test_guards import GIT, emptied, entry, make
from tests.support.overlays import overlay

ORGANIZATION = Organization(id="a" * 40, name="example.com")
PLACES = [("", "web"), ("", "api"), ("team-a", "web"), ("team-a/deep", "jobs")]
LIVE = Live(
    organization=ORGANIZATION,
    repositories=tuple(
        LiveRepository(id=f"{ORGANIZATION.id}/{number}", name=name, folder=folder, overlay=overlay({}))
        for number, (folder, name) in enumerate(PLACES)
    ),
)
ENTRIES = [
    entry("/web", GIT),
    entry("team-a/web", GIT),
    entry("api", GIT),
    entry("jobs", GIT),
    entry("new", GIT, source=Address(name="api")),
    entry("nowhere", GIT, line=9),
]
ALL = ["/web", "api", "jobs", "new", "nowhere", "team-a/web"]


def chosen(repo: tuple[str, ...] = (), exclude: tuple[str, ...] = (), **how: Any) -> tuple[Plan, list[str]]:
    plan, problems = select(make(ENTRIES, LIVE, **how), Selection(repo=repo, exclude=exclude), LIVE)
    return plan, [f"{problem.severity}: {problem.summary} ({problem.hint})" for problem in problems]


@pytest.mark.parametrize(
    ("repo", "exclude", "expected"),
    [
        ((), (), ALL),
        (("web",), (), ["/web", "team-a/web"]),
        (("/web",), (), ["/web"]),
        (("team-a/web",), (), ["team-a/web"]),
        (("team-a/*",), (), ["jobs", "team-a/web"]),
        (("*/web",), (), ["/web", "team-a/web"]),
        (("a*", "j?bs"), (), ["api", "jobs"]),
        (("new",), (), ["new"]),
        (("nowhere",), (), ["nowhere"]),
        ((f"{ORGANIZATION.id}/1",), (), ["api"]),
        ((), ("web", "n*"), ["api", "jobs"]),
        (("web",), ("team-a/*",), ["/web"]),
    ],
)
def test_what_is_selected(repo: tuple[str, ...], exclude: tuple[str, ...], expected: list[str]) -> None:
    plan, problems = chosen(repo, exclude)
    assert [step.repository for step in plan.steps] == expected
    assert sorted(plan.left_out) == sorted(set(ALL) - set(expected))
    assert problems == []


def test_what_is_wrong_elsewhere_stops_nobody() -> None:
    assert not make(ENTRIES, LIVE).applyable
    plan, _ = chosen(exclude=("nowhere",))
    assert (plan.applyable, plan.complete, plan.diagnostics) == (True, True, ())
    plan, _ = chosen(repo=("nowhere",))
    assert [problem.code for problem in plan.diagnostics] == ["unknown-repository"]


def test_conflicts_of_what_is_left_out_stop_nobody() -> None:
    conflict = Diagnostic(code="conflicting-layers", summary="two places disagree")
    warning = Diagnostic(code="unmatched-glob", summary="a glob matches nothing", severity=Severity.WARNING)
    whole = make([entry("api", GIT), entry("jobs", GIT, problems=(conflict,))], LIVE)
    whole = replace(whole, diagnostics=(conflict, warning))
    assert whole.steps[1].reason.code is ReasonCode.CONFLICTING
    kept, _ = select(whole, Selection(repo=("api",)), LIVE)
    assert (kept.applyable, kept.diagnostics) == (True, (warning,))
    stopped, _ = select(whole, Selection(repo=("team-a/deep/*",)), LIVE)
    assert (stopped.failed, stopped.diagnostics) == (True, (conflict, warning))


def test_a_pattern_that_selects_nothing_is_an_error_with_the_nearest_names() -> None:
    _, problems = chosen(repo=("api", "job"))
    assert problems == ['error: --repo "job" matches no repository in the plan (did you mean jobs?)']


def test_a_pattern_that_leaves_out_nothing_is_a_warning() -> None:
    plan, problems = chosen(exclude=("legacy-*",))
    assert [step.repository for step in plan.steps] == ALL
    assert [problem.partition(" (")[0] for problem in problems] == [
        'warning: --exclude "legacy-*" matches no repository in the plan'
    ]


def test_leaving_out_everything_is_an_error() -> None:
    _, problems = chosen(exclude=("*",))
    assert [problem.partition(" (")[0] for problem in problems] == [
        "error: the selection excludes all 6 repositories in the plan"
    ]


def test_what_prune_would_reset_is_named_when_it_is_left_out() -> None:
    state = Live(
        organization=ORGANIZATION,
        repositories=(
            *LIVE.repositories,
            LiveRepository(id=f"{ORGANIZATION.id}/9", name="stray", overlay=overlay(GIT)),
        ),
    )
    plan, _ = select(make(ENTRIES, state, prune=True), Selection(repo=("api",)), state)
    assert "stray" in plan.left_out
    assert "stray" not in plan.unlisted


def test_the_guard_continues_counting_the_whole_manifest() -> None:
    whole = emptied(8, of=20)
    assert [problem.code for problem in whole.guard.refusals] == ["removal-guard"]
    part, problems = select(whole, Selection(repo=("r0[0-5]",)), Live(organization=ORGANIZATION, repositories=()))
    assert problems == ()
    assert (len(part.guard.losing), part.guard.rules.covered, part.guard.refusals) == (6, 20, ())
    assert part.applyable


def test_severities() -> None:
    _, problems = select(make(ENTRIES, LIVE), Selection(repo=("x",), exclude=("y",)), LIVE)
    assert [problem.severity for problem in problems] == [Severity.ERROR, Severity.WARNING]
