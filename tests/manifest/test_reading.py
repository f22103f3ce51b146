"""From a path to text: every way in which that fails."""

import os
from pathlib import Path

import pytest

from reconciler.diagnostics import Diagnostic, Place
from reconciler.manifest import files, load
from reconciler.manifest.codes import Code

VALID = b"organization: example.com\nrepositories: {custom-node: {}}\n"


def problems(path: Path) -> tuple[Diagnostic, ...]:
    return load(path)[1]


def only_problem(path: Path, data: bytes) -> Diagnostic:
    path.write_bytes(data)
    (problem,) = problems(path)
    return problem


def test_a_path_that_is_not_there(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path / "nowhere")
    assert (problem.code, problem.place) == (Code.MANIFEST_NOT_FOUND, None)
    assert problem.summary == f'file or folder "{tmp_path}/nowhere" not found'
    (below_a_file,) = problems(Path(__file__) / "x.yaml")
    assert below_a_file.code == Code.MANIFEST_NOT_FOUND


def test_a_folder_without_manifests(tmp_path: Path) -> None:
    (tmp_path / ".hidden.yaml").write_bytes(VALID)
    (tmp_path / "notes.txt").write_bytes(VALID)
    (tmp_path / "nested").mkdir()
    problem, hidden = problems(tmp_path)
    assert problem.code == Code.NO_MANIFESTS
    assert "subfolders are not searched" in problem.hint
    assert (hidden.code, hidden.place) == (Code.UNREAD_MANIFEST, Place(file=str(tmp_path / ".hidden.yaml")))


def test_files_of_a_folder_are_read_by_name(tmp_path: Path) -> None:
    for name in ("b.yaml", "a.yml", "c.yaml"):
        (tmp_path / name).write_text(f"repositories: {{{name[0]}: {{}}}}\n")
    desired, _ = load(tmp_path, organization="example.com")
    assert [str(one.address) for one in desired.repositories] == ["a", "b", "c"]
    assert [one.place.file for one in desired.repositories] == [
        str(tmp_path / name) for name in ("a.yml", "b.yaml", "c.yaml")
    ]


def test_a_file_of_any_name_is_read_when_it_is_named(tmp_path: Path) -> None:
    (tmp_path / "manifest").write_bytes(VALID)
    assert problems(tmp_path / "manifest") == ()


def test_what_is_not_a_regular_file_is_refused_at_once(tmp_path: Path) -> None:
    pipe = tmp_path / "x.yaml"
    os.mkfifo(pipe)
    (in_folder,) = problems(tmp_path)
    assert (in_folder.code, in_folder.hint) == (Code.NOT_A_FILE, "rename it, or move it elsewhere")
    for path in (pipe, Path("/dev/zero"), Path("/dev/null")):
        (named,) = problems(path)
        assert named.code == Code.NOT_A_FILE
        assert "pipe" in named.hint


def test_a_link_that_leads_nowhere(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").symlink_to(tmp_path / "gone.yaml")
    (problem,) = problems(tmp_path)
    assert problem.code == Code.MANIFEST_NOT_FOUND


def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The tests may run as root, who may read everything.
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    (tmp_path / "x.yaml").write_bytes(VALID)
    monkeypatch.setattr(os, "open", refuse)
    (problem,) = problems(tmp_path)
    assert problem.code == Code.UNREADABLE_FILE
    assert problem.summary == "cannot read the file: Permission denied"
    assert str(problem.place) == f"{tmp_path}/x.yaml:1:1"


def test_a_path_that_no_file_can_have() -> None:
    (problem,) = problems(Path("a\0b"))
    assert problem.code == Code.UNREADABLE_FILE
    (too_long,) = problems(Path("x" * 5000))
    assert too_long.code == Code.UNREADABLE_FILE


def test_not_utf8_names_the_byte_and_the_place(tmp_path: Path) -> None:
    problem = only_problem(tmp_path / "x.yaml", b"a: b\nc: \xc3\xa9\xe9\n")
    assert problem.code == Code.NOT_UTF8
    assert problem.summary == "the file is not UTF-8: byte 10 from its start (0xe9) is not valid"
    assert problem.place is not None
    assert (problem.place.line, problem.place.column) == (2, 5)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be"])
def test_utf16_is_not_utf8(tmp_path: Path, encoding: str) -> None:
    problem = only_problem(tmp_path / "x.yaml", VALID.decode().encode(encoding))
    assert problem.code in (Code.NOT_UTF8, Code.BINARY_FILE)


def test_binary(tmp_path: Path) -> None:
    problem = only_problem(tmp_path / "x.yaml", b"a: b\n\0")
    assert problem.code == Code.BINARY_FILE
    assert problem.summary == "the file is binary: byte 5 from its start is NUL"


def test_a_byte_order_mark_is_skipped(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_bytes(b"\xef\xbb\xbforganization: example.com\nrepositories: {x: y}\n")
    (problem,) = problems(path)
    assert str(problem.place) == f"{path}:2:19"
    path.write_bytes(b"\xef\xbb\xbfa: \xff\n")
    assert "byte 6 " in problems(path)[0].summary


@pytest.mark.parametrize("data", [b"", b"\n \t\n", b"\xef\xbb\xbf"])
def test_empty(tmp_path: Path, data: bytes) -> None:
    assert only_problem(tmp_path / "x.yaml", data).code == Code.EMPTY_FILE


def test_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.yaml"
    monkeypatch.setattr(files, "LARGEST_FILE", len(VALID) - 1)
    assert only_problem(path, VALID).code == Code.FILE_TOO_LARGE
    monkeypatch.setattr(files, "LARGEST_FILE", len(VALID))
    assert problems(path) == ()


def test_windows_line_ends_count_as_one(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_bytes(b"organization: example.com\r\nrepositories:\r\n  a: {}\r\n  b: []\r\n")
    (problem,) = problems(path)
    assert str(problem.place) == f"{path}:4:6"


def test_a_control_character_is_named(tmp_path: Path) -> None:
    problem = only_problem(tmp_path / "x.yaml", b"organization: example\x1b.com\n")
    assert problem.code == Code.CONTROL_CHARACTER
    assert problem.summary == "YAML does not allow the character U+001B"
    assert problem.place is not None
    assert (problem.place.line, problem.place.column) == (1, 22)
