"""The digest of a manifest: of every text that it was read from, so that a saved plan tells which manifest it is of."""

import hashlib
from collections.abc import Iterable
from pathlib import Path


def digest(texts: Iterable[tuple[str, str]], folder: Path) -> str:
    """`sha256:` and the digest of files, given as name and text; it does not depend on where the folder lies."""
    told = hashlib.sha256()
    for name, text in sorted((_below(name, folder), text) for name, text in texts):
        # With the lengths, so that no text can pass for the name of the next file.
        for data in (name.encode("utf-8", "surrogateescape"), text.encode("utf-8")):
            told.update(b"%d:" % len(data) + data)
    return f"sha256:{told.hexdigest()}"


def _below(name: str, folder: Path) -> str:
    path = Path(name)
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else path.as_posix()
