import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len as width

from reconciler.core.builds import Progress, Result, Stage
from reconciler.core.overlay import make_overlay
from reconciler.core.runs import Applied, Drifted, Failed, FailureKind, NotAttempted, Outcome, Skip
from reconciler.diagnostics import Diagnostic
from reconciler.views.apply_text import render
from reconciler.views.run_document import report_document
from reconciler.views.text import Style, json_line
from reconciler.views.verdict import ending, summary_document
from tests.support import golden
from tests.support.examples import examples
from tests.views import runs, samples
from tests.views.hostile_text import names, texts, unsafe

PLAIN = Style(color=False, unicode=True)


def report(**changed: Any) -> Any:
    flags = {"interrupted": True, "waited": True, "timed_out": True, **changed}
    return report_document(runs.outcomes(), runs.followed(), {}, **flags)


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_the_report_is_as_in_its_golden_file(columns: int) -> None:
    golden.check(samples.GOLDEN / f"report-{columns}.txt", render(report(), style=PLAIN, width=columns))


def test_the_report_in_color_and_in_ascii() -> None:
    for name, style in (("color", Style(color=True, unicode=True)), ("ascii", Style(color=False, unicode=False))):
        golden.check(samples.GOLDEN / f"report-80-{name}.txt", render(report(), style=style, width=80))


def test_the_report_of_hundreds_counts_what_went_well() -> None:
    steps = [samples.step(f"app-{number:03}", after=make_overlay(packages=["git"])) for number in range(300)]
    outcomes = [Applied(step=step, repository_id="x", since=0.0) for step in steps]
    built = [
        samples.progress(step.repository, Stage.DONE, samples.build(number, Result.SUCCESS, took=60.0))
        for number, step in enumerate(steps)
    ]
    document = report_document(outcomes, built, {}, interrupted=False, waited=True, timed_out=False)
    drawn = render(document, style=PLAIN, width=80)
    assert "applied: 300 repositories\n" in drawn
    assert "1 succeeded; in 300 repositories\n" in drawn
    # Their reports list no configuration to prove it by.
    assert all(drawn.count(f"app-{number:03}") == 1 for number in range(300))
    assert len(drawn.splitlines()) < 60
    assert drawn.endswith("Verified: only 0 of 300 new images contain the requested configuration.\n")
    verbose = render(document, style=PLAIN, width=80, verbose=True)
    assert all(verbose.count(f"app-{number:03}") == 3 for number in range(300))


def test_a_run_that_did_nothing_has_nothing_to_report_but_its_verdict() -> None:
    document = report_document([], [], {}, interrupted=False, waited=True, timed_out=False)
    assert render(document, style=PLAIN, width=80) == ""
    assert ending(document, command="apply", complete=True, style=PLAIN) == "Apply complete: no changes."


def test_builds_that_were_not_waited_for_are_mentioned() -> None:
    applied = runs.outcomes()[:1]
    document = report_document(applied, [], {}, interrupted=False, waited=False, timed_out=False)
    assert "To resume: `reconciler wait`." in render(document, style=PLAIN, width=80)
    said = ending(document, command="apply", complete=True, style=PLAIN)
    assert said == "Apply complete: 1 repository updated, builds not waited for."


def test_failures_with_one_cause_are_one_entry() -> None:
    problem = Diagnostic(code="x", summary="permission denied", hint="ask for the role")
    found = [
        Failed(
            step=samples.step(f"app-{number}", after=make_overlay(packages=["git"])),
            kind=FailureKind.OTHER,
            problem=problem,
        )
        for number in range(5)
    ]
    document = report_document(found, [], {}, interrupted=False, waited=False, timed_out=False)
    assert render(document, style=PLAIN, width=80) == (
        "app-0, app-1, app-2 and 2 more (5 repositories): failed\n"
        "  error: permission denied [x]\n"
        "    hint: ask for the role\n"
    )
    said = ending(document, command="apply", complete=False, style=PLAIN)
    assert said == "Apply finished with errors: 5 failed (app-0, app-1, app-2 and 2 more)."


def test_failed_builds_with_one_log_are_one_entry() -> None:
    progress = [
        samples.progress(f"app-{number}", Stage.DONE, samples.build(number, Result.FAILURE)) for number in range(4)
    ]
    drawn = drawn_with(progress, {one.failures[0].id: "no such package\n" for one in progress})
    assert "app-0, app-1, app-2 and 1 more (4 repositories): 4 builds failed; log:" in drawn
    assert drawn.count("no such package") == 1
    assert drawn.endswith("Verified: only 0 of 4 new images contain the requested configuration (4 builds failed).\n")


def test_builds_that_failed_or_did_not_end_are_never_called_verified() -> None:
    good = samples.progress("good", Stage.DONE, samples.build(1, Result.FAILURE), samples.build(2, Result.RUNNING))
    drawn = drawn_with([good], {})
    assert "Verified: only 0 of 2 new images contain" in drawn
    assert "(1 build failed, 1 build running)" in drawn


def test_the_line_about_what_is_proven_is_true_of_a_run_that_is_not_over() -> None:
    nothing = samples.progress("none", Stage.WAITING)
    assert drawn_with([nothing], {}).endswith("Verified: no new image yet (1 repository not finished).\n")


def test_a_log_that_was_fetched_is_taken_before_the_one_in_the_report() -> None:
    failed = runs.followed()[4].failures[0]
    document = report_document(
        [], runs.followed(), {failed.id: "one line"}, interrupted=False, waited=True, timed_out=False
    )
    (failure,) = next(one["failures"] for one in document["builds"]["repositories"] if one["failures"])
    assert (failure["log_tail"], failure["log_lines"]) == (["one line"], 1)


def test_the_last_fifteen_lines_of_a_failed_log_are_shown_with_the_command_for_all() -> None:
    drawn = render(report(), style=PLAIN, width=80)
    assert "package 7\n" not in drawn
    assert "│ step 8: fetching package 8\n" in drawn
    assert f"  reconciler logs app-04 --build {samples.uidp(7, 41).rpartition('/')[2]}\n" in drawn


def test_what_changed_meanwhile_is_shown_from_three_sides() -> None:
    (stale,) = report()["stale"]
    sides = {one["key"]: (one["planned_from"], one["now"], one["wanted"]) for one in stale["differences"]}
    assert sides == {
        "vim": ([], ["vim"], []),
        "NODE_ENV": (["dev"], ["test"], ["production"]),
        "MY_TOKEN": ([], ["*** (now)"], []),
    }


def test_a_name_with_spaces_is_quoted_for_the_shell() -> None:
    failed = samples.progress("my image", Stage.DONE, samples.build(1, Result.FAILURE))
    drawn = drawn_with([failed], {failed.failures[0].id: "no"})
    assert "reconciler logs 'my image' --build " in drawn


def test_failed_builds_whose_logs_were_not_read_are_named() -> None:
    builds = [samples.build(number, Result.FAILURE) for number in (1, 2, 3)]
    drawn = drawn_with([samples.progress("image", Stage.DONE, *builds)], {builds[0].id: "no"})
    assert "image: 2 builds failed; read the log with `reconciler logs --build` and one of:\n" in drawn
    for build in builds[1:]:
        assert f"\n    {build.id.rpartition('/')[2]}" in drawn or f"  {build.id.rpartition('/')[2]}" in drawn


def test_a_log_that_was_read_and_is_empty() -> None:
    failed = samples.progress("image", Stage.DONE, samples.build(1, Result.FAILURE))
    assert "a build failed; no log" in drawn_with([failed], {failed.failures[0].id: "\n"})


def drawn_with(progress: list[Progress], logs: dict[str, str]) -> str:
    document = report_document([], progress, logs, interrupted=False, waited=True, timed_out=False)
    return render(document, style=PLAIN, width=80)


def test_the_summary_is_one_line_with_names_and_sums() -> None:
    line = json_line(summary_document(report(), verdict="Apply complete: no changes."))
    assert line.endswith("\n")
    assert line.count("\n") == 1
    summary = json.loads(line)
    assert summary["type"] == "summary"
    assert summary["applied"] == [f"app-{number:02}" for number in range(7)]
    assert summary["already_done"] == ["app-07"]
    assert summary["stale"] == ["app-08"]
    assert summary["failed"] == ["app-09"]
    assert summary["not_attempted"] == ["app-10", "app-11"]
    built = summary["builds"].pop("built")
    assert {one["repository"] for one in built} == {f"app-{number:02}" for number in range(6)}
    assert all(one["untold"] == ["contents.packages git"] for one in built if one["result"] == "success")
    assert summary["builds"] == {
        "waited": True,
        "timed_out": True,
        "succeeded": 10,
        "failed": 1,
        "running": 1,
        "followed": 7,
        "done": 5,
        "waiting": 1,
        "unfinished": ["app-05", "app-06"],
        "failures": [{"repository": "app-04", "id": samples.uidp(7, 41)}],
        "still_there": [],
        "other_changes": [],
        "superseded": [],
        "verified": {"proven": 0, "of": 8},
    }


@st.composite
def outcomes(draw: st.DrawFn) -> Outcome:
    overlays = st.builds(
        make_overlay,
        packages=st.lists(names(), max_size=2),
        environment=st.dictionaries(names(), texts(), max_size=2),
    )
    step = samples.step(draw(names()), draw(overlays), draw(overlays))
    problem = Diagnostic(code=draw(names()), summary=draw(texts()), detail=draw(texts()), hint=draw(texts()))
    kinds: list[Outcome] = [
        Applied(step=step, repository_id="x", since=0.0, read_back=True),
        Drifted(step=step, now=draw(overlays)),
        Failed(step=step, kind=FailureKind.OTHER, problem=problem),
        NotAttempted(step=step, reason=draw(st.sampled_from(Skip))),
    ]
    return draw(st.sampled_from(kinds))


@settings(max_examples=examples(60))
@given(st.lists(outcomes(), max_size=5), names(), texts(60), st.integers(60, 120))
def test_whatever_a_run_says_is_made_safe(found: list[Outcome], name: str, log: str, columns: int) -> None:
    failed = samples.progress(name, Stage.DONE, samples.build(1, Result.FAILURE, took=1.0, log=log))
    document = report_document(found, [failed], {}, interrupted=False, waited=True, timed_out=False)
    drawn = render(document, style=PLAIN, width=columns)
    assert not unsafe(drawn)
    assert not [line for line in drawn.splitlines() if line.endswith(" ")]
    wrapped = [
        line
        for line in drawn.splitlines()
        if not line.startswith(("  reconciler logs", "  error:", "    ", "Verified:"))
    ]
    assert all(width(line) <= columns for line in wrapped)
    assert json.loads(json_line(summary_document(document, verdict="")))["builds"]["failed"] == 1


def test_every_kind_of_value_can_be_shown_from_three_sides() -> None:
    step = samples.step("r", samples.everything_before(), make_overlay())
    stale = Drifted(step=step, now=samples.everything_after())
    document = report_document([stale], [], {}, interrupted=False, waited=True, timed_out=False)
    golden.check(samples.GOLDEN / "stale-80.txt", render(document, style=PLAIN, width=80))


def test_builds_that_do_not_count_are_reported_where_none_does() -> None:
    other = samples.build(1, Result.SUCCESS, took=60.0)
    waiting = replace(samples.progress("app", Stage.WAITING), reports=(other,))
    document = report_document([], [waiting], {}, interrupted=False, waited=True, timed_out=True)
    drawn = render(document, style=PLAIN, width=80)
    assert "app   waiting for builds: 1 other build, none with the new configuration" in drawn
