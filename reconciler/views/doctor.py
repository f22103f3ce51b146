"""The findings of `reconciler doctor` as text and as a document. What they mean is decided in `core.doctor`."""

import json

from rich.text import Text
from typing_extensions import TypedDict

from reconciler.core.doctor import CheckResult, Checkup, Identity, Level
from reconciler.views.console import Column, draw, draw_table
from reconciler.views.document import OrganizationDocument, organization_document
from reconciler.views.text import FORMAT_VERSION, Role, Style, duration, rfc3339, utc
from reconciler.views.values import Time

_ROLES = {Level.OK: Role.ADD, Level.WARNING: Role.WARNING, Level.ERROR: Role.ERROR, Level.UNKNOWN: Role.DIM}
_LEVELS = max(len(level) for level in Level)
_SUBJECTS = 12
_SETTINGS = (Column("SETTING"), Column("VALUE"), Column("FROM"))
_INDENT = " " * (_LEVELS + _SUBJECTS + 4)


def render(checkup: Checkup, *, style: Style) -> str:
    """Return a line for each finding, what to do below it, the settings with their sources, and a conclusion."""
    lines = [line for one in checkup.findings for line in _lines(one, checkup.now, style)]
    settings = [(one.name, _written(one.value), one.source) for one in checkup.settings]
    table = draw_table(_SETTINGS, settings, style=style, width=None)
    cells = [Text(), *map(Text, table.splitlines())] if table else []
    return draw([*lines, *cells, Text(), _conclusion(checkup)], style=style, width=None)


class TokenDocument(TypedDict):
    """Where the token comes from, and until when it holds."""

    source: str | None
    expires: Time | None


class GrantDocument(TypedDict):
    """What a token may do in an organization or folder and below."""

    id: str
    name: str
    roles: list[str]
    capabilities: list[str]


class IdentityDocument(TypedDict):
    """Whose token it is."""

    subject: str
    email: str
    issuer: str
    groups: list[GrantDocument]


class FindingDocument(TypedDict):
    """The result of one check."""

    subject: str
    level: str
    summary: str
    detail: str
    hint: str


class SettingDocument(TypedDict):
    """A setting in force, and where it comes from."""

    name: str
    value: object
    source: str


class CheckupDocument(TypedDict):
    """Document of `reconciler doctor --format json`; null where something is not known."""

    format_version: str
    ok: bool
    api: str
    clock_skew_seconds: float | None
    token: TokenDocument
    identity: IdentityDocument | None
    organization: OrganizationDocument | None
    missing_capabilities: list[str]
    model: str | None
    features: dict[str, bool]
    findings: list[FindingDocument]
    settings: list[SettingDocument]


def document(checkup: Checkup) -> CheckupDocument:
    """Return everything as plain data."""
    organization = checkup.organization
    return {
        "format_version": FORMAT_VERSION,
        "ok": not checkup.stopping,
        "api": checkup.api,
        "clock_skew_seconds": None if checkup.skew is None else round(checkup.skew, 3),
        "token": {"source": checkup.source, "expires": _moment(checkup.expires)},
        "identity": None if checkup.identity is None else _identity(checkup.identity),
        "organization": None if organization is None else organization_document(organization),
        "missing_capabilities": list(checkup.missing),
        "model": None if checkup.model is None else checkup.model.value,
        "features": dict(checkup.features),
        "findings": [_finding(one, checkup.now) for one in checkup.findings],
        "settings": [{"name": one.name, "value": one.value, "source": one.source} for one in checkup.settings],
    }


def _written(value: object) -> str:
    """Return a value as it is written on the command line and in a settings file."""
    return "-" if value is None else json.dumps(value) if isinstance(value, bool) else str(value)


def _lines(finding: CheckResult, now: float, style: Style) -> list[Text]:
    level = (f"{finding.level.value:<{_LEVELS}}", _ROLES[finding.level])
    first = Text.assemble(level, f"  {finding.subject.value:<{_SUBJECTS}}  {style.plain(_summary(finding, now))}")
    detail = [Text(_INDENT + style.plain(finding.detail))] if finding.detail else []
    hint = [Text(_INDENT + f"{style.arrow} {style.plain(finding.hint)}")] if finding.hint else []
    return [first, *detail, *hint]


def _summary(finding: CheckResult, now: float) -> str:
    if finding.until is None:
        return finding.summary
    left = finding.until - now
    span = f"in {duration(left)}" if left > 0 else f"{duration(-left)} ago"
    return f"{finding.summary} {utc(finding.until)} ({span})"


def _conclusion(checkup: Checkup) -> Text:
    if checkup.stopping:
        return Text("An apply would fail.", Role.ERROR)
    if any(one.level is Level.UNKNOWN for one in checkup.findings):
        return Text("No problems found, but not everything could be checked.")
    return Text("No problems found. An apply can run.")


def _finding(finding: CheckResult, now: float) -> FindingDocument:
    return {
        "subject": finding.subject.value,
        "level": finding.level.value,
        "summary": _summary(finding, now),
        "detail": finding.detail,
        "hint": finding.hint,
    }


def _identity(identity: Identity) -> IdentityDocument:
    return {
        "subject": identity.subject,
        "email": identity.email,
        "issuer": identity.issuer,
        "groups": [
            {
                "id": grant.group_id,
                "name": grant.group_name,
                "roles": list(grant.roles),
                "capabilities": sorted(grant.capabilities),
            }
            for grant in identity.grants
        ],
    }


def _moment(seconds: float | None) -> str | None:
    return None if seconds is None else rfc3339(seconds)
