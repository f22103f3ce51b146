"""What the schema says about a place in a manifest: which keys are known there, and what an example looks like.

Reads the models of `schema`, so that messages cannot fall behind them. Messages themselves are in `problems`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from reconciler.core.names import nearest
from reconciler.manifest.schema import ManifestFile, NamedText, Repository

# Keys that the format has and this version does not read yet.
_LATER: Final[Mapping[type[BaseModel], frozenset[str]]] = {
    ManifestFile: frozenset({"defaults", "profiles", "settings"}),
    Repository: frozenset({"profiles", "overlay"}),
    NamedText: frozenset({"file"}),
}


@dataclass(frozen=True, slots=True)
class Form:
    """What may stand at a path: a model, or a list or mapping of something, or a plain value; with an example of it.

    `required` tells that the key cannot be left out.
    """

    kind: Any
    example: Any = None
    required: bool = False

    @property
    def is_list(self) -> bool:
        """Whether a list stands here."""
        return get_origin(self.kind) is list

    @property
    def is_plain(self) -> bool:
        """Whether neither a list nor a mapping stands here."""
        return _model(self.kind) is None and get_origin(self.kind) not in (list, dict)

    @property
    def known(self) -> tuple[str, ...]:
        """The keys known here, in the order of the schema; none where any key may stand."""
        return tuple(_fields(self.kind))

    def comes_later(self, key: str) -> bool:
        """Whether the format has this key although this version does not read it."""
        return key in _LATER.get(self.kind, ())

    def similar(self, key: str) -> tuple[str, ...]:
        """Known keys that a mistyped one may stand for; a spelling such as `runAs` stands for exactly one."""
        same = tuple(known for known in self.known if _bare(known) == _bare(key))
        return same or nearest(key, self.known)

    def holder(self, key: str) -> tuple[str, str] | None:
        """The key here under which a misplaced key belongs, and how it is spelt there."""
        below = ((name, inner) for name in self.known for inner in self.step(name).known)
        return next(((name, inner) for name, inner in below if _bare(inner) == _bare(key)), None)

    def suspects(self, keys: Iterable[str]) -> Iterator[str]:
        """Known keys that the unknown ones among `keys` were probably meant to be, `file` standing for `content`."""
        for key in keys:
            if key not in self.known:
                yield from ("content",) if self.comes_later(key) else self.similar(key)

    def step(self, part: str | int) -> "Form":
        """What may stand one step further; itself where the schema does not go along."""
        field = _fields(self.kind).get(str(part))
        if field is not None:
            return Form(field.annotation, next(iter(field.examples or ()), None), field.is_required())
        if _model(self.kind) or self.is_plain:
            return self
        inner = get_args(self.kind)[-1]
        examples = self.example.values() if isinstance(self.example, dict) else self.example
        return Form(get_args(inner)[0] if hasattr(inner, "__metadata__") else inner, next(iter(examples), None))


_TOP: Final = Form(ManifestFile)


def form_at(path: Sequence[str | int]) -> Form:
    """What may stand at a path from the top of a manifest."""
    form = _TOP
    for part in path:
        form = form.step(part)
    return form


def flow(value: object) -> str:
    """An example written in one line of YAML."""
    match value:
        case dict():
            return "{" + ", ".join(f"{key}: {flow(inner)}" for key, inner in value.items()) + "}"
        case list():
            return "[" + ", ".join(map(flow, value)) + "]"
        case bool():
            return str(value).lower()
        case _:
            return str(value)


def _model(kind: Any) -> type[BaseModel] | None:
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


def _fields(kind: Any) -> dict[str, FieldInfo]:
    model = _model(kind)
    return {field.alias or name: field for name, field in model.model_fields.items()} if model else {}


def _bare(key: str) -> str:
    return "".join(filter(str.isalnum, key)).casefold()
