"""Valid blocks of sections as layers of the core, with the place of each value; overlay files, each understood once."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

from reconciler.core.diff import SECTION_OF
from reconciler.core.diff import Field as OverlayField
from reconciler.core.guarded import WRAPPED
from reconciler.core.layers import (
    Layer,
    Precedence,
    Removal,
)
from reconciler.core.overlay import (
    Overlay,
    Section,
    make_overlay,
    make_pem_file,
    package_name,
)
from reconciler.diagnostics import Place
from reconciler.manifest.document import BROKEN, Document, ListNode, MapNode, Source, Spot, locate
from reconciler.manifest.files import IncludedFile
from reconciler.manifest.form import OVERLAY_KEYS, PATHS_OF, OverlayKey
from reconciler.manifest.problems import Finding, Problems, no_content, yaml_problem
from reconciler.manifest.schema import (
    NamedText,
    OverlayFile,
    Part,
    Sections,
)
from reconciler.manifest.schema_errors import validate_overlay
from reconciler.manifest.yaml_tree import parse

# From a path to the text of that file; empty where it could not be read, which is reported elsewhere.
Reader = Callable[[str], str]

# The keys of a block by the attribute above them.
_KEYS: Final[Mapping[str, tuple[OverlayKey, ...]]] = {
    name: tuple(key for key in OVERLAY_KEYS if key.attributes[0] == name) for name in Sections.model_fields
}
_ITEM_NAMES: Final = {key.field: key.item_name for key in OVERLAY_KEYS}


def make_layer(
    block: OverlayFile,
    read: Reader,
    *,
    kind: Precedence,
    place: Place,
    source_map: "SourceMap",
    name: str = "",
    protect: bool | None = None,
    removed: tuple[Removal, ...] = (),
) -> Layer:
    """Return what one block of sections says."""
    managed, emptied = _mentioned(block)
    return Layer(
        precedence=kind,
        kind=kind,
        place=place,
        overlay=_overlay(block, read),
        managed=managed,
        name=name,
        emptied=emptied,
        removed=removed,
        protect=protect,
        locate=source_map,
    )


def _mentioned(block: OverlayFile) -> tuple[frozenset[Section], frozenset[OverlayField]]:
    """Return the sections that a block mentions, and the fields that it gives empty.

    `accounts: {users: []}` mentions the accounts and empties the users alone; `accounts: {}` empties all of them.
    `guarded_entrypoint: false` takes away the settings of the wrapper that weaker layers gave: they need it.
    """
    managed: set[Section] = set()
    emptied: set[OverlayField] = set()
    for name in block.model_fields_set & _KEYS.keys():
        for key in _KEYS[name]:
            value = getattr(block, name)
            if len(key.attributes) > 1:
                given = value.model_fields_set
                if key.attributes[1] not in given and (given or name == "contents"):
                    continue
                value = getattr(value, key.attributes[1])
            managed.add(SECTION_OF[key.field])
            if not value:
                emptied.add(key.field)
    if OverlayField.GUARDED_ENTRYPOINT in emptied:
        emptied.update(WRAPPED)
    return _shared(frozenset(managed), frozenset(emptied))


# Thousands of entries mention the same few sections: the sets need to be there only once.
@lru_cache(maxsize=1 << 12)
def _shared(
    managed: frozenset[Section], emptied: frozenset[OverlayField]
) -> tuple[frozenset[Section], frozenset[OverlayField]]:
    return managed, emptied


def _overlay(block: OverlayFile, read: Reader) -> Overlay:
    values: dict[str, Any] = {}
    for name in block.model_fields_set & _KEYS.keys():
        value = getattr(block, name)
        given = {one: getattr(value, one) for one in value.model_fields_set} if name == "contents" else {name: value}
        for attribute, one in given.items():
            made = _core_value(one, read)
            values[attribute] = [*values[attribute], *made] if attribute in values else made
    return make_overlay(**values)


def _core_value(value: Any, read: Reader) -> Any:
    """Return the value of the core for one of the manifest's models."""
    match value:
        case NamedText():
            return make_pem_file(value.name, value.content or read(value.file))
        case Part():
            return type(value).make(**{name: _core_value(inner, read) for name, inner in value})
        case [Part(), *_]:
            return [_core_value(one, read) for one in value]
        case _:
            return value


class ParsedText:
    """The text of a file, parsed again when a place in it is wanted.

    Keeps the text and not the tree, because thousands of entries are planned for each one that is asked about.
    """

    __slots__ = ("_root", "source")

    def __init__(self, source: Source) -> None:
        self.source = source
        self._root: object = None

    @property
    def root(self) -> object:
        """Return the tree of the file."""
        if self._root is None:
            self._root = parse(self.source.text).root
        return self._root


@dataclass(frozen=True, slots=True)
class SourceMap:
    """Finds the place of each value of a block, by its file and the path of keys that leads to the block."""

    text: ParsedText
    path: tuple[str, ...]

    def __call__(self, field: OverlayField, key: str) -> Place:
        """Return the place of an item of a field; of the field if the item is missing."""
        root = self.text.root
        if not isinstance(root, MapNode):
            return self.text.source.place(0)
        spots = [locate(root, (*self.path, *path)) for path in PATHS_OF[field]]
        found = next((item for spot in spots if (item := _item(spot, field, key)) is not None), None)
        deepest = found or max(spots, key=lambda spot: spot.value_at, default=locate(root, self.path))
        return self.text.source.place(deepest.at)


def _item(spot: Spot, field: OverlayField, key: str) -> Spot | None:
    match spot.value:
        case MapNode() as node if key in node:
            return locate(node, (key,))
        case ListNode() as items if key:
            return next(
                (locate(items, (index,)) for index, item in enumerate(items) if _name(item, field) == key), None
            )
        case _:
            return None


def _name(item: object, field: OverlayField) -> object:
    match item:
        case MapNode():
            return item.get(_ITEM_NAMES[field])
        case str() if field is OverlayField.PACKAGES:
            return package_name(item.strip())
        case _:
            return item


@dataclass(frozen=True, slots=True)
class _OverlaySource:
    """An overlay file of the right form."""

    overlay: OverlayFile
    text: ParsedText
    place: Place


@dataclass(slots=True)
class OverlayFiles:
    """The overlay files that entries name, each read, checked and understood once.

    `check` gives the findings of rules about one.
    """

    check: Callable[[Document], Iterator[Finding]]
    problems: Problems
    _known: dict[str, _OverlaySource | None] = field(default_factory=dict)

    def understand(self, file: IncludedFile) -> _OverlaySource | None:
        """Return what a file says; None where it has a mistake, which then is among the problems."""
        if file.name not in self._known:
            self._known[file.name] = self._understand(file)
        return self._known[file.name]

    def _understand(self, file: IncludedFile) -> _OverlaySource | None:
        source, tree = Source(file.name, file.text), parse(file.text)
        problems = (*tree.problems, *no_content(tree, file.text))
        self.problems.find(source, (yaml_problem(one, source) for one in problems))
        if tree.root is BROKEN or tree.root is None:
            return None
        validated = validate_overlay(tree.root)
        self.problems.find(source, validated.findings)
        self.problems.find(source, self.check(Document(source, tree, is_overlay=True)))
        return None if validated.model is None else _OverlaySource(validated.model, ParsedText(source), source.place(0))
