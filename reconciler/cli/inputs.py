"""Inputs of a command: the manifest, the organization, saved plans and snapshots, and selections."""

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from reconciler import manifest, planfile
from reconciler.api.errors import NotFound
from reconciler.cli.context import Context, Setting
from reconciler.cli.errors import CommandFailed, bad_usage
from reconciler.cli.options import STDIN, STDOUT, Options
from reconciler.cli.output import activity, print_problems, write_stdout
from reconciler.core.selection import matches
from reconciler.core.state import Address, Desired, Directory, Live, LiveRepository, Organization
from reconciler.diagnostics import Diagnostic, Severity, has_errors, nearest
from reconciler.engine.ports import ReadApi
from reconciler.engine.ports import with_overlays as read_overlays
from reconciler.planfile import PlanFileError, SavedPlan, Snapshot
from reconciler.views.document import Origin


def read_manifest(options: Options, ctx: Context) -> tuple[Desired, tuple[Diagnostic, ...]]:
    """Return a manifest without errors, and its warnings; raises `CommandFailed` with every problem otherwise."""
    desired, problems = load_manifest(options.path, options, ctx)
    if has_errors(problems):
        raise CommandFailed.from_problems(*problems)
    return desired, problems


def load_manifest(path: Path, options: Options, ctx: Context) -> tuple[Desired, tuple[Diagnostic, ...]]:
    """Return a manifest with its problems; its organization is that of `--org`, the manifest or the settings."""
    load = partial(
        manifest.load, path, now=ctx.clock.now(), prune=getattr(options, "prune", False), data=read_input(path, ctx)
    )
    desired, problems = load(organization=options.org)
    fallback = ctx.settings["org"].value
    if desired.organization is None and fallback is not None and options.org is None:
        return load(organization=fallback)
    return desired, problems


def read_input(path: Path, ctx: Context) -> bytes | None:
    """Return the content of standard input if `path` means it, else None."""
    return ctx.read_stdin() if path is STDIN else None


def check_stdin(*paths: Path | None) -> None:
    """Raise `CommandFailed` if standard input is used for more than one file."""
    if sum(path is STDIN for path in paths) > 1:
        raise bad_usage("standard input can be read only once", "give all but one of them as files instead of -")


def has_manifest(options: Options) -> bool:
    """Return whether there is a manifest where the options name one."""
    return options.manifest is STDIN or options.manifest.exists()


def read_base(options: Options, desired: Desired, ctx: Context) -> Desired | None:
    """Return the manifest of `--base`, if given; raises `CommandFailed` for its errors, or another organization."""
    if options.base is None:
        return None
    found, problems = load_manifest(options.base, options, ctx)
    if has_errors(problems):
        raise CommandFailed.from_problems(*problems)
    if found.organization != desired.organization:
        raise CommandFailed(
            "base-of-other-organization",
            f"{options.base} is for {found.organization}, but {options.path} is for {desired.organization}",
            "compare manifests of the same organization",
        )
    return found


def read_organization(options: Options, ctx: Context) -> str:
    """Return the organization that a command works on: `--org`, else the one that the manifest names.

    Errors elsewhere in the manifest are one warning. Raises `CommandFailed` when nothing names the organization.
    """
    if options.org:
        return options.org
    if not has_manifest(options):
        fallback: str | None = ctx.settings["org"].value
        if fallback is None:
            raise _no_organization(options)
        return fallback
    desired, problems = load_manifest(options.manifest, options, ctx)
    if desired.organization is None:
        raise CommandFailed.from_problems(*problems)
    errors = [problem for problem in problems if problem.severity is Severity.ERROR]
    if errors:
        print_problems((_errors_ignored(options, len(errors)),), options, ctx)
    return desired.organization


def used_settings(options: Options, ctx: Context) -> Mapping[str, Setting]:
    """Return the settings with their sources; the organization of a manifest goes before that of the settings."""
    found = dict(ctx.settings)
    if options.org is None and has_manifest(options):
        desired, _ = manifest.load(options.manifest, data=read_input(options.manifest, ctx))
        if desired.organization is not None:
            found["org"] = Setting(desired.organization, str(options.manifest))
    if found["journal"].value is not None:
        found["journal"] = Setting(_without_credentials(found["journal"].value), found["journal"].source)
    return found


def _without_credentials(url: str) -> str:
    """Return a URL without options and credentials (a URL with either is refused where it is used)."""
    return re.sub(r"(?<=//).*@", "", re.split(r"[?#]", url)[0])


def read_entries(options: Options, ctx: Context) -> tuple[str, Desired | None, bool]:
    """Return the organization, the entries of the manifest where there is one to trust, and whether it has errors.

    Raises `CommandFailed` when nothing names the organization.
    """
    if not has_manifest(options):
        return read_organization(options, ctx), None, False
    desired, problems = load_manifest(options.manifest, options, ctx)
    if desired.organization is None:
        raise CommandFailed.from_problems(*problems)
    print_problems((problem for problem in problems if problem.severity is Severity.ERROR), options, ctx)
    wrong = has_errors(problems)
    return desired.organization, None if wrong else desired, wrong


def organization(desired: Desired) -> str:
    """Return the organization that a manifest without errors names."""
    assert desired.organization is not None
    return desired.organization


def read_live(organization: str, api: ReadApi, options: Options, ctx: Context) -> Live:
    """Return the live state of an organization or folder; raises `ApiError` rather than answer with a part of it."""
    with activity(f"reading the repositories of {organization}", options, ctx):
        return api.read_live(api.find_organization(organization))


def read_planned(desired: Desired, api: ReadApi, options: Options, ctx: Context) -> Live:
    """Return the live state that planning a manifest needs; raises `ApiError`, but not for unknown bindings."""
    wanted = desired.declares_overlays or getattr(options, "prune_overlays", False)
    return with_overlays(read_live(organization(desired), api, options, ctx), api, options, ctx, wanted=wanted)


def read_repositories(organization: Organization, api: ReadApi, options: Options, ctx: Context) -> Live:
    """Read as `read_live` does, for an organization that is already known."""
    with activity(f"reading the repositories of {organization.name}", options, ctx):
        return api.read_live(organization)


def with_overlays(live: Live, api: ReadApi, options: Options, ctx: Context, *, wanted: bool = True) -> Live:
    """Return the live state with the bindings that hold for it, and, if wanted, the overlays and the folders.

    Bindings and overlays that cannot be read are unknown.
    """
    name = live.organization.name
    if not wanted:
        with activity(f"reading the overlay bindings of {name}", options, ctx):
            return replace(live, bindings=api.read_bindings(live.organization))
    with activity(f"reading the overlays of {name}", options, ctx):
        return replace(read_overlays(live, api), folders=api.read_folders(live.organization))


def _no_organization(options: Options) -> CommandFailed:
    return CommandFailed(
        "no-organization",
        f'no organization given: --org is not set and "{options.manifest}" does not exist',
        "set it with --org example.com, give a manifest with --manifest PATH, or write one with `reconciler init`",
    )


def _errors_ignored(options: Options, count: int) -> Diagnostic:
    return Diagnostic(
        code="manifest-has-errors",
        severity=Severity.WARNING,
        summary=(
            f"{options.manifest} has {'1 error' if count == 1 else f'{count} errors'}: only its organization is used"
        ),
        hint=f"see them with `reconciler validate {shlex.quote(str(options.manifest))}`",
    )


def load_plan(path: Path, ctx: Context) -> SavedPlan:
    """Return a saved plan; raises `CommandFailed` for any file that is not one in full."""
    try:
        return planfile.load_plan(path, read_input(path, ctx))
    except PlanFileError as error:
        raise CommandFailed.from_problems(error.diagnostic) from None


def saved_plan(options: Options, ctx: Context) -> SavedPlan | None:
    """Return the saved plan that an apply names instead of a manifest, recognized by content; None for a manifest.

    Raises `CommandFailed`, also where options ask for another plan than the saved one.
    """
    if planfile.recognize(options.path, read_input(options.path, ctx)) is None:
        return None
    saved = load_plan(options.path, ctx)
    unheard = _plan_options(options)
    if unheard:
        raise bad_usage(
            f"a saved plan is applied as saved: {' and '.join(unheard)} cannot change it",
            "use these options with `reconciler plan -o FILE`",
        )
    return saved


def check_api(saved: SavedPlan, identity: str) -> None:
    """Raise `CommandFailed` unless the plan is for the API that was asked for.

    The address in the file is never used: it would be up to the file where the token goes.
    """
    if saved.api != identity:
        raise CommandFailed(
            "plan-of-other-api",
            f"the plan was made for the API {saved.api}, but this apply is for {identity}",
            f"to apply it there, use --api {saved.api}",
        )


def check_organization(saved: SavedPlan, options: Options, api: ReadApi) -> None:
    """Raise `CommandFailed` unless the plan's organization is there, and the one of `--org` where that is given."""
    meant = saved.plan.organization
    if options.org is not None and api.find_organization(options.org).id != meant.id:
        raise CommandFailed(
            "plan-of-other-organization",
            f"the plan was made for {meant.name}, but --org is {options.org}",
            "remove --org, or use a plan that was made for it",
        )
    try:
        api.find_organization(meant.id)
    except NotFound as error:
        raise CommandFailed(
            "plan-organization-not-found",
            f"the plan was made for {meant.name} ({meant.id}), which the token cannot see",
            "check which organization the token belongs to",
            detail=error.diagnostic.summary,
        ) from None


def origin(saved: SavedPlan) -> Origin:
    """Return where a saved plan comes from, for its document."""
    return Origin(
        kind="plan",
        created=saved.created,
        tool_version=saved.tool_version,
        manifest_digest=saved.manifest_digest,
    )


def save_snapshot(path: Path, snapshot: Snapshot, ctx: Context) -> None:
    """Save a snapshot; raises `CommandFailed`."""
    if path is STDOUT:
        write_stdout(planfile.snapshot_lines(snapshot), ctx)
        return
    try:
        planfile.save_snapshot(path, snapshot)
    except PlanFileError as error:
        raise CommandFailed.from_problems(error.diagnostic) from None


def load_snapshot(path: Path, wanted: str, ctx: Context) -> Snapshot:
    """Return a snapshot, if it is of the organization that a manifest names; raises `CommandFailed`."""
    try:
        snapshot = planfile.load_snapshot(path, read_input(path, ctx))
    except PlanFileError as error:
        raise CommandFailed.from_problems(error.diagnostic) from None
    found = snapshot.live.organization
    if wanted.strip("/") not in (found.id, found.name):
        raise CommandFailed(
            "snapshot-of-other-organization",
            f"{path} is a snapshot of {found.name} ({found.id}), but the manifest is for {wanted}",
            "take a snapshot with the same manifest, or set the organization with --org",
        )
    return snapshot


def pick(patterns: Sequence[str], live: Live) -> tuple[LiveRepository, ...]:
    """Return the repositories that at least one pattern means, all of them when there is none.

    Raises `CommandFailed` for a pattern that means nothing, with the nearest names.
    """
    if not patterns:
        return live.repositories
    found: dict[str, LiveRepository] = {}
    problems = []
    for pattern in patterns:
        matching = [one for one in live.repositories if _matches(pattern, one)]
        found.update((one.id, one) for one in matching)
        if not matching:
            problems.append(_no_match(pattern, live))
    if problems:
        raise CommandFailed.from_problems(*problems)
    return tuple(found.values())


def _matches(pattern: str, repository: LiveRepository) -> bool:
    return matches(pattern, Address(folder=repository.folder, name=repository.name), repository.id)


def _no_match(pattern: str, live: Live) -> Diagnostic:
    near = nearest(pattern, Directory(live).labels())
    return Diagnostic(
        code="unknown-repository",
        summary=f'no repository in {live.organization.name} matches "{pattern}"',
        hint=f"did you mean {' or '.join(near)}?" if near else "list the repositories with `reconciler repos`",
    )


def _plan_options(options: Options) -> list[str]:
    """Return the options that were given and shape a plan: an apply of a saved plan cannot take them."""
    given = {
        "--repo": options.repo,
        "--exclude": options.exclude,
        "--label": options.label,
        "--owner": options.owner,
        "--file": options.file,
        "--skip-blocked": options.skip_blocked,
        "--take-over": options.take_over,
        "--prune": options.prune,
        "--max-removal": options.max_removal is not None,
        "--resolve": options.resolve is True,
        "--no-resolve": options.resolve is False,
    }
    return [name for name, used in given.items() if used]
