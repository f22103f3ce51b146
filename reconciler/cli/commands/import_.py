"""`reconciler import`: live state written as manifests, and taken into those that are there."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from reconciler.cli import flags, inputs
from reconciler.cli import options as shared
from reconciler.cli.client import open_reader
from reconciler.cli.context import Context
from reconciler.cli.errors import CommandFailed
from reconciler.cli.exit_codes import ExitCode
from reconciler.cli.options import Options
from reconciler.cli.output import print_problems, style_of
from reconciler.cli.parser import Parser
from reconciler.core.state import Desired, Live
from reconciler.diagnostics import Diagnostic, Severity, plural
from reconciler.manifest.writing.folder import FilesRefused, write_files
from reconciler.manifest.writing.importer import Import, prepare, verify
from reconciler.manifest.writing.overlays import OVERLAYS_FILE, prepare_overlays, verify_overlays
from reconciler.manifest.writing.syntax import redacted_lines
from reconciler.manifest.writing.updater import ImportRequest
from reconciler.views.console import draw_diff
from reconciler.views.text import repositories

# What loading a folder without manifests says.
_NO_FILES = ("manifest-not-found", "no-manifests")


def configure(parser: Parser) -> None:
    """Declare the options."""
    parser.add_argument(
        "repositories",
        nargs="*",
        metavar="GLOB",
        help="these repositories, customized or not (default: every customized one without an entry)",
    )
    parser.add_argument(
        "-o",
        dest="folder",
        type=shared.file_path,
        metavar="DIR",
        required=True,
        help="folder for the manifests",
    )
    parser.add_argument(
        "--split",
        choices=("repository", "folder"),
        help="one file for each repository or folder (default: a single file)",
    )
    flags.add_connection(parser)
    flags.add_common(parser)


def execute(options: Options, ctx: Context) -> int:
    """Write the manifests, then plan them; 1 unless that plan is empty and everything that was named is in it."""
    folder = options.folder
    assert folder is not None
    if folder.exists() and not folder.is_dir():
        raise CommandFailed(
            "not-a-folder", f"{folder} is not a folder", "choose a folder for the manifests: -o manifests"
        )
    organization = _organization(folder, options, ctx)
    with open_reader(options, ctx) as client:
        live = inputs.read_live(organization, client, options, ctx)
        if not options.repositories:
            live = inputs.with_overlays(live, client, options, ctx)
    request = _request(folder, live, organization, options, ctx)
    try:
        found = prepare(request)
    except FilesRefused as refused:
        raise CommandFailed.from_problems(*refused.problems) from None
    print_problems((*_left_out(found, request), *found.notes), options, ctx)
    _write(found, folder)
    _print_files(found, folder, options, ctx)
    code = _prove(found, request, options, ctx)
    return code if options.repositories else max(code, _import_overlays(request, options, ctx))


def _import_overlays(request: ImportRequest, options: Options, ctx: Context) -> int:
    """Write overlays and bindings to a file of their own, once it is proven to plan to no change."""
    folder = request.folder
    before = _loaded(folder, options, ctx)
    try:
        found = prepare_overlays(request, before)
        proof = verify_overlays(request, found.texts) if found.texts else None
    except FilesRefused as refused:
        raise CommandFailed.from_problems(*refused.problems) from None
    print_problems(found.left_out, options, ctx)
    if proof is None:
        return ExitCode.DONE
    if not proof.holds:
        print_problems((*proof.problems, *_differing(proof.wrong.items())), options, ctx)
        return ExitCode.ERROR
    _put(folder, found.texts, {})
    _print_texts(found.texts, {}, folder, options, ctx)
    counts = f"{plural(found.overlays, 'overlay')} and {plural(found.bindings, 'binding')}"
    ctx.stdout.write(f"Imported {counts} into {folder / OVERLAYS_FILE}. A plan shows no changes.\n")
    return ExitCode.DONE


def _loaded(folder: Path, options: Options, ctx: Context) -> Desired | None:
    """Return the manifests in the folder, None where there are none."""
    desired, problems = inputs.load_manifest(folder, options, ctx)
    return None if any(problem.code in _NO_FILES for problem in problems) else desired


def _organization(folder: Path, options: Options, ctx: Context) -> str:
    """Return the organization: `--org`, else the one that the manifests in the folder name."""
    if options.org:
        return options.org
    if folder.exists():
        desired, problems = inputs.load_manifest(folder, options, ctx)
        if desired.organization is not None:
            return desired.organization
        wrong = [problem for problem in problems if problem.code not in _NO_FILES]
        if wrong:
            raise CommandFailed.from_problems(*wrong)
    if ctx.settings["org"].value is not None:
        return str(ctx.settings["org"].value)
    raise CommandFailed(
        "no-organization",
        f"no organization given: --org is not set, and {folder} has no manifest",
        "set it with --org example.com",
    )


def _request(folder: Path, live: Live, organization: str, options: Options, ctx: Context) -> ImportRequest:
    def load(path: Path) -> tuple[Desired, tuple[Diagnostic, ...]]:
        return inputs.load_manifest(path, options, ctx)

    return ImportRequest(
        live=live,
        folder=folder,
        organization=organization,
        load=load,
        picked=inputs.pick(options.repositories, live) if options.repositories else None,
        split=options.split,
    )


def _write(found: Import, folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CommandFailed(
            "not-written", f"cannot create {folder}: {error.strerror}", "choose another folder"
        ) from None
    _put(folder, found.texts, found.before)


def _put(folder: Path, texts: Mapping[str, str], before: Mapping[str, str]) -> None:
    written = write_files(folder, texts, before=before)
    if written.problem:
        done = ", ".join(written.files) or "nothing"
        raise CommandFailed("not-written", written.problem, f"run the import again (already written: {done})")


def _print_files(found: Import, folder: Path, options: Options, ctx: Context) -> None:
    _print_texts(found.texts, found.before, folder, options, ctx)


def _print_texts(
    texts: Mapping[str, str], was: Mapping[str, str], folder: Path, options: Options, ctx: Context
) -> None:
    style = style_of(ctx.stdout, options, ctx)
    for name, text in texts.items():
        path = folder / name
        if name in was:
            before, after = redacted_lines(was[name]), redacted_lines(text)
            ctx.stdout.write(draw_diff(str(path), before, after, style=style))
        else:
            ctx.stdout.write(style.plain(f"new: {path}") + "\n")


def _prove(found: Import, request: ImportRequest, options: Options, ctx: Context) -> int:
    if not found.labels:
        others = not options.repositories and bool(request.live.overlays or request.live.bindings)
        ctx.stdout.write("No repositories to import.\n" if others else "Nothing to import.\n")
        return _code(found, request)
    proof = verify(request, found.labels)
    print_problems((*proof.warnings, *proof.problems, *_differing(proof.wrong.items())), options, ctx)
    if not proof.holds:
        return ExitCode.ERROR
    ctx.stdout.write(f"{_counted(found, request.folder)}. A plan shows no changes.\n")
    return _code(found, request)


def _counted(found: Import, folder: Path) -> str:
    same = len(found.unchanged)
    count = len(found.labels) - same
    if not count:
        return f"{repositories(same)} already in {folder}"
    return f"Imported {repositories(count)} into {folder}" + (f"; {repositories(same)} already there" if same else "")


def _left_out(found: Import, request: ImportRequest) -> list[Diagnostic]:
    """Return why repositories are left out: an error where they were named."""
    severity = Severity.WARNING if request.picked is None else Severity.ERROR
    return [replace(one, severity=severity) for one in found.left_out]


def _differing(wrong: Iterable[tuple[str, str]]) -> list[Diagnostic]:
    return [
        Diagnostic(
            code="import-differs",
            summary=f"{label}: {why}",
            hint="run the import again; if this persists, report it: it is a defect in reconciler",
        )
        for label, why in wrong
    ]


def _code(found: Import, request: ImportRequest) -> ExitCode:
    """Return the exit code: 1 if a repository that was named is left out, 0 otherwise."""
    return ExitCode.ERROR if found.left_out and request.picked is not None else ExitCode.DONE
