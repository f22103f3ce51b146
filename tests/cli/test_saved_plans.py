"""`plan -o`, `show` and `apply FILE`: what was reviewed is what is written, or nothing."""

import hashlib
import json
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler.emulator import EmulatorSettings, Fault, Status
from tests.planfile import samples
from tests.support.golden import check
from tests.support.program import Program, Result, write_manifest

GOLDEN = Path(__file__).parent / "golden" / "refusals"
QUIET = EmulatorSettings(automatic_rebuilds=False, stagger=0.0)
TWO = """\
organization: example.com
repositories:
  custom-nginx: {packages: [curl]}
  orders-api: {packages: [curl], environment: {API_TOKEN: s3cret-value}}
"""
FILE = "reviewed.plan"


@pytest.fixture
def saved(program: Program) -> Program:
    """The program after a plan was saved; the manifest is gone, as it may be where a plan is applied."""
    program.settings = QUIET
    manifest = write_manifest(TWO)
    result = program.run("plan", "-o", FILE)
    assert result.code == 0
    assert "reconciler apply reviewed.plan" in result.err
    manifest.unlink()
    return program


def packages(program: Program, name: str) -> object:
    with program.emulator() as emulator:
        overlay = emulator.repository(name)["customOverlay"]
    return None if overlay is None else overlay.get("contents", {}).get("packages")


def test_a_saved_plan_is_private_and_holds_no_token(saved: Program) -> None:
    assert stat.S_IMODE(Path(FILE).stat().st_mode) == 0o600
    saved.environ = {"CHAINGUARD_TOKEN": "a-token-that-nobody-may-see"}
    text = Path(FILE).read_text(encoding="ascii")
    assert "token-that" not in text
    assert "s3cret-value" in text


def test_apply_carries_it_out_without_asking(saved: Program) -> None:
    result = saved.run("apply", FILE)
    assert result.code == 0
    assert "Only `yes`" not in result.err
    assert packages(saved, "custom-nginx") == packages(saved, "orders-api") == ["curl"]


def test_it_is_recognised_by_its_content(saved: Program) -> None:
    Path(FILE).rename("innocent.yaml")
    assert saved.run("apply", "innocent.yaml", "--no-wait").code == 0
    assert packages(saved, "custom-nginx") == ["curl"]


def test_show_needs_no_network_and_no_token(saved: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    saved.environ = {}
    monkeypatch.setattr("reconciler.api.http.Connection.__init__", lambda *_, **__: 1 // 0)
    result = saved.run("show", FILE)
    assert result.code == 0
    assert "custom-nginx" in result.out
    assert "saved 20" in result.out
    assert "s3cret-value" not in result.out


def test_show_prints_what_plan_printed(program: Program) -> None:
    write_manifest(TWO)
    planned = json.loads(program.run("plan", "-o", FILE, "--format", "json").out)
    shown = json.loads(program.run("show", FILE, "--format", "json").out)
    origin = shown.pop("origin")
    assert planned.pop("forecast")["repositories"] == 2
    assert planned.pop("checked")["packages"] == 1
    assert planned.pop("manifest") == "manifests"  # a saved plan knows its manifest by the digest
    assert all(step["resolved"]["packages"] for step in planned["steps"])
    assert all(step.pop("active_tags") for step in planned["steps"])  # what is live now is no part of a saved plan
    assert shown == planned
    assert (origin["kind"], origin["created"]) == ("plan", "2023-11-14T22:13:20.000Z")
    assert origin["manifest_digest"].startswith("sha256:")


def test_the_digest_is_that_of_the_manifest(program: Program) -> None:
    digests = []
    for text, folder in ((TWO, "a"), (TWO, "b"), (TWO + "# more\n", "c")):
        write_manifest(text, f"{folder}/web.yaml")
        program.run("plan", folder, "-o", FILE)
        digests.append(json.loads(program.run("show", FILE, "--format", "json").out)["origin"]["manifest_digest"])
    assert digests[0] == digests[1] != digests[2]


def test_the_digest_covers_the_files_that_a_manifest_names(program: Program) -> None:
    digests = []
    for packages_ in ("[git]", "[git]", "[git, curl]"):
        write_manifest(f"contents: {{packages: {packages_}}}\n", "m/beside/overlay.yaml")
        write_manifest(
            "organization: example.com\nrepositories: {custom-nginx: {overlay: beside/overlay.yaml}}\n", "m/web.yaml"
        )
        assert program.run("plan", "m", "-o", FILE).code == 0
        digests.append(json.loads(program.run("show", FILE, "--format", "json").out)["origin"]["manifest_digest"])
    assert digests[0] == digests[1] != digests[2]


def test_what_changed_meanwhile_is_left_alone_and_the_others_are_written(saved: Program) -> None:
    with saved.emulator() as emulator:
        emulator.edit("orders-api", {"contents": {"packages": ["vim"]}})
    result = saved.run("apply", FILE, "--no-wait")
    assert result.code == 4
    assert packages(saved, "orders-api") == ["vim"]
    assert packages(saved, "custom-nginx") == ["curl"]
    for side in ("planned from", 'now "vim"', "wanted"):
        assert side in result.out


def test_a_change_to_another_field_is_not_a_conflict_and_is_kept(saved: Program) -> None:
    with saved.emulator() as emulator:
        emulator.patch("custom-nginx", {"readme": "changed meanwhile", "aliases": ["web"]})
    assert saved.run("apply", FILE, "--no-wait").code == 0
    with saved.emulator() as emulator:
        after = emulator.repository("custom-nginx")
    assert (after["readme"], after["aliases"]) == ("changed meanwhile", ["web"])
    assert after["customOverlay"]["contents"]["packages"] == ["curl"]


def test_what_is_as_wanted_already_is_not_written(saved: Program) -> None:
    with saved.emulator() as emulator:
        emulator.edit("custom-nginx", {"contents": {"packages": ["curl"]}})
    result = saved.run("apply", FILE, "--no-wait", "--debug")
    assert result.code == 0
    assert "already up to date" in result.out
    assert result.err.rstrip().endswith("1 writes")


def test_a_repository_that_somebody_created_meanwhile(program: Program) -> None:
    create = "organization: example.com\nrepositories: {py: {source: custom-python, packages: [%s]}}\n"
    write_manifest(create % "git", "mine.yaml")
    write_manifest(create % "vim", "theirs.yaml")
    program.run("plan", "mine.yaml", "-o", FILE)
    assert program.run("apply", "theirs.yaml", "--yes", "--no-wait").code == 0
    result = program.run("apply", FILE, "--no-wait")
    assert result.code == 4
    assert "changed since the plan" in result.out
    assert packages(program, "py") == ["vim"]


def test_applying_it_twice_writes_once(saved: Program) -> None:
    assert saved.run("apply", FILE, "--no-wait").code == 0
    again = saved.run("apply", FILE, "--no-wait", "--debug")
    assert again.code == 0
    assert again.err.rstrip().endswith("0 writes")


def test_a_plan_that_changes_nothing(program: Program) -> None:
    write_manifest("organization: example.com\nrepositories: {custom-python: {packages: [curl, jq]}}\n")
    program.run("plan", "-o", FILE)
    result = program.run("apply", FILE)
    assert (result.code, "No changes" in result.out) == (0, True)


def test_the_json_stream_of_a_saved_plan(saved: Program) -> None:
    result = saved.run("apply", FILE, "--no-wait", "--format", "json")
    lines = [json.loads(line) for line in result.out.splitlines()]
    assert [lines[0]["type"], lines[1]["type"], lines[-1]["type"]] == ["version", "plan", "summary"]
    assert lines[1]["plan"]["origin"]["kind"] == "plan"
    summary = lines[-1]
    assert sorted(summary["applied"]) == ["custom-nginx", "orders-api"]
    assert [summary[kind] for kind in ("failed", "stale", "not_attempted")] == [[], [], []]
    assert "builds" in summary


@pytest.mark.parametrize(
    "options", [("--repo", "x"), ("--exclude", "x"), ("--prune",), ("--max-removal", "50%"), ("--prune", "--repo", "x")]
)
def test_options_that_shape_a_plan_are_bad_usage_next_to_one(saved: Program, options: tuple[str, ...]) -> None:
    result = saved.run("apply", FILE, *options)
    assert result.code == 64
    assert options[0] in result.err
    assert packages(saved, "custom-nginx") is None


def test_a_plan_cannot_be_written_where_there_is_no_folder(program: Program) -> None:
    write_manifest(TWO)
    result = program.run("plan", "-o", "no/such/folder/p")
    assert (result.code, result.out) == (1, "")
    assert "cannot write no/such/folder/p" in result.err


def seal_again(content: bytes) -> bytes:
    return content + b'{"seal":"sha256:' + hashlib.sha256(content).hexdigest().encode() + b'"}\n'


def cut(data: bytes) -> bytes:
    return data[: len(data) // 2]


def damaged(data: bytes) -> bytes:
    return data.replace(b'"custom-nginx"', b'"custom-nginy"', 1)


def newer(data: bytes) -> bytes:
    return data.replace(b'"version":4', b'"version":5', 1)


def forged(data: bytes) -> bytes:
    return seal_again(data.rpartition(b'{"seal"')[0].replace(b'["curl"]', b"[8]", 1))


def elsewhere(data: bytes) -> bytes:
    return seal_again(
        data.rpartition(b'{"seal"')[0].replace(b'"api":"emulator"', b'"api":"https://api.example.org"', 1)
    )


def foreign_organization(data: bytes) -> bytes:
    content = data.rpartition(b'{"seal"')[0]
    told = json.loads(content.partition(b"\n")[0])["organization"]["id"].encode()
    return seal_again(content.replace(told, b"b" * 40))


def a_snapshot(_: bytes) -> bytes:
    return b'{"reconciler":"snapshot","version":1}\n'


def refused(program: Program, name: str, code: int, *argv: str) -> Result:
    result = program.run("apply", FILE, "--debug", *argv)
    assert result.code == code, result.err
    assert "Traceback" not in result.err
    check(GOLDEN / f"{name}.txt", result.err)
    assert packages(program, "custom-nginx") is None
    return result


@pytest.mark.parametrize(
    "spoil", [cut, damaged, newer, forged, elsewhere, foreign_organization, a_snapshot], ids=lambda one: one.__name__
)
def test_a_file_that_is_not_to_be_trusted_is_refused(saved: Program, spoil: Callable[[bytes], bytes]) -> None:
    path = Path(FILE)
    path.write_bytes(spoil(path.read_bytes()))
    refused(saved, spoil.__name__.replace("_", "-"), 1)


def test_another_organization_on_the_command_line(saved: Program) -> None:
    refused(saved, "other-organization", 1, "--org", "example.com/team-a")
    assert saved.run("apply", FILE, "--org", "example.com", "--no-wait").code == 0


def test_another_api_is_not_spoken_to(saved: Program) -> None:
    saved.environ = {"CHAINGUARD_TOKEN": "x"}
    result = saved.run("apply", FILE, "--api", "http://127.0.0.1:1/")
    assert result.code == 1
    assert "made for the API emulator" in result.err
    assert "http://127.0.0.1:1," not in result.err


def test_a_file_of_somebody_else_is_taken_for_a_manifest_and_refused_as_one(saved: Program) -> None:
    Path("plan.json").write_text('{"planned_values": {"root_module": {}}}', encoding="utf-8")
    result = saved.run("apply", "plan.json")
    assert result.code == 1
    assert "plan.json" in result.err
    assert saved.run("show", "plan.json").code == 1


def test_show_of_what_is_not_a_plan(program: Program) -> None:
    write_manifest(TWO)
    for name, word in (("manifests/web.yaml", "not-a-plan"), ("manifests", "file-not-read"), ("gone", "file-not-read")):
        result = program.run("show", name)
        assert (result.code, result.out) == (1, "")
        assert word in result.err


def test_a_plan_with_what_cannot_be_carried_out_is_saved_and_shown_and_not_applied(program: Program) -> None:
    write_manifest(TWO + "  custom-ngin: {packages: [curl]}\n")
    assert program.run("plan", "-o", FILE).code == 1
    assert "custom-ngin " in program.run("show", FILE).out
    refused(program, "blocked", 1)


def test_a_plan_that_the_guard_refuses_is_saved_and_not_applied(program: Program) -> None:
    write_manifest("organization: example.com\nrepositories: {}\n")
    assert program.run("plan", "-o", FILE, "--prune").code == 0
    refused(program, "guard-in-a-saved-plan", 5)


def test_a_failure_while_applying_it(saved: Program) -> None:
    refusal = Status(status=403, message="no")
    saved.play(*(Fault(effect=refusal, method=one, repository="custom-nginx") for one in ("PATCH", "PUT")))
    assert saved.run("apply", FILE, "--no-wait").code == 3
    assert packages(saved, "orders-api") == ["curl"]


def test_version_1_is_shown_for_ever(program: Program) -> None:
    source = Path(samples.__file__).parent / "golden" / "plan-1.jsonl"
    result = program.run("show", str(source), "--color", "never")
    assert result.code == 0
    check(GOLDEN.parent / "show-version-1.txt", result.out)
