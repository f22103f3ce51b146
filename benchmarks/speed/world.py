"""Data of any size from a fixed seed: live state as both generations write it, manifests, and what the peers need.

One repository in ten differs from its manifest, one in ten carries a readme of two to eight kilobytes; each has ten
packages, two variables and two annotations.
"""

import json
import random
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ORGANIZATION = "5ca1ab1e" * 5
NAME = "example.com"
_PACKAGES = tuple(
    f"{stem}{ending}"
    for stem in (
        "bash",
        "curl",
        "git",
        "jq",
        "krb5",
        "nano",
        "openssl",
        "procps",
        "strace",
        "tini",
        "vim",
        "wget",
        "zstd",
    )
    for ending in ("", "-dev", "-doc", "-compat", "-static", "-3.2")
)
_ADDED = ("helm-3", "kubectl-1.34")
_README = "Built anew each day from source, with a signature and a list of what is in it.\n\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Data:
    """A folder of generated data."""

    folder: Path
    size: int

    @property
    def manifest(self) -> Path:
        return self.folder / "manifest.yaml"

    @property
    def wanted(self) -> Path:
        return self.folder / "wanted.json"

    @property
    def live(self) -> Path:
        return self.folder / "v1.json"


def identifier(place: int) -> str:
    return f"{ORGANIZATION}/{place:016x}"


def generate(folder: Path, size: int, *, changed: int = 10, unlike: bool = False) -> Data:
    """Write everything for `size` repositories; one in `changed` differs from its manifest.

    Changes are of packages, and hundreds of repositories share one; with `unlike` each has a variable of its own, too.
    """
    folder.mkdir(parents=True)
    dice = random.Random(size)
    repositories = [_repository(place, dice) for place in range(size)]
    wanted = [_wanted(one, dice, change=place % changed == 3 % changed) for place, one in enumerate(repositories)]
    if unlike:
        for place, one in enumerate(wanted):
            one["environment"] = {**one["environment"], "RELEASE": f"r{place:06d}"}
    _write_list(folder / "v1", b'{"items":[', repositories)
    _write_list(folder / "v2", b"[", [_second(one) for one in repositories])
    group = {"id": ORGANIZATION, "name": NAME, "description": "", "verified": True}
    _write(folder / "groups.json", {"items": [group]})
    _write(folder / "reports.json", {"reports": [_report(place) for place in range(size)]})
    _write(folder / "tags.json", {"items": []})
    _write(
        folder / "summaries.json", {"items": [_summary(name) for name in (*_PACKAGES, *_ADDED)], "nextPageToken": ""}
    )
    _write(folder / "wanted.json", {"repositories": wanted})
    (folder / "manifest.yaml").write_text(_manifest(wanted), encoding="utf-8")
    return Data(folder=folder, size=size)


def _repository(place: int, dice: random.Random) -> dict[str, Any]:
    team = place % 50
    return {
        "id": identifier(place),
        "name": f"custom-image-{place:06d}",
        "description": f"Image of team {team}",
        "catalogTier": ("APPLICATION", "BASE", "FIPS")[place % 3],
        "bundles": ["base", "application"],
        "readme": (_README * 101)[: dice.randint(2000, 8000)] if place % 10 == 0 else "",
        "sync_config": {"source": f"{'ab' * 20}/{place:016x}", "uniqueTags": bool(place % 2), "syncApks": False},
        "customOverlay": {
            "contents": {"packages": sorted(dice.sample(_PACKAGES, 10))},
            "environment": {"SSL_CERT_FILE": "/etc/ssl/certs/ca-certificates.crt", "TEAM": f"team-{team}"},
            "annotations": {
                "com.example.owner": f"team-{team}@example.com",
                "com.example.centre": str(1000 + place % 97),
            },
        },
        "aliases": [],
        "createTime": "2025-03-01T12:00:00.123456Z",
        "activeTags": ["latest", "latest-dev", "3", "3-dev"],
    }


def _second(repository: dict[str, Any]) -> dict[str, Any]:
    """The same as v2 writes it."""
    left = {key: value for key, value in repository.items() if key not in ("id", "readme", "createTime", "catalogTier")}
    return {
        "uid": repository["id"],
        **left,
        "createTime": repository["createTime"],
        "updateTime": repository["createTime"],
    }


def _wanted(repository: dict[str, Any], dice: random.Random, *, change: bool) -> dict[str, Any]:
    overlay = repository["customOverlay"]
    packages = list(overlay["contents"]["packages"])
    if change:
        packages[dice.randrange(10)] = "kubectl-1.34"
        packages.append("helm-3")
    dice.shuffle(packages)
    return {
        "name": repository["name"],
        "packages": packages,
        "environment": overlay["environment"],
        "annotations": overlay["annotations"],
    }


def _manifest(wanted: list[dict[str, Any]]) -> str:
    return f"organization: {NAME}\nsettings:\n  max_removal: 100%\nrepositories:\n" + "".join(map(_entry, wanted))


def _entry(one: dict[str, Any]) -> str:
    packages = "".join(f"      - {name}\n" for name in one["packages"])
    environment = "".join(f"      {key}: {value}\n" for key, value in one["environment"].items())
    annotations = "".join(f'      {key}: "{value}"\n' for key, value in one["annotations"].items())
    return f"  {one['name']}:\n    packages:\n{packages}    environment:\n{environment}    annotations:\n{annotations}"


def _report(place: int) -> dict[str, Any]:
    return {
        "id": f"{identifier(place)}/{place:016x}",
        "result": ("Success", "Failure")[place % 4 == 3],
        "log": "",
        "digest": f"sha256:{place:064x}",
        "startedAt": "2026-11-01T00:00:00Z",
        "completedAt": "2026-11-01T00:02:00Z",
    }


def _summary(name: str) -> dict[str, str]:
    return {"packageName": name, "latestVersion": "1.0-r0", "architectures": "aarch64, x86_64"}


def _write_list(path: Path, head: bytes, items: list[dict[str, Any]]) -> None:
    """A list, and where in it each item starts."""
    encoded = [json.dumps(item, separators=(",", ":")).encode() for item in items]
    starts = [len(head)]
    for one in encoded:
        starts.append(starts[-1] + len(one) + 1)
    path.with_suffix(".json").write_bytes(head + b",".join(encoded) + (b"]}" if head[:1] == b"{" else b"]"))
    path.with_suffix(".starts").write_bytes(struct.pack(f"={len(starts)}Q", *starts))


def _write(path: Path, document: object) -> None:
    path.write_text(json.dumps(document, separators=(",", ":")), encoding="utf-8")
