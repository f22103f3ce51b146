"""`fmt` and `import` keep the line ends and the byte order mark of a file (entry 35), and format manifests alone."""

from pathlib import Path

import pytest

from tests.support.program import Program, write_manifest
from tests.support.wsgi import call

MARK = b"\xef\xbb\xbf"
UGLY = b"organization: example.com\nrepositories:\n    custom-nginx: {packages:   [curl]}   # why\n"
NEAT = b"organization: example.com\n\nrepositories:\n  custom-nginx: {packages: [curl]}  # why\n"
HEAD = "organization: example.com\n\nrepositories:\n  custom-go:\n"


def write(data: bytes, name: str = "manifests/web.yaml") -> Path:
    path = write_manifest("", name)
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("mark", [b"", MARK])
@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_fmt_keeps_line_ends_and_mark(program: Program, mark: bytes, end: bytes) -> None:
    path = write(mark + UGLY.replace(b"\n", end))
    assert program.run("fmt").code == 0
    assert path.read_bytes() == mark + NEAT.replace(b"\n", end)
    assert program.run("fmt", "--check").code == 0
    assert program.run("validate").code == 0


def test_fmt_takes_the_line_end_that_most_lines_have(program: Program) -> None:
    path = write(UGLY.replace(b"\n", b"\r\n", 2))
    assert program.run("fmt").code == 0
    assert path.read_bytes() == NEAT.replace(b"\n", b"\r\n", 3)


@pytest.mark.parametrize("mark", [b"", MARK])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_import_keeps_line_ends_and_mark(program: Program, mark: bytes, end: str) -> None:
    assert program.run("import", "custom-go", "--org", "example.com", "-o", "manifests").code == 0
    path = Path("manifests/example.com.yaml")
    path.write_bytes(mark + path.read_text(encoding="utf-8").replace("\n", end).encode())
    with program.emulator() as emulator:
        repository = emulator.repository("custom-go")
        body = {**repository, "customOverlay": {"contents": {"packages": ["zip"]}}}
        assert call(emulator, "PUT", f"/registry/v1/repos/{repository['id']}", body=body).status == 200
    assert program.run("import", "custom-go", "-o", "manifests").code == 0
    data = path.read_bytes()
    assert data.startswith(mark + b"organization")
    assert b"zip" in data
    assert data.count(b"\n") == data.count(end.encode())
    assert program.run("plan", "--detailed-exitcode").code == 0


@pytest.mark.parametrize("written", ["ov.yaml", "./ov.yaml", ".//ov.yaml", "'././ov.yaml'"])
def test_an_overlay_file_is_not_formatted_however_its_path_is_written(program: Program, written: str) -> None:
    write_manifest(f"{HEAD}    overlay: {written}\n")
    path = write(b"contents:   {packages: [curl]}\n", "manifests/ov.yaml")
    result = program.run("fmt")
    assert (result.code, result.out) == (0, "")
    assert path.read_bytes() == b"contents:   {packages: [curl]}\n"


@pytest.mark.parametrize("key", ["file", "overlay"])
def test_a_manifest_is_formatted_although_a_value_is_its_name(program: Program, key: str) -> None:
    write_manifest(f"{HEAD}    environment: {{{key}: b.yaml}}\n", "manifests/a.yaml")
    path = write(UGLY, "manifests/b.yaml")
    assert program.run("fmt").out == "manifests/b.yaml\n"
    assert path.read_bytes() == NEAT
