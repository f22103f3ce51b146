"""What plans say: the same bytes for the same input, and sentences that hold for what they stand beside."""

from reconciler.diagnostics import Diagnostic
from reconciler.views import diagnostics
from reconciler.views.text import Style
from tests.support.program import Program, write_manifest

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
    assert "the manifest has no repositories" in result.err
    assert "to reset" in result.out
    assert "nothing to plan" not in result.err + result.out


def test_the_first_hundred_problems_are_shown_and_the_others_counted() -> None:
    """Entry 24: whoever made 700,000 mistakes is told of a hundred."""
    many = [Diagnostic(code="x", summary=f"problem {number}") for number in range(250)]
    *shown, more, count = diagnostics.render(many, style=Style(color=False, unicode=True)).splitlines()
    assert len(shown) == 100
    assert (more, count) == ("and 150 more", "250 errors")
