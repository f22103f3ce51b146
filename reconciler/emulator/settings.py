"""How the emulated world behaves: timing, what is listed, who may do what.

Here belong choices that a test or the user of `serve` may want to turn; facts of the API do not.
"""

from dataclasses import dataclass

OWNER = (
    "apk.list",
    "build_report.list",
    "groups.list",
    "repo.create",
    "repo.list",
    "repo.update",
    "tag.list",
)
VIEWER = ("apk.list", "build_report.list", "groups.list", "repo.list", "tag.list")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Timing in seconds; `tokens=None` accepts any non-empty bearer token, `viewers` may read only."""

    queue_delay: float = 1.0
    build_seconds: tuple[float, float] = (3.0, 8.0)
    stagger: float = 0.3
    failed_seconds: float = 15.0
    running_reports: bool = True
    automatic_rebuilds: bool = True
    tokens: frozenset[str] | None = None
    viewers: frozenset[str] = frozenset({"viewer"})
