"""What the repositories offer as the solver and the API see it: packages, and who provides a name.

Here belong values and look-ups over them. The packages themselves are data in `catalogue.py`; choosing among them
belongs to `solver.py`.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Self

ARCHITECTURES = ("x86_64", "aarch64")
APK_NAMES = {"amd64": "x86_64", "arm64": "aarch64"}
"""apk's names of the architectures that apko calls otherwise."""

_SECTION = re.compile(r" ([>=&!@]) ")


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """A package: its versions, newest first, and what is the same for all of them.

    `needs` and `conflicts` are constraints. `provides` are names that it alone may provide, and provides in its own
    version; `shared` are names that several packages may provide, which have no version.
    """

    name: str
    versions: tuple[str, ...]
    needs: tuple[str, ...] = ()
    provides: tuple[str, ...] = ()
    shared: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()
    architectures: tuple[str, ...] = ARCHITECTURES
    origin: str = ""

    @classmethod
    def parsed(cls, line: str, origins: Mapping[str, str]) -> Self:
        """Return the package of a line of the catalogue."""
        opening, *rest = _SECTION.split(line)
        name, *versions = opening.split()
        said = {mark: tuple(text.split()) for mark, text in zip(rest[::2], rest[1::2], strict=True)}
        return cls(
            name=name,
            versions=tuple(versions),
            needs=said.get(">", ()),
            provides=said.get("=", ()),
            shared=said.get("&", ()),
            conflicts=said.get("!", ()),
            architectures=said.get("@", ARCHITECTURES),
            origin=origins.get(name, name),
        )

    def names(self, version: str) -> Iterator[tuple[str, str]]:
        """Yield the names that one version goes by, each with the version that it has under that name."""
        yield self.name, version
        yield from ((name, version) for name in self.provides)
        yield from ((name, "") for name in self.shared)


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """The packages by name, and pairs that ship one file with different contents."""

    packages: Mapping[str, Package]
    shared_files: Mapping[tuple[str, str], str] = field(default_factory=dict)
    _providers: dict[str, list[Package]] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        """Note once who provides what: it is asked for every package of every build."""
        for name in sorted(self.packages, reverse=True):
            package = self.packages[name]
            for provided in (*package.provides, *package.shared):
                self._providers.setdefault(provided, []).append(package)

    def candidates(self, name: str, architecture: str) -> tuple[Package, ...]:
        """Return the packages that go by a name on an architecture: the one of that name, then the newest first."""
        own = self.packages.get(name)
        found = (*((own,) if own else ()), *self._providers.get(name, ()))
        return tuple(each for each in found if architecture in each.architectures)
