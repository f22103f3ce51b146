"""A plan in every format that was asked for: what `plan` and `show` print."""

from collections.abc import Iterable
from typing import Any

from reconciler.cli import output
from reconciler.cli.arguments import Options
from reconciler.cli.surroundings import Surroundings
from reconciler.diagnostics import Diagnostic
from reconciler.views import plan_json, plan_text, resolved
from reconciler.views.style import Style


def show(document: dict[str, Any], problems: Iterable[Diagnostic], options: Options, world: Surroundings) -> None:
    """The plan to where `--format` says, its problems to standard error."""
    output.show(
        {
            "text": lambda style, width: (
                plan_text.render(document, style=style, width=width, show_unchanged=options.show_unchanged)
                + (resolved.render(document, style=style) if options.verbose else "")
            ),
            "json": lambda *_: plan_json.render(document),
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
