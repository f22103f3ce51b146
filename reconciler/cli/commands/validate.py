"""`reconciler validate`: the manifest alone, every problem at once, no network."""

from reconciler.cli import flags, inputs, output
from reconciler.cli import options as shared
from reconciler.cli.context import Context
from reconciler.cli.exit_codes import ExitCode
from reconciler.cli.options import Options
from reconciler.cli.parser import Parser
from reconciler.views.diagnostics import validation_document
from reconciler.views.text import indented_json, plain


def configure(parser: Parser) -> None:
    """Declare the options."""
    shared.add_path(parser)
    flags.add_org(parser)
    flags.add_output(parser)


def execute(options: Options, ctx: Context) -> int:
    """Report every problem of the manifest; 1 when there is an error."""
    output.targets(options)
    desired, problems = inputs.load_manifest(options.path, options, ctx)
    output.print_problems(problems, options, ctx)
    count = len(desired.repositories) + len(desired.globs)
    noun = "repository" if count == 1 else "repositories"
    document = validation_document(problems, count)
    valid = document["valid"]
    text = f"{plain(str(options.path))}: valid, {count} {noun}\n" if valid else ""
    output.show({"text": lambda *_: text, "json": lambda *_: indented_json(document)}, options, ctx)
    return ExitCode.DONE if valid else ExitCode.ERROR
