"""Manifest and live state to a plan, and the plan to its document: what `plan`, `show` and `apply` share."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from reconciler import __version__
from reconciler.cli.arguments import Options
from reconciler.cli.errors import CommandFailed
from reconciler.cli.inputs import organization
from reconciler.core import planner
from reconciler.core.plan import GuardFlags, Plan
from reconciler.core.selection import Selection, select
from reconciler.core.state import Desired, Live
from reconciler.diagnostics import Diagnostic, has_errors
from reconciler.engine.ports import ReadApi
from reconciler.engine.refresh import refresh
from reconciler.views.document import Origin, plan_document

if TYPE_CHECKING:
    from reconciler.core.events import Forecast
    from reconciler.core.plan import Comparison
    from reconciler.core.resolution import ResolvedChange


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """Live state with where it comes from: the API as people write it, and as saved plans compare it.

    `origin` is None where the state was read just now.
    """

    live: Live
    api: str
    api_identity: str
    origin: Origin | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """The plan after the checks, what each repository would get where that was asked, and what was asked.

    `wrong` tells that something which the manifest asks for cannot be had.
    """

    plan: Plan
    resolved: Mapping[str, "ResolvedChange"] = field(default_factory=dict)
    asked: Mapping[str, int] | None = None
    wrong: bool = False


def read(desired: Desired, api: ReadApi) -> Live:
    """The live state of the organisation that a manifest without errors names."""
    return refresh(api, organization(desired))


def make(desired: Desired, warnings: tuple[Diagnostic, ...], live: Live, options: Options) -> Plan:
    """The plan of what is selected; raises `CommandFailed` for a selection that selects nothing."""
    plan, problems = select(_whole(desired, warnings, live, options), _selection(options), live)
    if has_errors(problems):
        raise CommandFailed(*problems)
    return replace(plan, diagnostics=(*plan.diagnostics, *problems))


def make_base(desired: Desired, live: Live, options: Options) -> Plan:
    """The plan of the manifest that another one is compared with; nothing is wrong with selecting nothing of it."""
    plan, _ = select(_whole(desired, (), live, options), _selection(options), live)
    return plan


def _whole(desired: Desired, warnings: tuple[Diagnostic, ...], live: Live, options: Options) -> Plan:
    flags = GuardFlags(prune=options.prune, max_removal=options.max_removal)
    return planner.plan(desired, live, diagnostics=warnings, flags=flags)


def _selection(options: Options) -> Selection:
    return Selection(repo=tuple(options.repo), exclude=tuple(options.exclude))


def document(
    plan: Plan,
    *,
    api: str,
    origin: Origin | None = None,
    comparison: "Comparison | None" = None,
    forecast: "Forecast | None" = None,
    checked: Checked | None = None,
) -> dict[str, Any]:
    """The public document of a plan: what every format draws from; `checked` None where it was not looked into."""
    return plan_document(
        plan,
        api=api,
        tool_version=__version__,
        origin=origin,
        comparison=comparison,
        forecast=forecast,
        resolved=checked.resolved if checked else None,
        checked=checked.asked if checked else None,
    )
