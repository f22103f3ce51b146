"""Settings of the emulator: timing, contents of lists, capabilities."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from reconciler.emulator.effects import Effect, Feature

OWNER = (
    "apk.list",
    "build_report.list",
    "groups.list",
    "registry.overlays.edit",
    "registry.overlays.list",
    "repo.create",
    "repo.list",
    "repo.update",
    "tag.list",
)
VIEWER = ("apk.list", "build_report.list", "groups.list", "registry.overlays.list", "repo.list", "tag.list")


@dataclass(frozen=True, slots=True, kw_only=True)
class EmulatorSettings:
    """Timing in seconds; `None` accepts any token, OIDC token or identity that has the form of one.

    `viewers` are tokens, or identities of issued tokens, that may read only. `expiring_tokens` refuses a JWT that has
    expired by the emulator's clock; `token_seconds` is how long an issued one lives. `grants` are the caller's
    capabilities by path of the group (`example.com/team-a`) in the place of the usual roles. `v2` other than "on" is
    the status that every call of the second generation is answered with, `overlays` the same for overlays and bindings.
    `storm` is asked for the effects that meet a
    request (its method and raw path) that no scripted fault meets. `clock_skew` is how far the server's clock is ahead.
    `not_enrolled` are the features that organizations are not enrolled in. `seed_overlays` begins with overlays and
    bindings, and with a repository more.
    """

    queue_delay: float = 1.0
    build_seconds: tuple[float, float] = (3.0, 8.0)
    stagger: float = 0.3
    failed_seconds: float = 15.0
    running_reports: bool = True
    automatic_rebuilds: bool = True
    tokens: frozenset[str] | None = None
    viewers: frozenset[str] = frozenset({"viewer"})
    expiring_tokens: bool = False
    token_seconds: float = 3600.0
    oidc_tokens: frozenset[str] | None = None
    identities: frozenset[str] | None = None
    grants: Mapping[str, tuple[str, ...]] | None = None
    v2: Literal["on", 403, 404, 501] = "on"
    overlays: Literal["on", 403, 404, 501] = "on"
    clock_skew: float = 0.0
    not_enrolled: frozenset[Feature] = frozenset()
    seed_overlays: bool = False
    storm: Callable[[str, str], tuple[Effect, ...]] | None = None
