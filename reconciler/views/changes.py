"""Changes of an overlay as words: `packages +curl -wget`, `~NODE_ENV "dev" → "production"`, `~app: uid 1000 → 1001`.

Works on the public document's changes, whose secrets are masked already.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple, TypeAlias, cast

from rich.cells import cell_len

from reconciler.core.diff import WHOLE, Field
from reconciler.core.overlay import Section
from reconciler.views.text import Role, Style, Word, json_text, quoted, quoted_pair, token
from reconciler.views.values import ChangeDocument, PemDocument, Value, is_mask

Item = tuple[Word, ...]
# Both sides of a change of a part whose values are texts, objects, or certificates and keys.
_Texts: TypeAlias = tuple[str | None, str | None]
_Objects: TypeAlias = tuple[Mapping[str, object] | None, Mapping[str, object] | None]
_PemFiles: TypeAlias = tuple[PemDocument | None, PemDocument | None]

# The tags of a binding, as a part of its own.
TAGS = "tags"
MARKS = {"add": "+", "remove": "-", "change": "~"}
_ROLES = {"add": Role.ADD, "remove": Role.REMOVE, "change": Role.CHANGE}
_NOTHING = "(none)"
# Fields whose changes are one value for another.
_NAMED = WHOLE | {Field.PACKAGES, Field.PROVIDERS}
# Fields whose values are names and not texts.
_NAME_FIELDS = frozenset({Field.PACKAGES, Field.PROVIDERS, Field.RUN_AS})
_JSON = frozenset({Field.COMMAND_OVERRIDE, Field.TRUSTSTORE})
_UNCUT = 1_000_000
_SHORT_DIGEST = 12
SENSITIVE = "(sensitive value)"
_SENSITIVE = {
    "add": "(sensitive value added)",
    "remove": "(sensitive value removed)",
    "change": "(sensitive value changed)",
}


def items(change: ChangeDocument, style: Style) -> list[Item]:
    """Return a change as one item, or as several where it is about a list."""
    if change["masked"] and all(side is None or is_mask(side) for side in (change["before"], change["after"])):
        return [_sensitive(change, style)]
    if isinstance(change["before"] or change["after"], list):
        return _list(change, style)
    match change["part"]:
        case part if part in _NAMED:
            return [_named(change, style)]
        case Field.USERS | Field.GROUPS:
            return [_account(change, style)]
        case Field.CERTIFICATES | Field.RUNTIME_KEYRING:
            return [_pem(change, style)]
        case _:
            return [_assignment(change, style)]


def value_words(value: Value, part: str, style: Style, *, masked: bool) -> list[Word]:
    """Return a value of one part of an overlay as words; `masked` tells that a value under its key is hidden."""
    match value:
        case _ if value is True or part in _JSON:
            return [Word(_value_text(value, part, style))]
        case str():
            return [Word(SENSITIVE if masked and is_mask(value) else quoted(value, style))]
        case list():
            return list(listing([[Word(short_value(one, style))] for one in value]))
        case dict() if "sha256" in value:
            return [Word(_pem_text(cast("PemDocument", value), style))]
        case dict():
            return list(listing([[Word(name), *_value_words(one, style)] for name, one in value.items()]))
        case _:
            return []


def value_text(value: Value, part: str, style: Style, *, masked: bool) -> str:
    """Return a value of one part of an overlay as text; `masked` as in `value_words`."""
    if part in _NAME_FIELDS and isinstance(value, str):
        return token(value, style)
    if part == Field.UNRECOGNIZED and isinstance(value, str):  # JSON text, which has quotes of its own
        return json_text(value, style)
    return " ".join(word.text for word in value_words(value, part, style, masked=masked))


def _sensitive(change: ChangeDocument, style: Style) -> Item:
    """Return a change whose values are all hidden: its key, where that is not the value itself, and what happens."""
    text, role = _SENSITIVE[change["kind"]], _ROLES[change["kind"]]
    if change["part"] in _NAMED or not change["key"]:
        return (Word(MARKS[change["kind"]] + text, role=role),)
    return (_key(change, style), Word(text, role=Role.DIM if change["kind"] == "remove" else Role.PLAIN))


def _key(change: ChangeDocument, style: Style, end: str = "") -> Word:
    return Word(MARKS[change["kind"]] + token(change["key"], style) + end, role=_ROLES[change["kind"]])


def _arrow(style: Style) -> Word:
    return Word(style.arrow, role=Role.DIM)


def _named(change: ChangeDocument, style: Style) -> Item:
    """Return something that is a name and nothing else, with both names where it changes."""
    role = _ROLES[change["kind"]]
    values = [value for value in (change["before"], change["after"]) if value is not None]
    first, *rest = [_value_text(value, change["part"], style) for value in values]
    if [first] == rest:  # cut to the same text
        first, *rest = quoted_pair(_json(values[0]), _json(values[1]), style)
    words = [Word(MARKS[change["kind"]] + first, role=role)]
    for name in rest:
        words += [_arrow(style), Word(name, role=role)]
    if change["part"] == Field.TRUSTSTORE:
        words.append(Word("(passed through)", role=Role.DIM))
    return tuple(words)


def _value_text(value: Value, part: str, style: Style) -> str:
    if part == Field.TRUSTSTORE and isinstance(value, str):
        return json_text(value, style)
    return short_value(value, style)


def short_value(value: object, style: Style) -> str:
    """Return a name as it is, a flag as `on`, a check as `tcp=db:5432,timeout=30s`, other content as JSON."""
    match value:
        case True:
            return "on"
        case str():
            return token(value, style)
        case dict() if all(isinstance(one, str) and "," not in one for one in value.values()):
            return token(",".join(f"{name}={one}" for name, one in value.items()), style)
        case _:
            return json_text(_json(value), style)


def _json(value: object) -> str:
    """Return a value as JSON without the fields that are not set; a string is JSON already."""
    if isinstance(value, str):
        return value
    given = {name: one for name, one in value.items() if one} if isinstance(value, dict) else value
    return json.dumps(given, ensure_ascii=False)


def _assignment(change: ChangeDocument, style: Style) -> Item:
    """Return a key with its value: a variable, an annotation, content that this version does not know."""
    before, after = cast("_Texts", (change["before"], change["after"]))
    if before is not None and after is not None:
        old, new = quoted_pair(before, after, style)
        return (_key(change, style), Word(old, Role.REMOVE), _arrow(style), Word(new, Role.ADD))
    only, role = (after or "", Role.PLAIN) if before is None else (before, Role.DIM)
    # Unrecognized content is JSON text, which has quotes of its own.
    shown = json_text(only, style) if change["part"] == Field.UNRECOGNIZED else quoted(only, style)
    return (_key(change, style), Word(shown, role))


def _list(change: ChangeDocument, style: Style) -> list[Item]:
    """Return what leaves and what joins an ordered list, and the order that it then has."""
    whole = replace(style, value_limit=_UNCUT)  # what is cut could look alike
    before, after = _texts(change["before"], whole), _texts(change["after"], whole)
    old, new = Counter(before), Counter(after)
    found = [_listed("+", value, Role.ADD) for value in (new - old).elements()]
    found += [_listed("-", value, Role.REMOVE) for value in (old - new).elements()]
    if change["part"] != TAGS and before and after and after != [value for value in before if value in new]:
        found.append(tuple(_order(after)))
    return found


def _texts(value: Value, style: Style) -> list[str]:
    return [short_value(one, style) for one in value] if isinstance(value, list) else []


def _listed(mark: str, value: str, role: Role) -> Item:
    return (Word(mark + value, role=role),)


def _order(values: list[str]) -> Iterator[Word]:
    *first, last = values
    yield Word("in this order:")
    yield from (Word(value + ",") for value in first)
    yield Word(last)


def _account(change: ChangeDocument, style: Style) -> Item:
    name = "username" if change["part"] == Field.USERS else "groupname"
    before, after = cast("_Objects", (change["before"], change["after"]))
    if before is not None and after is not None:
        details = [words for field in _fields(before, after) for words in _field(field, before, after, style)]
        return (_key(change, style, ":"), *listing(details))
    found = before or after or {}
    details = [
        [Word(field), *_value_words(found[field], style)] for field in found if field != name and found[field] != []
    ]
    return (_key(change, style), *listing(details, "(", ")"))


def listing(several: Iterable[list[Word]], start: str = "", end: str = "") -> Iterator[Word]:
    """Yield groups of words with commas between them, in brackets or not."""
    words = [word for group in several for word in (*group[:-1], _with_text(group[-1], group[-1].text + ","))]
    if words:
        words[-1] = _with_text(words[-1], words[-1].text[:-1] + end)
        words[0] = _with_text(words[0], start + words[0].text)
    yield from words


def _with_text(word: Word, text: str) -> Word:
    return Word(text, word.role)


def _fields(before: Mapping[str, object], after: Mapping[str, object]) -> list[str]:
    return [name for name in {**before, **after} if before.get(name) != after.get(name)]


def _field(name: str, before: Mapping[str, object], after: Mapping[str, object], style: Style) -> Iterator[list[Word]]:
    old, new = before.get(name), after.get(name)
    if isinstance(old, list) and isinstance(new, list):
        joins = [Word("+" + token(value, style), role=Role.ADD) for value in new if value not in old]
        leaves = [Word("-" + token(value, style), role=Role.REMOVE) for value in old if value not in new]
        yield [Word(name), *joins, *leaves]
    else:
        yield [Word(name), *_value_words(old, style), _arrow(style), *_value_words(new, style)]


def _value_words(value: object, style: Style) -> list[Word]:
    match value:
        case None:
            return [Word(_NOTHING)]
        case list():
            return [Word(token(one, style)) for one in value]
        case _:
            return [Word(token(str(value), style))]


def _pem(change: ChangeDocument, style: Style) -> Item:
    before, after = cast("_PemFiles", (change["before"], change["after"]))
    old, new = _pem_text(before, style), _pem_text(after, style)
    if before is not None and after is not None:
        return (_key(change, style), Word(old, Role.REMOVE), _arrow(style), Word(new, Role.ADD))
    return (_key(change, style), Word(new or old, Role.DIM if after is None else Role.PLAIN))


def _pem_text(file: PemDocument | None, style: Style) -> str:
    if file is None:
        return ""
    # Always with the digest, as two certificates can have everything else in common.
    digest = f"sha256 {file['sha256'][:_SHORT_DIGEST]}"
    if "subject" not in file:
        return f"({digest})"
    subject, issuer = (_name(file[one], style) for one in ("subject", "issuer"))
    issued = "self-signed" if file["subject"] == file["issuer"] else f"issued by {issuer}"
    return f"({subject}, {issued}, expires {file['not_after']}, {style.plain(file['key'])}, {digest})"


def _name(distinguished: str, style: Style) -> str:
    return style.shorten(style.plain(distinguished), style.value_limit // 3) if distinguished else "no name"


LABELS: Mapping[str, str] = {
    TAGS: "tags",
    **{str(one): one.rpartition(".")[2].replace("_", " ") for one in (*Section, *Field)},
    Field.USERS: "user",
    Field.GROUPS: "group",
    Field.CERTIFICATES: "certificates",
    Field.PROVIDERS: "certificate providers",
    Field.UNRECOGNIZED: "unrecognized content",
}

# Parts whose items are names and nothing else.
_NAMES = frozenset(
    {Field.PACKAGES, Field.PROVIDERS, Field.RUN_AS, Field.RUNTIME_REPOSITORIES}
    | {Field.GUARDED_ENTRYPOINT, Field.FAIL_MODE}
    | {TAGS}
)
_FEW_WORDS = 3


class Fragment(NamedTuple):
    """Changes in one part of an overlay: a label, and an item for each change.

    One that is `short` holds names alone, so that its items read well one after another.
    """

    label: str
    items: tuple[Item, ...]
    short: bool


def fragments(changes: Iterable[ChangeDocument], style: Style) -> list[Fragment]:
    """Return the changes of one repository, those of the same part together."""
    return [
        _fragment(part, tuple([item for change in found for item in items(change, style)]))
        for part, found in groupby(changes, key=itemgetter("part"))
    ]


def _fragment(part: str, found: tuple[Item, ...]) -> Fragment:
    short = part in _NAMES and all(len(item) <= _FEW_WORDS for item in found)
    return Fragment(LABELS[part], found, short)


def joined(several: Iterable[Item]) -> list[Word]:
    """Return items one after another, with a comma where one of two neighbors has more than one word."""
    words: list[Word] = []
    long = False
    for item in several:
        if words and (long or len(item) > 1):
            words[-1] = _with_text(words[-1], words[-1].text + ",")
        words.extend(item)
        long = len(item) > 1
    return words


def brief(changes: Iterable[ChangeDocument], style: Style, columns: int) -> str:
    """Return safe text of a maximum width; an ellipsis replaces names that do not fit."""
    found, used = list[str](), 0
    for word in _words(changes, style):
        used += cell_len(word) + 1
        if used >= columns:
            return " ".join([*found, style.ellipsis])
        found.append(word)
    return " ".join(found)


def _words(changes: Iterable[ChangeDocument], style: Style) -> Iterator[str]:
    for part, found in groupby(changes, key=lambda change: str(change["part"])):
        yield LABELS[part]
        for change in found:
            if change["key"]:
                yield MARKS[change["kind"]] + token(change["key"], style)
            elif part == TAGS:
                yield from (word.text for item in items(change, style) for word in item)


_DIFF_MARKS = {Role.ADD: "+", Role.REMOVE: "-", Role.CHANGE: "!"}
_DIFF_COLUMNS = 100


def diff_lines(parts: Sequence[Fragment]) -> Iterator[str]:
    """Yield the lines, each with its mark in the first column and the labels aligned."""
    column = max((len(part.label) for part in parts), default=0)
    for part in parts:
        for mark, text in _packed(part.items):
            yield f"{mark} {part.label:<{column}}  {text}"


def _packed(items: Iterable[Item]) -> Iterator[tuple[str, str]]:
    """Yield each line's mark and text; adjacent single names with the same mark share a line while they fit."""
    mark, names = "", list[str]()
    for item in items:
        own, *rest = _marked(item)
        full = cell_len(" ".join([*names, *rest])) > _DIFF_COLUMNS
        if names and (len(item) > 1 or own != mark or full):
            yield mark, " ".join(names)
            names = []
        if len(item) > 1:
            yield own, " ".join(rest)
        else:
            mark, names = own, [*names, *rest]
    if names:
        yield mark, " ".join(names)


def _marked(item: Item) -> tuple[str, ...]:
    """Return the mark of an item and then its words, the first of them without the mark that it carries in text."""
    mark = _DIFF_MARKS.get(item[0].role, "")
    if not mark:
        return (" ", *(word.text for word in item))
    return (mark, item[0].text[1:], *(word.text for word in item[1:]))
