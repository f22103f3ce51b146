"""Snapshots: the live state that planning needs, for planning without token or network.

Format version 2, line by line: the header, then `{"repository": …}` for each repository, then the seal.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reconciler.core.state import Live, LiveRepository, Organization, Unreadable
from reconciler.planfile import envelope, fields, instants, overlays, refusals
from reconciler.planfile.envelope import Kind
from reconciler.planfile.fields import Malformed

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """Live state with where and when it was read; `api` and `created` are as in a saved plan."""

    live: Live
    api: str
    tool_version: str
    created: float


def save_snapshot(path: Path, snapshot: Snapshot) -> None:
    """Write a snapshot; raises `PlanFileError`."""
    organization = snapshot.live.organization
    header = {
        "tool_version": snapshot.tool_version,
        "created": instants.to_text(snapshot.created),
        "api": snapshot.api,
        "organization": {"id": organization.id, "name": organization.name},
    }
    ordered = sorted(snapshot.live.repositories, key=lambda one: one.id)
    envelope.write(path, Kind.SNAPSHOT, header, ({"repository": _encode(one)} for one in ordered))


def load_snapshot(path: Path) -> Snapshot:
    """Read a snapshot; raises `PlanFileError` unless it is exactly what was saved."""
    header, items = envelope.read(path, Kind.SNAPSHOT)
    try:
        told = fields.mapping(header, "organization")
        organization = Organization(id=fields.text(told, "id"), name=fields.text(told, "name"))
        repositories = tuple(_decode(fields.mapping(item, "repository")) for item in items)
        return Snapshot(
            live=Live(organization=organization, repositories=repositories),
            api=fields.text(header, "api"),
            tool_version=fields.text(header, "tool_version"),
            created=instants.from_text(fields.text(header, "created")),
        )
    except Malformed as problem:
        raise refusals.malformed(path, Kind.SNAPSHOT, str(problem)) from None


def _encode(repository: LiveRepository) -> Json:
    overlay = repository.overlay
    known = {"unreadable": overlay.problem} if isinstance(overlay, Unreadable) else overlays.encode_sealed(overlay)
    return {
        "id": repository.id,
        "name": repository.name,
        "folder": repository.folder,
        "active_tags": repository.active_tags,
        **known,
    }


def _decode(item: Mapping[str, Any]) -> LiveRepository:
    unreadable = fields.optional_text(item, "unreadable")
    return LiveRepository(
        id=fields.text(item, "id"),
        name=fields.text(item, "name"),
        folder=fields.text(item, "folder"),
        overlay=overlays.decode(item) if unreadable is None else Unreadable(problem=unreadable),
        active_tags=fields.texts(item, "active_tags"),
    )
