"""`reconciler migrate`: standard customizations as overlays and bindings, proved tag by tag; changes nothing."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from reconciler.cli import flags, inputs, output
from reconciler.cli import options as shared
from reconciler.cli.client import open_reader
from reconciler.cli.context import Context
from reconciler.cli.errors import CommandFailed, bad_usage
from reconciler.cli.exit_codes import ExitCode
from reconciler.cli.options import Options
from reconciler.cli.parser import Parser
from reconciler.core.migration import MigratedRepository, prove_migration
from reconciler.core.overlay import EMPTY
from reconciler.core.state import Desired, Directory, Live, LiveRepository
from reconciler.diagnostics import Diagnostic, Severity, has_errors
from reconciler.engine.waves import parse_sizes, split_waves
from reconciler.manifest.values import is_glob
from reconciler.manifest.writing.folder import read_manifests, write_files
from reconciler.manifest.writing.overlays import Migration, make_migration
from reconciler.views import migration
from reconciler.views.text import indented_json


def configure(parser: Parser) -> None:
    """Declare the options."""
    parser.add_argument(
        "repositories", nargs="*", metavar="GLOB", help="these repositories (default: every customized one)"
    )
    parser.add_argument(
        "-o", dest="folder", type=shared.file_path, metavar="DIR", required=True, help="new folder for the manifest"
    )
    parser.add_argument(
        "--batch", metavar="SIZES", default="1,10%,rest", help="sizes of the waves (default: 1,10%%,rest)"
    )
    shared.add_manifest(parser)
    flags.add_connection(parser)
    flags.add_output(parser)


def execute(options: Options, ctx: Context) -> int:
    """Write the manifest, read it again, and compare every tag; 1 where something is left out or not proved."""
    output.targets(options)
    folder = options.folder
    assert folder is not None
    try:
        sizes = parse_sizes(options.batch or "rest", labels=False)
    except ValueError as error:
        raise bad_usage(f'--batch "{options.batch}": {error}', "write it as 1,10%,rest") from None
    if folder.exists() and (not folder.is_dir() or read_manifests(folder)):
        raise CommandFailed(
            "not-a-new-folder", f"{folder} is not a new folder", "choose another folder for the manifest of overlays"
        )
    organization, _, _ = inputs.read_entries(options, ctx)
    with open_reader(options, ctx) as client:
        live = inputs.read_live(organization, client, options, ctx)
        live = inputs.with_overlays(live, client, options, ctx)

    def make(picked: Sequence[LiveRepository]) -> Migration:
        return make_migration(live, picked, folder, organization)

    def load() -> Desired:
        desired, problems = inputs.load_manifest(folder, options, ctx)
        if has_errors(problems):
            raise CommandFailed.from_problems(*problems)
        return desired

    found, left_out = _migrated(live, inputs.pick(options.repositories, live), folder, make, load)
    left_out = (*left_out, *_without_customization(options.repositories, live))
    if options.repositories:
        left_out = tuple(replace(one, severity=Severity.ERROR) for one in left_out)
    # The summary names the repository.
    output.print_problems([replace(one, repositories=()) for one in left_out], options, ctx)
    document = migration.document(split_waves(found, sizes) if found else (), live.organization, left_out)
    output.show(
        {
            "text": lambda style, width: migration.render(document, style=style, width=width),
            "json": lambda *_: indented_json(document),
        },
        options,
        ctx,
    )
    return ExitCode.ERROR if (left_out and options.repositories) or not document["proven"] else ExitCode.DONE


def _migrated(
    live: Live,
    picked: Sequence[LiveRepository],
    folder: Path,
    make: Callable[[Sequence[LiveRepository]], Migration],
    load: Callable[[], Desired],
) -> tuple[tuple[MigratedRepository, ...], tuple[Diagnostic, ...]]:
    """Write what can be verified; a repository that fails the check is left out, and the others are written again."""
    made = make(picked)
    left_out = made.left_out
    while made.texts:
        _write(made, folder)
        found = prove_migration(load(), live)
        wrong = {one.id for one in found if not one.proven}
        if not wrong:
            return found, left_out
        left_out = (*left_out, *(_unproved(one) for one in found if not one.proven))
        picked = [one for one in picked if one.id not in wrong]
        made = make(picked)
    return (), left_out


def _without_customization(names: Sequence[str], live: Live) -> Iterator[Diagnostic]:
    """Yield the named repositories that have nothing to migrate; a glob may match some of these."""
    directory = Directory(live)
    for name in dict.fromkeys(names):
        found = inputs.pick([name], live)
        if not is_glob(name) and all(one.overlay == EMPTY for one in found):
            for one in found:
                label = directory.label(one)
                yield Diagnostic(
                    code="not-migrated",
                    severity=Severity.WARNING,
                    summary=f"{label} is not migrated: it has no customization of its own",
                    hint="leave it out of the command line",
                    repositories=(label,),
                )


def _write(made: Migration, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    written = write_files(folder, made.texts, before=read_manifests(folder))
    if written.problem:
        raise CommandFailed("not-written", written.problem, "choose another folder")


def _unproved(one: MigratedRepository) -> Diagnostic:
    tags = ", ".join(tag for tag, _ in one.different[:3])
    return Diagnostic(
        code="not-migrated",
        severity=Severity.WARNING,
        summary=f"{one.repository} is not migrated: "
        + (one.problem or f"some tags would get another configuration ({tags})"),
        hint="check the overlays that are bound to all repositories: they begin to apply",
        repositories=(one.repository,),
    )
