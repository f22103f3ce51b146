"""`reconciler import`: live state written as manifests, and taken into those that are there."""

from collections.abc import Iterable
from pathlib import Path

from reconciler import manifest
from reconciler.cli import session
from reconciler.cli.arguments import Options
from reconciler.cli.errors import CommandFailed
from reconciler.cli.exit_codes import ExitCode
from reconciler.cli.output import print_problems, style_of
from reconciler.cli.selection import pick
from reconciler.cli.surroundings import Surroundings
from reconciler.core.desired import Desired
from reconciler.core.live import Live
from reconciler.diagnostics import Diagnostic, Severity
from reconciler.engine.refresh import refresh
from reconciler.manifest.codes import Code
from reconciler.manifest.writing.folder import FilesRefused, write_files
from reconciler.manifest.writing.importer import Import, prepare, verify
from reconciler.manifest.writing.syntax import redacted_lines
from reconciler.manifest.writing.updater import ImportRequest
from reconciler.views import text_diff


def execute(options: Options, world: Surroundings) -> int:
    """Write the manifests, then plan them; 1 unless that plan is empty and everything that was named is in it."""
    folder: Path = options.folder
    if folder.exists() and not folder.is_dir():
        raise _failed(
            "not-a-folder", f"{folder} is no folder", "give a folder that the manifests go into: -o manifests"
        )
    organization = _organization(options, world)
    with session.reading(options, world) as client:
        live = refresh(client, organization)
    request = _request(options, world, live, organization)
    try:
        found = prepare(request)
    except FilesRefused as refused:
        raise CommandFailed(*refused.problems) from None
    print_problems((*found.left_out, *found.notes), options, world)
    _write(found, folder)
    _tell(found, folder, options, world)
    return _prove(found, request, options, world)


def _organization(options: Options, world: Surroundings) -> str:
    """The organisation: `--org`, else the one that the manifests in the folder name."""
    if options.org:
        return options.org
    named = None
    if options.folder.exists():
        desired, problems = manifest.load(options.folder, now=world.clock.now())
        errors = [one for one in problems if one.severity is Severity.ERROR and one.code != Code.NO_MANIFESTS]
        if errors:
            raise CommandFailed(*errors)
        named = desired.organization
    if named is None:
        raise _failed(
            "no-organization",
            f"nothing names the organisation: there is no --org, and no manifest in {options.folder}",
            "name it with --org example.com",
        )
    return named


def _request(options: Options, world: Surroundings, live: Live, organization: str) -> ImportRequest:
    def load(path: Path) -> tuple[Desired, tuple[Diagnostic, ...]]:
        return manifest.load(path, organization=options.org, now=world.clock.now())

    return ImportRequest(
        live=live,
        folder=options.folder,
        organization=organization,
        load=load,
        picked=pick(options.repositories, live) if options.repositories else None,
        split=options.split,
    )


def _write(found: Import, folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _failed("not-written", f"{folder} cannot be made: {error.strerror}", "give another folder") from None
    written = write_files(folder, found.texts, before=found.before)
    if written.problem:
        done = ", ".join(written.files) or "nothing"
        raise _failed("not-written", written.problem, f"written before that: {done}; run the import again")


def _tell(found: Import, folder: Path, options: Options, world: Surroundings) -> None:
    style = style_of(world.stdout, options, world)
    for name, text in found.texts.items():
        path = folder / name
        if name in found.before:
            before, after = redacted_lines(found.before[name]), redacted_lines(text)
            world.stdout.write(text_diff.render(str(path), before, after, style=style))
        else:
            world.stdout.write(style.plain(f"new: {path}") + "\n")


def _prove(found: Import, request: ImportRequest, options: Options, world: Surroundings) -> int:
    count = len(found.labels)
    noun = "1 repository" if count == 1 else f"{count} repositories"
    if not found.labels:
        world.stdout.write("nothing to import\n")
        return _code(found, request)
    proof = verify(request, found.labels)
    print_problems((*proof.warnings, *proof.problems, *_differing(proof.wrong.items())), options, world)
    if not proof.holds:
        return ExitCode.ERROR
    changed = "" if found.texts else ", and nothing had to be written"
    world.stdout.write(f"imported {noun} into {request.folder}: planning them gives no change{changed}\n")
    return _code(found, request)


def _differing(wrong: Iterable[tuple[str, str]]) -> list[Diagnostic]:
    return [
        Diagnostic(
            code="import-differs",
            summary=f"{label}: {why}",
            hint="run the import again; if this stays, it is a defect in reconciler",
        )
        for label, why in wrong
    ]


def _code(found: Import, request: ImportRequest) -> ExitCode:
    """A repository that was named and is left out is a failure; one that merely came along is a warning."""
    return ExitCode.ERROR if found.left_out and request.picked is not None else ExitCode.DONE


def _failed(code: str, summary: str, hint: str) -> CommandFailed:
    return CommandFailed(Diagnostic(code=code, summary=summary, hint=hint))
