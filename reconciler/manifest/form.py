"""Schema of a place in a manifest: the keys that are known there, and an example.

Reads the models of `schema`, so that messages cannot fall behind them. Messages themselves are in `schema_errors`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from reconciler.diagnostics import nearest
from reconciler.manifest.schema import ManifestFile, NamedOverlay, Repository
from reconciler.manifest.sections import Contents, OverlayFile, Sections, key_of

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
