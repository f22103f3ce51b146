"""Checks of `reconciler doctor`: API access, clock, token, permissions.

Pure functions of API answers; the command calls the API and the view prints the results.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from reconciler.core.bindings import UnknownBindings
from reconciler.core.overlay import EMPTY
from reconciler.core.state import Live, Organization
from reconciler.diagnostics import Diagnostic, listed, plural


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """Capabilities of the token in one group and everything below it; `roles` are names, possibly ""."""

    group_id: str
    group_name: str
    roles: tuple[str, ...]
    capabilities: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """The answer to "who am I"; `expires` in seconds since the epoch, None if unknown."""

    subject: str
    email: str
    issuer: str
    expires: float | None
    grants: tuple[Grant, ...]

    def may(self, group_id: str) -> frozenset[str]:
        """Return the capabilities for a group: those granted there and in the groups above it."""
        above = (grant for grant in self.grants if _holds(grant.group_id, group_id))
        return _together(above)

    def may_below(self, group_id: str) -> frozenset[str]:
        """Return the capabilities granted somewhere below a group, but not for all of it."""
        below = (grant for grant in self.grants if grant.group_id != group_id and _holds(group_id, grant.group_id))
        return _together(below) - self.may(group_id)


def _together(grants: Iterable[Grant]) -> frozenset[str]:
    return frozenset[str]().union(*(grant.capabilities for grant in grants))


def _holds(group_id: str, other: str) -> bool:
    return other == group_id or other.startswith(f"{group_id}/")


# Required to plan, to write, and to follow builds.
TO_PLAN = ("groups.list", "repo.list")
TO_APPLY = ("repo.update", "build_report.list")
# Each is required for one feature only, so that an apply works without it.
FOR_A_PART = {
    "repo.create": "repositories with `source` cannot be created",
    "tag.list": "`builds` cannot show the tags of an image",
    "apk.list": "packages cannot be checked before an apply",
}
MOST_SKEW = 60.0
# A token that expires sooner may end before all writes are done; following builds takes up to an hour.
_SHORT = 600.0

_MOST_ROLES = 5


class Level(StrEnum):
    """Result of a check: an error stops an apply, a warning may stop it, unknown was not checked."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"
    UNKNOWN = "unknown"


class Subject(StrEnum):
    """Subjects of the checks, in the order of the output."""

    API = "api"
    CLOCK = "clock"
    TOKEN = "token"  # noqa: S105 - the name of a check
    IDENTITY = "identity"
    EXPIRY = "expiry"
    ORGANIZATION = "organization"
    CAPABILITIES = "capabilities"
    BUILDS = "builds"
    MODEL = "model"
    FEATURES = "features"
    JOURNAL = "journal"


class CustomizationModel(StrEnum):
    """Model of Custom Assembly that an organization uses."""

    STANDARD = "standard"
    OVERLAYS = "overlays"
    BOTH = "both"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """One line of output; `until` is a time that the summary refers to, in seconds since the epoch."""

    subject: Subject
    level: Level
    summary: str
    detail: str = ""
    hint: str = ""
    until: float | None = None


class UsedSetting(NamedTuple):
    """The value of an option that is in effect, and where it comes from in words."""

    name: str
    value: str | int | bool | None
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkup:
    """All results of the checks; values are None if unknown.

    `features` are the optional parts of the API, with whether each responded.
    """

    api: str
    now: float
    findings: tuple[CheckResult, ...]
    source: str | None = None
    expires: float | None = None
    skew: float | None = None
    identity: Identity | None = None
    organization: Organization | None = None
    missing: tuple[str, ...] = ()
    model: CustomizationModel | None = None
    features: Mapping[str, bool] = field(default_factory=dict)
    settings: tuple[UsedSetting, ...] = ()

    @property
    def stopping(self) -> tuple[CheckResult, ...]:
        """Return the results that stop an apply."""
        return tuple(one for one in self.findings if one.level is Level.ERROR)


def failed_check(subject: Subject, found: Diagnostic, level: Level = Level.ERROR) -> CheckResult:
    """Return a failed check with the text of its diagnostic."""
    return CheckResult(subject=subject, level=level, summary=found.summary, detail=found.detail, hint=found.hint)


def unread_check(what: str, found: Diagnostic) -> CheckResult:
    """Return the warning that something needed only to follow builds cannot be read."""
    return CheckResult(
        subject=Subject.BUILDS,
        level=Level.WARNING,
        summary=f"apply cannot read {what}: {found.summary}",
        detail=found.detail,
        hint=found.hint,
    )


def skipped_check(subject: Subject, why: str) -> CheckResult:
    """Return a check that was not made."""
    return CheckResult(subject=subject, level=Level.UNKNOWN, summary=f"not checked: {why}")


def check_identity(identity: Identity) -> CheckResult:
    """Return the identity of the token, with its roles."""
    name = identity.email or identity.subject
    roles = [f"{' and '.join(one.roles)} of {one.group_name or one.group_id}" for one in identity.grants if one.roles]
    return CheckResult(
        subject=Subject.IDENTITY,
        level=Level.OK,
        summary=name if name == identity.subject else f"{name} ({identity.subject})",
        detail=listed(roles, _MOST_ROLES, separator="; "),
    )


def check_clock(skew: float | None) -> CheckResult:
    """Check the clock; `skew` is how many seconds the server clock is ahead, None if unknown."""
    if skew is None:
        return skipped_check(Subject.CLOCK, "the API did not report its time")
    if abs(skew) <= MOST_SKEW:
        return CheckResult(subject=Subject.CLOCK, level=Level.OK, summary=f"within {_apart(skew)} of the API clock")
    return CheckResult(
        subject=Subject.CLOCK,
        level=Level.WARNING,
        summary=f"the local clock is {_apart(skew)} {'behind' if skew > 0 else 'ahead of'} the API clock",
        hint="synchronize the local clock, so that tokens are renewed in time",
    )


def check_expiry(expires: float | None, now: float, *, renewable: bool, advice: str) -> CheckResult:
    """Check when the token expires; times are in seconds since the epoch."""
    if expires is None:
        return skipped_check(Subject.EXPIRY, "the expiry of the token is unknown")
    if expires <= now:
        return CheckResult(
            subject=Subject.EXPIRY, level=Level.ERROR, summary="the token expired at", until=expires, hint=advice
        )
    if renewable:
        return CheckResult(
            subject=Subject.EXPIRY, level=Level.OK, summary="renewed automatically, valid until", until=expires
        )
    if expires - now < _SHORT:
        return CheckResult(
            subject=Subject.EXPIRY,
            level=Level.WARNING,
            summary="the token may expire during an apply, valid until",
            until=expires,
            hint=advice,
        )
    return CheckResult(subject=Subject.EXPIRY, level=Level.OK, summary="valid until", until=expires)


def customization_model(live: Live) -> CustomizationModel | None:
    """Return the customization model of the repositories; None if the bindings are unknown."""
    if isinstance(live.bindings, UnknownBindings):
        return None
    standard = any(one.overlay != EMPTY for one in live.repositories)
    if standard:
        return CustomizationModel.BOTH if live.bindings else CustomizationModel.STANDARD
    return CustomizationModel.OVERLAYS if live.bindings else CustomizationModel.NONE


def check_model(live: Live) -> CheckResult:
    """Return the customization model of the organization, with the number of places that use it."""
    count = sum(one.overlay != EMPTY for one in live.repositories)
    customized = f"standard customization in {plural(count, 'repository', 'repositories')}"
    if isinstance(live.bindings, UnknownBindings):
        summary = f"{customized}; could not read overlays and bindings: {live.bindings.problem}"
        level = Level.OK if live.bindings.absent else Level.UNKNOWN
        return CheckResult(subject=Subject.MODEL, level=level, summary=summary)
    bound = f"overlays and bindings ({plural(len(live.bindings), 'binding')})"
    summaries = {
        CustomizationModel.STANDARD: f"{customized}; no bindings",
        CustomizationModel.OVERLAYS: f"{bound}; no standard customization",
        CustomizationModel.BOTH: f"both: {customized}, and {bound}",
        CustomizationModel.NONE: "none: no standard customization and no bindings",
        None: "",
    }
    return CheckResult(subject=Subject.MODEL, level=Level.OK, summary=summaries[customization_model(live)])


def check_features(features: Mapping[str, bool]) -> CheckResult:
    """Return which optional parts of the API responded."""
    answered = [name for name, there in features.items() if there]
    missing = [name for name, there in features.items() if not there]
    silent = f"; no answer: {', '.join(missing)}" if missing else ""
    return CheckResult(
        subject=Subject.FEATURES, level=Level.OK, summary=f"answered: {', '.join(answered) or 'none'}{silent}"
    )


def check_journal(name: str, holders: Sequence[str], *, dead: bool) -> CheckResult:
    """Return whether a shared journal that could be read is locked, and whether a run that is `dead` did it."""
    if not holders:
        return CheckResult(subject=Subject.JOURNAL, level=Level.OK, summary=f"{name} can be read; no lock is held")
    return CheckResult(
        subject=Subject.JOURNAL,
        level=Level.WARNING,
        summary=f"{name} can be read; its lock is held",
        detail="; ".join(holders),
        hint="if the process was killed, break its lock with `reconciler unlock`" if dead else "",
    )


def missing_capabilities(identity: Identity, organization: Organization) -> tuple[str, ...]:
    """Return the capabilities that the token lacks for an organization as a whole, required ones first."""
    held = identity.may(organization.id)
    return tuple(one for one in (*TO_PLAN, *TO_APPLY, *FOR_A_PART) if one not in held)


def check_capabilities(identity: Identity, organization: Organization) -> tuple[CheckResult, ...]:
    """Check the capabilities of the token for an organization."""
    if not identity.grants:
        return (skipped_check(Subject.CAPABILITIES, "the API reported none"),)
    lacking = missing_capabilities(identity, organization)
    in_part = identity.may_below(organization.id)
    stopping = [one for one in lacking if one not in FOR_A_PART and one not in in_part]
    partly = [one for one in lacking if one not in FOR_A_PART and one in in_part]
    optional = [one for one in lacking if one in FOR_A_PART]
    found = [
        *_stopping(stopping, organization),
        *_partly(partly, organization),
        *(_optional(one, organization) for one in optional),
    ]
    held = CheckResult(
        subject=Subject.CAPABILITIES,
        level=Level.OK,
        summary=f"all capabilities that plan and apply need in {organization.name}",
    )
    return tuple(found) or (held,)


def _stopping(names: Sequence[str], organization: Organization) -> Iterable[CheckResult]:
    if names:
        yield CheckResult(
            subject=Subject.CAPABILITIES,
            level=Level.ERROR,
            summary=f"the token lacks {', '.join(names)} in {organization.name}",
            detail="plan and apply would fail" if set(names) & set(TO_PLAN) else "plan works, apply would fail",
            hint=f"ask an owner of the organization for a role with {' and '.join(names)}",
        )


def _partly(names: Sequence[str], organization: Organization) -> Iterable[CheckResult]:
    if names:
        yield CheckResult(
            subject=Subject.CAPABILITIES,
            level=Level.WARNING,
            summary=f"the token has {', '.join(names)} only in folders of {organization.name}",
            hint="select the folder with --org, or limit the manifest to repositories in it",
        )


def _optional(name: str, organization: Organization) -> CheckResult:
    return CheckResult(
        subject=Subject.CAPABILITIES,
        level=Level.WARNING,
        summary=f"the token lacks {name} in {organization.name}: {FOR_A_PART[name]}",
        hint=f"ask an owner of the organization for a role with {name}, if you need it",
    )


def _apart(skew: float) -> str:
    return f"{math.ceil(abs(skew))} s"
