"""What Markdown and HTML tell besides the entries: problems, their places and details, and the file a plan is from.

The text of a plan says these things on other streams or leaves them to the command; a page stands alone.
"""

from collections.abc import Callable, Iterator
from typing import Any

from reconciler.views.style import Role

_ORIGINS = {"plan": "Saved plan", "snapshot": "Planned against a snapshot"}


def plan_problems(document: dict[str, Any]) -> list[dict[str, Any]]:
    """The refusals of the guard that have more to say than the sentence about them, and then what planning found."""
    return [*(one for one in document["guard"]["refusals"] if one["detail"]), *document["diagnostics"]]


def place(found: dict[str, Any]) -> str:
    """Where in the manifest, as file:line:column; empty where it is nowhere in it."""
    return f"{found['file']}:{found['line']}:{found['column']}" if found["file"] is not None else ""


def more_lines(problem: dict[str, Any]) -> list[str]:
    """The detail of a problem and what to do about it, line by line."""
    hint = problem["hint"].strip()
    return [*problem["detail"].strip().splitlines(), *([f"hint: {hint}"] if hint else [])]


def origin(document: dict[str, Any], show: Callable[[str], str]) -> Iterator[tuple[str, Role]]:
    """A sentence about the file that the plan was drawn from; none where it was planned against the API."""
    if "origin" in document:
        found = document["origin"]
        what = _ORIGINS.get(found["kind"], "From a file")
        yield f"{what}, made {show(found['created'])} by reconciler {show(found['tool_version'])}.", Role.DIM
