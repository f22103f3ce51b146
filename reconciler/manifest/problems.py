"""What the schema refused, worded for the person who edits the manifest.

Each error of pydantic becomes one finding with its place; no decision is made on the text of pydantic's messages.
What is echoed never comes from an environment value or a certificate. Texts of one value are worded in `values`.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from reconciler.manifest import schema, values
from reconciler.manifest.codes import Code
from reconciler.manifest.findings import Finding, quoted, shown
from reconciler.manifest.form import Form, flow, form_at
from reconciler.manifest.nodes import BROKEN, ListNode, MapNode, Spot, locate

_EXPECTED: Final = {
    "model_type": "a mapping",
    "dict_type": "a mapping",
    "list_type": "a list",
    "string_type": "text",
    "int_type": "a whole number",
    "bool_type": "`true` or `false`",
}
_MANAGED: Final = frozenset(
    {"packages", "runtime_repositories", "runtime_keyring", "environment", "annotations", "accounts", "certificates"}
)
# Lists of words: what was written as one text instead holds no secret and can be shown as the list that it should be.
_WORDS: Final = frozenset({"packages", "runtime_repositories", "providers", "members"})
_KEY_MARK: Final = "[key]"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Refusal:
    """One error of the schema with the place that it speaks of; `of_key`: the key was refused, not its value."""

    kind: str
    path: tuple[str | int, ...]
    value: object
    spot: Spot
    pattern: str = ""
    of_key: bool = False

    @property
    def last(self) -> str:
        """The last key of the path; "" where there is none."""
        return str(self.path[-1]) if self.path else ""

    @property
    def parent(self) -> Form:
        """What the schema says about where the last key stands."""
        return form_at(self.path[:-1])


def explain(errors: Iterable[Mapping[str, Any]], root: object) -> Iterator[Finding]:
    """A finding for each error, less those about values that were reported already."""
    for error in errors:
        refusal = _refusal(error, root)
        if refusal.value is not BROKEN or refusal.kind == "extra_forbidden":
            yield from _findings(refusal)


def _refusal(error: Mapping[str, Any], root: object) -> _Refusal:
    path, pattern = error["loc"], error.get("ctx", {}).get("pattern", "")
    # A key that is refused has its own mark at the end of the path; a key of that name is told by the pattern.
    of_key = bool(pattern) and path[-1] == _KEY_MARK
    path = path[:-1] if of_key else path
    spot = locate(root, path) if isinstance(root, (MapNode, ListNode)) else Spot(value=root, value_at=0)
    return _Refusal(kind=error["type"], path=path, value=error["input"], spot=spot, pattern=pattern, of_key=of_key)


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


def _at_key(refusal: _Refusal, code: Code, summary: str, hint: str) -> Finding:
    spot = refusal.spot
    return Finding(code=code, summary=summary, hint=hint, at=spot.at, use_at=spot.use_at)


def _at_value(refusal: _Refusal, code: Code, summary: str, hint: str) -> Finding:
    spot = refusal.spot
    return Finding(code=code, summary=summary, hint=hint, at=spot.value_at, use_at=spot.use_at)


def _unknown_key(refusal: _Refusal) -> Finding:
    summary = f"unknown key {quoted(refusal.last)} {_inside(refusal.path[:-1])}"
    return _at_key(refusal, Code.UNKNOWN_KEY, summary, _other_key(refusal))


def _other_key(refusal: _Refusal) -> str:
    parent, key = refusal.parent, refusal.last
    if parent.comes_later(key):
        return "it is not supported by this version yet; remove it"
    similar = parent.similar(key)
    if similar:
        return "did you mean " + " or ".join(f"`{name}`" for name in similar) + "?"
    holder = parent.holder(key)
    if holder:
        return "write it below `{}`, as `{}`".format(*holder)
    if len(refusal.path) == 1 and isinstance(refusal.value, MapNode):
        return "a repository goes below `repositories:`, indented"
    return "known here: " + ", ".join(f"`{name}`" for name in parent.known)


def _missing(refusal: _Refusal) -> Iterator[Finding]:
    siblings = refusal.spot.value
    if isinstance(siblings, MapNode) and refusal.last in refusal.parent.suspects(siblings):
        return  # the unknown key beside it is the one mistake
    summary = f"`{refusal.last}` is missing {_inside(refusal.path[:-1])}"
    if refusal.last == "uid":
        hint = "write the user's id, such as `uid: 65532`; without one the account would get uid 0, which is root"
    else:
        hint = f"write {_example(refusal)}"
    yield _at_value(refusal, Code.MISSING_FIELD, summary, hint)


def _null(refusal: _Refusal) -> Finding:
    return _at_key(refusal, Code.NULL_VALUE, f"{_subject(refusal.path)} has no value", _instead_of_null(refusal))


def _instead_of_null(refusal: _Refusal) -> str:
    path, key = refusal.path, shown(refusal.last)
    if _is_entry(path):
        return "write `{}` after it to manage nothing of it, or `{reset: true}` for the image as it is shipped"
    if _is_variable(path):
        return f'write `{key}: ""` for an empty value, or remove the line'
    if isinstance(path[-1], int):
        return "write the item after the dash, or remove the line"
    form = form_at(path)
    if form.required or form.is_plain or key == "contents":
        return f"write {_example(refusal)}" + ("" if form.required else ", or remove the line")
    empty = "[]" if form.is_list else "{}"
    if key in _MANAGED:
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
    summary = f"{_subject(refusal.path)} must be {expected}, not {found}"
    return _at_value(refusal, Code.WRONG_TYPE, summary, _of_right_type(refusal))


def _of_right_type(refusal: _Refusal) -> str:
    words = refusal.value
    if isinstance(words, str) and words.strip() and refusal.last in _WORDS and form_at(refusal.path).is_list:
        return f"write `{refusal.last}: [{shown(', '.join(words.replace(',', ' ').split()))}]`"
    if not refusal.path:
        return "begin with `organization: example.com`, and `repositories:` on a line of its own"
    if _is_variable(refusal.path):
        return f'write one text, in quotes where YAML needs them: `{shown(refusal.last)}: "..."`'
    return f"write {_example(refusal)}"


def _bad_value(refusal: _Refusal) -> Finding:
    text = str(refusal.value)
    example = f"write {_example(refusal)}"
    match refusal.kind, refusal.pattern:
        case "string_too_short", _:
            code, (summary, hint) = Code.EMPTY_TEXT, (f"{_subject(refusal.path)} is empty", example)
        case _, schema.PACKAGE:
            code, (summary, hint) = Code.BAD_PACKAGE, values.package(text)
        case _, schema.ADDRESS:
            code, (summary, hint) = Code.BAD_REPOSITORY_NAME, values.repository(text)
        case schema.ORGANIZATION_ERROR, _:
            code, (summary, hint) = Code.BAD_ORGANIZATION, values.organization(text)
        case schema.NUMBER_ERROR, _:
            code, (summary, hint) = Code.BAD_NUMBER, values.number(refusal.last, text)
        case schema.FLAG_ERROR, _:
            code, (summary, hint) = Code.BAD_FLAG, values.flag(refusal.last, text)
        case _:
            code, (summary, hint) = Code.BAD_VALUE, (f"{_subject(refusal.path)} cannot be understood", example)
    at = _at_key if refusal.of_key else _at_value
    return at(refusal, code, summary, hint)


def _is_entry(path: tuple[str | int, ...]) -> bool:
    return len(path) == 2 and path[0] == "repositories"  # noqa: PLR2004 - `repositories` and the name


def _is_variable(path: tuple[str | int, ...]) -> bool:
    """Whether a path points at the value of a variable or an annotation, whose keys are free."""
    return len(path) == 4 and path[2] in ("environment", "annotations")  # noqa: PLR2004 - entry, section, key


def _subject(path: tuple[str | int, ...]) -> str:
    """What a path points at, as the subject of a sentence; without the repository, so that shared blocks read alike."""
    match path:
        case ():
            return "a manifest"
        case ("repositories", _):
            return "a repository's entry"
        case (*_, str() as holder, int()):
            return f"an item of `{holder}`"
        case ("repositories", _, "environment" | "annotations" as holder, str() as key):
            return f"`{shown(key)}` in `{holder}`"
        case _:
            return f"`{shown(str(path[-1]))}`"


def _inside(path: tuple[str | int, ...]) -> str:
    """Where a key stands."""
    match path:
        case ():
            return "at the top of the manifest"
        case ("repositories", _):
            return "in a repository's entry"
        case (*_, str() as holder, int()):
            return f"in an item of `{holder}`"
        case _:
            return f"in `{shown(str(path[-1]))}`"


def _example(refusal: _Refusal) -> str:
    if refusal.last == "content":
        return "`content: |` and below it the PEM text"
    example = flow(form_at(refusal.path).example)
    return f"`{example}`" if isinstance(refusal.path[-1], int) else f"`{shown(refusal.last)}: {example}`"
