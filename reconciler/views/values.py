"""Values and changes of an overlay as the public documents hold them: strings, lists and objects spelled as apko does.

Secrets are masked here and PEM text ends here: a certificate is shown by its name, subject and expiry, a key by its
fingerprint.
"""

import hashlib
import importlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import fields
from functools import lru_cache
from typing import Annotated, Any, NotRequired, TypeAlias, cast

from pydantic import ConfigDict, with_config
from pydantic import Field as Schema
from typing_extensions import TypedDict

from reconciler.core.diff import SECTION_OF, Change, ChangeKind, Field, diff, items_of
from reconciler.core.diff import Value as CoreValue
from reconciler.core.overlay import CommandOverride, Group, Overlay, PemFile, Preflight, Section, User
from reconciler.core.redaction import is_redacted
from reconciler.core.secrets import HIDDEN, argument_looks_secret, looks_secret, redact

Count = Annotated[int, Schema(ge=0)]
Time = Annotated[str, Schema(json_schema_extra={"format": "date-time"})]
SectionName = Annotated[str, Schema(json_schema_extra={"enum": [str(section) for section in Section]})]
FieldName = Annotated[str, Schema(json_schema_extra={"enum": [str(field) for field in Field]})]


class UserDocument(TypedDict):
    """A user, spelled as apko spells it."""

    username: str
    uid: NotRequired[int]
    gid: NotRequired[int]
    groupname: NotRequired[str]
    shell: NotRequired[str]
    homedir: NotRequired[str]


class GroupDocument(TypedDict):
    """A group of users, spelled as apko spells it."""

    groupname: str
    gid: int
    members: list[str]


class PemDocument(TypedDict):
    """A certificate or key, by what it is known by and never as PEM."""

    name: str
    subject: NotRequired[str]
    issuer: NotRequired[str]
    not_after: NotRequired[Annotated[str, Schema(pattern="^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]]
    key: NotRequired[str]
    sha256: Annotated[str, Schema(pattern="^[0-9a-f]{64}$")]


class PreflightDocument(TypedDict):
    """A check of the Guarded Entrypoint: `tcp` or `path`."""

    tcp: NotRequired[str]
    path: NotRequired[str]
    timeout: NotRequired[str]
    interval: NotRequired[str]
    on_failure: NotRequired[str]


class CommandDocument(TypedDict):
    """The command of the Guarded Entrypoint; an empty one is set all the same."""

    mode: str
    command: list[str]


Value: TypeAlias = (
    str
    | bool
    | list[str]
    | list[PreflightDocument]
    | UserDocument
    | GroupDocument
    | PemDocument
    | CommandDocument
    | None
)
_NULL = {"type": "null"}


def _null_exactly_for(kind: str, side: str) -> dict[str, Any]:
    """Return a schema by which one side of a change is null for one kind of change and for no other."""
    return {
        "if": {"properties": {"kind": {"const": kind}}},
        "then": {"properties": {side: _NULL}},
        "else": {"properties": {side: {"not": _NULL}}},
    }


@with_config(
    ConfigDict(json_schema_extra={"allOf": [_null_exactly_for("add", "before"), _null_exactly_for("remove", "after")]})
)
class ChangeDocument(TypedDict):
    """One change of an overlay, with both sides."""

    path: Annotated[str, Schema(description="The part, and the key where entries of the part have names of their own.")]
    section: Annotated[str, Schema(json_schema_extra={"enum": [*map(str, Section), "unrecognised"]})]
    part: FieldName
    key: Annotated[
        str, Schema(description="The name of what changes within its part; empty where it is a single thing.")
    ]
    kind: Annotated[str, Schema(json_schema_extra={"enum": ["add", "remove", "change"]})]
    before: Value
    after: Value
    masked: Annotated[bool, Schema(description="Whether something is hidden because it looks like a secret.")]


class OverlayItemDocument(TypedDict):
    """Items of an overlay under one key, on both sides; an empty list means that a side has none."""

    part: FieldName
    key: str
    kind: Annotated[str, Schema(json_schema_extra={"enum": ["add", "remove", "change", "same"]})]
    before: list[Value]
    after: list[Value]
    masked: Annotated[bool, Schema(description="Whether something is hidden because it looks like a secret.")]


class DifferenceDocument(TypedDict):
    """Difference from the plan under one key, with all three sides."""

    part: FieldName
    key: str
    planned_from: list[Value]
    now: list[Value]
    wanted: list[Value]
    masked: bool


_USERINFO = re.compile(r"(?<=://)[^/\s@]+(?=@)")


def mask(side: str) -> str:
    """Return the placeholder of a hidden value with its side, such as `*** (before)`."""
    return f"{HIDDEN} ({side.replace('_', ' ')})"


def is_mask(value: object) -> bool:
    """Return whether a value of a document is the placeholder of a hidden value."""
    return isinstance(value, str) and value.startswith(f"{HIDDEN} (")


def without_userinfo(address: str) -> str:
    """Return a URL without user and password."""
    return _USERINFO.sub(HIDDEN, address)


_KINDS = {kind: number for number, kind in enumerate((ChangeKind.ADD, ChangeKind.CHANGE, ChangeKind.REMOVE))}
_PARTS = {part: number for number, part in enumerate(Field)}


def ordered(changes: Iterable[Change]) -> list[Change]:
    """Return changes in reading order: by part, additions before removals, then by key."""
    return sorted(changes, key=lambda change: (_PARTS[change.field], _KINDS[change.kind]))


def change_document(change: Change) -> ChangeDocument:
    """Return one change with both sides; `masked` is set if a value is hidden."""
    hidden = _is_secret(change.field, change.key, (change.before, change.after))
    before, before_masked = _side(change.field, change.before, "before", hidden=hidden)
    after, after_masked = _side(change.field, change.after, "after", hidden=hidden)
    if before == after:  # they differ only in what is hidden, and a change must never look like none
        before, after = mask("before"), mask("after")
    return {
        "path": change.path,
        "section": str(SECTION_OF.get(change.field, change.field)),
        "part": str(change.field),
        "key": change.key,
        "kind": str(change.kind),
        "before": before,
        "after": after,
        "masked": before_masked or after_masked,
    }


def overlay_document(before: Overlay, after: Overlay) -> list[OverlayItemDocument]:
    """Return both overlays in full, key by key; `kind` is `same` where nothing changes."""
    found: dict[tuple[Field, str], tuple[list[CoreValue], list[CoreValue]]] = {}
    for side, overlay in enumerate((before, after)):
        for item in items_of(overlay):
            found.setdefault((item.field, item.key), ([], []))[side].append(item.value)
    ordered_keys = sorted(found, key=lambda place: (_PARTS[place[0]], place[1]))
    return [_overlay_item(part, key, *map(tuple, found[part, key])) for part, key in ordered_keys]


# Most repositories of an organization share most of what they hold, and looking for secrets is what takes time.
@lru_cache(maxsize=10_000)
def _overlay_item(
    part: Field, key: str, before: tuple[CoreValue, ...], after: tuple[CoreValue, ...]
) -> OverlayItemDocument:
    sides, masked = public_values(part, key, {"before": before, "after": after})
    return {
        "part": str(part),
        "key": key,
        "before": sides["before"],
        "after": sides["after"],
        "masked": masked,
        "kind": "same" if before == after else "add" if not before else "remove" if not after else "change",
    }


def difference_documents(planned_from: Overlay, now: Overlay, wanted: Overlay) -> list[DifferenceDocument]:
    """Return what changed since a plan was made, with all three sides."""
    overlays = {"planned_from": planned_from, "now": now, "wanted": wanted}
    places = dict.fromkeys((change.field, change.key) for change in diff(planned_from, now))
    return [_difference(part, key, overlays) for part, key in places]


def _difference(part: Field, key: str, overlays: Mapping[str, Overlay]) -> DifferenceDocument:
    sides, masked = public_values(part, key, {side: _under(overlay, part, key) for side, overlay in overlays.items()})
    return {
        "part": str(part),
        "key": key,
        "planned_from": sides["planned_from"],
        "now": sides["now"],
        "wanted": sides["wanted"],
        "masked": masked,
    }


def _under(overlay: Overlay, part: Field, key: str) -> tuple[CoreValue, ...]:
    return tuple(entry.value for entry in items_of(overlay) if (entry.field, entry.key) == (part, key))


def public_values(
    part: Field, key: str, sides: Mapping[str, tuple[CoreValue, ...]]
) -> tuple[dict[str, list[Value]], bool]:
    """Return the values of several overlays under one key, a list for each side, and whether something is hidden."""
    hidden = _is_secret(part, key, (value for values in sides.values() for value in values))
    shown = {side: [_side(part, value, side, hidden=hidden) for value in values] for side, values in sides.items()}
    public = {side: [value for value, _ in values] for side, values in shown.items()}
    return public, any(masked for values in shown.values() for _, masked in values)


def _side(part: Field, value: CoreValue | None, side: str, *, hidden: bool) -> tuple[Value, bool]:
    """Return the public form of a value, and whether something of it is hidden; `hidden` hides all of it."""
    if value is not None and (is_redacted(value) or (hidden and isinstance(value, str))):
        return mask(side), True
    document = _document(part, value)
    shown = document if document is None else _without_secrets(part, document)
    return shown, shown != document


def _document(part: Field, value: CoreValue | None) -> Value:
    match value:
        case None | str() | bool():
            return value
        case tuple():
            return cast("Value", [_set_fields(one) if isinstance(one, Preflight) else one for one in value])
        case PemFile():
            return _pem(value, certificate=part is Field.CERTIFICATES)
        case CommandOverride(mode=mode, command=command):  # an empty one is set all the same
            return {"mode": mode, "command": list(command)}
        case User():
            return cast("UserDocument", _set_fields(value))
        case Group(groupname=groupname, gid=gid, members=members):
            return {"groupname": groupname, "gid": gid, "members": list(members)}


def _set_fields(value: User | Preflight) -> dict[str, object]:
    given = {field.name: getattr(value, field.name) for field in fields(value)}
    return {name: one for name, one in given.items() if one not in (None, "")}


def _without_secrets(part: Field, document: Any) -> Any:
    match part:
        case Field.TRUSTSTORE:
            return json.dumps(_passed_through(json.loads(document)), ensure_ascii=False, separators=(",", ":"))
        case Field.COMMAND_OVERRIDE:
            return _command(document)
        case Field.RUNTIME_REPOSITORIES:
            return [redact(without_userinfo(address)) for address in document]
        case Field.PREFLIGHT:
            return [{name: redact(one) for name, one in check.items()} for check in document]
        case _:
            return document


def _command(document: CommandDocument) -> CommandDocument:
    """Return a command without secrets in its arguments."""
    arguments = document["command"]
    pairs = zip(("", *arguments), arguments, strict=False)
    shown = [HIDDEN if argument_looks_secret(one, before) else one for before, one in pairs]
    return {"mode": document["mode"], "command": shown}


def _passed_through(value: Any, name: str = "") -> Any:
    """Return content with unknown fields, without what looks like a secret."""
    match value:
        case dict():
            return {key: _passed_through(one, key) for key, one in value.items()}
        case list():
            return [_passed_through(one, name) for one in value]
        case str():
            return HIDDEN if looks_secret(name, value) else value
        case _:
            return value


def _is_secret(part: Field, key: str, values: Iterable[CoreValue | None]) -> bool:
    """Return whether a key or one of its values looks like a secret; then all its values are hidden."""
    texts = [] if part is Field.TRUSTSTORE else [value for value in values if isinstance(value, str)]
    name = key if part is Field.ENVIRONMENT else ""
    return any(looks_secret(name, text) for text in texts)


def _pem(file: PemFile, *, certificate: bool) -> PemDocument:
    pem = file.pem.encode("utf-8", "surrogatepass")
    if certificate:
        # By name: the library takes longer to load than most plans to print, and most show no certificate.
        module: Any = importlib.import_module("reconciler.views.certificates")
        known: PemDocument | None = module.certificate_document(file.name, pem)
        if known is not None:
            return known
    return {"name": file.name, "sha256": hashlib.sha256(pem).hexdigest()}
