"""A plan in every format that was asked for: what `plan` and `show` print."""

from collections.abc import Iterable
from typing import Any

from reconciler.cli import output
from reconciler.cli.arguments import Options
from reconciler.cli.surroundings import Surroundings
from reconciler.diagnostics import Diagnostic
from reconciler.views import plan_text
from reconciler.views.plan_text import render_resolved
from reconciler.views.text import Style, indented_json


def show(document: dict[str, Any], problems: Iterable[Diagnostic], options: Options, world: Surroundings) -> None:
    """The plan to where `--format` says, its problems to standard error."""
    output.show(
        {
            "text": lambda style, width: (
                plan_text.render(document, style=style, width=width, show_unchanged=options.show_unchanged)
                + (render_resolved(document, style=style) if options.verbose else "")
            ),
            "json": lambda *_: indented_json(document),
            "markdown": lambda style, _: _markdown(document, style),
            "html": lambda style, _: _html(document, style),
        },
        options,
        world,
    )
    output.print_problems(problems, options, world)


# The pages are imported when they are asked for: most plans are read on a terminal.


def _markdown(document: dict[str, Any], style: Style) -> str:
    from reconciler.views import plan_markdown

    return plan_markdown.render(document, unicode=style.unicode)


def _html(document: dict[str, Any], style: Style) -> str:
    from reconciler.views import plan_html

    return plan_html.render(document, unicode=style.unicode)
