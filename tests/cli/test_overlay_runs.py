"""Overlays and bindings through the whole command line: applied, followed by tag, proven, recorded, taken back."""

import json
from dataclasses import replace
from typing import Any

import pytest

from reconciler.emulator import Bind, Drop, EmulatorSettings, Fault, Status
from tests.support.program import Program, Result, write_manifest

NOTHING = "organization: example.com\n"
FIRST = """\
organization: example.com
overlays:
  tools: {packages: [jq]}
repositories:
  orders-api:
    overlays: {tools: dev}
"""
SECOND = """\
organization: example.com
overlays:
  tools: {packages: [jq, git]}
  extra: {environment: {A: "1"}}
repositories:
  orders-api:
    overlays: {extra: [latest]}
"""
OVERLAYS, BINDINGS = "^/registry/v2beta1/overlays", "^/registry/v2beta1/overlayBindings"
QUIET = EmulatorSettings(automatic_rebuilds=False)
# Each write of an apply of SECOND after FIRST, by method and path.
WRITES = {
    "create overlay": ("POST", OVERLAYS),
    "update overlay": ("PATCH", OVERLAYS),
    "bind": ("POST", BINDINGS),
    "unbind": ("DELETE", BINDINGS),
}


@pytest.fixture(autouse=True)
def _quiet(program: Program) -> None:
    program.settings = QUIET


def applied(program: Program, text: str, *more: str) -> Result:
    write_manifest(text)
    return program.run("apply", "--yes", *more)


def last(result: Result) -> str:
    return result.out.strip().splitlines()[-1]


def runs(program: Program) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(program.run("history", "--json").out)["runs"]
    return found


def has_no_changes(program: Program) -> bool:
    result = program.run("plan", "--detailed-exitcode")
    return result.code == 0 and last(result).startswith("No changes.")


def test_overlays_are_applied_from_nothing_to_no_changes(program: Program) -> None:
    result = applied(program, FIRST)
    assert result.code == 0, result.err
    assert "    overlay tools\n    binding tools on orders-api\n" in result.out
    assert "Builds of 1 repository: 2 succeeded." in result.out
    assert "orders-api:24-dev,latest-dev   2 succeeded: " in result.out
    assert "Verified: all 2 new images contain the requested configuration." in result.out
    assert last(result) == "Apply complete: 1 overlay, 1 binding created, 2 builds succeeded."
    assert "waiting for the builds of 1 group of tags in 1 repository" in result.err
    assert has_no_changes(program)


def test_tags_that_are_no_longer_matched_change_back(program: Program) -> None:
    applied(program, FIRST)
    result = applied(program, SECOND)
    assert result.code == 0, result.err
    assert "orders-api:24-dev,latest-dev   2 succeeded: " in result.out
    assert "orders-api:latest              1 succeeded: latest" in result.out
    assert "Verified: all 3 new images contain the requested configuration." in result.out
    expected = "1 overlay, 1 binding created, 1 overlay updated, 1 binding removed, 3 builds succeeded."
    assert last(result) == f"Apply complete: {expected}"
    assert has_no_changes(program)


def test_a_saved_plan_is_applied_as_it_was_reviewed(program: Program) -> None:
    applied(program, FIRST)
    write_manifest(SECOND)
    assert program.run("plan", "-o", "reviewed.plan").code == 0
    assert program.run("show", "reviewed.plan").code == 0
    write_manifest(NOTHING)
    result = program.run("apply", "reviewed.plan")
    assert result.code == 0, result.err
    write_manifest(SECOND)
    assert has_no_changes(program)


def test_an_overlay_of_others_that_changed_since_the_review_is_not_bound(program: Program) -> None:
    applied(program, "organization: example.com\noverlays:\n  tools: {packages: [jq]}\n")
    write_manifest("organization: example.com\nrepositories: {orders-api: {overlays: {tools: dev}}}\n")
    assert program.run("plan", "-o", "reviewed.plan").code == 0
    applied(program, "organization: example.com\noverlays:\n  tools: {packages: [jq, git]}\n")
    result = program.run("apply", "reviewed.plan")
    assert result.code == 3
    assert 'the overlay "tools" has changed since the plan' in result.out + result.err


def test_a_run_is_taken_back(program: Program) -> None:
    applied(program, FIRST)
    applied(program, SECOND)
    result = program.run("revert", runs(program)[0]["id"], "--yes")
    assert result.code == 0, result.err
    assert last(result) == "Revert complete: 2 overlays, 2 bindings reverted, 3 builds succeeded."
    write_manifest(FIRST)
    assert has_no_changes(program)


def test_waiting_continues_with_the_tags_of_a_run(program: Program) -> None:
    applied(program, FIRST)
    assert applied(program, SECOND, "--no-wait").code == 0
    waited = program.run("wait")
    assert waited.code == 0, waited.err
    assert "Verified: all 3 new images contain the requested configuration." in waited.out
    again = program.run("wait")
    assert (again.code, again.err) == (0, "")
    assert again.out == waited.out
    run = runs(program)[0]
    assert [(one["name"], one["stage"]) for one in run["tags"]] == [
        ("orders-api:24-dev,latest-dev", "done"),
        ("orders-api:latest", "done"),
    ]
    assert [(one["subject"], one["name"], one["outcome"]) for one in run["steps"]] == [
        ("overlay", "extra", "applied"),
        ("overlay", "tools", "applied"),
        ("binding", "extra on orders-api", "applied"),
        ("binding", "tools on orders-api", "applied"),
    ]


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_lost_answer_is_settled(program: Program, write: str, when: Any) -> None:
    applied(program, FIRST)
    method, path = WRITES[write]
    program.play(Fault(effect=Drop(when=when), method=method, path=path))
    result = applied(program, SECOND)
    assert result.code == 0, result.out + result.err
    assert has_no_changes(program)


@pytest.mark.parametrize(
    ("write", "skipped"),
    [("create overlay", 2), ("update overlay", 1), ("bind", 1), ("unbind", 0)],
)
def test_a_refused_write_keeps_what_depends_on_it_from_being_written(
    program: Program, write: str, skipped: int
) -> None:
    applied(program, FIRST)
    method, path = WRITES[write]
    program.play(Fault(effect=Status(status=400, code=9, message="not now"), method=method, path=path))
    result = applied(program, SECOND)
    assert result.code == 3
    assert "not now" in result.out
    assert result.out.count("not attempted because a step that it depends on did not succeed") == bool(skipped)
    (run, *_) = runs(program)
    assert run["counts"]["not_attempted"] == skipped
    assert applied(program, SECOND).code == 0
    assert has_no_changes(program)


def test_an_overlay_that_changed_since_the_review_is_left_alone(program: Program) -> None:
    applied(program, FIRST)
    write_manifest(FIRST.replace("[jq]", "[jq, git]"))
    program.run("plan", "-o", "reviewed.plan")
    with program.emulator() as emulator:
        emulator.bind("tools", config={"contents": {"packages": ["jq", "curl"]}})
    result = program.run("apply", "reviewed.plan")
    assert result.code == 4, result.out + result.err
    assert "overlay tools: changed since the plan, left unchanged" in result.out
    assert "planned from nothing" in result.out
    assert "curl" in result.out


def test_a_binding_that_changed_since_the_review_is_left_alone(program: Program) -> None:
    applied(program, FIRST)
    write_manifest(FIRST.replace("dev}", "all}"))
    program.run("plan", "-o", "reviewed.plan")
    with program.emulator() as emulator:
        emulator.bind("tools", "orders-api", ["latest-dev"])
    result = program.run("apply", "reviewed.plan")
    assert result.code == 4, result.out + result.err
    assert "binding tools on orders-api: changed since the plan, left unchanged" in result.out
    assert "planned from dev, now latest-dev, wanted all" in result.out


def test_drift_of_overlays_is_a_change_of_the_next_plan(program: Program) -> None:
    applied(program, FIRST)
    with program.emulator() as emulator:
        emulator.bind("tools", config={"contents": {"packages": ["curl"]}})
        emulator.bind("tools", "orders-api", None)
    result = program.run("plan", "--detailed-exitcode")
    assert result.code == 2
    assert "1 overlay to update, 1 binding to create" in last(result)


def test_an_organization_that_is_not_enrolled_is_reported(program: Program) -> None:
    program.settings = replace(QUIET, not_enrolled=frozenset({"overlays"}))
    result = applied(program, FIRST)
    assert result.code == 3
    assert "this organization is not enrolled in Custom Assembly Overlays" in result.out
    assert (
        "not attempted because a step that it depends on did not succeed:\n    binding tools on orders-api"
        in result.out
    )


@pytest.mark.parametrize("status", [403, 404, 501])
def test_an_api_without_overlays_is_reported_in_a_plain_sentence(program: Program, status: Any) -> None:
    program.settings = replace(QUIET, overlays=status)
    result = applied(program, FIRST)
    assert result.code == 1
    assert "overlay" in result.err
    assert "Traceback" not in result.err
    write_manifest("organization: example.com\nrepositories: {custom-nginx: {packages: [curl]}}\n")
    assert program.run("plan").code == 0


def test_a_plan_sends_no_write(program: Program) -> None:
    write_manifest(FIRST)
    result = program.run("plan", "--debug")
    assert result.code == 0
    assert result.err.rstrip().endswith(", 0 writes")


def test_overlays_that_nobody_declares_are_not_read(program: Program) -> None:
    program.play(Fault(effect=Status(status=500), path=OVERLAYS, times=None))
    write_manifest("organization: example.com\nrepositories: {custom-nginx: {packages: [curl]}}\n")
    assert program.run("plan").code == 0


def test_what_the_manifest_does_not_name_goes_only_where_that_is_asked(program: Program) -> None:
    applied(program, FIRST)
    write_manifest("organization: example.com\noverlays: {other: {packages: [curl]}}\n")
    assert "tools" not in program.run("plan").out
    planned = program.run("plan", "--prune-overlays")
    assert planned.code == 0, planned.err
    assert "tools" in planned.out
    result = program.run("apply", "--prune-overlays", "--yes", "--max-removal", "100%")
    assert result.code == 0, result.out + result.err
    assert "1 overlay, 1 binding removed" in last(result)


def test_a_refusal_that_comes_as_a_failed_report_is_shown_with_its_text(program: Program) -> None:
    """A tag that an image without a version cannot build from is refused without a build."""
    result = applied(program, FIRST.replace("[jq]", '["py{{major}}.{{minor}}-typer"]'), "--no-resolve")
    assert result.code == 6, result.out + result.err
    assert "failed" in result.out
    assert "log:" in result.out


def test_the_lines_of_json_name_what_each_step_is_about(program: Program) -> None:
    write_manifest(FIRST)
    lines = [json.loads(line) for line in program.run("apply", "--yes", "--json").out.splitlines()]
    started = [line for line in lines if line["type"] == "step_started"]
    assert [(line["subject"], line["name"]) for line in started] == [
        ("overlay", "tools"),
        ("binding", "tools on orders-api"),
    ]
    done = [line for line in lines if line["type"] == "repository_done"]
    assert [(line["repository"], line["tags"]) for line in done] == [("orders-api", ["24-dev", "latest-dev"])]
    assert lines[-1]["applied"] == ["tools", "tools on orders-api"]


def test_overlays_and_bindings_are_the_first_wave(program: Program) -> None:
    write_manifest(FIRST + "  custom-nginx: {packages: [curl]}\n  custom-go: {packages: [curl]}\n")
    result = program.run("apply", "--yes", "--batch", "1")
    assert result.code == 0, result.err
    assert "wave 1 of 3: 2 changes" in result.err
    assert "wave 2 of 3: 1 repository" in result.err


def test_a_binding_that_somebody_else_removes_while_its_builds_are_followed_is_reported(program: Program) -> None:
    reports = "^/registry/v1/buildreports"
    other = Bind(bind="tools", to="orders-api", tags=None)
    program.play(Fault(effect=other, method="GET", path=reports, nth=3))
    result = applied(program, FIRST)
    assert result.code == 4, result.out + result.err
    assert "orders-api:24-dev,latest-dev" in result.out
    assert "changed by somebody else after the write" in result.out


def test_a_tag_that_does_not_exist_is_prepared_and_not_waited_for(program: Program) -> None:
    text = FIRST.replace("overlays: {tools: dev}", "overlays: {tools: [latest, 99.9]}\n    allow_missing_tags: true")
    result = applied(program, text)
    assert result.code == 0, result.out + result.err
    assert "orders-api:latest   1 succeeded: latest" in result.out
    assert has_no_changes(program)


def test_a_binding_that_reaches_no_tag_is_applied_without_waiting(program: Program) -> None:
    text = FIRST.replace("overlays: {tools: dev}", "overlays: {tools: [99.9]}\n    allow_missing_tags: true")
    result = applied(program, text)
    assert result.code == 0, result.out + result.err
    assert last(result) == "Apply complete: 1 overlay, 1 binding created."
    assert program.run("wait").code == 0
