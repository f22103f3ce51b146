"""What must hold after a soak, whatever went wrong in it: each breach of it is one sentence."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from benchmarks.soaking.world import Item, Kind

Json = dict[str, Any]

_NOT_WRITTEN = ("stale", "failed", "not_attempted")
# Written by the server itself at each update, or what the soak is about.
_MAY_CHANGE = ("customOverlay", "updateTime")


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """How the repositories ended, by a word for it, and what should not have happened."""

    ends: Mapping[str, int]
    breaches: tuple[str, ...]


def judge(
    chosen: tuple[Item, ...],
    before: Mapping[str, Json],
    after: Mapping[str, Json],
    summary: Json,
    edits: Mapping[str, list[str]],
) -> Verdict:
    """Hold the emulator's repositories and the report of the apply against what was wanted and what was played."""
    ends: Counter[str] = Counter()
    breaches: list[str] = []
    for item in chosen:
        edited = bool(edits.get(item.id))
        end, found = _judged(item, after.get(item.id), summary, edited=edited)
        ends[end] += 1
        breaches.extend(f"{item.name}: {problem}" for problem in found)
        breaches.extend(f"{item.name}: {problem}" for problem in _rest(before.get(item.id), after.get(item.id)))
    breaches.extend(_of_builds(chosen, summary, edits))
    breaches.extend(f"{id_}: nobody asked for it" for id_ in sorted(after.keys() - {item.id for item in chosen}))
    return Verdict(ends=dict(sorted(ends.items())), breaches=tuple(breaches))


def meaning(overlay: Any) -> Any:
    """An overlay without its empty parts, and its packages in order."""
    if isinstance(overlay, list):
        return sorted(overlay, key=str)
    if not isinstance(overlay, dict):
        return overlay
    kept = {key: meaning(value) for key, value in overlay.items()}
    return {key: value for key, value in kept.items() if value not in (None, "", [], {})}


def _judged(item: Item, now: Json | None, summary: Json, *, edited: bool) -> tuple[str, list[str]]:
    told = [kind for kind in ("applied", "already_done", *_NOT_WRITTEN) if item.name in summary[kind]]
    overlay = meaning((now or {}).get("customOverlay") or {})
    wanted = now is not None and overlay == meaning(item.wanted or {})
    untouched = overlay == meaning(item.before or {})
    if len(told) > 1:
        return "told twice", [f"reported as {' and '.join(told)}"]
    match told:
        case []:
            intended = item.kind not in (Kind.SAME, Kind.BYSTANDER)
            problems = ["is not named in the report"] if intended else []
            return "left alone", problems if untouched or edited else [*problems, "was changed and not reported"]
        case ["applied" | "already_done"]:
            if wanted:
                return "as wanted", []
            return "as wanted, then edited", [] if edited else [
                f"reported as {told[0]} and is not as wanted: {overlay}"
            ]
        case [word]:
            problems = [] if word != "stale" or edited else ["reported as changed by somebody, and nobody did"]
            return word.replace("_", " "), problems if wanted or untouched or edited else [*problems, f"is {overlay}"]
        case _:
            raise AssertionError(told)


def _rest(before: Json | None, after: Json | None) -> Iterator[str]:
    """What changed outside the overlay."""
    if before is None:
        return
    if after is None:
        yield "is gone"
        return
    changed = (key for key in before.keys() | after.keys() if before.get(key) != after.get(key))
    yield from (f"its {key} was changed" for key in sorted(changed) if key not in _MAY_CHANGE)


def _of_builds(chosen: tuple[Item, ...], summary: Json, edits: Mapping[str, list[str]]) -> Iterator[str]:
    builds = summary["builds"]
    failed = {one["repository"] for one in builds["failures"]}
    unfinished = set(builds["unfinished"])
    for item in chosen:
        if item.id in edits or item.name not in summary["applied"]:
            continue
        if item.kind is Kind.FAILING and item.name not in failed | unfinished:
            yield f"{item.name}: its builds failed and nobody said so"
        if item.kind is not Kind.FAILING and item.name in failed:
            yield f"{item.name}: its builds succeeded and are reported as failed"
