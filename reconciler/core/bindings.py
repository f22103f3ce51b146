"""Overlay bindings: the second model of Custom Assembly, next to the standard customization.

A binding puts one named overlay on one repository, or on every repository below an organization or a folder, for the
tags that its selector picks. A repository with bindings of its own cannot have a standard customization; one that has a
standard customization ignores the bindings for all repositories.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

# The one variant that there is: tags that end in `-dev`.
DEV: Final = "dev"


class SelectorKind(StrEnum):
    """Kind of a selector of tags; `UNKNOWN` is one that this version does not know."""

    ALL = "all"
    VARIANT = "variant"
    EXACT = "exact"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class TagSelector:
    """The tags of a binding: all, those of a `variant` (`dev`: tags ending in `-dev`), or exactly `tags`."""

    kind: SelectorKind
    tags: tuple[str, ...] = ()
    variant: str = ""

    def __str__(self) -> str:
        match self.kind:
            case SelectorKind.EXACT:
                return ", ".join(self.tags)
            case SelectorKind.VARIANT:
                return self.variant
            case _:
                return self.kind.value


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """An overlay, by UIDP and name, and the tags that get it.

    `repository` is the UIDP of the repository, "" where the binding holds for every repository of its scope.
    """

    id: str
    overlay_id: str
    overlay: str
    selector: TagSelector
    repository: str = ""

    @property
    def scope(self) -> str:
        """Return the UIDP of what the overlay is bound to: a repository, a folder or an organization."""
        return self.repository or self.id.rpartition("/")[0]

    def __str__(self) -> str:
        return f"{self.overlay} ({self.selector})"


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownBindings:
    """Bindings that were not read, which differs from none; `absent` if the API does not offer them."""

    problem: str
    absent: bool = False


Bindings = tuple[Binding, ...] | UnknownBindings
NOT_READ = UnknownBindings(problem="they were not read")


class BindingIndex:
    """Bindings indexed by what they are bound to; empty if they are unknown."""

    def __init__(self, bindings: Bindings) -> None:
        self._by_scope: dict[tuple[str, bool], list[Binding]] = {}
        for one in () if isinstance(bindings, UnknownBindings) else bindings:
            self._by_scope.setdefault((one.scope, bool(one.repository)), []).append(one)

    def of_repository(self, id_: str) -> tuple[Binding, ...]:
        """Return the bindings of the repository itself."""
        return tuple(self._by_scope.get((id_, True), ()))

    def of_group(self, id_: str) -> tuple[Binding, ...]:
        """Return the bindings for all repositories of an organization or a folder, without those of outer ones."""
        return tuple(self._by_scope.get((id_, False), ()))

    def effective(self, id_: str) -> tuple[Binding, ...]:
        """Return every binding that applies to a repository, outermost scope first, its own last."""
        return (*self.for_all(id_), *self.of_repository(id_))

    def for_all(self, id_: str) -> tuple[Binding, ...]:
        """Return the bindings for all repositories that apply to a repository or in a group, outermost scope first."""
        return tuple(one for scope in _scopes(id_) for one in self._by_scope.get((scope, False), ()))


def _scopes(id_: str) -> Iterator[str]:
    parts = id_.split("/")
    return ("/".join(parts[: depth + 1]) for depth in range(len(parts)))
