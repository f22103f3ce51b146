"""Certificates as files: names that are safe, and files that are never changed."""

from pathlib import Path

import pytest

from reconciler.core.overlay import make_pem_file
from reconciler.manifest.writing.emit import PemFiles

ONE, OTHER = "-----BEGIN CERTIFICATE-----\nA\n-----END", "-----BEGIN CERTIFICATE-----\nB\n-----END"


def test_one_text_one_file(tmp_path: Path) -> None:
    shelf = PemFiles(tmp_path)
    assert shelf.path(make_pem_file("corp-root", ONE)) == "certs/corp-root.pem"
    assert shelf.path(make_pem_file("corp-root", "explained\n" + ONE)) == "certs/corp-root.pem"
    assert shelf.path(make_pem_file("corp-root", OTHER)) == "certs/corp-root-2.pem"
    assert shelf.path(make_pem_file("CORP-root.pem", OTHER)) == "certs/corp-root-2.pem"
    assert shelf.new == {"certs/corp-root.pem": ONE + "\n", "certs/corp-root-2.pem": OTHER + "\n"}


def test_a_file_that_is_there_is_used_or_left_alone(tmp_path: Path) -> None:
    (tmp_path / "certs").mkdir()
    (tmp_path / "certs/a.pem").write_text(ONE)
    (tmp_path / "certs/b.pem").write_bytes(b"\xff")
    shelf = PemFiles(tmp_path)
    assert shelf.path(make_pem_file("a", ONE)) == "certs/a.pem"
    assert shelf.path(make_pem_file("a", OTHER)) == "certs/a-2.pem"
    assert shelf.path(make_pem_file("b", ONE)) == "certs/b-2.pem"
    assert sorted(shelf.new) == ["certs/a-2.pem", "certs/b-2.pem"]


def test_names_cannot_leave_the_folder(tmp_path: Path) -> None:
    shelf = PemFiles(tmp_path)
    names = ["../../etc/passwd", "/x", "..", "a b/c", "ünï", "." * 300, "x" * 300]
    assert [shelf.path(make_pem_file(name, f"{ONE}{number}")) for number, name in enumerate(names)] == [
        "certs/etc-passwd.pem",
        "certs/x.pem",
        "certs/certificate.pem",
        "certs/a-b-c.pem",
        "certs/n.pem",
        "certs/certificate-2.pem",
        "certs/" + "x" * 100 + ".pem",
    ]


@pytest.mark.parametrize("name", ["con", "NUL", "aux.pem", "com1.crt.pem"])
def test_names_of_devices_are_no_file_names(tmp_path: Path, name: str) -> None:  # entry 36
    assert PemFiles(tmp_path).path(make_pem_file(name, "x")).startswith("certs/file-")
