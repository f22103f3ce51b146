"""What the models of `schema` say of a place in a manifest: its field of the overlay, and what belongs there.

Nothing here lists keys again, so that reading, positions, messages and the JSON Schema cannot fall behind the models.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from reconciler.core.diff import SECTION_OF
from reconciler.core.diff import Field as OverlayField
from reconciler.core.overlay import Section
from reconciler.diagnostics import nearest
from reconciler.manifest.schema import (
    Contents,
    ManifestFile,
    NamedOverlay,
    NamedText,
    OverlayFile,
    RemoveSection,
    Repository,
    Sections,
)

REMOVE_KEYS: Final[Mapping[str, OverlayField]] = {
    name: next(mark for mark in field.metadata if isinstance(mark, OverlayField))
    for name, field in RemoveSection.model_fields.items()
}
"""The field of the overlay that each key of `remove` takes out of."""


@dataclass(frozen=True, slots=True)
class OverlayKey:
    """A key of a block that holds one field of the overlay.

    `attributes` leads to it through the models, `path` through the file. `item_name` is the key that names an item of
    its list, "" where items are texts.
    """

    field: OverlayField
    attributes: tuple[str, ...]
    path: tuple[str, ...]
    item_name: str = ""
    item_model: type[BaseModel] | None = None


def key_of(name: str, field: FieldInfo) -> str:
    """Return how an attribute of a model is spelled in a manifest."""
    return field.alias or name


def _overlay_keys(model: type[BaseModel], names: tuple[str, ...], path: tuple[str, ...]) -> Iterator[OverlayKey]:
    for name, field in model.model_fields.items():
        here = ((*names, name), (*path, key_of(name, field)))
        kind: Any = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from _overlay_keys(kind, *here)
        for mark in field.metadata:
            if isinstance(mark, OverlayField):
                items = [one for one in get_args(kind) if isinstance(one, type) and issubclass(one, BaseModel)]
                item = items[0] if items else None
                yield OverlayKey(mark, *here, next(iter(item.model_fields)) if item else "", item)


OVERLAY_KEYS: Final = tuple(_overlay_keys(Sections, (), ()))
"""Every key of a block that holds a field of the overlay."""

PATHS_OF: Final[Mapping[OverlayField, tuple[tuple[str, ...], ...]]] = {
    field: tuple(sorted((key.path for key in OVERLAY_KEYS if key.field is field), key=len)) for field in OverlayField
}
"""The possible places of each overlay field in a block, as paths of keys."""

NAMED_TEXT_PATHS: Final = tuple(key.path for key in OVERLAY_KEYS if key.item_model is NamedText)
"""The lists of certificates and keys."""


def _section_path(section: Section) -> tuple[str, ...]:
    fields = [field for field, of in SECTION_OF.items() if of is section]
    path = PATHS_OF[fields[0]][0]
    return path if len(fields) == 1 else path[:-1]


SECTION_PATHS: Final[Mapping[Section, tuple[str, ...]]] = {section: _section_path(section) for section in Section}
"""The place of each section in an entry, as a path of keys, in the order in which entries are written."""

_WHOLE: Final = frozenset(section for section in SECTION_OF.values() if [*SECTION_OF.values()].count(section) > 1)
SECTION_KEYS: Final = frozenset(
    key.path[-2] if SECTION_OF[key.field] in _WHOLE else key.path[-1] for key in OVERLAY_KEYS
)
"""The keys whose presence makes a section managed."""

CONTENT_KEYS: Final = ("profiles", "overlay", "packages", *OverlayFile.model_fields, "remove", "source")
"""The keys of an entry that give a repository content of its own, beside `reset: true` or `overlays`."""


# What an apko configuration can hold and an overlay cannot.
_APKO: Final = frozenset(
    {"archs", "cmd", "entrypoint", "stop-signal", "work-dir", "volumes", "layering", "paths", "vcs-url", "include"}
    | {"options", "build_repositories", "repositories", "keyring", "baseimage"}
)
_NOUNS: Final[Mapping[type[BaseModel], tuple[str, str]]] = {
    ManifestFile: ("a manifest", "at the top of the manifest"),
    OverlayFile: ("an overlay file", "at the top of an overlay file"),
    NamedOverlay: ("an overlay", "in an overlay"),
    Repository: ("a repository's entry", "in a repository's entry"),
    Sections: ("a profile", "in `defaults` or a profile"),
}


@dataclass(frozen=True, slots=True)
class Form:
    """Form of the content at a path: a model, a list or mapping of something, or a plain value; with an example.

    `required` is set if the key cannot be left out.
    """

    kind: Any
    example: Any = None
    required: bool = False

    @property
    def is_list(self) -> bool:
        """Return whether a list belongs here."""
        return get_origin(self.kind) is list

    @property
    def is_plain(self) -> bool:
        """Return whether a plain value belongs here."""
        return _model(self.kind) is None and get_origin(self.kind) not in (list, dict)

    @property
    def noun(self) -> tuple[str, str] | None:
        """Return the content here as a subject, and as "in it"; None if its key names it."""
        return _NOUNS.get(self.kind)

    @property
    def is_entry(self) -> bool:
        """Return whether a repository's entry belongs here."""
        return self.kind is Repository

    def is_of_entries(self, key: str) -> bool:
        """Return whether a key belongs in entries, and not in the defaults, profile or overlay here."""
        return self.kind in (Sections, NamedOverlay) and key in Repository.model_fields

    @property
    def is_free(self) -> bool:
        """Return whether this is a mapping from any key to a text, such as the environment."""
        return get_origin(self.kind) is dict and _inner(self.kind) is str

    @property
    def known(self) -> tuple[str, ...]:
        """Return the keys known here in schema order; none if any key is allowed."""
        return tuple(_fields(self.kind))

    def is_apko(self, key: str) -> bool:
        """Return whether a key belongs in apko configurations here, but not in overlays."""
        return key in _APKO and self.kind in (OverlayFile, Contents)

    def similar(self, key: str) -> tuple[str, ...]:
        """Return the keys that a mistyped one may mean; a spelling such as `runAs` means exactly one."""
        return self.spelled(key) or nearest(key, self.known)

    def spelled(self, key: str) -> tuple[str, ...]:
        """Return the known key that another spelling such as `runAs` means."""
        return tuple(known for known in self.known if _bare(known) == _bare(key))

    def holder(self, key: str) -> tuple[str, str] | None:
        """Return the key here under which a misplaced key belongs, and how it is spelled there."""
        below = ((name, inner) for name in self.known for inner in self.step(name).known)
        return next(((name, inner) for name, inner in below if _bare(inner) == _bare(key)), None)

    def suspects(self, keys: Iterable[str]) -> Iterator[str]:
        """Yield known keys that the unknown ones among `keys` were probably meant to be."""
        for key in keys:
            if key not in self.known:
                yield from self.similar(key)

    def step(self, part: str | int) -> "Form":
        """Return the form one step below; itself if the schema ends here."""
        field = _fields(self.kind).get(str(part))
        if field is not None:
            return Form(_without_none(field.annotation), next(iter(field.examples or ()), None), field.is_required())
        if _model(self.kind) or self.is_plain:
            return self
        examples = self.example.values() if isinstance(self.example, dict) else self.example
        return Form(_inner(self.kind), next(iter(examples), None))


MANIFEST: Final = Form(ManifestFile)
OVERLAY: Final = Form(OverlayFile)


def form_at(path: Sequence[str | int], top: Form = MANIFEST) -> Form:
    """Return the form at a path from the top of a manifest or another kind of file."""
    form = top
    for part in path:
        form = form.step(part)
    return form


def flow(value: object) -> str:
    """Return an example written in one line of YAML."""
    match value:
        case dict():
            return "{" + ", ".join(f"{key}: {flow(inner)}" for key, inner in value.items()) + "}"
        case list():
            return "[" + ", ".join(map(flow, value)) + "]"
        case bool():
            return str(value).lower()
        case _:
            return str(value)


def _inner(kind: Any) -> Any:
    """Return what the items of a list or the values of a mapping may be."""
    inner = get_args(kind)[-1]
    return get_args(inner)[0] if hasattr(inner, "__metadata__") else inner


def _without_none(kind: Any) -> Any:
    """Return what a key that may be null holds otherwise."""
    return next((one for one in get_args(kind) if _model(one)), kind) if type(None) in get_args(kind) else kind


def _model(kind: Any) -> type[BaseModel] | None:
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


def _fields(kind: Any) -> dict[str, FieldInfo]:
    model = _model(kind)
    return {key_of(name, field): field for name, field in model.model_fields.items()} if model else {}


def _bare(key: str) -> str:
    return "".join(filter(str.isalnum, key)).casefold()
