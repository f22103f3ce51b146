"""What was looked up lately of an organisation's packages, in a file that lives for minutes.

A cache that cannot be read or written is no cache, never a problem. Names that mean nothing are not kept: somebody
is about to correct them.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from reconciler.core.availability import PackageVersion

LIFE = 15 * 60.0
_FORMAT = 1


class PackageCache:
    """The packages of one organisation of one API, by name; `problem` is why the cache was of no use."""

    def __init__(self, folder: Path, *, api: str, organization: str, now: float) -> None:
        digest = hashlib.sha256(f"{api}\n{organization}".encode()).hexdigest()[:16]
        self._file = folder / f"packages-{digest}.json"
        self._now = now
        self.problem = ""

    def read(self, names: Mapping[str, bool]) -> dict[str, tuple[PackageVersion, ...]]:
        """What is known of some names; where a particular version is wanted, only what tells of every version."""
        try:
            kept = self._load()
            return {
                name: tuple(_decode(one) for one in kept[name]["versions"])
                for name, every in names.items()
                if name in kept and (kept[name]["every"] or not every)
            }
        except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
            self.problem = type(error).__name__
            return {}

    def write(self, found: Mapping[str, tuple[PackageVersion, ...]], names: Mapping[str, bool]) -> None:
        """Keep what was found beside what is there and not too old; whole or not at all."""
        try:
            kept = self._load()
        except (OSError, ValueError, LookupError, TypeError, AttributeError):
            kept = {}
        for name, versions in found.items():
            if versions:
                every, written = names.get(name, False), [_encode(one) for one in versions]
                kept[name] = {"at": self._now, "every": every, "versions": written}
        beside = self._file.with_name(f"{self._file.name}.{os.getpid()}")
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            beside.write_text(json.dumps({"format": _FORMAT, "packages": kept}), encoding="utf-8")
            beside.replace(self._file)
        except OSError as error:
            self.problem = type(error).__name__
            with suppress(OSError):
                beside.unlink(missing_ok=True)

    def _load(self) -> dict[str, Any]:
        if not self._file.exists():
            return {}
        document = json.loads(self._file.read_text(encoding="utf-8"))
        if document["format"] != _FORMAT:
            return {}
        return {name: entry for name, entry in document["packages"].items() if 0 <= self._now - entry["at"] < LIFE}


def _encode(one: PackageVersion) -> list[object]:
    return [one.name, one.version, list(one.architectures)]


def _decode(kept: list[Any]) -> PackageVersion:
    name, version, architectures = kept
    if not isinstance(name, str) or not isinstance(version, str):
        raise TypeError
    return PackageVersion(name=name, version=version, architectures=tuple(map(str, architectures)))
