"""Where each value of a block stands, found when somebody asks: for `explain`, and for what layers disagree about.

Keeps the text of a file and not its tree, because thousands of entries are planned for each one that is asked about.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from reconciler.core.diff import Field
from reconciler.core.overlay import package_name
from reconciler.diagnostics import Place
from reconciler.manifest.findings import Source
from reconciler.manifest.nodes import ListNode, MapNode, Spot, locate
from reconciler.manifest.yaml_tree import parse

_Path = tuple[str, ...]

_PACKAGES: Final[tuple[_Path, ...]] = (("packages",), ("contents", "packages"))
_PATHS: Final[Mapping[Field, tuple[_Path, ...]]] = {
    Field.PACKAGES: _PACKAGES,
    Field.RUNTIME_REPOSITORIES: (("contents", "runtime_repositories"),),
    Field.RUNTIME_KEYRING: (("contents", "runtime_keyring"),),
    Field.ENVIRONMENT: (("environment",),),
    Field.ANNOTATIONS: (("annotations",),),
    Field.RUN_AS: (("accounts", "run-as"),),
    Field.USERS: (("accounts", "users"),),
    Field.GROUPS: (("accounts", "groups"),),
    Field.CERTIFICATES: (("certificates", "additional"),),
    Field.PROVIDERS: (("certificates", "providers"),),
}
_NAMES: Final = {Field.USERS: "username", Field.GROUPS: "groupname"}


class Text:
    """The text of a file, parsed again when a place in it is wanted."""

    __slots__ = ("_root", "source")

    def __init__(self, source: Source) -> None:
        self.source = source
        self._root: object = None

    @property
    def root(self) -> object:
        """The tree of the file."""
        if self._root is None:
            self._root = parse(self.source.text).root
        return self._root


@dataclass(frozen=True, slots=True)
class BlockSite:
    """A block by its file and the path of keys that leads to it."""

    text: Text
    path: _Path

    def place(self, part: Field, key: str) -> Place:
        """Where an entry of the block stands; where its section stands when there is no such entry."""
        root = self.text.root
        if not isinstance(root, MapNode):
            return self.text.source.place(0)
        spots = [locate(root, (*self.path, *path)) for path in _PATHS.get(part, ())]
        found = next((inner for spot in spots for inner in _matching(spot, part, key)), None)
        deepest = found or max(spots, key=lambda spot: spot.value_at, default=locate(root, self.path))
        return self.text.source.place(deepest.at)


def _matching(spot: Spot, part: Field, key: str) -> Iterator[Spot]:
    match spot.value:
        case MapNode() as node if key in node:
            yield locate(node, (key,))
        case ListNode() as items if key:
            for index, item in enumerate(items):
                if _name(item, part) == key:
                    yield locate(items, (index,))


def _name(item: object, part: Field) -> object:
    match item:
        case MapNode():
            return item.get(_NAMES.get(part, "name"))
        case str() if part is Field.PACKAGES:
            return package_name(item.strip())
        case _:
            return item
