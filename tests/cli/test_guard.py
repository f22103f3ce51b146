"""The guard, prune and protection, as `plan` shows them and `apply` keeps them."""

import json
from pathlib import Path

import pytest

from reconciler.emulator import EmulatorSettings
from tests.support.golden import check
from tests.support.program import Program, write_manifest

GOLDEN = Path(__file__).parent / "golden" / "refusals"


@pytest.fixture
def customised(program: Program) -> list[str]:
    """The customised repositories of the organization."""
    program.settings = EmulatorSettings(automatic_rebuilds=False, stagger=0.0)
    rows = json.loads(program.run("repos", "--org", "example.com", "--format", "json").out)["repositories"]
    return [row["repository"] for row in rows if row["customised"]]


@pytest.fixture
def names(program: Program) -> list[str]:
    """Twelve repositories, each with a package, and a manifest that takes it away from five of them."""
    program.settings = EmulatorSettings(automatic_rebuilds=False, stagger=0.0)
    rows = json.loads(program.run("repos", "--org", "example.com", "--format", "json").out)["repositories"]
    found = [row["repository"] for row in rows][:12]
    with program.emulator() as emulator:
        for row in rows[:12]:
            emulator.edit(row["id"], {"contents": {"packages": ["git"]}}, replace=True)
    asked = "".join(f"  {name}: {{packages: [{'' if number < 5 else 'git'}]}}\n" for number, name in enumerate(found))
    write_manifest(f"organization: example.com\nrepositories:\n{asked}")
    return found


def overlays(program: Program, names: list[str]) -> list[object]:
    with program.emulator() as emulator:
        return [emulator.repository(name.removeprefix("/"))["customOverlay"] for name in names]


def test_apply_is_refused_before_anything_is_written(program: Program, names: list[str]) -> None:
    before = overlays(program, names)
    result = program.run("apply", "--yes")
    assert result.code == 5
    check(GOLDEN / "guard.txt", result.err)
    assert overlays(program, names) == before


def test_plan_shows_the_refusal_and_exits_as_usual(program: Program, names: list[str]) -> None:
    result = program.run("plan")
    assert (result.code, result.err) == (0, "")
    told = " ".join(result.out.split())
    assert (
        "This plan cannot be applied: 5 of the 12 repositories covered by the manifest would lose content (41.7%)"
        in told
    )
    assert "--max-removal 42%" in told
    assert program.run("plan", "--detailed-exitcode").code == 1


def test_the_guard_in_the_document(program: Program, names: list[str]) -> None:
    document = json.loads(program.run("plan", "--format", "json").out)
    guard = document["guard"]
    (refusal,) = guard.pop("refusals")
    assert refusal["code"] == "removal-guard"
    assert guard == {
        "refused": True,
        "covered": 12,
        "losing": {"count": 5, "names": sorted(names[:5])},
        "share": 0.4167,
        "limit": 0.3,
        "limit_from": "default",
        "prune": False,
    }
    assert (document["applyable"], document["complete"]) == (False, True)


def test_the_flag_allows_it(program: Program, names: list[str]) -> None:
    assert program.run("apply", "--yes", "--no-wait", "--max-removal", "41%").code == 5
    assert program.run("apply", "--yes", "--no-wait", "--max-removal", "42%").code == 0


def test_the_limit_is_saved_with_the_plan(program: Program, names: list[str]) -> None:
    program.run("plan", "-o", "strict.plan")
    program.run("plan", "-o", "open.plan", "--max-removal", "50%")
    assert program.run("apply", "strict.plan", "--no-wait").code == 5
    assert program.run("apply", "open.plan", "--no-wait").code == 0


def test_a_part_of_the_manifest_is_measured_against_all_of_it(program: Program, names: list[str]) -> None:
    chosen = [word for name in names[:3] for word in ("--repo", name)]
    assert program.run("apply", "--yes", "--no-wait", *chosen).code == 0


def test_settings_of_the_manifest(program: Program, names: list[str]) -> None:
    text = Path("manifests/web.yaml").read_text(encoding="utf-8")
    write_manifest(f"{text}settings: {{max_removal: 42%}}\n")
    document = json.loads(program.run("plan", "--format", "json").out)
    assert (document["guard"]["limit_from"], document["guard"]["refused"]) == ("manifest", False)


@pytest.mark.parametrize("share", ["30", "0.3", "101%", "-1%", "x%", "%"])
def test_a_share_that_is_none(program: Program, share: str) -> None:
    result = program.run("plan", f"--max-removal={share}")
    assert result.code == 64
    assert "30%" in result.err


def test_prune_names_what_it_resets_and_resets_only_overlays(program: Program, customised: list[str]) -> None:
    kept, *strays = customised
    write_manifest(f"organization: example.com\nrepositories: {{{kept}: {{}}}}\n")
    planned = program.run("plan", "--prune", "--max-removal", "100%", "--format", "json")
    document = json.loads(planned.out)
    pruned = [step["repository"] for step in document["steps"] if step["reason_code"] == "pruned"]
    assert sorted(pruned) == sorted(strays)
    assert document["counts"]["reset"] == len(strays)
    assert all(step["file"] is None for step in document["steps"] if step["reason_code"] == "pruned")
    with program.emulator() as emulator:
        before = {name: emulator.repository(name) for name in customised}
    applied = program.run("apply", "--prune", "--max-removal", "100%", "--yes", "--no-wait")
    assert applied.code == 0
    assert applied.out.count("(pruned: not in the manifest)") >= 1
    with program.emulator() as emulator:
        for name in strays:
            after = emulator.repository(name)
            changed = {key for key in after if after[key] != before[name][key]}
            assert changed - {"updateTime", "updatedAt"} == {"customOverlay"}
        assert emulator.repository(kept) == before[kept]
    rows = json.loads(program.run("repos", "--format", "json").out)["repositories"]
    assert [row["repository"] for row in rows if row["customised"]] == [kept]


def test_without_prune_a_customised_repository_is_not_touched(program: Program, customised: list[str]) -> None:
    write_manifest(f"organization: example.com\nrepositories: {{{customised[0]}: {{}}}}\n")
    document = json.loads(program.run("plan", "--format", "json").out)
    assert document["counts"]["reset"] == 0
    assert set(customised[1:]) <= set(document["unlisted"]["names"])


def test_an_empty_manifest_with_prune_is_refused_whatever_the_limit(program: Program, customised: list[str]) -> None:
    write_manifest("organization: example.com\nrepositories: {}\nsettings: {prune: true, max_removal: 100%}\n")
    before = overlays(program, customised)
    result = program.run("apply", "--yes", "--max-removal", "100%")
    assert result.code == 5
    check(GOLDEN / "empty-manifest-with-prune.txt", result.err)
    assert overlays(program, customised) == before


def test_a_protected_repository(program: Program) -> None:
    write_manifest(
        "organization: example.com\nrepositories:\n"
        "  custom-python: {packages: [curl], protect: true}\n"
        "  custom-nginx: {packages: [curl]}\n"
    )
    planned = program.run("plan", "--detailed-exitcode")
    assert planned.code == 1, "there are changes, and none of them can be applied"
    result = program.run("apply", "--yes", "--no-wait")
    assert result.code == 5
    check(GOLDEN / "protected.txt", result.err)
    with program.emulator() as emulator:
        assert emulator.repository("custom-nginx")["customOverlay"] is None
    assert program.run("apply", "--yes", "--no-wait", "--exclude", "custom-python").code == 0
