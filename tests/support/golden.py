"""Expected output kept in files: compare with one, or rewrite it when UPDATE_GOLDEN=1 is set."""

import difflib
import os
from pathlib import Path


def check(path: Path, actual: str) -> None:
    """Fail with a readable difference unless the file holds exactly `actual`, line ends included."""
    if os.environ.get("UPDATE_GOLDEN") == "1":
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(actual, encoding="utf-8", newline="")
        return
    if not path.exists():
        raise AssertionError(f"{path} does not exist; run with UPDATE_GOLDEN=1 to write it, then read it")
    expected = path.read_bytes().decode("utf-8")
    if expected != actual:
        lines = difflib.unified_diff(
            expected.splitlines(keepends=True), actual.splitlines(keepends=True), str(path), "actual"
        )
        raise AssertionError("".join(line if line.endswith("\n") else f"{line}\\ no newline\n" for line in lines))
