"""Cache file of package lookups, so that the next plan does not repeat them."""

import hashlib
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from reconciler.core.packages import Constraint, PackageVersion, constraints_met
from reconciler.planfile.format import make_private_folder, private_file

FOLDER = Path(".reconciler")
LIFE = 15 * 60.0
_FORMAT = 1
# What reading a file can come to that somebody else wrote.
_UNREADABLE = (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError)


class PackageCache:
    """The packages of one organization of one API, by name; `problem` is why the cache was of no use."""

    def __init__(self, folder: Path, *, api: str, organization: str, now: float) -> None:
        digest = hashlib.sha256(f"{api}\n{organization}".encode()).hexdigest()[:16]
        self._file = folder / f"packages-{digest}.json"
        self._now = now
        self.problem = ""

    def read(self, wanted: Mapping[str, tuple[Constraint, ...]]) -> dict[str, tuple[PackageVersion, ...]]:
        """Return the cached packages of some names; a name is left out if none of its packages meets the constraint."""
        try:
            kept = self._load()
            known = {name: tuple(map(_decode, kept[name]["versions"])) for name in wanted if name in kept}
        except _UNREADABLE as error:
            self.problem = type(error).__name__
            return {}
        return {
            name: versions for name, versions in known.items() if versions and constraints_met(wanted[name], versions)
        }

    def write(self, found: Mapping[str, tuple[PackageVersion, ...]]) -> None:
        """Add the found packages to the cache and drop old ones; the file is replaced as a whole."""
        try:
            kept = self._load()
        except _UNREADABLE:
            kept = {}
        for name, versions in found.items():
            if versions:
                kept[name] = {"at": self._now, "versions": [_encode(one) for one in versions]}
        temporary = self._file.with_name(f"{self._file.name}.{os.getpid()}")
        try:
            make_private_folder(self._file.parent)
            with private_file(temporary) as descriptor:
                os.write(descriptor, json.dumps({"format": _FORMAT, "packages": kept}).encode())
            temporary.replace(self._file)
        except OSError as error:
            self.problem = type(error).__name__
            with suppress(OSError):
                temporary.unlink(missing_ok=True)

    def _load(self) -> dict[str, Any]:
        if self._file.is_symlink() or not self._file.is_file():
            return {}
        document = json.loads(self._file.read_text(encoding="utf-8"))
        if document["format"] != _FORMAT:
            return {}
        return {name: entry for name, entry in document["packages"].items() if 0 <= self._now - entry["at"] < LIFE}


def _encode(one: PackageVersion) -> list[object]:
    return [one.name, one.version, list(one.architectures)]


def _decode(kept: list[Any]) -> PackageVersion:
    name, version, architectures = kept
    texts = (name, version, *architectures)
    if not isinstance(architectures, list) or not all(isinstance(one, str) for one in texts):
        raise TypeError
    return PackageVersion(name=name, version=version, architectures=tuple(architectures))
