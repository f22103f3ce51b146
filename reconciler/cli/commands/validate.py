"""`reconciler validate`: the manifest alone, every problem at once, no network."""

import json

from reconciler.cli import flags, inputs, output
from reconciler.cli import options as shared
from reconciler.cli.context import Context
from reconciler.cli.exit_codes import ExitCode
from reconciler.cli.options import Options
from reconciler.cli.parser import Parser
from reconciler.diagnostics import has_errors
from reconciler.views.diagnostics import diagnostic_document
from reconciler.views.text import plain


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
    valid = not has_errors(problems)
    count = len(desired.repositories) + len(desired.globs)
    noun = "repository" if count == 1 else "repositories"
    document = {
        "format_version": "1.0",
        "valid": valid,
        "repositories": count,
        "diagnostics": [diagnostic_document(problem) for problem in problems],
    }
    text = f"{plain(str(options.path))}: valid, {count} {noun}\n" if valid else ""
    output.show({"text": lambda *_: text, "json": lambda *_: json.dumps(document, indent=2) + "\n"}, options, ctx)
    return ExitCode.DONE if valid else ExitCode.ERROR
