"""Files of this program's own: saved plans and snapshots of live state, exact and sealed, readable for ever.

Each is JSON Lines: a header with the kind and the format version, a line for each item, and a last line with the
SHA-256 of everything above it. The seal tells damage, a cut and a careless edit; it is no signature. The public JSON is
another thing and a view. Files hold the values of overlays in clear and are made for their owner alone (mode 0600).
"""

from reconciler.planfile.errors import PlanFileError
from reconciler.planfile.format import FileKind, recognize
from reconciler.planfile.plans import (
    SavedPlan,
    Snapshot,
    load_plan,
    load_snapshot,
    plan_lines,
    save_plan,
    save_snapshot,
    snapshot_lines,
)

__all__ = [
    "FileKind",
    "PlanFileError",
    "SavedPlan",
    "Snapshot",
    "load_plan",
    "load_snapshot",
    "plan_lines",
    "recognize",
    "save_plan",
    "save_snapshot",
    "snapshot_lines",
]
