"""Where results go: the formats that were asked for, to standard output or into files; problems to standard error."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TextIO

from reconciler.cli.arguments import Options, formats
from reconciler.cli.errors import CommandFailed
from reconciler.cli.exit_codes import ExitCode
from reconciler.cli.surroundings import Surroundings
from reconciler.diagnostics import Diagnostic
from reconciler.views import diagnostics
from reconciler.views.text import Style

Renderers = Mapping[str, Callable[[Style, int], str]]

_PIPED_WIDTH = 120
# Tables are for scripts as well: nothing of them is cut where nobody looks at a screen.
_PIPED_TABLE_WIDTH = 10_000


def style_of(stream: TextIO, options: Options, world: Surroundings) -> Style:
    """Colour and symbols for one stream: `--color`, then NO_COLOR, then whether it is a terminal."""
    encoding = (stream.encoding or "").lower().replace("-", "")
    return Style(color=_colour(stream, options, world), unicode=encoding.startswith("utf"))


def _colour(stream: TextIO, options: Options, world: Surroundings) -> bool:
    match options.color:
        case "always":
            return True
        case "never":
            return False
        case _:
            dumb = world.environ.get("TERM") == "dumb"
            return stream.isatty() and not world.environ.get("NO_COLOR") and not dumb


def width_of(stream: TextIO, *, piped: int = _PIPED_WIDTH) -> int:
    """Columns to draw in: those of the terminal, or a fixed number where there is none."""
    if not stream.isatty():
        return piped
    import shutil

    return shutil.get_terminal_size((_PIPED_WIDTH, 24)).columns


def print_problems(problems: Iterable[Diagnostic], options: Options, world: Surroundings) -> None:
    """Diagnostics to standard error."""
    found = tuple(problems)
    if found:
        world.stderr.write(diagnostics.render(found, style=style_of(world.stderr, options, world)))


def tell_nothing_sent(options: Options, world: Surroundings) -> None:
    """With `--debug`, the line that every command ends with, for one that has nothing to send with."""
    if options.debug:
        world.stderr.write("requests: 0 reads, 0 writes\n")


def targets(options: Options) -> list[tuple[str, Path | None]]:
    """What `--format` asks for, as (format, file or None for standard output); text to standard output when nothing is.

    Raises `CommandFailed` with the exit code for bad usage.
    """
    found = [_target(written, options.command) for written in options.format]
    if sum(file is None for _, file in found) > 1:
        raise _usage("only one format can go to standard output", "give the others a file: --format json=plan.json")
    if all(file is not None for _, file in found):
        found.append(("text", None))
    return found


def _target(written: str, command: str) -> tuple[str, Path | None]:
    name, equals, file = written.partition("=")
    if name not in formats(command):
        raise _usage(f'"{name}" is no format of `{command}`', f"take one of {', '.join(formats(command))}")
    if equals and not file:
        raise _usage(f'"{written}" names no file', f"write it like --format {name}=result.{name}")
    return name, Path(file) if file else None


def _usage(summary: str, hint: str) -> CommandFailed:
    return CommandFailed(Diagnostic(code="bad-usage", summary=summary, hint=hint), code=ExitCode.USAGE)


def show(renderers: Renderers, options: Options, world: Surroundings, *, table: bool = False) -> None:
    """Write one result in every format that was asked for; a renderer takes the style and the width to draw in."""
    piped = _PIPED_TABLE_WIDTH if table else _PIPED_WIDTH
    for name, file in targets(options):
        render = renderers[name]
        if file is None:
            width = width_of(world.stdout, piped=piped)
            world.stdout.write(render(style_of(world.stdout, options, world), width))
        else:
            _write(file, render(Style(color=False, unicode=True), piped))


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise CommandFailed(not_written(file, error)) from None


def not_written(file: Path, error: OSError) -> Diagnostic:
    """The problem with a file that a result was to go to."""
    return Diagnostic(
        code="output-not-written",
        summary=f"{file} cannot be written: {error.strerror}",
        hint="give --format another file",
    )
