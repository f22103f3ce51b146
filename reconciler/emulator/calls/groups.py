"""Groups: organisations and their folders, read only, in both generations."""

from typing import Any

from reconciler.emulator import paging, records, uidp
from reconciler.emulator.calls.context import Context
from reconciler.emulator.messages import GROUP
from reconciler.emulator.messages_v2 import GROUP_V2
from reconciler.emulator.protojson import emit
from reconciler.emulator.records import Json

# v1 does not tell when a group was made, and nothing here makes any.
_FOUNDED = {"createTime": "2022-08-30T16:20:05Z", "updateTime": "2022-08-30T16:20:05Z"}
_ORDERS: paging.Orders = {
    "uid": lambda group: str(group["id"]),
    "name": lambda group: str(group["name"]),
    "create_time": lambda _: 0,
    "update_time": lambda _: 0,
}


def list_groups(context: Context) -> Json:
    """Answer the groups that the filters ask for; a name is not unique."""
    return {"items": [emit(GROUP, group) for group in _found(context)]}


def page_groups(context: Context) -> Json:
    """Answer a page of the groups that the filters ask for."""
    found = paging.page(context.query, _found(context), _ORDERS, context.now)
    return {"groups": [emit(GROUP_V2, {**_FOUNDED, **group}) for group in found.items], **found.beside}


def _found(context: Context) -> list[Json]:
    chosen = context.selection("groups.list")
    name = context.query.text("name")
    with context.state.reading() as db:
        groups = {group["id"]: group for group in records.groups(db)}
    found = (group for group in groups.values() if chosen.matches(group["id"]))
    return [{**group, **_inherited(groups[uidp.root(group["id"])])} for group in found if name in ("", group["name"])]


def _inherited(root: Json) -> dict[str, Any]:
    """Return what a folder has from its organisation."""
    return {key: root[key] for key in ("kind", "status") if key in root}
