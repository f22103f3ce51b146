"""Tags: what names point to which digest, as far as finished builds have moved them."""

import re
import sqlite3

from reconciler.emulator import instants, schedule, uidp
from reconciler.emulator.calls.context import Context
from reconciler.emulator.messages import TAG
from reconciler.emulator.protojson import emit
from reconciler.emulator.query import Query, selection
from reconciler.emulator.records import Json

# The forms that the published document names for the three exclusions.
_REFERRER = re.compile(r"sha256-.*", re.DOTALL)
_DATE = re.compile(r".*-20\d{6}", re.DOTALL)
_EPOCH = re.compile(r".*-r\d+", re.DOTALL)


def list_tags(context: Context) -> Json:
    """Answer the tags that the filters ask for."""
    query = context.query
    chosen = selection(query)
    since = query.instant("updatedSince")
    excluded = _exclusions(query)
    wanted = {"name": query.text("name"), "digest": query.text("digest")}
    schedule.catch_up(context.state, context.now, context.settings)
    with context.state.reading() as db:
        tags = _current(db, context.now)
    return {
        "items": [
            emit(TAG, {**tag, "lastUpdated": instants.to_text(tag["lastUpdated"])})
            for _, tag in sorted(tags.items())
            if chosen.matches(tag["id"])
            and not any(form.fullmatch(tag["name"]) for form in excluded)
            and all(value in ("", tag[key]) for key, value in wanted.items())
            and (since is None or tag["lastUpdated"] > since)
        ]
    }


def _exclusions(query: Query) -> list[re.Pattern[str]]:
    forms = {"excludeReferrers": _REFERRER, "excludeDates": _DATE, "excludeEpochs": _EPOCH}
    return [form for name, form in forms.items() if query.flag(name)]


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
