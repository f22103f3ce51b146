"""What a change does to the set of packages that is installed in the end, as plain data and as lines of text."""

from collections.abc import Iterator
from typing import Any

from reconciler.core.resolved import ResolvedChange
from reconciler.views.style import Style


def resolved_document(change: ResolvedChange) -> dict[str, Any]:
    """The difference as plain data."""
    return {
        "added": [{"name": name, "version": version} for name, version in change.added],
        "removed": [{"name": name, "version": version} for name, version in change.removed],
        "changed": [{"name": name, "before": before, "after": after} for name, before, after in change.changed],
    }


def render(document: dict[str, Any], *, style: Style) -> str:
    """A line for each repository of which it is known, to stand below the plan; empty text where there is none."""
    lines = (_line(step, style) for step in document["steps"] if step.get("resolved"))
    return "".join(f"{line}\n" for line in lines)


def _line(step: dict[str, Any], style: Style) -> str:
    told = ", ".join(_told(step["resolved"], style)) or "the same packages"
    return f"{style.plain(step['repository'])} resolved: {told}"


def _told(change: dict[str, Any], style: Style) -> Iterator[str]:
    for mark, found in (("+", change["added"]), ("-", change["removed"])):
        yield from (f"{mark} {style.plain(one['name'])} {style.plain(one['version'])}" for one in found)
    for one in change["changed"]:
        yield f"~ {style.plain(one['name'])} {style.plain(one['before'])} -> {style.plain(one['after'])}"
