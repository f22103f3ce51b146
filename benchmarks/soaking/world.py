"""The repositories of a soak: what they are before, and what a manifest wants of them."""

import random
import sqlite3
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path
from typing import Any

from reconciler.emulator import apko, builds, store, timestamps, uidp

Json = dict[str, Any]

ORGANIZATION = "example.com"
PACKAGES = ("curl", "git", "jq")
# Two packages that ship the same file: every build with both fails, and no check of names finds it.
QUARRELLING = ("busybox", "busybox-full")
ENVIRONMENT = {"SOAK_ROUND": "7"}

_IMAGES = ("python", "go", "node", "jre")
_ORIGINALS: tuple[Json | None, ...] = (
    None,
    {},
    {"contents": {"packages": ["curl"]}},
    {"contents": {"packages": ["jq", "curl"]}, "annotations": {"com.example.team": "soak"}},
    {"annotations": {"com.example.team": "soak"}, "hardeningProfile": {"level": 2, "seccomp": "strict"}},
)
_MORE: tuple[Json, ...] = ({}, {"aliases": ["other"], "bundles": ["networking"]}, {"supportWindow": {"months": 18}})


class Kind(Enum):
    """What a soak does with a repository."""

    CHANGED = auto()
    FAILING = auto()  # changed to something that cannot be built
    SAME = auto()  # as wanted from the beginning
    BYSTANDER = auto()  # the manifest does not name it
    CREATED = auto()  # is not there yet


_WEIGHTS = {Kind.CHANGED: 875, Kind.FAILING: 20, Kind.SAME: 50, Kind.BYSTANDER: 50, Kind.CREATED: 5}


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One repository; `before` is its overlay in the beginning, None where it has none."""

    name: str
    id: str
    kind: Kind
    image: str
    before: Json | None
    more: Json

    @property
    def wanted(self) -> Json | None:
        """The overlay that it should end with."""
        if self.kind is Kind.BYSTANDER:
            return self.before
        before = self.before or {}
        packages = [*PACKAGES, *(QUARRELLING if self.kind is Kind.FAILING else ())]
        return {**before, "contents": {"packages": packages}, "environment": ENVIRONMENT}


def items(count: int, seed: int) -> tuple[Item, ...]:
    """The repositories of a soak; the same for the same seed."""
    dice = random.Random(f"world {seed}")
    kinds = dice.choices(list(_WEIGHTS), list(_WEIGHTS.values()), k=count)
    # The first of each kind comes for certain, however few there are.
    kinds[: len(_WEIGHTS)] = list(_WEIGHTS)[:count]
    return tuple(_item(number, kind, dice) for number, kind in enumerate(kinds))


def _item(number: int, kind: Kind, dice: random.Random) -> Item:
    name = f"soak-{number:04}"
    before = None if kind is Kind.CREATED else dice.choice(_ORIGINALS)
    if kind is Kind.SAME:
        before = {"contents": {"packages": list(PACKAGES)}, "environment": ENVIRONMENT}
    return Item(
        name=name,
        id=uidp.of_child(uidp.of_path(ORGANIZATION), "repo", name),
        kind=kind,
        image=dice.choice(_IMAGES),
        before=before,
        more=dice.choice(_MORE),
    )


def plant(path: Path, chosen: tuple[Item, ...], now: float) -> None:
    """Write the state file of an emulator that holds these repositories and nothing else."""
    state = store.State(path)
    try:
        state.prepare(lambda db: _fill(db, chosen, timestamps.from_seconds(now)))
    finally:
        state.close()


def _fill(db: sqlite3.Connection, chosen: tuple[Item, ...], now: int) -> None:
    parent = uidp.of_path(ORGANIZATION)
    store.add_group(db, {"id": parent, "name": ORGANIZATION, "description": "Example Corp"})
    for item in chosen:
        if item.kind is not Kind.CREATED:
            store.save(
                db, store.Repo(id=item.id, parent=parent, name=item.name, sequence=0, message=_message(item, now))
            )
    builds.set_planned_until(db, now // builds.SLOT)


def _message(item: Item, now: int) -> Json:
    image = apko.images_by_name()[item.image]
    message: Json = {
        "id": item.id,
        "name": item.name,
        "description": f"Repository {item.name}",
        "readme": f"# {item.name}\n\n" + "It is here to be left as it is.\n" * 20,
        "catalogTier": image.tier,
        "activeTags": list(image.tags[:2]),
        "createTime": timestamps.to_text(now - timestamps.DAY),
        **item.more,
        "sync_config": {"source": image.source, "uniqueTags": True},
    }
    return message if item.before is None else {**message, "customOverlay": item.before}


def manifest(chosen: tuple[Item, ...]) -> str:
    """The manifest that wants it all."""
    source = next(item.name for item in chosen if item.kind is Kind.CHANGED)
    lines = [f"organization: {ORGANIZATION}", "repositories:"]
    for item in chosen:
        if item.kind is Kind.BYSTANDER:
            continue
        packages = [*PACKAGES, *(QUARRELLING if item.kind is Kind.FAILING else ())]
        lines += [f"  {item.name}:", f"    packages: [{', '.join(packages)}]", '    environment: {SOAK_ROUND: "7"}']
        lines += [f"    source: {source}"] if item.kind is Kind.CREATED else []
    return "\n".join(lines) + "\n"
