"""`reconciler doctor`: what is found, what is not checked and why, and which exit code that makes."""

import json
import socket
from pathlib import Path
from typing import Any

import pytest

from reconciler.emulator import EmulatorSettings, Fault, Status
from reconciler.emulator.overlays import EDIT, LIST
from reconciler.emulator.settings import OWNER, VIEWER
from tests.api.auth.pieces import Processes, finished, jwt
from tests.support.program import Program, Result, write_manifest
from tests.support.served import served

ORG = ("--org", "example.com")
NOW = 1_700_000_000.0


def levels(result: Result) -> dict[str, str]:
    """The worst level by subject, from the text."""
    found: dict[str, str] = {}
    for line in result.out.splitlines():
        words = line.split()
        if words and words[0] in ("ok", "warning", "error", "unknown") and line[0] != " ":
            found.setdefault(words[1], words[0])
    return found


def document(program: Program, *argv: str) -> tuple[int, Any]:
    result = program.run("doctor", "--format", "json", *argv)
    return result.code, json.loads(result.out)


def test_all_is_well(program: Program) -> None:
    result = program.run("doctor", *ORG)
    assert result.code == 0
    assert set(levels(result).values()) == {"ok"}
    subjects = ["api", "clock", "token", "identity", "expiry", "organization", "capabilities", "model", "features"]
    assert list(levels(result)) == subjects
    assert "example.com (a379a6f6eeafb9a55e378c118034e2751e682fab)" in result.out
    assert "owner of example.com" in result.out
    assert "valid until 2023-11-14 22:43:20Z (in 30m00s)" in result.out
    assert result.out.endswith("\nNo problems found. An apply can run.\n")
    assert result.err == ""


def test_as_json(program: Program) -> None:
    code, found = document(program, *ORG)
    assert (code, found["ok"], found["api"], found["missing_capabilities"]) == (0, True, "emulator", [])
    assert found["token"] == {"source": "the built-in emulator", "expires": "2023-11-14T22:43:20.000Z"}
    assert found["organization"]["name"] == "example.com"
    assert found["clock_skew_seconds"] == 0.0
    (ours,) = [group for group in found["identity"]["groups"] if group["name"] == "example.com"]
    assert ours["roles"] == ["owner"]
    assert "repo.update" in ours["capabilities"]
    assert {one["level"] for one in found["findings"]} == {"ok"}


def test_each_setting_has_its_source(program: Program) -> None:
    Path("reconciler.toml").write_text('org = "nonsense.example"\nparallelism = 4\nwait = false\n', encoding="utf-8")
    write_manifest("organization: example.com\n")
    _, found = document(program, "--no-color")
    assert {one["name"]: (one["value"], one["source"]) for one in found["settings"]} == {
        "api": ("emulator", "RECONCILER_API"),
        "org": ("example.com", "manifests"),
        "parallelism": (4, "reconciler.toml"),
        "color": ("never", "--color"),
        "wait": (False, "reconciler.toml"),
        "journal": (None, "default"),
        "manifest": ("manifests", "default"),
    }
    text = [line.split() for line in program.run("doctor").out.splitlines()]
    assert ["SETTING", "VALUE", "FROM"] in text
    assert ["wait", "false", "reconciler.toml"] in text
    assert program.run("doctor").out.endswith("\n\nNo problems found. An apply can run.\n")
    program.environ["RECONCILER_ORG"] = "example.com"
    Path("manifests/web.yaml").unlink()
    _, found = document(program, "--manifest", "elsewhere")
    assert ("example.com", "RECONCILER_ORG") in [(one["value"], one["source"]) for one in found["settings"]]


def test_the_manifest_names_the_organization(program: Program) -> None:
    write_manifest("organization: example.com/team-a\nrepositories: {x: {packages: [git]}}\n")
    result = program.run("doctor")
    assert result.code == 0
    assert "example.com/team-a" in result.out
    assert program.run("doctor", "--manifest", "manifests/web.yaml").code == 0


def test_nothing_names_the_organization(program: Program) -> None:
    result = program.run("doctor")
    assert result.code == 0
    assert levels(result)["organization"] == "warning"
    assert levels(result)["capabilities"] == "unknown"
    assert "--org example.com" in result.out
    assert "not everything could be checked" in result.out


def test_a_manifest_that_cannot_be_read(program: Program) -> None:
    write_manifest("organization: [\n")
    result = program.run("doctor")
    assert result.code == 1
    assert levels(result)["organization"] == "error"
    assert levels(result)["identity"] == "ok"


def test_an_organization_that_is_not_there(program: Program) -> None:
    result = program.run("doctor", "--org", "exmaple.com")
    assert result.code == 1
    assert levels(result)["organization"] == "error"
    assert 'did you mean "example.com"' in result.out
    assert result.out.endswith("\nAn apply would fail.\n")


def without(*names: str) -> tuple[str, ...]:
    return tuple(name for name in OWNER if name not in names)


@pytest.mark.parametrize(
    ("grants", "code", "level", "says"),
    [
        ({"example.com": VIEWER}, 1, "error", "the token lacks repo.update in example.com"),
        ({"example.com": without("repo.list")}, 1, "error", "plan and apply would fail"),
        ({"example.com": without("build_report.list")}, 1, "error", "lacks build_report.list"),
        ({"example.com": without("repo.create")}, 0, "warning", "lacks repo.create"),
        ({"example.com": without("apk.list")}, 0, "warning", "lacks apk.list"),
        ({"example.com": without("tag.list")}, 0, "warning", "lacks tag.list"),
        (
            {"example.com": VIEWER, "example.com/team-a": OWNER},
            0,
            "warning",
            "repo.update only in folders",
        ),
        ({"example.com": ("groups.list",)}, 1, "error", "lacks repo.list, repo.update, build_report.list"),
    ],
)
def test_capabilities(program: Program, grants: dict[str, Any], code: int, level: str, says: str) -> None:
    program.settings = EmulatorSettings(grants=grants)
    result = program.run("doctor", *ORG)
    assert result.code == code
    assert levels(result)["capabilities"] == level
    assert says in result.out
    _, found = document(program, *ORG)
    held = set(grants["example.com"])
    assert set(found["missing_capabilities"]) == set(OWNER) - held - {LIST, EDIT}


def test_what_a_folder_needs_is_looked_for_in_it_and_above(program: Program) -> None:
    program.settings = EmulatorSettings(grants={"example.com": VIEWER, "example.com/team-a": OWNER})
    result = program.run("doctor", "--org", "example.com/team-a")
    assert (result.code, levels(result)["capabilities"]) == (0, "ok")


def test_an_api_that_does_not_answer(program: Program) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        program.environ = {"TOK": "sesame-of-nobody"}
        result = program.run("doctor", "--api", url, *ORG)
    assert result.code == 1
    assert levels(result) == {
        "api": "error",
        "clock": "unknown",
        "token": "ok",
        "identity": "unknown",
        "expiry": "unknown",
        "organization": "unknown",
        "capabilities": "unknown",
    }
    assert "from TOK" in result.out
    assert "sesame" not in result.out + result.err


def test_no_token(program: Program) -> None:
    with served(program.clock, program.settings) as (url, _):
        program.environ = {}
        result = program.run("doctor", "--api", url, *ORG)
    assert result.code == 8
    assert (levels(result)["api"], levels(result)["token"]) == ("ok", "error")
    assert "chainctl auth login" in result.out


def test_a_token_that_is_refused(program: Program) -> None:
    program.environ = {"CHAINGUARD_TOKEN": "wrong"}
    with served(program.clock, EmulatorSettings(tokens=frozenset({"right"}))) as (url, _):
        result = program.run("doctor", "--api", url, *ORG)
        code, found = document(program, "--api", url, *ORG)
    assert result.code == code == 8
    assert levels(result)["token"] == "ok"
    assert levels(result)["identity"] == "error"
    assert levels(result)["organization"] == "unknown"
    assert found["token"]["source"] == "CHAINGUARD_TOKEN"


def test_a_token_that_has_ended(program: Program) -> None:
    program.environ = {"CHAINGUARD_TOKEN": jwt("old", ends=NOW - 7200)}
    with served(program.clock, EmulatorSettings(expiring_tokens=True)) as (url, _):
        result = program.run("doctor", "--api", url, *ORG)
    assert result.code == 8
    assert "the token expired at 2023-11-14 20:13:20Z (2h00m ago)" in result.out


@pytest.mark.parametrize(("left", "level"), [(599, "warning"), (601, "ok")])
def test_a_token_that_ends_soon(program: Program, left: int, level: str) -> None:
    program.environ = {"CHAINGUARD_TOKEN": jwt("soon", ends=NOW + left)}
    with served(program.clock, EmulatorSettings(expiring_tokens=True)) as (url, _):
        result = program.run("doctor", "--api", url, *ORG)
    assert (result.code, levels(result)["expiry"]) == (0, level)


def test_a_token_that_renews_itself(program: Program) -> None:
    program.environ = {}
    program.processes = Processes([finished(jwt("c", ends=NOW + 400))])
    with served(program.clock, program.settings) as (url, _):
        result = program.run("doctor", "--api", url, *ORG)
    assert (result.code, levels(result)["expiry"]) == (0, "ok")
    assert "from chainctl" in result.out
    assert "renewed automatically, valid until 2023-11-14 22:20:00Z (in 6m40s)" in result.out


@pytest.mark.parametrize(("ahead", "level"), [(60, "ok"), (-60, "ok"), (62, "warning"), (-62, "warning")])
def test_the_clocks(program: Program, ahead: int, level: str) -> None:
    with served(program.clock, program.settings) as (url, emulator):
        program.environ = {"TOK": jwt("x", ends=NOW + 3600)}
        emulator._clock = lambda: program.clock.now() + ahead
        result = program.run("doctor", "--api", url, *ORG)
    assert (result.code, levels(result)["clock"]) == (0, level)
    assert level == "ok" or f"62 s {'behind' if ahead > 0 else 'ahead of'} the API clock" in result.out


def test_the_apis_clock_decides_whether_a_token_has_ended(program: Program) -> None:
    program.environ = {"TOK": jwt("x", ends=NOW - 100)}
    with served(program.clock, EmulatorSettings(expiring_tokens=True)) as (url, emulator):
        emulator._clock = lambda: program.clock.now() - 900
        result = program.run("doctor", "--api", url, *ORG)
    assert (result.code, levels(result)["expiry"]) == (0, "ok")


def test_an_api_that_fails_in_the_middle(program: Program) -> None:
    program.play(Fault(effect=Status(status=500, message="oops"), path="groups", times=None))
    result = program.run("doctor", *ORG)
    assert result.code == 1
    assert (levels(result)["identity"], levels(result)["organization"]) == ("ok", "error")
    assert levels(result)["capabilities"] == "unknown"


def test_a_ci_job(program: Program, tmp_path: Path) -> None:
    identity = f"{'4' * 40}/{'a' * 16}"
    file = tmp_path / "oidc"
    file.write_text(jwt("job"), encoding="utf-8")
    program.environ = {"CHAINGUARD_IDENTITY": identity, "CHAINGUARD_OIDC_TOKEN_FILE": str(file)}
    settings = EmulatorSettings(
        tokens=frozenset(), oidc_tokens=frozenset({jwt("job")}), identities=frozenset({identity})
    )
    with served(program.clock, settings) as (url, _):
        result = program.run("doctor", "--api", url, *ORG)
        assert result.code == 0
        assert identity in result.out
        program.environ["CHAINGUARD_IDENTITY"] = f"{'5' * 40}/{'a' * 16}"
        result = program.run("doctor", "--api", url, *ORG)
    assert result.code == 8
    assert "HTTP 403: the token may not assume identity" in result.out
    assert jwt("job") not in result.out


def test_an_address_that_cannot_be_used(program: Program) -> None:
    result = program.run("doctor", "--api", "http://example.com")
    assert (result.code, result.out) == (1, "")
    assert "not encrypted" in result.err


def test_what_the_api_says_is_made_safe(program: Program) -> None:
    program.play(Fault(effect=Status(status=403, message="\x1b[31mred\u202e"), path="groups", times=None))
    result = program.run("doctor", *ORG)
    assert "\x1b" not in result.out
    assert "\u202e" not in result.out
