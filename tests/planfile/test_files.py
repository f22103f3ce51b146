"""What is saved is read back to the last value, private to its owner, and for ever."""

import json
import os
import stat
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from reconciler.core.bindings import UnknownBindings
from reconciler.core.builds import Build, BuildConfig, PackageConfig, Recipe, Result
from reconciler.core.diff import Field, Item, diff
from reconciler.core.overlay import Overlay
from reconciler.core.packages import PackageVersion
from reconciler.core.plan import Plan
from reconciler.core.resolution import ResolvedChange
from reconciler.planfile import (
    FileKind,
    PackageIndex,
    PlanFileError,
    load_plan,
    load_snapshot,
    recognize,
    save_plan,
    save_snapshot,
)
from reconciler.planfile.overlays import decode_overlay, encode_overlay
from tests.planfile import samples
from tests.support.examples import examples
from tests.support.overlays import overlays as any_overlay

GOLDEN = Path(__file__).parent / "golden"


def test_a_plan_is_read_as_it_was_saved(tmp_path: Path) -> None:
    save_plan(tmp_path / "p", samples.saved())
    assert load_plan(tmp_path / "p") == samples.saved()


def test_a_snapshot_is_read_as_it_was_saved(tmp_path: Path) -> None:
    save_snapshot(tmp_path / "s", samples.snapshot())
    assert load_snapshot(tmp_path / "s") == samples.snapshot()


def test_bindings_that_are_not_known_stay_so(tmp_path: Path) -> None:
    unknown = UnknownBindings(problem="the token may not list them", absent=True)
    saved, snapshot = samples.saved(), samples.snapshot()
    save_plan(tmp_path / "p", replace(saved, plan=replace(saved.plan, bindings=unknown)))
    save_snapshot(tmp_path / "s", replace(snapshot, live=replace(snapshot.live, bindings=unknown, overlays=unknown)))
    assert load_plan(tmp_path / "p").plan.bindings == unknown
    assert load_snapshot(tmp_path / "s").live.bindings == unknown
    assert load_snapshot(tmp_path / "s").live.overlays == unknown


def test_text_that_is_equal_in_meaning_is_kept_as_it_was_written(tmp_path: Path) -> None:
    save_plan(tmp_path / "p", samples.saved())
    (before,) = (step.before for step in load_plan(tmp_path / "p").plan.steps if step.repository == "updated")
    assert before is not None
    assert before.runtime_keyring[0].text == samples.FULL.runtime_keyring[0].text
    assert before.certificates.additional[0].text.startswith("# of ours")


@settings(max_examples=examples(60), suppress_health_check=[HealthCheck.too_slow])
@given(any_overlay())
def test_every_overlay_survives(overlay: Overlay) -> None:
    for sealed in (False, True):
        written = json.loads(json.dumps(encode_overlay(overlay, sealed=sealed)))
        assert decode_overlay(written) == overlay


@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(before=any_overlay(), after=any_overlay())
def test_changes_are_computed_again(tmp_path: Path, before: Overlay, after: Overlay) -> None:
    saved = samples.saved()
    steps = tuple(
        replace(step, before=before, after=after, changes=()) if step.repository == "updated" else step
        for step in saved.plan.steps
    )
    save_plan(tmp_path / "p", replace(saved, plan=replace(saved.plan, steps=steps)))
    (found,) = (step for step in load_plan(tmp_path / "p").plan.steps if step.repository == "updated")
    assert (found.before, found.after) == (before, after)
    assert found.changes == diff(before, after)


@pytest.mark.parametrize("version", [1, 2, 3, 4])
def test_every_version_is_readable_for_ever(version: int) -> None:
    """These files were written by that version. Nothing writes them again; a change that breaks this is wrong."""
    assert load_plan(GOLDEN / f"plan-{version}.jsonl") == samples.saved(version=version)
    assert load_snapshot(GOLDEN / f"snapshot-{version}.jsonl") == samples.snapshot(version=version)


def test_version_4_is_still_what_is_written(tmp_path: Path) -> None:
    save_plan(tmp_path / "p", samples.saved())
    assert (tmp_path / "p").read_bytes() == (GOLDEN / "plan-4.jsonl").read_bytes()
    save_snapshot(tmp_path / "s", samples.snapshot())
    assert (tmp_path / "s").read_bytes() == (GOLDEN / "snapshot-4.jsonl").read_bytes()


def test_the_packages_and_builds_of_a_snapshot_survive(tmp_path: Path) -> None:
    packages = (
        PackageVersion(name="git", version="2.51.0-r2", architectures=("aarch64", "x86_64"), provides=("cmd:git=2",)),
        PackageVersion(name="jq", version="1.8-r0"),
    )
    config = PackageConfig(packages=("nginx", "jq=1.8-r0"), archs=("amd64",))
    build = Build(
        id=f"{samples.uidp(1)}/1",
        repository_id=samples.uidp(1),
        started=1.5,
        ended=None,
        result=Result.FAILURE,
        config=BuildConfig(
            entries=frozenset({Item(Field.PACKAGES, "nginx", "nginx"), Item(Field.PACKAGES, "jq", "jq=1.8-r0")}),
            parts=frozenset({Field.PACKAGES}),
        ),
        recipe=Recipe(config=config, locked=("jq=1.8-r0",)),
    )
    for whole in (True, False):
        index = PackageIndex(packages=packages, whole=whole)
        live = replace(samples.snapshot().live, salt="abc")
        kept = replace(samples.snapshot(), live=live, index=index, builds=(build,))
        save_snapshot(tmp_path / "s", kept)
        found = load_snapshot(tmp_path / "s")
        assert (found, found.builds[0].recipe) == (kept, build.recipe)


def test_resolved_packages_of_a_plan_survive(tmp_path: Path) -> None:
    change = ResolvedChange(packages=("a=1",), added=(("a", "1"),), removed=(("b", "2"),), changed=(("c", "1", "2"),))
    saved = replace(samples.saved(), resolved={"updated": change, "full": ResolvedChange(compared=False)})
    save_plan(tmp_path / "p", saved)
    assert load_plan(tmp_path / "p") == saved


def test_the_guard_is_computed_again(tmp_path: Path) -> None:
    saved = samples.saved()
    forged = replace(saved.plan, guard=replace(saved.plan.guard, losing=(), refusals=()))
    save_plan(tmp_path / "p", replace(saved, plan=forged))
    assert load_plan(tmp_path / "p").plan.guard == saved.plan.guard


def test_a_problem_keeps_the_repositories_that_have_it(tmp_path: Path) -> None:
    saved = samples.saved()
    problem = replace(saved.plan.diagnostics[0], repositories=("app", "web"))
    kept = replace(saved, plan=replace(saved.plan, diagnostics=(problem,)))
    save_plan(tmp_path / "p", kept)
    assert load_plan(tmp_path / "p").plan.diagnostics == (problem,)


def test_an_empty_plan(tmp_path: Path) -> None:
    empty = replace(samples.saved(), plan=Plan(organization=samples.ORGANIZATION, steps=()))
    save_plan(tmp_path / "p", empty)
    assert load_plan(tmp_path / "p") == empty


def test_a_file_is_private_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        save_plan(tmp_path / "p", samples.saved())
        (tmp_path / "s").write_text("older, and open to all")
        (tmp_path / "s").chmod(0o666)
        save_snapshot(tmp_path / "s", samples.snapshot())
    finally:
        os.umask(before)
    assert [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in "ps"] == [0o600, 0o600]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["p", "s"]


def test_a_write_that_fails_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "p"
    target.write_text("older")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(PlanFileError) as caught:
        save_plan(target, samples.saved())
    assert "No space left on device" in caught.value.diagnostic.summary
    assert target.read_text() == "older"
    assert [path.name for path in tmp_path.iterdir()] == ["p"]


def test_what_is_not_a_plain_file_is_not_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    for name in ("pipe", "folder", "no/such/folder"):
        with pytest.raises(PlanFileError):
            save_plan(tmp_path / name, samples.saved())
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b'{"reconciler":"plan","version":1}\n', FileKind.PLAN),
        (b'{"reconciler":"snapshot"', FileKind.SNAPSHOT),
        (b'\n{\n  "reconciler" : "plan",\n', FileKind.PLAN),
        (b'{"reconciler":"poem"}\n', None),
        (b"organization: example.com\n", None),
        (b'{"organization": "example.com", "reconciler": "plan"}', None),
        (b"PK\x03\x04\xff", None),
        (b"", None),
    ],
)
def test_a_file_is_recognised_by_its_content(tmp_path: Path, content: bytes, kind: FileKind | None) -> None:
    path = tmp_path / "manifest.yaml"
    path.write_bytes(content)
    assert recognize(path) is kind


def test_what_is_not_a_file_is_not_recognised(tmp_path: Path) -> None:
    assert recognize(tmp_path) is None
    assert recognize(tmp_path / "nothing") is None
    assert recognize(Path("a\0b")) is None
