"""The order in which a plan is read, taken from its document: what every format has in common.

Which entries there are and what stands together is decided here; how they look is the business of each format.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

PROBLEMS = ("unknown", "blocked")
WRITES = ("create", "reset", "update")
_TITLES = {"create": "To create", "reset": "To reset", "update": "To update"}
_COMPARED = {
    "caused": "Caused by this change",
    "already_different": "Already different before it",
    "no_longer": "No longer asked for",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A part of the plan with a title: changes that several repositories share, and the steps that stand alone.

    One that is `expected` is shown when it is empty too: that a change causes nothing is news.
    """

    title: str
    count: int
    expected: bool
    groups: Sequence[dict[str, Any]]
    steps: Sequence[dict[str, Any]]


def problems(document: dict[str, Any]) -> list[dict[str, Any]]:
    """The steps that could not be planned, those that are unknown first."""
    return [step for action in PROBLEMS for step in document["steps"] if step["action"] == action]


def parts(document: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """What `single` and `groups` are asked about, each with its heading: the whole plan, which has none, by itself.

    Where two manifests were compared, it is what the change between them causes, what it does not, and what it ends.
    """
    if "caused" not in document:
        return [("", document)]
    shared = document["part_groups"]
    return [(heading, {"steps": document[key], "groups": shared[key]}) for key, heading in _COMPARED.items()]


def single(part: dict[str, Any]) -> list[dict[str, Any]]:
    """The steps that write and whose change no group holds: creations, resets, then updates."""
    grouped = {name for group in part["groups"] for name in group["repositories"]}
    alone = [step for step in part["steps"] if step["repository"] not in grouped]
    return [step for action in WRITES for step in alone if step["action"] == action]


def groups(part: dict[str, Any], action: str) -> list[dict[str, Any]]:
    """The changes of one action that several repositories share."""
    return [group for group in part["groups"] if group["action"] == action]


def sections(document: dict[str, Any]) -> Iterator[Section]:
    """The parts of a comparison; where there is none, the changes by action."""
    for heading, part in parts(document):
        alone = single(part)
        if heading:
            yield Section(title=heading, count=len(part["steps"]), expected=True, groups=part["groups"], steps=alone)
            continue
        for action in WRITES:
            yield Section(
                title=_TITLES[action],
                count=document["counts"][action],
                expected=False,
                groups=groups(part, action),
                steps=[step for step in alone if step["action"] == action],
            )


def unchanged(document: dict[str, Any]) -> dict[str, list[str]]:
    """The names of the unchanged repositories by the reason that they are left alone for, sorted by it."""
    by_reason: dict[str, list[str]] = {}
    for step in document["steps"]:
        if step["action"] == "none":
            by_reason.setdefault(step["reason"], []).append(step["repository"])
    return dict(sorted(by_reason.items()))
