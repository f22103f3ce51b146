"""`builds` and `logs`: what is picked, in which order, and following what is running."""

import json
from typing import Any

import pytest

from reconciler.cli import options
from reconciler.emulator import EmulatorSettings, Fault, Status
from tests.support.clock import FakeClock
from tests.support.emulated import REPOS, packages
from tests.support.program import Program, write_manifest
from tests.support.wsgi import call

ORG = ("--org", "example.com")
QUIET = EmulatorSettings(automatic_rebuilds=False, stagger=0.0, build_seconds=(100.0, 120.0))


def listed(program: Program, *argv: str) -> list[dict[str, Any]]:
    result = program.run("builds", *argv, *ORG, "--format", "json")
    assert result.code == 0, result.err
    found: list[dict[str, Any]] = json.loads(result.out)["builds"]
    return found


def started(program: Program, package: str = "curl") -> None:
    """Builds of custom-nginx that are under way."""
    program.settings = QUIET
    write_manifest("organization: example.com\nrepositories: {custom-nginx: {packages: [curl]}}\n")
    with program.emulator() as emulator:
        found = emulator.repository("custom-nginx")
        body = {**found, "customOverlay": packages(package)}
        assert call(emulator, "PUT", f"{REPOS}/{found['id']}", body=body).status == 200
    program.clock.time += 10.0


def test_the_newest_builds_come_first_and_failures_are_marked(program: Program) -> None:
    found = listed(program, "custom-python", "custom-nginx")
    starts = [build["started"] for build in found]
    assert starts == sorted(starts, reverse=True)
    table = program.run("builds", "custom-python", "custom-nginx", *ORG).out.splitlines()[1:]
    failed = [build["result"] == "failure" for build in found]
    assert {True, False} == set(failed)
    assert ["✗ failure" in line for line in table] == failed


def test_warnings_of_builds_are_reported_with_v(program: Program) -> None:
    found = [(build["repository"], build["id"], one) for build in listed(program) for one in build["warnings"]]
    assert found
    assert "Warnings:" not in program.run("builds", *ORG).out
    told = program.run("builds", *ORG, "-v").out.partition("\nWarnings:\n")[2].splitlines()
    assert told == [": ".join(one) for one in found]


def test_only_some_results(program: Program) -> None:
    both = listed(program, "--result", "failure", "--result", "success")
    only = listed(program, "--result", "failure")
    assert {build["result"] for build in both} == {"failure", "success"}
    assert {build["result"] for build in only} == {"failure"}
    assert [build for build in both if build in only] == only
    assert listed(program, "--result", "failure,success") == both
    assert program.run("builds", *ORG, "--result", "failure,nonsense").code == 64


def test_a_limit_takes_the_first_of_the_list(program: Program) -> None:
    assert listed(program, "--limit", "3") == listed(program)[:3]
    assert program.run("builds", *ORG, "--limit", "0").code == 64


def test_since_a_point_in_time(program: Program) -> None:
    newest = max(build["started"] for build in listed(program))
    assert {build["started"] for build in listed(program, "--since", newest)} == {newest}
    assert listed(program, "--since", "2023-11-13T22:13:20Z") == listed(program, "--since", "24h")
    assert listed(program, "--since", "2030-01-01") == []


@pytest.mark.parametrize("text", ["2026-13-01", "2026-", "yesterday", ""])
def test_a_time_that_is_none(program: Program, text: str) -> None:
    result = program.run("builds", *ORG, "--since", text)
    assert result.code == 64
    assert "examples:" in result.err


def test_a_time_without_a_zone_is_in_utc() -> None:
    spellings = ("2026-11-20", "2026-11-20T00:00:00Z", "2026-11-20T01:00:00+01:00")
    assert len({options.point_in_time(text) for text in spellings}) == 1


def test_following_tells_each_build_as_it_ends_and_ends_with_the_last(program: Program) -> None:
    started(program)
    result = program.run("builds", "custom-nginx", "--follow", "--since", "10m")
    assert result.code == 0, result.err
    lines = [line.split("  ") for line in result.out.splitlines()]
    assert [line[2] for line in lines] == ["running"] * 4 + ["success"] * 4
    assert {line[-1] for line in lines[:4]} == {line[-1] for line in lines[4:]}
    assert all(line[3].startswith("after ") and line[-2].startswith("tags ") for line in lines[4:])
    assert program.clock.waits
    assert all(2.0 <= wait <= 15.0 for wait in program.clock.waits)


def test_following_as_json_is_one_object_a_line(program: Program) -> None:
    started(program)
    result = program.run("builds", "custom-nginx", "--follow", "--since", "10m", "--format", "json")
    lines = [json.loads(line) for line in result.out.splitlines()]
    assert [line["type"] for line in lines] == ["version"] + ["build"] * 8
    assert [line["result"] for line in lines[1:]] == ["running"] * 4 + ["success"] * 4


def test_following_only_failures_still_ends_when_nothing_runs(program: Program) -> None:
    started(program)
    result = program.run("builds", "custom-nginx", "--follow", "--since", "10m", "--result", "failure")
    assert (result.code, result.out) == (0, "")
    assert program.clock.waits


def test_following_where_nothing_runs_lists_what_there_is(program: Program) -> None:
    program.settings = QUIET
    result = program.run("builds", "custom-python", *ORG, "--follow", "--limit", "2")
    assert result.code == 0
    assert len(result.out.splitlines()) == 2
    assert program.clock.waits == []


def test_following_goes_to_standard_output_alone(program: Program) -> None:
    result = program.run("builds", *ORG, "--follow", "--format", "json=builds.json")
    assert result.code == 64
    assert "--follow" in result.err


@pytest.mark.parametrize("argv", [("builds", "custom-nginx", "--since", "10m"), ("logs", "custom-nginx")])
def test_ctrl_c_ends_following(program: Program, argv: tuple[str, ...]) -> None:
    started(program)

    def interrupt(_now: float) -> None:
        raise KeyboardInterrupt

    program.clock.on_wait = interrupt
    result = program.run(*argv, "--follow")
    assert (result.code, result.err.splitlines()[-1]) == (130, "Interrupted.")


def test_a_failed_look_is_made_up_for(program: Program) -> None:
    started(program)
    program.play(Fault(effect=Status(status=503), path="buildreports", nth=2, times=6))
    result = program.run("builds", "custom-nginx", "--follow", "--since", "10m")
    assert result.code == 0, result.err
    assert result.err.count("could not read the build status") == 1
    assert [line.split("  ")[2] for line in result.out.splitlines()].count("success") == 4


def test_an_api_that_does_not_come_back_ends_following(program: Program) -> None:
    started(program)
    program.play(Fault(effect=Status(status=503), path="buildreports", nth=2, times=1000))
    result = program.run("builds", "custom-nginx", "--follow", "--since", "10m")
    assert result.code == 1
    assert "503" in result.err


def test_a_first_look_that_fails_ends_it_at_once(program: Program) -> None:
    program.play(Fault(effect=Status(status=403), path="buildreports"))
    result = program.run("builds", *ORG, "--follow")
    assert result.code == 1
    assert "could not read the build status" not in result.err


def test_the_log_of_a_running_build_until_it_ends(program: Program) -> None:
    started(program)
    result = program.run("logs", "custom-nginx", "--follow")
    assert result.code == 0, result.err
    first, last = result.err.splitlines()
    assert first.endswith("(running)")
    assert last.endswith("ended (success)")
    id_ = first.split()[1]
    whole = program.run("logs", "custom-nginx", "--build", id_)
    assert result.out == whole.out != ""


def test_following_a_build_that_fails_exits_6(program: Program) -> None:
    started(program, "no-such-package")
    result = program.run("logs", "custom-nginx", "--follow")
    assert result.code == 6, result.err
    assert "no-such-package" in result.out
    assert program.run("logs", "custom-nginx", "--follow").code == 6
    assert program.run("logs", "custom-nginx").code == 0


def test_the_log_of_the_newest_build_or_of_the_newest_failure(program: Program) -> None:
    for package in ("no-such-package", "curl"):
        started(program, package)
        program.clock.time += 600.0
    builds = listed(program, "custom-nginx")
    newest, failed = builds[0]["id"], next(one["id"] for one in builds if one["result"] == "failure")
    assert newest != failed
    assert program.run("logs", "custom-nginx").err == f"build {newest} (success)\n"
    assert program.run("logs", "custom-nginx", "--failed").err == f"build {failed} (failure)\n"
    none = program.run("logs", "custom-nginx", "--failed", "--since", "5m")
    assert (none.code, "no build of this repository failed in that time" in none.err) == (1, True)


def test_the_last_lines(program: Program) -> None:
    whole = program.run("logs", "custom-python", *ORG).out.splitlines(keepends=True)
    assert len(whole) > 1
    assert program.run("logs", "custom-python", *ORG, "--tail", "1").out == whole[-1]


def test_the_log_of_a_tag(program: Program) -> None:
    tagged = next(build for build in listed(program, "custom-python", "--since", "72h") if "latest" in build["tags"])
    result = program.run("logs", "custom-python", *ORG, "--tag", "latest", "--since", "72h")
    assert (result.code, result.err) == (0, f"build {tagged['id']} (success)\n")


def test_a_tag_that_no_build_has(program: Program) -> None:
    result = program.run("logs", "custom-python", *ORG, "--tag", "nope")
    assert result.code == 1
    assert 'the tag "nope" points to no build' in result.err
    assert program.run("logs", "custom-python", *ORG, "--tag", "nope", "--build", "x").code == 64


def test_the_clock_of_a_test_starts_where_the_times_above_say() -> None:
    assert FakeClock().now() == options.point_in_time("2023-11-14T22:13:20Z").timestamp()  # type: ignore[union-attr]  # a time, not a span


def test_how_far_to_look_back_is_meant_on_the_clock_that_stamps_the_reports(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    started(program)
    assert {build["result"] for build in listed(program, "--since", "5m")} == {"running"}
    late = program.clock.now() + 3600
    monkeypatch.setattr("reconciler.api.client.ReadClient.server_now", lambda _: late)
    assert listed(program, "--since", "5m") == []
    assert {build["result"] for build in listed(program, "--since", "62m")} == {"running"}
    log = program.run("logs", "custom-nginx", *ORG, "--since", "5m")
    assert (log.code, "this repository had no build" in log.err) == (1, True)
