"""`reconciler fmt`: the canonical layout of manifest files."""

from pathlib import Path

from reconciler.cli import flags, inputs
from reconciler.cli import options as shared
from reconciler.cli.context import Context
from reconciler.cli.exit_codes import ExitCode
from reconciler.cli.options import Options
from reconciler.cli.output import print_problems, style_of
from reconciler.cli.parser import Parser
from reconciler.diagnostics import Diagnostic
from reconciler.manifest.writing.folder import write_files
from reconciler.manifest.writing.format import FormattedFile, format_files


def configure(parser: Parser) -> None:
    """Declare the options."""
    shared.add_path(parser)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a file is not formatted")
    flags.add_common(parser)


def execute(options: Options, ctx: Context) -> int:
    """Format the files and name those that changed; 1 if one cannot be formatted, or would change under `--check`."""
    found = format_files(options.path, inputs.read_input(options.path, ctx))
    problems = [problem for one in found for problem in one.problems]
    changed = [one for one in found if one.changed]
    if options.path is shared.STDIN and not options.check:
        ctx.stdout.write("".join(one.after for one in found))
        print_problems(problems, options, ctx)
        return ExitCode.ERROR if problems else ExitCode.DONE
    if not options.check:
        problems += [problem for one in changed if (problem := _written(one)) is not None]
    style = style_of(ctx.stdout, options, ctx)
    for one in changed:
        ctx.stdout.write(style.plain(str(one.path)) + "\n")
    print_problems(problems, options, ctx)
    return ExitCode.ERROR if problems or (options.check and changed) else ExitCode.DONE


def _written(layout: FormattedFile) -> Diagnostic | None:
    path: Path = layout.path
    written = write_files(path.parent, {path.name: layout.after}, before={path.name: layout.before})
    return Diagnostic(code="not-written", summary=written.problem) if written.problem else None
