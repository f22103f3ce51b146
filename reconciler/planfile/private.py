"""Writing a file for its owner alone, whole or not at all."""

import contextlib
import os
import secrets
from collections.abc import Iterable
from pathlib import Path

from reconciler.planfile.refusals import unwritable

_BATCH = 1 << 20


def write_private(path: Path, pieces: Iterable[bytes]) -> None:
    """Put the pieces into a file of mode 0600 that appears under its name only when all of it is on the disk.

    Raises `PlanFileError`. What stands under the name before stays until then; a name that is no plain file is refused,
    because taking its place would destroy it.
    """
    try:
        if path.exists() and not path.is_file():
            raise unwritable(path, "it is there already, and it is no plain file")
        _write(path, pieces)
    except (OSError, ValueError) as error:
        raise unwritable(path, getattr(error, "strerror", None) or str(error)) from None


def _write(path: Path, pieces: Iterable[bytes]) -> None:
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with open(descriptor, "wb", buffering=_BATCH) as stream:  # noqa: PTH123 - a descriptor, not a path
            stream.writelines(pieces)
            stream.flush()
            os.fsync(stream.fileno())
        partial.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            partial.unlink()
        raise
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    """Make the new name last; where a file system has no such thing, the file is written all the same."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
