"""Files that a manifest names are read only inside the manifest's folder."""

import json
import os
from pathlib import Path

import pytest

from reconciler.diagnostics import Diagnostic
from reconciler.manifest import load
from reconciler.manifest.codes import Code


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "m" / "inside").mkdir(parents=True)
    (tmp_path / "outside.yaml").write_text("environment: {SECRET_OUTSIDE: x}\n")
    monkeypatch.chdir(tmp_path / "m")
    return tmp_path / "m"


def problems(overlay: str) -> tuple[Diagnostic, ...]:
    Path("m.yaml").write_text(f"organization: example.com\nrepositories: {{x: {{overlay: '{overlay}'}}}}\n")
    return load(Path("m.yaml"))[1]


def test_a_link_out_of_the_folder_is_refused(folder: Path) -> None:
    (folder / "link.yaml").symlink_to("../outside.yaml")
    (problem,) = problems("link.yaml")
    assert problem.code == Code.PATH_OUTSIDE
    assert problem.summary == '"link.yaml" is outside the manifest\'s folder: a symbolic link points outside'


def test_a_folder_that_leads_out_is_refused(folder: Path) -> None:
    (folder / "out").symlink_to("..")
    assert [one.code for one in problems("out/outside.yaml")] == [Code.PATH_OUTSIDE]


def test_a_link_within_the_folder_is_followed(folder: Path) -> None:
    (folder / "inside" / "real.yaml").write_text("contents: {packages: [git]}\n")
    (folder / "link.yaml").symlink_to("inside/real.yaml")
    assert problems("link.yaml") == ()


def test_links_in_a_circle(folder: Path) -> None:
    (folder / "a").symlink_to("b")
    (folder / "b").symlink_to("a")
    assert [one.code for one in problems("a")] == [Code.UNREADABLE_FILE]


@pytest.mark.parametrize("path", ["../outside.yaml", "inside/../../outside.yaml", "/etc/hostname", "..", "..\\x"])
def test_a_path_out_of_the_folder_is_refused_before_anything_is_opened(path: str, folder: Path) -> None:
    assert [one.code for one in problems(path)] == [Code.PATH_OUTSIDE]


def test_a_pipe_does_not_hold_anybody_up(folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    assert [one.code for one in problems("pipe")] == [Code.NOT_A_FILE]


def test_a_large_file_is_not_read(folder: Path) -> None:
    (folder / "large.yaml").write_text("# " + "x" * 1024 * 1024)
    (problem,) = problems("large.yaml")
    assert (problem.code, problem.summary) == (Code.FILE_TOO_LARGE, "the file is larger than 1 MiB")


def test_a_manifest_in_a_folder_reached_by_a_link_may_name_its_files(folder: Path) -> None:
    (folder / "x.txt").write_text("contents: {packages: [git]}\n")
    problems("x.txt")
    (folder.parent / "linked").symlink_to("m")
    desired, found = load(folder.parent / "linked")
    assert found == ()
    assert desired.repositories[0].overlay.packages == ("git",)


@pytest.mark.parametrize("path", [".", "./", "inside", "inside/", "x" * 300, "a\0b", "~/x", "%2e%2e/x", "ünï", "a:b"])
def test_odd_paths_are_no_files(path: str, folder: Path) -> None:
    entry = json.dumps({"overlay": path})
    Path("m.yaml").write_text(f"organization: example.com\nrepositories: {{x: {entry}}}\n")
    (problem,) = load(Path("m.yaml"))[1]
    assert problem.code in {Code.NOT_A_FILE, Code.FILE_NOT_FOUND, Code.UNREADABLE_FILE}
