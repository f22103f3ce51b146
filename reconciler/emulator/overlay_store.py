"""Overlays and bindings in the state file, and the effective overlay of each tag.

A tag gets its standard overlay, or the overlays bound to it, combined. Lowest first: the bindings for all repositories
of the organization, those of its folders from the outside in, and the repository's own; in each scope those for all
tags, for a variant, and for exact tags. Overlays of one layer are combined in the order of their names, which only the
order of preflight checks and runtime repositories can show.
"""

import itertools
import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Literal

from reconciler.emulator import overlay_rules, store, uidp
from reconciler.emulator.protojson import snake_case
from reconciler.emulator.store import Json, Repo

Table = Literal["overlays", "bindings"]


def records(db: sqlite3.Connection, table: Table) -> list[Json]:
    """Return all overlays or bindings, in the order of ids."""
    return [json.loads(row["message"]) for row in db.execute(f"SELECT message FROM {table} ORDER BY id")]  # noqa: S608


def records_as_of(db: sqlite3.Connection, table: Table, instant: int) -> dict[str, Json]:
    """Return all overlays or bindings by id as they were at an instant of the last hour."""
    now = {each["id"]: each for each in records(db, table)}
    found = now | store.replaced_since(db, table, instant)
    return {identifier: message for identifier, message in found.items() if message is not None}


def record(db: sqlite3.Connection, table: Table, identifier: str) -> Json | None:
    """Return the overlay or the binding with this id."""
    row = db.execute(f"SELECT message FROM {table} WHERE id = ?", (identifier,)).fetchone()  # noqa: S608
    return json.loads(row["message"]) if row else None


def record_as_of(db: sqlite3.Connection, table: Table, identifier: str, instant: int) -> Json | None:
    """Return the overlay or the binding with this id as it was at an instant of the last hour."""
    replaced = store.replaced_since(db, table, instant)
    return replaced[identifier] if identifier in replaced else record(db, table, identifier)


def named(db: sqlite3.Connection, root: str, name: str) -> list[Json]:
    """Return an organization's overlays of a name, those of the organization itself before those of its folders."""
    rows = db.execute("SELECT message FROM overlays WHERE name = ? ORDER BY id", (name,))
    found = [each for row in rows if uidp.root((each := json.loads(row["message"]))["id"]) == root]
    return sorted(found, key=lambda each: len(uidp.levels(each["id"])))


def bindings_of(db: sqlite3.Connection, overlay: str) -> list[Json]:
    """Return an overlay's bindings, in the order of ids."""
    rows = db.execute("SELECT message FROM bindings WHERE overlay = ? ORDER BY id", (overlay,))
    return [json.loads(row["message"]) for row in rows]


def bound(db: sqlite3.Connection, parents: Sequence[str]) -> list[tuple[Json, Json]]:
    """Return the bindings that lie directly under some ids, in the order of ids, each with its overlay."""
    rows = db.execute(
        "SELECT bindings.message AS binding, overlays.message AS overlay "  # noqa: S608 - of fixed texts
        "FROM bindings JOIN overlays ON overlays.id = bindings.overlay "
        f"WHERE bindings.parent IN ({', '.join('?' * len(parents))}) ORDER BY bindings.id",
        tuple(parents),
    )
    return [(json.loads(row["binding"]), json.loads(row["overlay"])) for row in rows]


def new_id(db: sqlite3.Connection, parent: str, *parts: str) -> str:
    """Return an id for an overlay or a binding that nothing has or had: not what was renamed, nor what was deleted."""
    for number in itertools.count():
        found = uidp.of_child(parent, *parts, *([number] if number else []))
        if db.execute("INSERT OR IGNORE INTO given (id) VALUES (?)", (found,)).rowcount:
            return found
    raise AssertionError("the numbers do not end")


def put_overlay(db: sqlite3.Connection, message: Json, now: int) -> None:
    """Insert or replace an overlay."""
    _remember(db, "overlays", message["id"], now)
    db.execute(
        "INSERT OR REPLACE INTO overlays (id, name, message) VALUES (?, ?, ?)",
        (message["id"], message["name"], store.dump(message)),
    )


def put_binding(db: sqlite3.Connection, message: Json, now: int) -> None:
    """Insert or replace a binding, whose overlay is the id of one."""
    _remember(db, "bindings", message["id"], now)
    db.execute(
        "INSERT OR REPLACE INTO bindings (id, parent, overlay, message) VALUES (?, ?, ?, ?)",
        (message["id"], uidp.parent(message["id"]), message["overlay"], store.dump(message)),
    )


def delete(db: sqlite3.Connection, table: Table, identifier: str, now: int) -> None:
    """Remove an overlay or a binding."""
    _remember(db, table, identifier, now)
    db.execute(f"DELETE FROM {table} WHERE id = ?", (identifier,))  # noqa: S608


def _remember(db: sqlite3.Connection, table: Table, identifier: str, now: int) -> None:
    store.remember(db, table, identifier, record(db, table, identifier), now)


DISAGREEMENT = "overlay config does not merge commutatively with co-matching binding(s)"
_KINDS = ("ALL", "VARIANT", "EXACT")
_SUFFIXES = {"DEV": "-dev"}
_SECTIONS = ("contents", "accounts", "certificates")
_MAPS = ("environment", "annotations")
_SETS = frozenset({"packages", "runtimeRepositories"})
_NAMES = {"users": "userName", "groups": "groupName", "additional": "name", "runtimeKeyring": "name"}
_AGREEING = ("preflight", "guardedEntrypoint")  # which two overlays cannot disagree about


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundOverlay:
    """A binding with its overlay: ids, the selector, and name and configuration of the overlay in stored form."""

    binding: str
    selector: Json
    name: str
    config: Json

    def matches(self, tag: str) -> bool:
        """Return whether the selector picks a tag."""
        match self.selector["kind"]:
            case "EXACT":
                return tag in self.selector["tags"]
            case "VARIANT":
                return tag.endswith(_SUFFIXES[self.selector["variantType"]])
            case _:
                return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why a tag is not rebuilt: what is refused, the reason, and what shows it."""

    subject: str
    reason: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TagOverlays:
    """The overlays of a repository's tags: `layers` hold bindings of one scope and kind each, the lowest first.

    A repository with a standard overlay has no layers: it ignores the bindings of its organization.
    """

    standard: Json | None
    layers: tuple[tuple[BoundOverlay, ...], ...] = ()

    def overlay(self, tag: str) -> Json | None:
        """Return the overlay that a tag is built with, in stored form."""
        bound = [each.config for layer in self.layers for each in layer if each.matches(tag)]
        return combined(bound) if bound else self.standard

    def refusal(self, tag: str) -> Refusal | None:
        """Return why a tag cannot be rebuilt, if it cannot."""
        for layer in self.layers:
            for one, other in combinations([each for each in layer if each.matches(tag)], 2):
                fields = differing(one.config, other.config)
                if fields:
                    reason = f"{DISAGREEMENT}: {described(other)} on fields [{', '.join(fields)}]"
                    return Refusal(subject="overlay bindings", reason=reason, detail=described(one))
        reason, detail = overlay_rules.wrapper_refusal(self.overlay(tag) or {})
        return Refusal(subject="guarded entrypoint", reason=reason, detail=detail) if reason else None

    def builds_alike(self, other: "TagOverlays", tag: str) -> bool:
        """Return whether a tag is built with what it would be built with under other overlays."""
        ours, theirs = (combined([each.overlay(tag) or {}]) for each in (self, other))
        return ours == theirs and self.refusal(tag) == other.refusal(tag)


def of_repository(db: sqlite3.Connection, repo: Repo) -> TagOverlays:
    """Return what the tags of a repository get."""
    if store.meaning(repo.overlay):
        return TagOverlays(standard=repo.overlay)
    scopes = uidp.levels(repo.id)
    found = sorted(_bound(db, scopes), key=lambda each: (each.name, each.binding))
    layers = (
        tuple(each for each in found if uidp.parent(each.binding) == scope and each.selector["kind"] == kind)
        for scope in scopes
        for kind in _KINDS
    )
    return TagOverlays(standard=repo.overlay, layers=tuple(filter(None, layers)))


def in_scope(db: sqlite3.Connection, scope: str) -> list[BoundOverlay]:
    """Return the bindings of one scope in the order of their ids."""
    return list(_bound(db, (scope,)))


def co_match(one: Json, other: Json) -> bool:
    """Return whether two selectors are of one kind and can pick one tag."""
    if one["kind"] != other["kind"]:
        return False
    return one["kind"] != "EXACT" or not set(one["tags"]).isdisjoint(other["tags"])


def differing(one: Json, other: Json) -> list[str]:
    """Return the paths of what two configurations set to different values."""
    ours, theirs = dict(_values(store.meaning(one) or {})), dict(_values(store.meaning(other) or {}))
    return sorted(path for path in ours.keys() & theirs.keys() if ours[path] != theirs[path])


def described(bound: BoundOverlay) -> str:
    """Return how refusals call a binding."""
    return f'binding "{bound.binding}" (overlay "{bound.name}", selector {bound.selector["kind"]})'


def combined(configs: Iterable[Json]) -> Json | None:
    """Return one configuration from several, the lowest first; None when they say nothing."""
    result: Json = {}
    for config in configs:
        result = _laid_over(result, store.meaning(config) or {})
    return result or None


def named_entries(config: Json) -> Iterator[tuple[str, list[tuple[str, Json]]]]:
    """Yield the path of each list whose entries have names, with the entries by name."""
    for section in _SECTIONS:
        for field, items in config.get(section, {}).items():
            if field in _NAMES:
                yield f"{section}.{snake_case(field)}", [(each.get(_NAMES[field], ""), each) for each in items]


def _bound(db: sqlite3.Connection, scopes: tuple[str, ...]) -> Iterator[BoundOverlay]:
    for binding, overlay in bound(db, scopes):
        yield BoundOverlay(
            binding=binding["id"], selector=binding["tagSelector"], name=overlay["name"], config=overlay["config"]
        )


def _laid_over(below: Json, above: Json) -> Json:
    """Return what two layers make of a configuration: what is not united, merged or named is replaced."""
    result = {**below, **above}
    for key in _MAPS:
        result |= {key: {**below.get(key, {}), **above[key]}} if key in above else {}
    for key in _SECTIONS:
        result |= {key: _section(below.get(key, {}), above[key])} if key in above else {}
    if "preflight" in above:
        result["preflight"] = _joined(below.get("preflight", []), above["preflight"])
    return result


def _section(below: Json, above: Json) -> Json:
    result = {**below, **above}
    if "packages" in above:
        result["packages"] = sorted({*below.get("packages", ()), *above["packages"]})
    if "runtimeRepositories" in above:
        result["runtimeRepositories"] = _joined(below.get("runtimeRepositories", []), above["runtimeRepositories"])
    for field in _NAMES.keys() & above.keys():
        entries = {each.get(_NAMES[field], ""): each for each in (*below.get(field, ()), *above[field])}
        result[field] = [entries[name] for name in sorted(entries)]
    return result


def _joined(below: list[Any], above: list[Any]) -> list[Any]:
    """Return all items of two lists, those of the first before the others, equal ones once."""
    result: list[Any] = []
    for each in (*below, *above):
        result.extend([] if each in result else [each])
    return result


def _values(config: Json) -> Iterator[tuple[str, Any]]:
    """Yield the single values of a configuration by their path: what two overlays can disagree about."""
    for path, entries in named_entries(config):
        yield from ((f'{path}["{name}"]', entry) for name, entry in entries)
    for key, value in config.items():
        if key in _MAPS:
            yield from ((f'{key}["{name}"]', item) for name, item in value.items())
        elif key in _SECTIONS:
            others = value.keys() - _SETS - _NAMES.keys()
            yield from ((f"{key}.{snake_case(field)}", value[field]) for field in others)
        elif key not in _AGREEING:
            yield snake_case(key), value
