"""Tags: what names point to which digest, as far as finished builds have moved them."""

import re
import sqlite3

from reconciler.emulator import instants, paging, schedule, uidp
from reconciler.emulator.calls.context import Context
from reconciler.emulator.messages import TAG
from reconciler.emulator.messages_v2 import TAG_V2
from reconciler.emulator.protojson import emit
from reconciler.emulator.records import Json

# The forms that the published documents name for what v1 leaves out when asked to, and v2 unless asked not to.
_FORMS = {
    "Referrers": re.compile(r"sha256-.*", re.DOTALL),
    "Dates": re.compile(r".*-20\d{6}", re.DOTALL),
    "Epochs": re.compile(r".*-r\d+", re.DOTALL),
    "VcsSnapshots": re.compile(r".*_git20\d{6}", re.DOTALL),
}
_ORDERS: paging.Orders = {
    "uid": lambda tag: str(tag["id"]),
    "name": lambda tag: str(tag["name"]),
    "update_time": lambda tag: int(tag["lastUpdated"]),
}


def list_tags(context: Context) -> Json:
    """Answer the tags that the filters ask for."""
    excluded = [form for name, form in _FORMS.items() if context.query.flag(f"exclude{name}")]
    return {"items": [emit(TAG, _timed(tag)) for tag in _found(context, excluded)]}


def page_tags(context: Context) -> Json:
    """Answer a page of the tags that the filters ask for."""
    excluded = [form for name, form in _FORMS.items() if not context.query.flag(f"include{name}")]
    page = paging.page(context.query, _found(context, excluded), _ORDERS, context.now)
    return {"tags": [emit(TAG_V2, _timed(tag)) for tag in page.items], **page.beside}


def _found(context: Context, excluded: list[re.Pattern[str]]) -> list[Json]:
    query = context.query
    chosen = context.selection("tag.list")
    since = query.instant("updatedSince")
    wanted = {"name": query.text("name"), "digest": query.text("digest")}
    schedule.catch_up(context.state, context.now, context.settings)
    with context.state.reading() as db:
        tags = _current(db, context.now)
    return [
        tag
        for _, tag in sorted(tags.items())
        if chosen.matches(tag["id"])
        and not any(form.fullmatch(tag["name"]) for form in excluded)
        and all(value in ("", tag[key]) for key, value in wanted.items())
        and (since is None or tag["lastUpdated"] > since)
    ]


def _timed(tag: Json) -> Json:
    return {**tag, "lastUpdated": instants.to_text(tag["lastUpdated"])}


def _current(db: sqlite3.Connection, now: int) -> dict[str, Json]:
    """Return the tags by id: the seeded ones, moved by the newest build that has succeeded."""
    tags = {
        row["id"]: {
            "id": row["id"],
            "name": row["name"],
            "digest": row["digest"],
            "lastUpdated": row["updated"],
            "deprecated": bool(row["deprecated"]),
        }
        for row in db.execute("SELECT * FROM tags")
    }
    builds = db.execute(
        "SELECT repo_id, tag, digest, ended FROM builds WHERE result = 'Success' AND ended <= ? "
        "ORDER BY started, rowid",
        (now,),
    )
    for row in builds:
        identifier = uidp.of_child(row["repo_id"], "tag", row["tag"])
        found = {"id": identifier, "name": row["tag"], "digest": row["digest"], "lastUpdated": row["ended"]}
        tags[identifier] = {**tags.get(identifier, {}), **found}
    return tags
