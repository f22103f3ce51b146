"""Following builds ends when there is nothing more to learn, and says why; what only lags is waited for."""

import json
from typing import Any

import pytest

from reconciler.emulator import Edit, EmulatorSettings, Fault, Lag, NoReports, Omit, Status
from reconciler.emulator import ReportedResult as ResultFault
from tests.support.program import Program, write_manifest

ONE = "organization: example.com\nrepositories:\n  custom-nginx: {packages: [curl]}\n"
NEW = "organization: example.com\nrepositories:\n  fresh: {source: custom-nginx, packages: [curl]}\n"
REPORTS, QUEUE = "/registry/v1/buildreports$", "/registry/v1/syncstatuses$"
HOUR = 3600.0


@pytest.fixture(autouse=True)
def _quiet(program: Program) -> None:
    program.settings = EmulatorSettings(automatic_rebuilds=False, stagger=0.0)


def summary(text: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(text.splitlines()[-1])
    return found


def test_a_lost_answer_while_somebody_else_wrote_is_not_known_to_have_arrived(program: Program) -> None:
    write_manifest(ONE)
    other = Edit(edit="custom-nginx", overlay={"contents": {"packages": ["vim"]}}, when="after")
    program.play(
        Fault(effect=other, method="PATCH"),
        Fault(effect=other, method="PUT"),
        Fault(effect=Status(status=504, when="after"), method="PATCH"),
        Fault(effect=Status(status=504, when="after"), method="PUT"),
    )
    result = program.run("apply", "--yes")
    told = result.out + result.err
    assert result.code == 3
    assert "accepted the write" not in told
    assert "the repository differs from what was sent" in told


def test_an_answer_without_the_overlay_is_read_again_and_not_called_lost(program: Program) -> None:
    write_manifest(ONE)
    for method in ("PUT", "PATCH"):
        program.play(Fault(effect=Omit(fields=("customOverlay",), when="after"), method=method))
    result = program.run("apply", "--yes", "--no-wait")
    assert result.code == 0, result.err
    assert "lost" not in result.out + result.err


@pytest.mark.parametrize("build_seconds", [1.0, 120.0])
def test_reads_that_lag_are_not_changes_by_somebody_else(program: Program, build_seconds: float) -> None:
    """The state before the write, for 15 s after it, also when builds are done by then."""
    program.settings = EmulatorSettings(
        automatic_rebuilds=False, stagger=0.0, build_seconds=(build_seconds, build_seconds), queue_delay=0.5
    )
    write_manifest(ONE)
    program.play(Fault(effect=Lag(seconds=15), method="GET", times=None))
    result = program.run("apply", "--yes")
    assert result.code == 0, result.out + result.err
    assert "changed by somebody else" not in result.out + result.err


@pytest.mark.parametrize("word", ["Unknown", "Cancelled"])
def test_a_report_that_ended_without_a_known_result_has_ended(program: Program, word: str) -> None:
    write_manifest(ONE)
    program.play(Fault(effect=ResultFault(result=word), times=None))
    began = program.clock.now()
    result = program.run("apply", "--yes")
    assert program.clock.now() - began < HOUR / 2
    assert (result.code, "unknown result" in result.out) == (7, True), result.out + result.err
    assert "failed" not in result.out


def test_a_repository_without_any_report_is_given_up_after_a_grace(program: Program) -> None:
    write_manifest(ONE)
    program.play(Fault(effect=NoReports(), times=None))
    began = program.clock.now()
    result = program.run("apply", "--yes")
    assert program.clock.now() - began < HOUR / 2
    assert result.code == 7, result.out + result.err
    assert "no build report came within 10m" in result.err


@pytest.mark.parametrize("status", [400, 403, 404, 501])
def test_refused_reports_end_following_at_once_with_the_text_of_the_server(program: Program, status: int) -> None:
    write_manifest(ONE)
    refusal = Status(status=status, message="not for you")
    program.play(Fault(effect=refusal, method="GET", path=REPORTS, times=None, nth=2))
    began = program.clock.now()
    result = program.run("apply", "--yes", "--no-check")
    assert program.clock.now() - began < 120, result.err
    assert result.code == 7, result.out + result.err
    assert "not for you" in result.err


@pytest.mark.parametrize("status", [400, 403, 404, 501, 503])
def test_a_queue_that_cannot_be_read_stops_nothing(program: Program, status: int) -> None:
    """One side call never stops the others."""
    write_manifest(ONE)
    program.play(Fault(effect=Status(status=status, message="no queue"), method="GET", path=QUEUE, times=None))
    began = program.clock.now()
    result = program.run("apply", "--yes")
    assert result.code == 0, result.out + result.err
    assert program.clock.now() - began < HOUR / 2
    assert status == 503 or "no queue" in result.err


def test_doctor_tries_reports_and_queue(program: Program) -> None:
    write_manifest(ONE)
    assert program.run("doctor").code == 0
    for path, what in ((REPORTS, "build reports"), (QUEUE, "the queue")):
        program.play(Fault(effect=Status(status=501, message="switched off"), method="GET", path=path))
        result = program.run("doctor")
        assert f"apply cannot read {what}" in result.out
        assert "switched off" in result.out


def test_a_creation_whose_source_was_dropped_is_a_failure(program: Program) -> None:
    write_manifest(NEW)
    program.play(Fault(effect=Omit(fields=("sync_config.source",)), method="POST", path="/registry/"))
    result = program.run("apply", "--yes")
    assert result.code == 3, result.out + result.err
    assert "dropped its source" in result.out + result.err


def test_an_answer_to_a_creation_that_does_not_tell_the_source_is_read_again(program: Program) -> None:
    write_manifest(NEW)
    program.play(Fault(effect=Omit(fields=("sync_config",), when="after"), method="POST"))
    result = program.run("apply", "--yes", "--no-wait")
    assert result.code == 0, result.out + result.err


def test_a_snapshot_without_packages_leaves_their_look_up_to_the_apply(program: Program) -> None:
    """What was not checked at plan time is checked by the apply."""
    write_manifest(ONE.replace("curl", "no-such-package"))
    program.play(Fault(effect=Status(status=403), path="/apk/v1/packages", times=2))
    taken = program.run("snapshot", "-o", "live.json")
    assert (taken.code, "[snapshot-without-packages]" in taken.err) == (0, True)
    assert program.run("plan", "--against", "live.json", "-o", "x.plan").code == 0
    result = program.run("apply", "x.plan")
    assert result.code == 1, result.out + result.err
    assert "no-such-package" in result.err
    with program.emulator() as emulator:
        assert not (emulator.repository("custom-nginx")["customOverlay"] or {}).get("contents", {}).get("packages")
