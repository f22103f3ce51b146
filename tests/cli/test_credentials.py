"""Tokens over whole runs of the program: renewed while builds are followed, and what is left when they cannot be."""

from pathlib import Path

import pytest

from reconciler.emulator import EmulatorSettings
from tests.api.auth.pieces import Processes, finished, jwt
from tests.support.program import Program, write_manifest
from tests.support.served import served

IDENTITY = f"{'4' * 40}/{'a' * 16}"
START = 1_700_000_000.0
# Tokens of two minutes, and builds that take longer.
SLOW = EmulatorSettings(
    expiring_tokens=True, token_seconds=120.0, build_seconds=(280.0, 300.0), automatic_rebuilds=False
)


@pytest.fixture(autouse=True)
def manifest(program: Program) -> None:
    write_manifest("organization: example.com\nrepositories: {custom-go: {packages: [git]}}\n")


def test_a_ci_job_outlives_its_tokens(program: Program, tmp_path: Path) -> None:
    file = tmp_path / "oidc"
    file.write_text(jwt("job"), encoding="utf-8")
    program.environ = {"CHAINGUARD_IDENTITY": IDENTITY, "CHAINGUARD_OIDC_TOKEN_FILE": str(file)}
    with served(program.clock, SLOW) as (url, emulator):
        result = program.run("apply", "--yes", "--api", url)
        assert emulator.writes == 1
    assert result.code == 0, result.err
    assert program.clock.now() - START > 280
    assert "token" not in result.out + result.err


def test_a_token_that_the_api_takes_back_is_renewed_once(program: Program) -> None:
    """The token says nothing of its end, so that only a 401 tells."""
    program.environ = {}
    program.processes = Processes([finished("first-opaque-token"), finished("second-opaque-token")])
    accepted = {"first-opaque-token"}
    settings = EmulatorSettings(tokens=frozenset(accepted), automatic_rebuilds=False)
    with served(program.clock, settings) as (url, emulator):

        def swap(now: float) -> None:
            emulator._settings = EmulatorSettings(tokens=frozenset({"second-opaque-token"}), automatic_rebuilds=False)

        program.clock.on_wait = swap
        result = program.run("apply", "--yes", "--api", url)
    assert result.code == 0, result.err
    assert len(program.processes.started) == 2


def test_one_from_a_variable_that_ends_is_reported(program: Program) -> None:
    program.environ = {"CHAINGUARD_TOKEN": jwt("mine", ends=START + 120)}
    with served(program.clock, SLOW) as (url, emulator):
        result = program.run("apply", "--yes", "--api", url)
        assert emulator.writes == 1
    assert result.code == 8
    assert "the builds were not followed to completion: the API rejected the token (from CHAINGUARD_TOKEN)" in (
        result.err
    )
    assert jwt("mine") not in result.out + result.err


def test_no_exchange_no_run(program: Program, tmp_path: Path) -> None:
    program.environ = {"CHAINGUARD_IDENTITY": IDENTITY, "CHAINGUARD_OIDC_TOKEN_FILE": str(tmp_path / "none")}
    program.processes = Processes([finished(jwt("somebody-else"))])
    with served(program.clock, EmulatorSettings()) as (url, emulator):
        result = program.run("apply", "--yes", "--api", url)
        assert emulator.writes == 0
    assert result.code == 8
    assert "CHAINGUARD_OIDC_TOKEN_FILE is" in result.err
    assert program.processes.started == [], "nobody else's token is taken in its place"
