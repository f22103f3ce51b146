"""Writing so that nothing but the overlay can be lost, and users without gid: at the level of the command line."""

from pathlib import Path
from typing import Any

import pytest

from reconciler.emulator import EmulatorSettings
from tests.support.program import Program, write_manifest

VERSIONS = ["v1", "v2", "auto"]
MANIFEST = "organization: example.com\nrepositories:\n  custom-nginx:\n"


def held(program: Program, name: str = "custom-nginx") -> Any:
    with program.emulator() as emulator:
        return emulator.repository(name)["customOverlay"]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_first_customization_and_a_reset_converge(program: Program, version: str) -> None:
    """What the API emits for fields that are not set is no content."""
    write_manifest(MANIFEST + "    packages: [curl]\n")
    assert program.run("apply", "--yes", "--no-wait", "--api-version", version).code == 0
    assert program.run("plan", "--detailed-exitcode", "--api-version", version).code == 0
    write_manifest(MANIFEST + "    reset: true\n")
    assert program.run("apply", "--yes", "--no-wait", "--api-version", version).code == 0
    assert program.run("plan", "--detailed-exitcode", "--api-version", version).code == 0


@pytest.mark.parametrize("status", [403, 404, 501])
def test_without_v2_the_write_goes_through_v1(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: Any) -> None:
    monkeypatch.chdir(tmp_path)
    program = Program(settings=EmulatorSettings(automatic_rebuilds=False, v2=status))
    write_manifest(MANIFEST + "    packages: [curl]\n")
    assert program.run("apply", "--yes", "--no-wait").code == 0
    assert held(program)["contents"]["packages"] == ["curl"]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_user_without_gid_never_gains_one(program: Program, version: str) -> None:
    accounts = "    accounts:\n      users:\n      - {username: app, uid: 1001}\n"
    write_manifest(MANIFEST + accounts)
    assert program.run("apply", "--yes", "--no-wait", "--api-version", version).code == 0
    (user,) = held(program)["accounts"]["users"]
    assert user.get("gid") is None
    for other in VERSIONS:
        again = program.run("plan", "--detailed-exitcode", "--api-version", other)
        assert (again.code, "gid" in again.out) == (0, False)
    write_manifest(MANIFEST + "    packages: [curl]\n" + accounts)
    assert program.run("apply", "--yes", "--no-wait", "--api-version", version).code == 0
    assert held(program)["accounts"]["users"][0].get("gid") is None
    assert program.run("plan", "--detailed-exitcode", "--api-version", version).code == 0


@pytest.mark.parametrize("version", VERSIONS)
def test_ids_beyond_31_bits(program: Program, version: str) -> None:
    write_manifest(
        MANIFEST + "    accounts:\n      users:\n      - {username: app, uid: 3000000000, gid: 4000000000}\n"
    )
    assert program.run("apply", "--yes", "--no-wait", "--api-version", version).code == 0
    (user,) = held(program)["accounts"]["users"]
    assert (user["uid"], user["gid"]) == (3_000_000_000, 4_000_000_000)
    assert program.run("plan", "--detailed-exitcode", "--api-version", version).code == 0
