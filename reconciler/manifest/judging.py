"""What the schema says of a file that `accepting` was not sure of: what is right in it, and what is wrong.

Imported for such files alone, because pydantic is.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from pydantic import BaseModel, ValidationError

from reconciler.manifest import problems
from reconciler.manifest.build import Tree
from reconciler.manifest.findings import Finding
from reconciler.manifest.form import MANIFEST, OVERLAY, Form
from reconciler.manifest.schema import ManifestFile, OverlayFile

_NAMED: Final = ("profiles", "repositories")


def manifest(root: object) -> tuple[Tree, list[Finding]]:
    """The part of a manifest file that holds no mistake, and the mistakes.

    Of profiles and repositories those without a mistake are left, of other keys those that are right as a whole.
    """
    refused = _refused(ManifestFile, root)
    return _accepted(root, refused), _findings(refused, root, MANIFEST)


def overlay_file(root: object) -> tuple[Tree | None, list[Finding]]:
    """The overlay of a file, None where there is a mistake in it, and the mistakes."""
    refused = _refused(OverlayFile, root)
    return (root if isinstance(root, dict) and not refused else None), _findings(refused, root, OVERLAY)


def _refused(model: type[BaseModel], root: object) -> list[Mapping[str, Any]]:
    try:
        model.model_validate(root)
    except ValidationError as error:
        return list[Mapping[str, Any]](error.errors(include_url=False))
    return []


def _findings(refused: Iterable[Mapping[str, Any]], root: object, top: Form) -> list[Finding]:
    return [*problems.explain(refused, root, top)]


def _accepted(root: object, refused: Iterable[Mapping[str, Any]]) -> Tree:
    if not isinstance(root, dict):
        return {}
    spoilt = {*_spoilt(refused)}
    kept: dict[str, Any] = {}
    for key, value in root.items():
        if (key,) in spoilt:
            continue
        named = key in _NAMED and isinstance(value, dict)
        kept[key] = {name: one for name, one in value.items() if (key, name) not in spoilt} if named else value
    return kept


def _spoilt(refused: Iterable[Mapping[str, Any]]) -> Iterator[tuple[object, ...]]:
    """The paths of what cannot be taken because there is a mistake in it."""
    for one in refused:
        loc = one["loc"]
        yield tuple(loc[:2]) if loc[:1] and loc[0] in _NAMED else tuple(loc[:1])
