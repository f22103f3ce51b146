"""Manifest and live state to a plan, and the plan to the formats that were asked for: what `plan` and `apply` share."""

from typing import Any

from reconciler import __version__
from reconciler.cli.arguments import Options
from reconciler.cli.inputs import organization
from reconciler.cli.session import api_name
from reconciler.cli.surroundings import Surroundings
from reconciler.core import planner
from reconciler.core.desired import Desired
from reconciler.core.plan import Plan
from reconciler.diagnostics import Diagnostic
from reconciler.engine.ports import ReadApi
from reconciler.engine.refresh import refresh
from reconciler.views.document import plan_document


def make(desired: Desired, warnings: tuple[Diagnostic, ...], api: ReadApi) -> Plan:
    """The plan of a manifest without errors against the live state."""
    return planner.plan(desired, refresh(api, organization(desired)), diagnostics=warnings)


def document(plan: Plan, options: Options, world: Surroundings) -> dict[str, Any]:
    """The public document of a plan: what every format draws from."""
    return plan_document(plan, api=api_name(options, world), tool_version=__version__)
