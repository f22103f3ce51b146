"""Validates a file against `schema`, and words what it refused for the person who edits the manifest.

Each error of pydantic becomes one finding with its place; no decision is made on the text of pydantic's messages.
What is echoed never comes from an environment value or a certificate.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, Generic, TypeVar

from pydantic import BaseModel, ValidationError

from reconciler.manifest.codes import Code
from reconciler.manifest.document import BROKEN, ListNode, MapNode, Spot, locate
from reconciler.manifest.form import MANIFEST, OVERLAY, SECTION_KEYS, Form, flow, form_at
from reconciler.manifest.problems import MOST_PROBLEMS, Finding, at_key, at_value, quoted, shown
from reconciler.manifest.schema import ManifestFile, OverlayFile
from reconciler.manifest.values import VALUE_MESSAGES

Model = TypeVar("Model", bound=BaseModel)

_EXPECTED: Final = {
    "model_type": "a mapping",
    "dict_type": "a mapping",
    "list_type": "a list",
    "string_type": "text",
    "int_type": "a whole number",
    "bool_type": "`true` or `false`",
}
# Lists of words: what was written as one text instead holds no secret and can be shown as the list that it should be.
_WORDS: Final = frozenset({"profiles", "packages", "runtime_repositories", "providers", "members"})
_KEY_MARK: Final = "[key]"
# So many errors are worded before they are counted only.
_MANY: Final = 1_000
_NAMED: Final = ("profiles", "overlays", "folders", "repositories")


@dataclass(frozen=True, slots=True)
class Validated(Generic[Model]):
    """Valid part of a file (None if there is none), its problems, and the number of further problems."""

    model: Model | None
    findings: tuple[Finding, ...] = ()
    more: int = 0


def validate_manifest(root: object) -> Validated[ManifestFile]:
    """Validate the tree of a manifest file.

    Of profiles and repositories those without a mistake are taken, of other keys those that are right as a whole.
    """
    try:
        return Validated(ManifestFile.model_validate(root))
    except ValidationError as error:
        count = error.error_count()
        refused = _errors(error) if count <= _MANY else []
    if count > _MANY:
        return _first_findings(ManifestFile, root, MANIFEST, count)
    accepted = ManifestFile.model_validate(_without_mistakes(root, refused))
    return Validated(accepted, tuple(explain(refused, root, MANIFEST)))


def validate_overlay(root: object) -> Validated[OverlayFile]:
    """Validate the tree of an overlay file; with a mistake in it, nothing of it is used."""
    try:
        return Validated(OverlayFile.model_validate(root))
    except ValidationError as error:
        count = error.error_count()
        refused = _errors(error) if count <= _MANY else []
    if count > _MANY:
        return _first_findings(OverlayFile, root, OVERLAY, count)
    return Validated(None, tuple(explain(refused, root, OVERLAY)))


def _errors(error: ValidationError) -> list[Mapping[str, Any]]:
    return list[Mapping[str, Any]](error.errors(include_url=False))


def _without_mistakes(root: object, refused: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    if not isinstance(root, dict):
        return {}
    paths = [one["loc"] for one in refused]
    spoilt = {path[:2] if path[:1] and path[0] in _NAMED else path[:1] for path in paths}
    kept: dict[str, Any] = {}
    for key, value in root.items():
        if (key,) in spoilt:
            continue
        named = key in _NAMED and isinstance(value, dict)
        kept[key] = {name: one for name, one in value.items() if (key, name) not in spoilt} if named else value
    return kept


def _first_findings(model: type[Model], root: object, top: Form, count: int) -> Validated[Model]:
    """Return the first findings of a file with very many errors, which would cost pydantic gigabytes.

    Nothing of such a file is taken. One mistake that thousands of aliases use is one finding, with all of its uses.
    """
    findings: list[Finding] = []
    places: set[tuple[Code, int, str]] = set()
    for part in _parts(root):
        try:
            model.model_validate(part)
        except ValidationError as error:
            found = list(explain(_errors(error), root, top))
            findings += found
            places.update((one.code, one.at, one.summary) for one in found)
        if len(places) > MOST_PROBLEMS:
            return Validated(None, tuple(findings), count - len(findings))
    return Validated(None, tuple(findings))


def _parts(root: object) -> Iterator[dict[str, Any]]:
    """Yield the entries and sections of a file one by one, very long ones cut."""
    for key, value in root.items() if isinstance(root, dict) else ():
        if key in _NAMED and isinstance(value, dict):
            for name, inner in value.items():
                yield {key: {name: _beginning(inner)}}
        else:
            yield {key: _beginning(value)}


def _beginning(value: Any) -> Any:
    match value:
        case dict():
            return {key: _beginning(inner) for key, inner in islice(value.items(), _MANY)}
        case list():
            return [_beginning(inner) for inner in islice(value, _MANY)]
        case _:
            return value


@dataclass(frozen=True, slots=True, kw_only=True)
class _Refusal:
    """One error of the schema with the place that it speaks of; `of_key`: the key was refused, not its value."""

    kind: str
    path: tuple[str | int, ...]
    value: object
    spot: Spot
    top: Form
    pattern: str = ""
    of_key: bool = False

    @property
    def last(self) -> str:
        """Return the last key of the path; "" where there is none."""
        return str(self.path[-1]) if self.path else ""

    @property
    def parent(self) -> Form:
        """Return the form at the place of the last key."""
        return form_at(self.path[:-1], self.top)

    @property
    def form(self) -> Form:
        """Return what the schema says about the place."""
        return form_at(self.path, self.top)


def explain(errors: Iterable[Mapping[str, Any]], root: object, top: Form = MANIFEST) -> Iterator[Finding]:
    """Yield a finding for each error, less those about values that were reported already."""
    for error in errors:
        refusal = _refusal(error, root, top)
        if refusal.value is not BROKEN or refusal.kind == "extra_forbidden":
            yield from _findings(refusal)


def _refusal(error: Mapping[str, Any], root: object, top: Form) -> _Refusal:
    path, pattern = error["loc"], error.get("ctx", {}).get("pattern", "")
    # A key that is refused has its own mark at the end of the path; a key of that name is recognized by the pattern.
    of_key = bool(pattern) and path[-1] == _KEY_MARK
    path = path[:-1] if of_key else path
    spot = locate(root, path) if isinstance(root, (MapNode, ListNode)) else Spot(value=root, value_at=0)
    kind, value = error["type"], error["input"]
    return _Refusal(kind=kind, path=path, value=value, spot=spot, top=top, pattern=pattern, of_key=of_key)


def _findings(refusal: _Refusal) -> Iterator[Finding]:
    match refusal.kind:
        case "extra_forbidden":
            yield _unknown_key(refusal)
        case "missing":
            yield from _missing(refusal)
        case _ if refusal.value is None:
            yield _null(refusal)
        case kind if kind in _EXPECTED:
            yield _wrong_type(refusal, _EXPECTED[kind])
        case _:
            yield _bad_value(refusal)


def _unknown_key(refusal: _Refusal) -> Finding:
    summary = f"unknown key {quoted(refusal.last)} {_inside(refusal)}"
    return at_key(refusal.spot, Code.UNKNOWN_KEY, summary, _other_key(refusal))


def _other_key(refusal: _Refusal) -> str:
    parent, key = refusal.parent, refusal.last
    foreign = _foreign_key(parent, key)
    if foreign:
        return foreign
    similar, holder = parent.similar(key), parent.holder(key)
    if holder and not parent.spelled(key):
        return "write it below `{}`, as `{}`".format(*holder)
    if similar:
        return "did you mean " + " or ".join(f"`{name}`" for name in similar) + "?"
    if parent == MANIFEST and isinstance(refusal.value, MapNode):
        return "put repositories below `repositories:`, indented"
    return "use one of: " + ", ".join(f"`{name}`" for name in parent.known)


def _foreign_key(parent: Form, key: str) -> str:
    """Return what to do with a key that is right elsewhere; "" where it is not."""
    if parent.is_apko(key):
        return "remove it: it belongs in an apko configuration, not in an overlay"
    if parent.is_of_entries(key):
        return "move it to an entry of `repositories`"
    return ""


def _missing(refusal: _Refusal) -> Iterator[Finding]:
    siblings = refusal.spot.value
    if isinstance(siblings, MapNode) and refusal.last in refusal.parent.suspects(siblings):
        return  # the unknown key next to it is the one mistake
    summary = f"missing `{refusal.last}` {_inside(refusal)}"
    if refusal.last == "uid":
        hint = "add a user id, such as `uid: 65532`; without it the account would be root (uid 0)"
    else:
        hint = f"write {_example(refusal)}"
    yield at_value(refusal.spot, Code.MISSING_FIELD, summary, hint)


def _null(refusal: _Refusal) -> Finding:
    return at_key(refusal.spot, Code.NULL_VALUE, f"{_subject(refusal)} has no value", _instead_of_null(refusal))


def _instead_of_null(refusal: _Refusal) -> str:
    path, key = refusal.path, shown(refusal.last)
    if refusal.form.is_entry:
        return "write `{}` to manage nothing, or `{reset: true}` to remove the overlay"
    if refusal.parent.is_free:
        return f'write `{key}: ""` for an empty value, or remove the line'
    if isinstance(path[-1], int):
        return "add the item after the dash, or remove the line"
    form = refusal.form
    if form.required or form.is_plain or key == "contents":
        return f"write {_example(refusal)}" + ("" if form.required else ", or remove the line")
    empty = "[]" if form.is_list else "{}"
    if key in SECTION_KEYS:
        return f"write `{key}: {empty}` to empty the section, or remove the line to leave it unmanaged"
    return f"write `{key}: {empty}` for none, or remove the line"


def _wrong_type(refusal: _Refusal, expected: str) -> Finding:
    match refusal.value:
        case str():
            found = "text"
        case list():
            found = "a list"
        case _:
            found = "a mapping"
    summary = f"{_subject(refusal)} must be {expected}, not {found}"
    return at_value(refusal.spot, Code.WRONG_TYPE, summary, _of_right_type(refusal))


def _of_right_type(refusal: _Refusal) -> str:
    words = refusal.value
    if isinstance(words, str) and words.strip() and refusal.last in _WORDS and refusal.form.is_list:
        return f"write `{refusal.last}: [{shown(', '.join(words.replace(',', ' ').split()))}]`"
    if not refusal.path and refusal.top != MANIFEST:
        return "start with `contents:`, and below it, indented, `packages: [git]`"
    if not refusal.path:
        return "start with `organization: example.com`, and `repositories:` on its own line"
    if refusal.parent.is_free:
        return f'write one text, in quotes where YAML needs them: `{shown(refusal.last)}: "..."`'
    return f"write {_example(refusal)}"


def _bad_value(refusal: _Refusal) -> Finding:
    known = VALUE_MESSAGES.get(refusal.pattern) or VALUE_MESSAGES.get(refusal.kind)
    if known is not None:
        code, words = known
        summary, hint = words(refusal.last, str(refusal.value))
    else:
        empty = refusal.kind == "string_too_short"
        code = Code.EMPTY_TEXT if empty else Code.BAD_VALUE
        summary = f"{_subject(refusal)} {'is empty' if empty else 'is invalid'}"
        hint = f"write {_example(refusal)}"
    at = at_key if refusal.of_key else at_value
    return at(refusal.spot, code, summary, hint)


def _subject(refusal: _Refusal) -> str:
    """Return the subject of a sentence about a path; without the repository, so that shared blocks read alike."""
    noun = refusal.form.noun
    if noun and (not refusal.path or refusal.parent.noun is None):
        return noun[0]
    match refusal.path:
        case (*_, str() as holder, int()):
            return f"an item of `{holder}`"
        case (*_, str() as holder, str() as key) if refusal.parent.is_free:
            return f"`{shown(key)}` in `{holder}`"
        case _:
            return f"`{shown(str(refusal.path[-1]))}`"


def _inside(refusal: _Refusal) -> str:
    """Return the place of a key."""
    noun = refusal.parent.noun
    if noun:
        return noun[1]
    path = refusal.path[:-1]
    match path:
        case (*_, str() as holder, int()):
            return f"in an item of `{holder}`"
        case _:
            return f"in `{shown(str(path[-1]))}`"


def _example(refusal: _Refusal) -> str:
    if refusal.last == "content":
        return "`content: |` followed by the PEM text"
    example = flow(refusal.form.example)
    return f"`{example}`" if isinstance(refusal.path[-1], int) else f"`{shown(refusal.last)}: {example}`"
