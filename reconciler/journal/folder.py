"""The working folder that the journal and the emulator's state share: made with a note to Git to leave it alone."""

from pathlib import Path


def prepare(folder: Path) -> None:
    """Make the folder where it is missing, and its `.gitignore`, as what is in it holds values in clear."""
    folder.mkdir(parents=True, exist_ok=True)
    note = folder / ".gitignore"
    if not note.exists():
        note.write_text("*\n", encoding="utf-8")
