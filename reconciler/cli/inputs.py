"""What a command reads before it starts: the manifest, and from it the organisation."""

from reconciler import manifest
from reconciler.cli.arguments import Options
from reconciler.cli.errors import CommandFailed
from reconciler.cli.output import print_problems
from reconciler.cli.surroundings import Surroundings
from reconciler.core.state import Desired
from reconciler.diagnostics import Diagnostic, Severity, has_errors


def require(options: Options, world: Surroundings) -> tuple[Desired, tuple[Diagnostic, ...]]:
    """A manifest without errors, and its warnings; raises `CommandFailed` with every problem otherwise."""
    desired, problems = manifest.load(options.path, organization=options.org, now=world.clock.now())
    if has_errors(problems):
        raise CommandFailed(*problems)
    return desired, problems


def base(options: Options, desired: Desired) -> Desired | None:
    """The manifest of `--base`, where it is given; raises `CommandFailed` for its errors, or another organisation."""
    if options.base is None:
        return None
    found, problems = manifest.load(options.base, organization=options.org)
    if has_errors(problems):
        raise CommandFailed(*problems)
    if found.organization != desired.organization:
        raise CommandFailed(
            Diagnostic(
                code="base-of-other-organization",
                summary=f"{options.base} is for {found.organization}, and {options.path} for {desired.organization}",
                hint="compare manifests of one organisation",
            )
        )
    return found


def named(options: Options, world: Surroundings) -> Desired:
    """The organisation that a command works on, with what the manifest says of its repositories where there is one.

    Raises `CommandFailed` when neither `--org` nor a manifest names the organisation.
    """
    if not options.manifest.exists():
        return Desired(organization=_given(options), repositories=())
    desired, problems = manifest.load(options.manifest, organization=options.org)
    if desired.organization is None:
        raise CommandFailed(*problems)
    print_problems((problem for problem in problems if problem.severity is Severity.ERROR), options, world)
    return desired


def organization(desired: Desired) -> str:
    """The organisation that a manifest without errors names."""
    assert desired.organization is not None
    return desired.organization


def _given(options: Options) -> str:
    if options.org:
        return options.org
    raise CommandFailed(
        Diagnostic(
            code="no-organization",
            summary=f'nothing names the organisation: there is no --org, and no manifest "{options.manifest}"',
            hint="name it with --org example.com, or a manifest with --manifest PATH",
        )
    )
