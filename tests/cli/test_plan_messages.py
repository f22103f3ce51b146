"""What plans say: the same bytes for the same input, and sentences that hold for what they stand beside."""

from dataclasses import replace

import pytest

from reconciler.core.plan import GuardRules, ReasonCode, judge_guard
from reconciler.diagnostics import Diagnostic
from reconciler.views import diagnostics
from reconciler.views.text import Style
from tests.support.overlays import overlay
from tests.support.program import Program, write_manifest
from tests.views import samples

HEAD = "organization: example.com\nrepositories:\n"


def test_a_plan_is_the_same_whether_packages_were_cached_or_not(program: Program) -> None:
    """Entry 38: what the checks cost belongs to `--debug`."""
    write_manifest(f"{HEAD}  custom-nginx: {{packages: [curl, git]}}\n")
    first, second = (program.run("plan", "--format", "json", "--debug") for _ in range(2))
    assert "(0 from cache)" in first.err
    assert "(2 from cache)" in second.err
    assert first.out == second.out


def test_resets_are_not_called_nothing_to_plan(program: Program) -> None:
    """Entry 37: an empty manifest with `--prune` plans resets."""
    write_manifest("organization: example.com\nrepositories: {}\n")
    result = program.run("plan", "--prune")
    assert "the manifest names no repository" in result.err
    assert "to reset" in result.out
    assert "nothing to plan" not in result.err + result.out


@pytest.mark.parametrize(("code", "origin"), [(ReasonCode.REVERTED, "run"), (ReasonCode.DIFFERS, "manifest")])
def test_the_guard_names_what_its_repositories_are_counted_by(code: ReasonCode, origin: str) -> None:
    """Entry 37: a revert counts the repositories of its run, and not those that a manifest covers."""
    steps = [samples.step(f"r{n}", overlay({"packages": ["git"]}), overlay({}), line=n + 1) for n in range(12)]
    steps = [replace(step, reason=replace(step.reason, code=code)) for step in steps]
    (refusal,) = judge_guard(steps, GuardRules(limit=0.3, covered=12, named=12)).refusals
    assert refusal.summary.startswith(f"12 of the 12 repositories that the {origin} covers would lose something")


def test_the_first_hundred_problems_are_shown_and_the_others_counted() -> None:
    """Entry 24: whoever made 700,000 mistakes is told of a hundred."""
    many = [Diagnostic(code="x", summary=f"problem {number}") for number in range(250)]
    *shown, more, count = diagnostics.render(many, style=Style(color=False, unicode=True)).splitlines()
    assert len(shown) == 100
    assert (more, count) == ("and 150 more", "250 errors")
