"""Saved plans and snapshots of live state: exact, sealed, and readable by every later version.

Each file is JSON Lines: a header with the kind and the format version, a line for each item, and a last line with the
SHA-256 of everything above it. The seal detects damage, truncation and careless edits; it is not a signature. Files
hold the values of overlays unmasked and are private to their owner (mode 0600). The public JSON is separate, a view.
"""

from reconciler.planfile.errors import PlanFileError
from reconciler.planfile.format import FileKind, recognize
from reconciler.planfile.plans import SavedPlan, load_plan, plan_lines, save_plan
from reconciler.planfile.snapshots import PackageIndex, Snapshot, load_snapshot, save_snapshot, snapshot_lines

__all__ = [
    "FileKind",
    "PackageIndex",
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
