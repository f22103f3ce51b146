"""Groups: organisations and their folders, read only."""

from reconciler.emulator import records
from reconciler.emulator.calls.context import Context
from reconciler.emulator.messages import GROUP
from reconciler.emulator.protojson import emit
from reconciler.emulator.query import selection
from reconciler.emulator.records import Json


def list_groups(context: Context) -> Json:
    """Answer the groups that the filters ask for; a name is not unique."""
    chosen = selection(context.query)
    name = context.query.text("name")
    with context.state.reading() as db:
        found = records.groups(db)
    return {
        "items": [
            emit(GROUP, group) for group in found if chosen.matches(group["id"]) and (not name or group["name"] == name)
        ]
    }
