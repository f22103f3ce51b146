"""Imports of repositories whose names no manifest or no file system takes (entry 36)."""

from pathlib import Path

import pytest

from reconciler import manifest
from reconciler.core.overlay import make_overlay
from reconciler.core.planner import plan
from reconciler.core.state import Desired, Live, LiveRepository, Organization
from reconciler.diagnostics import Diagnostic, has_errors
from reconciler.manifest.writing.emit import Split
from reconciler.manifest.writing.folder import write_files
from reconciler.manifest.writing.importer import Import, prepare
from reconciler.manifest.writing.updater import ImportRequest

ORGANIZATION = Organization(id="4" * 40, name="example.com")
DEVICES = {"con", "nul", "aux", "com1", "lpt9"}


def repositories(*names: str) -> Live:
    overlay = make_overlay(packages=["curl"])
    found = (LiveRepository(id=f"{number:040x}", name=name, overlay=overlay) for number, name in enumerate(names))
    return Live(organization=ORGANIZATION, repositories=tuple(found))


def load(path: Path) -> tuple[Desired, tuple[Diagnostic, ...]]:
    return manifest.load(path, organization=None, now=0.0)


def imported(live: Live, folder: Path, split: Split | None = None) -> Import:
    """Import everything, and check that what was written plans to no change."""
    found = prepare(ImportRequest(live=live, folder=folder, organization="example.com", load=load, split=split))
    folder.mkdir(exist_ok=True)
    assert write_files(folder, found.texts, before=found.before).problem == ""
    desired, problems = load(folder)
    assert not has_errors(problems)
    steps = {step.repository: str(step.action) for step in plan(desired, live).steps}
    assert {steps[label] for label in found.labels} <= {"none"}
    return found


@pytest.mark.parametrize("before", ["no manifest", "manifest"])
@pytest.mark.parametrize("name", ["cust\x07om", "a\nb", "Upper", "é", "a\u202eb", "", "a*", "custom-?", "[ab]", "a]"])
def test_one_bad_name_leaves_that_repository_out_alone(tmp_path: Path, name: str, before: str) -> None:
    folder = tmp_path / "m"
    if before == "manifest":
        imported(repositories("first"), folder)
    found = imported(repositories("first", "custom-go", name, "web"), folder)
    assert set(found.labels) == ({"custom-go", "web"} if before == "manifest" else {"first", "custom-go", "web"})
    (left_out,) = found.left_out
    assert left_out.code == "not-imported"
    assert left_out.summary.startswith(f"{name} is not imported: its name contains")


def test_two_repositories_of_one_name_are_left_out(tmp_path: Path) -> None:
    found = imported(repositories("web", "web", "api"), tmp_path / "m")
    assert found.labels == ("api",)
    assert [one.summary for one in found.left_out] == ["/web is not imported: 2 repositories have this name"]


@pytest.mark.parametrize("name", ["con", "nul", "aux.v1", "com1", "lpt9"])
def test_names_of_devices_are_no_file_names(tmp_path: Path, name: str) -> None:
    found = imported(repositories(name, "console"), tmp_path / "m", "repository")
    assert set(found.texts) == {f"repository-{name}.yaml", "console.yaml"}


@pytest.mark.parametrize("name", sorted(DEVICES))
def test_no_folder_names_a_device(tmp_path: Path, name: str) -> None:
    live = repositories("web")
    live = Live(
        organization=ORGANIZATION,
        repositories=tuple(
            LiveRepository(id=one.id, name=one.name, folder=name, overlay=one.overlay) for one in live.repositories
        ),
    )
    assert set(imported(live, tmp_path / "m", "folder").texts) == {f"repository-{name}.yaml"}
