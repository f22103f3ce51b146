"""Saved plans and snapshots on the command line: reading them, and what an apply checks before it trusts one."""

from pathlib import Path

from reconciler import __version__, planfile
from reconciler.api.errors import NotFound
from reconciler.cli.arguments import Options
from reconciler.cli.errors import CommandFailed
from reconciler.cli.exit_codes import ExitCode
from reconciler.cli.plan_arguments import plan_options
from reconciler.cli.planning import Seen
from reconciler.cli.surroundings import Surroundings
from reconciler.core.plan import Plan
from reconciler.core.state import Desired, Live, Organization
from reconciler.diagnostics import Diagnostic
from reconciler.engine.ports import ReadApi
from reconciler.planfile import PlanFileError, SavedPlan, Snapshot
from reconciler.views.document import Origin


def load(path: Path) -> SavedPlan:
    """A saved plan; raises `CommandFailed` for any file that is not one in full."""
    try:
        return planfile.load_plan(path)
    except PlanFileError as error:
        raise CommandFailed(error.diagnostic) from None


def given(options: Options) -> SavedPlan | None:
    """The saved plan that an apply names in the place of a manifest, by its content; None where it names a manifest.

    Raises `CommandFailed`, also where options ask for another plan than the saved one.
    """
    if planfile.recognise(options.path) is None:
        return None
    saved = load(options.path)
    unheard = plan_options(options)
    if unheard:
        raise CommandFailed(_already_planned(unheard), code=ExitCode.USAGE)
    return saved


def check_api(saved: SavedPlan, identity: str) -> None:
    """Raise `CommandFailed` unless the plan is for the API that was asked for.

    The address in the file is never used: it would be up to the file where the token goes.
    """
    if saved.api != identity:
        raise CommandFailed(
            Diagnostic(
                code="plan-of-other-api",
                summary=f"the plan was made for the API {saved.api}, and this apply is for {identity}",
                hint=f"if that is the API that you mean, pass --api {saved.api}",
            )
        )


def check_organization(saved: SavedPlan, options: Options, api: ReadApi) -> None:
    """Raise `CommandFailed` unless the plan's organisation is there, and the one of `--org` where that is given."""
    meant = saved.plan.organization
    if options.org is not None and api.find_organization(options.org).id != meant.id:
        raise CommandFailed(_other_organization(meant, options.org))
    try:
        api.find_organization(meant.id)
    except NotFound as error:
        raise CommandFailed(_organization_gone(meant, error.diagnostic)) from None


def save(path: Path, plan: Plan, seen: Seen, desired: Desired, world: Surroundings) -> None:
    """Save a plan; raises `CommandFailed`."""
    saved = SavedPlan(
        plan=plan,
        api=seen.api_identity,
        tool_version=__version__,
        created=world.clock.now(),
        manifest_digest=desired.digest,
    )
    try:
        planfile.save_plan(path, saved)
    except PlanFileError as error:
        raise CommandFailed(error.diagnostic) from None


def save_snapshot(path: Path, live: Live, identity: str, world: Surroundings) -> None:
    """Save live state; raises `CommandFailed`."""
    snapshot = Snapshot(live=live, api=identity, tool_version=__version__, created=world.clock.now())
    try:
        planfile.save_snapshot(path, snapshot)
    except PlanFileError as error:
        raise CommandFailed(error.diagnostic) from None


def from_snapshot(path: Path, wanted: str) -> Seen:
    """The live state of a snapshot, if it is of the organisation that a manifest names; raises `CommandFailed`."""
    try:
        snapshot = planfile.load_snapshot(path)
    except PlanFileError as error:
        raise CommandFailed(error.diagnostic) from None
    found = snapshot.live.organization
    if wanted.strip("/") not in (found.id, found.name):
        raise CommandFailed(_other_snapshot(path, found, wanted))
    origin = Origin(kind="snapshot", created=snapshot.created, tool_version=snapshot.tool_version)
    return Seen(live=snapshot.live, api=snapshot.api, api_identity=snapshot.api, origin=origin)


def origin(saved: SavedPlan) -> Origin:
    """Where a saved plan comes from, for its document."""
    return Origin(
        kind="plan",
        created=saved.created,
        tool_version=saved.tool_version,
        manifest_digest=saved.manifest_digest,
    )


def _already_planned(options: list[str]) -> Diagnostic:
    several = " and ".join(options)
    return Diagnostic(
        code="bad-usage",
        summary=f"a saved plan is applied as it is: {several} cannot change it",
        hint="give these options to `reconciler plan -o FILE`",
    )


def _other_organization(meant: Organization, given_: str) -> Diagnostic:
    return Diagnostic(
        code="plan-of-other-organization",
        summary=f"the plan was made for {meant.name}, and --org names {given_}",
        hint="leave out --org, or give the plan that was made for it",
    )


def _organization_gone(meant: Organization, problem: Diagnostic) -> Diagnostic:
    return Diagnostic(
        code="plan-organization-not-found",
        summary=f"the plan was made for {meant.name} ({meant.id}), and the token cannot see that organisation",
        detail=problem.summary,
        hint="check which organisation the token is for",
    )


def _other_snapshot(path: Path, found: Organization, wanted: str) -> Diagnostic:
    return Diagnostic(
        code="snapshot-of-other-organization",
        summary=f"{path} is a snapshot of {found.name} ({found.id}), and the manifest is for {wanted}",
        hint="take a snapshot with the same manifest, or name the organisation with --org",
    )
