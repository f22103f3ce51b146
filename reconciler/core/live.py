"""What is there: the organisation and its repositories as the API told, the planner's other input."""

from dataclasses import dataclass

from reconciler.core.desired import Address
from reconciler.core.model import Overlay


@dataclass(frozen=True, slots=True, kw_only=True)
class Organization:
    """The organisation or folder that is worked on: its UIDP and its path by names."""

    id: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """An overlay that was not understood: unknown, which is never the same as empty."""

    problem: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveRepository:
    """One repository: UIDP, name, path of its folder ("" for the organisation's own level), overlay, active tags."""

    id: str
    name: str
    folder: str = ""
    overlay: Overlay | Unreadable
    active_tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """The organisation's repositories at the time of reading."""

    organization: Organization
    repositories: tuple[LiveRepository, ...]


class Directory:
    """The repositories of `Live`, found by address; also knows the shortest clear name of each."""

    def __init__(self, live: Live) -> None:
        self._by_name: dict[str, list[LiveRepository]] = {}
        for repository in live.repositories:
            self._by_name.setdefault(repository.name, []).append(repository)

    def find(self, address: Address) -> tuple[LiveRepository, ...]:
        """Every repository that the address may mean: none, one, or several when it is not clear."""
        found = self._by_name.get(address.name, [])
        return tuple(one for one in found if address.folder is None or one.folder == address.folder)

    def label(self, repository: LiveRepository) -> str:
        """The shortest address that means this repository and no other."""
        alone = len(self._by_name[repository.name]) == 1
        return repository.name if alone else f"{repository.folder}/{repository.name}"

    def labels(self) -> tuple[str, ...]:
        """The clear names of all repositories, sorted."""
        return tuple(sorted(self.label(one) for found in self._by_name.values() for one in found))
