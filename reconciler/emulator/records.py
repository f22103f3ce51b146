"""The rows of groups and repositories as values, and back.

Here belong reading and saving one kind of row; rules about what may be saved belong to the calls.
"""

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from reconciler.emulator import images, instants

Json = dict[str, Any]

HOME = "example.com"
_REMEMBERED = 3600 * instants.SECOND  # as long as reads can lag


@dataclass(frozen=True, slots=True, kw_only=True)
class Repo:
    """A repository: its message in stored form, and how many times its builds were scheduled."""

    id: str
    parent: str
    name: str
    sequence: int
    message: Json

    @property
    def image(self) -> images.Image | None:
        """The catalogue image that it syncs from; None when it syncs from none (any more)."""
        return images.by_source().get(self.message.get("sync_config", {}).get("source", ""))

    @property
    def active_tags(self) -> tuple[str, ...]:
        """The tags that are rebuilt: none where nothing is synced."""
        return tuple(self.message.get("activeTags", ())) if self.image else ()

    @property
    def overlay(self) -> Json | None:
        """The custom overlay in stored form."""
        overlay: Json | None = self.message.get("customOverlay")
        return overlay


def dump(value: object) -> str:
    """Return the JSON text that a value is stored as."""
    return json.dumps(value, separators=(",", ":"))


def meaning(value: Any) -> Any:
    """Return a stored value without its empty parts: null, absent and empty mean the same to a build."""
    if not isinstance(value, dict):
        return value
    kept = {key: meaning(item) for key, item in value.items()}
    return {key: item for key, item in kept.items() if item not in (None, "", [], {})} or None


def repo(db: sqlite3.Connection, identifier: str) -> Repo | None:
    """Return the repository with this id."""
    row = db.execute("SELECT * FROM repos WHERE id = ?", (identifier,)).fetchone()
    return _repo(row) if row else None


def repo_in(db: sqlite3.Connection, parent: str, name: str) -> Repo | None:
    """Return the repository of this name in a group."""
    row = db.execute("SELECT * FROM repos WHERE parent = ? AND name = ?", (parent, name)).fetchone()
    return _repo(row) if row else None


def repos(db: sqlite3.Connection) -> Iterator[Repo]:
    """Yield every repository, in the order of ids, which is no order that a reader would choose."""
    return map(_repo, db.execute("SELECT * FROM repos ORDER BY id"))


def save(db: sqlite3.Connection, item: Repo) -> None:
    """Insert or replace a repository."""
    db.execute(
        "INSERT OR REPLACE INTO repos (id, parent, name, sequence, message) VALUES (?, ?, ?, ?, ?)",
        (item.id, item.parent, item.name, item.sequence, dump(item.message)),
    )


def repos_as_of(db: sqlite3.Connection, instant: int) -> Iterator[Repo]:
    """Yield every repository as it was at an instant of the last hour, in the order of ids."""
    rows = db.execute("SELECT repo_id, message FROM past WHERE until > ? ORDER BY until DESC, rowid DESC", (instant,))
    past = {row["repo_id"]: row["message"] for row in rows}  # the oldest of those that were replaced since
    for item in repos(db):
        message = past.get(item.id, "")
        if message is not None:  # None: it was not there
            yield replace(item, message=json.loads(message)) if message else item


def remember(db: sqlite3.Connection, identifier: str, message: Json | None, now: int) -> None:
    """Keep what a repository was until now, for reads that lag; None when it was not there."""
    text = None if message is None else dump(message)
    db.execute("DELETE FROM past WHERE until < ?", (now - _REMEMBERED,))
    db.execute("INSERT INTO past (repo_id, until, message) VALUES (?, ?, ?)", (identifier, now, text))


def locate(db: sqlite3.Connection, name: str) -> Repo | None:
    """Return the repository with this id, this path of names, or this name.

    A path is counted from the very top or from the organisation `example.com`; a bare name means the one at that
    organisation's own level, else the only one that there is.
    """
    found = repo(db, name)
    if found is not None:
        return found
    names = {each["id"]: each["name"] for each in groups(db)}
    paths = {_path(each, names): each for each in repos(db)}
    asked = name.lstrip("/")
    by_name = [each for each in paths.values() if each.name == asked]
    only = by_name[0] if len(by_name) == 1 else None
    return paths.get(asked) or paths.get(f"{HOME}/{asked}") or only


def group(db: sqlite3.Connection, identifier: str) -> Json | None:
    """Return the message of the group with this id."""
    row = db.execute("SELECT message FROM groups WHERE id = ?", (identifier,)).fetchone()
    return json.loads(row["message"]) if row else None


def groups(db: sqlite3.Connection) -> list[Json]:
    """Return the messages of all groups, in the order of ids."""
    return [json.loads(row["message"]) for row in db.execute("SELECT message FROM groups ORDER BY id")]


def add_group(db: sqlite3.Connection, message: Json) -> None:
    """Insert a group."""
    db.execute(
        "INSERT INTO groups (id, name, message) VALUES (?, ?, ?)",
        (message["id"], message["name"], dump(message)),
    )


def _path(item: Repo, names: dict[str, str]) -> str:
    parts = item.parent.split("/")
    above = ["/".join(parts[: depth + 1]) for depth in range(len(parts))]
    return "/".join([*(names[each] for each in above), item.name])


def _repo(row: sqlite3.Row) -> Repo:
    return Repo(
        id=row["id"],
        parent=row["parent"],
        name=row["name"],
        sequence=row["sequence"],
        message=json.loads(row["message"]),
    )
