"""The `customOverlay` to send: what is live, changed only where something else is wanted.

An update replaces the whole object, so everything that this version does not know, or that nobody asked to change,
goes back as it came. Nothing here changes the object that was read; the result shares its untouched parts with it.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from operator import itemgetter
from typing import TypeVar

from reconciler.api import wire
from reconciler.api.mapping import group_from_wire, overlay_from_wire, pem_file_from_wire, user_from_wire
from reconciler.api.spelling import V1, Spelling
from reconciler.core.overlay import EMPTY, Group, Overlay, PemFile, User, package_spec
from reconciler.core.state import Unreadable

Json = dict[str, object]
Named = User | Group | PemFile
T = TypeVar("T", bound=Named)


def merge_document(document: Mapping[str, object], wanted: Overlay, spelling: Spelling = V1) -> Json:
    """The whole repository to send, which differs from the one that was read in `customOverlay` alone."""
    raw = document.get("customOverlay")
    if wanted == EMPTY and not isinstance(raw, Mapping):
        raw = None
    return {**document, "customOverlay": merge_overlay(wire.mapping(raw, "customOverlay"), wanted, spelling)}


def merge_overlay(raw: Mapping[str, object] | None, wanted: Overlay, spelling: Spelling = V1) -> Json:
    """The overlay to send in the place of the one that was read.

    A part that has the wanted meaning already stays exactly as it came. `core.model.EMPTY` goes out as every section
    empty and without what is not known, save for what is not known and empty as well: an update that leaves nothing
    looks the same as a reset, and must not lose it. Raises `ValueError` where the one that was read has no meaning.
    """
    if wanted == EMPTY:
        return _reset(raw or {})
    old = overlay_from_wire(None if raw is None else dict(raw), spelling)
    if isinstance(old, Unreadable):
        raise ValueError(old.problem)  # noqa: TRY004 - the value is at fault, not its type
    merged = dict(raw or {})
    _set(merged, "contents", _contents(_object(merged, "contents"), old, wanted))
    _set(merged, "environment", _text_map(merged, "environment", old.environment, wanted.environment))
    _set(merged, "annotations", _text_map(merged, "annotations", old.annotations, wanted.annotations))
    if old.accounts != wanted.accounts:
        _set(merged, "accounts", _or_null("accounts", _accounts(_object(merged, "accounts"), old, wanted, spelling)))
    if old.certificates != wanted.certificates:
        _set(
            merged,
            "certificates",
            _or_null("certificates", _certificates(_object(merged, "certificates"), old, wanted)),
        )
    _restore_unknown(merged, set(wanted.unrecognised).difference(old.unrecognised))
    return merged


def _restore_unknown(merged: Json, unknown: Iterable[tuple[str, str]]) -> None:
    """Put back what this version does not know and a reset has removed: `contents.x` into `contents`, others beside."""
    for path, text in sorted(unknown):
        holder, dot, key = path.partition(".")
        if dot and holder in _KNOWN:
            merged[holder] = {**_object(merged, holder), key: json.loads(text)}
        else:
            merged[path] = json.loads(text)


_EMPTY_CONTENTS: Json = {"packages": [], "runtimeRepositories": [], "runtimeKeyring": []}
_KNOWN: dict[str, frozenset[str]] = {
    "": frozenset({"contents", "environment", "annotations", "accounts", "certificates"}),
    "contents": frozenset(_EMPTY_CONTENTS),
    "accounts": frozenset({"runAs", "users", "groups"}),
    "certificates": frozenset({"additional", "providers"}),
}


def _reset(raw: Mapping[str, object]) -> Json:
    return {
        "contents": {**_EMPTY_CONTENTS, **_unknown_and_empty(raw, "contents")},
        "environment": {},
        "annotations": {},
        "accounts": _unknown_and_empty(raw, "accounts") or None,
        "certificates": _unknown_and_empty(raw, "certificates") or None,
        **_unknown_and_empty(raw, ""),
    }


def _unknown_and_empty(raw: Mapping[str, object], holder: str) -> Json:
    section = raw.get(holder) if holder else raw
    if not isinstance(section, Mapping):
        return {}
    known = _KNOWN[holder]
    return {key: value for key, value in section.items() if key not in known and _is_empty(value)}


def _is_empty(value: object) -> bool:
    # A message full of unset fields is no content either, but leaving it out loses nothing.
    return value is not None and wire.is_absent(value) and not (isinstance(value, dict | list) and value)


def _contents(raw: Json, old: Overlay, wanted: Overlay) -> Json:
    merged = dict(raw)
    if old.packages != wanted.packages:
        merged["packages"] = _texts(raw, "packages", wanted.packages, package_spec)
    if old.runtime_repositories != wanted.runtime_repositories:
        merged["runtimeRepositories"] = list(wanted.runtime_repositories)
    if old.runtime_keyring != wanted.runtime_keyring:
        merged["runtimeKeyring"] = _keyed(raw, "runtimeKeyring", wanted.runtime_keyring, pem_file_from_wire)
    return merged


def _accounts(raw: Json, old: Overlay, wanted: Overlay, spelling: Spelling) -> Json:
    merged = dict(raw)
    if old.accounts.run_as != wanted.accounts.run_as:
        merged["runAs"] = wanted.accounts.run_as
    if old.accounts.users != wanted.accounts.users:
        merged["users"] = _keyed(
            raw, "users", wanted.accounts.users, partial(user_from_wire, spelling=spelling), spelling
        )
    if old.accounts.groups != wanted.accounts.groups:
        merged["groups"] = _keyed(
            raw, "groups", wanted.accounts.groups, partial(group_from_wire, spelling=spelling), spelling
        )
    return merged


def _certificates(raw: Json, old: Overlay, wanted: Overlay) -> Json:
    merged = dict(raw)
    if old.certificates.additional != wanted.certificates.additional:
        merged["additional"] = _keyed(raw, "additional", wanted.certificates.additional, pem_file_from_wire)
    if old.certificates.providers != wanted.certificates.providers:
        merged["providers"] = _texts(raw, "providers", wanted.certificates.providers, str)
    return merged


def _object(raw: Json, key: str) -> Json:
    return wire.mapping(raw.get(key), key)


def _set(merged: Json, key: str, value: object) -> None:
    """Set a field, but leave one that is absent or null so where nothing is to be in it."""
    if value or merged.get(key):
        merged[key] = value


def _or_null(name: str, section: Json) -> Json | None:
    """A message in which nothing is left counts as unset; what is not known may say something by being false."""
    return section if any(section.values()) or _unknown_and_empty({name: section}, name) else None


def _text_map(raw: Json, key: str, old: Iterable[tuple[str, str]], wanted: Sequence[tuple[str, str]]) -> object:
    if tuple(old) == tuple(wanted):
        return raw.get(key)
    values = dict(wanted)
    kept = [name for name in wire.text_map(raw.get(key), key) if name in values]
    return {name: values[name] for name in dict.fromkeys([*kept, *values])}


def _texts(raw: Json, key: str, wanted: Sequence[str], meaning: Callable[[str], str]) -> list[str]:
    """The texts that stay, as and where they were, then the new ones."""
    missing = dict.fromkeys(wanted)
    result: list[str] = []
    for item in wire.texts(raw.get(key), key):
        if meaning(item) in missing:
            del missing[meaning(item)]
            result.append(item)
    return [*result, *missing]


def _keyed(
    raw: Json, key: str, wanted: Sequence[T], read: Callable[[Json, str], T], spelling: Spelling = V1
) -> list[Json]:
    """The objects that stay or change, where they were and with what is not known of them, then the new ones."""
    items = wire.objects(raw.get(key), key)
    values = [read(item, key) for item in items]
    fates = _fates(values, wanted)
    kept = [
        {**items[number], **_changes(values[number], fate, spelling)}
        for number, fate in sorted(fates.items(), key=itemgetter(0))
    ]
    used = list(fates.values())
    return [*kept, *(_new(value, spelling) for value in wanted if value not in used)]


def _fates(values: Sequence[T], wanted: Sequence[T]) -> dict[int, T]:
    """What becomes of each item, by its number: it stays as it is, or turns into a new value of the same name.

    A name can stand several times, so exact matches are made before items are turned into something else.
    """
    missing = list(wanted)
    fates: dict[int, T] = {}
    for number, value in enumerate(values):
        if value in missing:
            missing.remove(value)
            fates[number] = value
    for number, value in enumerate(values):
        heir = next((one for one in missing if _name(one) == _name(value)), None)
        if number not in fates and heir is not None:
            missing.remove(heir)
            fates[number] = heir
    return fates


def _changes(old: Named, new: Named, spelling: Spelling) -> Json:
    if old == new:
        return {}
    before = _fields(old, spelling)
    return {key: value for key, value in _fields(new, spelling).items() if value != before[key]}


def _new(value: Named, spelling: Spelling) -> Json:
    # An id of 0 is an id; an absent gid, and text that is not given, are left out.
    return {key: item for key, item in _fields(value, spelling).items() if item not in (None, "", [])}


def _name(value: Named) -> str:
    match value:
        case User():
            return value.username
        case Group():
            return value.groupname
        case PemFile():
            return value.name


def _fields(value: Named, spelling: Spelling) -> Json:
    match value:
        case User():
            return {
                spelling.username: value.username,
                "uid": value.uid,
                "gid": value.gid,
                "groupName": value.groupname,
                "shell": value.shell,
                "homeDir": value.homedir,
            }
        case Group():
            return {spelling.groupname: value.groupname, "gid": value.gid, "members": list(value.members)}
        case PemFile():
            return {"name": value.name, "content": value.text or value.pem}
