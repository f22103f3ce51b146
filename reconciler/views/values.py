"""Values and changes of an overlay as the public documents hold them: strings, lists and objects spelled as apko does.

Secrets are masked here and PEM text ends here: a certificate is shown by its name, subject and expiry, a key by its
fingerprint.
"""

import hashlib
import importlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from functools import lru_cache
from typing import Any

from reconciler.core.diff import SECTION_OF, Change, ChangeKind, Field, Value, items_of
from reconciler.core.overlay import CommandOverride, Group, Overlay, PemFile, User
from reconciler.core.redaction import is_redacted
from reconciler.core.secrets import HIDDEN, argument_looks_secret, looks_secret, redact
from reconciler.views.plan_schema import ChangeDocument, GroupDocument, OverlayItemDocument

_USERINFO = re.compile(r"(?<=://)[^/\s@]+(?=@)")


def mask(side: str) -> str:
    """Return the placeholder of a hidden value with its side, such as `*** (before)`."""
    return f"{HIDDEN} ({side.replace('_', ' ')})"


def is_mask(value: Any) -> bool:
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
    found: dict[tuple[Field, str], tuple[list[Value], list[Value]]] = {}
    for side, overlay in enumerate((before, after)):
        for item in items_of(overlay):
            found.setdefault((item.field, item.key), ([], []))[side].append(item.value)
    ordered_keys = sorted(found, key=lambda place: (_PARTS[place[0]], place[1]))
    return [_overlay_item(part, key, *map(tuple, found[part, key])) for part, key in ordered_keys]


# Most repositories of an organization share most of what they hold, and looking for secrets is what takes time.
@lru_cache(maxsize=10_000)
def _overlay_item(part: Field, key: str, before: tuple[Value, ...], after: tuple[Value, ...]) -> OverlayItemDocument:
    sides = sides_document(part, key, {"before": before, "after": after})
    return {
        "part": str(part),
        "key": key,
        "before": sides["before"],
        "after": sides["after"],
        "masked": sides["masked"],
        "kind": "same" if before == after else "add" if not before else "remove" if not after else "change",
    }


def sides_document(part: Field, key: str, sides: Mapping[str, tuple[Value, ...]]) -> dict[str, Any]:
    """Return the values of several overlays under one key: a list for each side, empty without a value."""
    hidden = _is_secret(part, key, (value for values in sides.values() for value in values))
    shown = {side: [_side(part, value, side, hidden=hidden) for value in values] for side, values in sides.items()}
    found = {side: [document for document, _ in values] for side, values in shown.items()}
    return {
        "part": str(part),
        "key": key,
        **found,
        "masked": any(masked for values in shown.values() for _, masked in values),
    }


def _side(part: Field, value: Value | None, side: str, *, hidden: bool) -> tuple[Any, bool]:
    """Return the public form of a value, and whether something of it is hidden; `hidden` hides all of it."""
    if value is not None and (is_redacted(value) or (hidden and isinstance(value, str))):
        return mask(side), True
    document = _document(part, value)
    shown = document if document is None else _without_secrets(part, document)
    return shown, shown != document


def _document(part: Field, value: Value | None) -> Any:
    match value:
        case tuple():
            return [_fields(one) for one in value]
        case PemFile():
            return _pem(value, certificate=part is Field.CERTIFICATES)
        case User():
            return _user(value)
        case Group():
            return _group(value)
        case _:
            return _fields(value)


def _fields(value: Any) -> Any:
    """Return an object as a mapping of its set fields; any other value unchanged."""
    if not is_dataclass(value):
        return value
    given = {field.name: getattr(value, field.name) for field in fields(value)}
    if isinstance(value, CommandOverride):  # an empty one is set all the same
        return {"mode": value.mode, "command": list(value.command)}
    return {name: list(one) if isinstance(one, tuple) else one for name, one in given.items() if one not in ("", ())}


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


def _command(document: dict[str, Any]) -> dict[str, Any]:
    """Return a command without secrets in its arguments."""
    arguments = document.get("command", [])
    pairs = zip(("", *arguments), arguments, strict=False)
    shown = [HIDDEN if argument_looks_secret(one, before) else one for before, one in pairs]
    return {**document, "command": shown} if arguments else document


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


def _is_secret(part: Field, key: str, values: Iterable[Value | None]) -> bool:
    """Return whether a key or one of its values looks like a secret; then all its values are hidden."""
    texts = [] if part is Field.TRUSTSTORE else [value for value in values if isinstance(value, str)]
    name = key if part is Field.ENVIRONMENT else ""
    return any(looks_secret(name, text) for text in texts)


def _user(user: User) -> dict[str, Any]:
    given = {
        "username": user.username,
        "uid": user.uid,
        "gid": user.gid,
        "groupname": user.groupname,
        "shell": user.shell,
        "homedir": user.homedir,
    }
    return {name: value for name, value in given.items() if value not in (None, "")}


def _group(group: Group) -> GroupDocument:
    return {"groupname": group.groupname, "gid": group.gid, "members": list(group.members)}


def _pem(file: PemFile, *, certificate: bool) -> dict[str, Any]:
    known = _certificate(file.pem) if certificate else None
    return {"name": file.name, **(known or {"sha256": hashlib.sha256(_bytes(file.pem)).hexdigest()})}


def _certificate(pem: str) -> dict[str, str] | None:
    # By name: the library takes longer to load than most plans to print, and most show no certificate.
    module: Any = importlib.import_module("reconciler.views.certificates")
    document: dict[str, str] | None = module.certificate_document(_bytes(pem))
    return document


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
