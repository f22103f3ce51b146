"""Overlays, bindings and effects of a plan document as entries of the shape that every format draws.

Such an entry has a `kind`, and may have a `title` in place of the name of a repository, a `lead` that stands before
its changes, and a `note` after them. The tags of a binding are a change of a part of its own.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from reconciler.diagnostics import listed, plural
from reconciler.views.changes import TAGS
from reconciler.views.text import repositories

OVERLAY_WRITES = ("create", "update", "delete")
_GROUP_FROM = 3
_ALL_WORDS = ("all", "dev")
_MOST_NAMES = 6


def repository_steps(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the steps of repositories; documents of earlier versions have no others."""
    return [step for step in document["steps"] if step.get("kind", "repository") == "repository"]


def overlay_steps(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the steps of overlays and bindings."""
    return [step for step in document["steps"] if step.get("kind", "repository") != "repository"]


def overlay_problems(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return an entry for each overlay and binding that could not be planned."""
    found = [step for step in overlay_steps(document) if step["action"] in ("unknown", "blocked")]
    return [{**_entry(step), "title": f"{step['kind']} {step['name']}"} for step in found]


def overlay_parts(document: Mapping[str, Any]) -> Iterator[tuple[str, list[dict[str, Any]], list[dict[str, Any]]]]:
    """Yield title, groups and single entries of what changes: overlays, bindings, and the images that they reach."""
    writes = [step for step in overlay_steps(document) if step["action"] in OVERLAY_WRITES]
    steps = [step for step in writes if step.get("caused", True)]
    yield "Overlays", [], [_entry(step) for step in steps if step["kind"] == "overlay"]
    yield ("Bindings", *_bindings([step for step in steps if step["kind"] == "binding"]))
    if steps or not writes:
        yield ("Changed images", *_effects(document.get("effects", ())))


def _entry(step: Mapping[str, Any]) -> dict[str, Any]:
    entry = {**step, "repository": step["name"], "source": None, "unmanaged": (), "note": _reach(step)}
    if step["kind"] == "overlay":
        return entry
    scope = step["scope"]
    titled = {} if scope["kind"] == "repository" else {"title": scope["name"]}
    return {**entry, "repository": scope["name"], "lead": step["overlay"], "changes": [_tags(step)], **titled}


def _tags(step: Mapping[str, Any]) -> dict[str, Any]:
    """Return the selectors of both sides as a change of a list."""
    after = None if step["action"] == "delete" else _words(step["selector"])
    before = _words(step["selector_before"])
    kind = "add" if before is None else "remove" if after is None else "change"
    return {"part": TAGS, "key": "", "kind": kind, "before": before, "after": after, "masked": False}


def _words(selector: str | Sequence[str] | None) -> list[str] | None:
    """Return a selector as a list; a tag with the name of a kind is marked to distinguish it."""
    if selector is None:
        return None
    if isinstance(selector, str):
        return [selector]
    return [f"={tag}" if tag in _ALL_WORDS else tag for tag in selector]


def _reach(step: Mapping[str, Any]) -> str:
    if step["action"] not in OVERLAY_WRITES:
        return ""
    reach = step["reaches"]
    if reach["tags"]:
        where = repositories(reach["repositories"])
        return f"changes {plural(reach['tags'], 'tag')} in {where}: {listed(reach['names'], _MOST_NAMES)}"
    return "" if step["action"] == "create" and step["kind"] == "overlay" else "changes no tags"


def _bindings(steps: Iterable[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the same change of bindings in several repositories together, and the others."""
    alike: dict[str, list[dict[str, Any]]] = {}
    for step in steps:
        own = step["scope"]["id"] if step["scope"]["kind"] != "repository" else ""
        known = (step["action"], step["reason_code"], step["overlay"], step["selector"], step["selector_before"], own)
        alike.setdefault(repr(known), []).append(step)
    groups = [_group(found) for found in alike.values() if len(found) >= _GROUP_FROM]
    singles = [_entry(step) for found in alike.values() if len(found) < _GROUP_FROM for step in found]
    return groups, singles


def _group(steps: Sequence[dict[str, Any]]) -> dict[str, Any]:
    names = {name for step in steps for name in step["reaches"]["names"]}
    reaches = {
        "repositories": len(names),
        "tags": sum(step["reaches"]["tags"] for step in steps),
        "names": sorted(names),
    }
    entry = _entry({**steps[0], "reaches": reaches})
    return {**entry, "repositories": [step["scope"]["name"] for step in steps]}


def _effects(effects: Iterable[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    groups, singles = [], []
    for effect in effects:
        names = [f"{one['repository']}:{','.join(one['tags'])}" for one in effect["tags"]]
        entry = {
            "kind": "effect",
            "action": "update",
            "reason_code": "",
            "source": None,
            "changes": effect["changes"],
            "unmanaged": (),
            **dict.fromkeys(("file", "line", "column")),
        }
        if len(names) > 1:
            groups.append({**entry, "repositories": names})
        else:
            singles.append({**entry, "repository": names[0]})
    return groups, singles
