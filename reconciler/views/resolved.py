"""What a change does to the set of packages that is installed in the end, as plain data and as lines of text."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from reconciler.views.style import Role, Style

if TYPE_CHECKING:
    from reconciler.core.resolution import ResolvedChange


class Line(NamedTuple):
    """One package that comes, goes or changes its version, safe to be shown."""

    text: str
    role: Role


def resolved_document(change: "ResolvedChange") -> dict[str, Any]:
    """The difference as plain data."""
    return {
        "packages": list(change.packages),
        "compared": change.compared,
        "added": [{"name": name, "version": version} for name, version in change.added],
        "removed": [{"name": name, "version": version} for name, version in change.removed],
        "changed": [{"name": name, "before": before, "after": after} for name, before, after in change.changed],
    }


def lines(document: dict[str, Any], style: Style) -> Iterator[tuple[str, list[Line]]]:
    """Each repository of which it is known, by its name, with what it gets and loses."""
    for step in document["steps"]:
        if step.get("resolved"):
            yield style.plain(step["repository"]), [*_told(step["resolved"], style)] or [_same(step["resolved"])]


def render(document: dict[str, Any], *, style: Style) -> str:
    """A line for each repository of which it is known, to stand below the plan; empty text where there is none."""
    found = ((name, ", ".join(line.text for line in told)) for name, told in lines(document, style))
    return "".join(f"{name} resolved: {told}\n" for name, told in found)


def _same(change: dict[str, Any]) -> Line:
    if change["compared"]:
        return Line("the same packages", Role.DIM)
    count = len(change["packages"])
    # What is there now is not known, so that nothing can be said to come or to go.
    return Line(f"{count:,} package{'' if count == 1 else 's'}", Role.DIM)


def _told(change: dict[str, Any], style: Style) -> Iterator[Line]:
    for mark, role, found in (("+", Role.ADD, change["added"]), ("-", Role.REMOVE, change["removed"])):
        yield from (Line(f"{mark} {style.plain(one['name'])} {style.plain(one['version'])}", role) for one in found)
    for one in change["changed"]:
        told = f"~ {style.plain(one['name'])} {style.plain(one['before'])} -> {style.plain(one['after'])}"
        yield Line(told, Role.CHANGE)
