"""Output of results in the requested formats, to standard output or files; problems go to standard error."""

import errno
import importlib
import io
import os
import secrets
import shutil
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self, TextIO

from reconciler import __version__
from reconciler.cli.ci import checkout_path
from reconciler.cli.context import Context
from reconciler.cli.errors import CommandFailed, bad_usage
from reconciler.cli.flags import ANNOTATIONS, formats
from reconciler.cli.options import STDERR, STDOUT, Options
from reconciler.diagnostics import Diagnostic, Severity
from reconciler.views import diagnostics, plan_text
from reconciler.views.document import NO_PROVENANCE, PlanDocument, Provenance
from reconciler.views.plan_text import render_resolved
from reconciler.views.text import Style, indented_json

# Output that was closed from the start, or a disk that takes no more; a reader that has left is a broken pipe.
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EBADF)

_LOGGED_AFTER_SECONDS = 10.0

Renderers = Mapping[str, Callable[[Style, int | None], str]]


def show(renderers: Renderers, options: Options, ctx: Context) -> None:
    """Write one result in every format that was asked for; a renderer takes the style and the width to draw in."""
    for name, file in results(options):
        render = renderers[name]
        if file is None or file is STDERR:
            stream = ctx.stdout if file is None else ctx.stderr
            stream.write(render(style_of(stream, options, ctx), width_of(stream)))
        else:
            text = render(Style(color=False, unicode=True), None)
            with OutputFile(file, ctx.notify) as output:
                output.write(text)


def shows_overlays(options: Options) -> bool:
    """Return whether a format was asked for that shows whole overlays and active tags, which take time to draw."""
    return any(name in ("json", "html") for name, _ in results(options))


def show_plan(
    document: PlanDocument,
    problems: Iterable[Diagnostic],
    options: Options,
    ctx: Context,
    *,
    provenance: Provenance = NO_PROVENANCE,
) -> None:
    """Write problems to standard error, and then the plan to where `--format` says; `provenance` is for the page."""
    print_problems(problems, options, ctx)
    show(
        {
            "text": lambda style, width: (
                plan_text.render(document, style=style, width=width, show_unchanged=options.show_unchanged)
                + (render_resolved(document, style=style) if options.verbose else "")
            ),
            "json": lambda *_: indented_json(document),
            "markdown": lambda style, _: page("plan_markdown", document, style),
            "html": lambda style, _: page("plan_html", document, style, provenance=provenance),
        },
        options,
        ctx,
    )
    problem = add_job_summary(lambda: page("plan_markdown", document, Style(color=False, unicode=True)), ctx)
    print_problems(filter(None, [problem]), options, ctx)


def junit(builds: Iterable[Mapping[str, Any]]) -> str:
    """Return documents of builds as a JUnit report."""
    module: Any = importlib.import_module("reconciler.views.listings")  # by name: for CI systems alone
    report: str = module.render_junit(builds)
    return report


def add_job_summary(render: Callable[[], str], ctx: Context) -> Diagnostic | None:
    """Add Markdown to the summary of a job of GitHub Actions, where this is one; return what keeps it from that."""
    path = ctx.environ.get("GITHUB_STEP_SUMMARY")
    if not path:
        return None
    try:
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(render() + "\n")
    except OSError as error:
        return Diagnostic(
            code="job-summary-not-written",
            severity=Severity.WARNING,
            summary=f"could not write the job summary (GITHUB_STEP_SUMMARY): {error.strerror or type(error).__name__}",
            hint="check that the file can be written",
        )
    return None


def page(view: str, document: PlanDocument, style: Style, **more: Any) -> str:
    """Return a plan as `plan_markdown` or `plan_html`; `more` are keywords of that view."""
    # By name, as the commands are: most runs draw no page, and do without the templates.
    module: Any = importlib.import_module(f"reconciler.views.{view}")
    page: str = module.render(document, unicode=style.unicode, **more)
    return page


def print_problems(problems: Iterable[Diagnostic], options: Options, ctx: Context) -> None:
    """Write diagnostics to standard error."""
    found = tuple(problems)
    ctx.problems += found
    if found:
        ctx.stderr.write(diagnostics.render(found, style=style_of(ctx.stderr, options, ctx)))


def write_stdout(lines: Iterable[bytes], ctx: Context) -> None:
    """Write the ASCII lines of a saved plan or a snapshot to standard output; raises `OSError`."""
    for line in lines:
        ctx.stdout.write(line.decode("ascii"))


def conclude(verdict: str, ctx: Context) -> None:
    """Write the last line of a run, once: below its result as text, else to standard error."""
    if ctx.concluded:
        return
    ctx.concluded = True
    for stream in (ctx.stdout, ctx.stderr) if ctx.has_result else (ctx.stderr,):
        with suppress(OSError):
            stream.write(f"\n{verdict}\n" if ctx.has_result else f"{verdict}\n")
            stream.flush()
            return


def print_no_requests(options: Options, ctx: Context) -> None:
    """Print the count of requests, with `--debug`, for a command that has no client to send any."""
    if options.debug:
        ctx.stderr.write("requests: 0 reads, 0 writes\n")


@contextmanager
def activity(text: str, options: Options, ctx: Context) -> Iterator[None]:
    """Print an activity that takes longer than a second, such as `reading the repositories`; in a log, ten seconds."""
    if not ctx.stderr.isatty():
        with _logged_late(text, ctx):
            yield
        return
    style, in_place = style_of(ctx.stderr, options, ctx), draws_in_place(ctx.stderr, ctx)
    live: Any = importlib.import_module("reconciler.views.live")  # by name: most runs have no terminal
    with live.Activity(ctx.stderr, text, style=style, now=ctx.clock.monotonic, in_place=in_place) as line:
        before, ctx.notify = ctx.notify, line.note
        try:
            yield
        finally:
            ctx.notify = before


@contextmanager
def _logged_late(text: str, ctx: Context) -> Iterator[None]:
    def write() -> None:
        with suppress(OSError, ValueError):
            ctx.notify(f"{text} ...\n")

    timer = threading.Timer(_LOGGED_AFTER_SECONDS, write)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def draws_in_place(stream: TextIO, ctx: Context) -> bool:
    """Return whether a stream is a terminal that can draw over what is there."""
    return stream.isatty() and ctx.environ.get("TERM", "").lower() not in ("dumb", "unknown")


def style_of(stream: TextIO, options: Options, ctx: Context) -> Style:
    """Return color and symbols for one stream: `--color`, then NO_COLOR, then whether it is a terminal."""
    encoding = (stream.encoding or "").lower().replace("-", "")
    return Style(color=_color(stream, options, ctx), unicode=encoding.startswith("utf"))


def _color(stream: TextIO, options: Options, ctx: Context) -> bool:
    match options.color:
        case "always":
            return True
        case "never":
            return False
        case _:
            dumb = ctx.environ.get("TERM") == "dumb"
            return stream.isatty() and not ctx.environ.get("NO_COLOR") and not dumb


def width_of(stream: TextIO) -> int | None:
    """Return the columns of the terminal; None where there is none, so that nothing is wrapped or cut."""
    return shutil.get_terminal_size().columns if stream.isatty() else None


def annotate(options: Options, ctx: Context) -> None:
    """Write the problems that were printed in each format for CI systems that was asked for; raises `CommandFailed`."""
    wanted = [(name, file) for name, file in _written(options) if name in ANNOTATIONS]
    if not wanted:
        return
    in_checkout = checkout_path(ctx.environ)
    for name, file in wanted:
        text = {
            "github": lambda: diagnostics.render_github(ctx.problems, in_checkout),
            "gitlab": lambda: diagnostics.render_gitlab(ctx.problems, in_checkout),
            "sarif": lambda: diagnostics.render_sarif(ctx.problems, in_checkout, tool_version=__version__),
        }[name]()
        if file is None:
            ctx.stdout.write(text)
        else:
            with OutputFile(file, ctx.notify) as output:
                output.write(text)


def _written(options: Options) -> list[tuple[str, Path | None]]:
    return [_target(written, options.command) for written in getattr(options, "format", ())]


def results(options: Options) -> list[tuple[str, Path | None]]:
    """Return `targets` without the formats that hold diagnostics alone."""
    return [target for target in targets(options) if target[0] not in ANNOTATIONS]


def targets(options: Options) -> list[tuple[str, Path | None]]:
    """Return what `--format` asks for, as (format, file or None for standard output); by default text to the latter.

    Where `-o -` takes standard output, text goes to `STDERR`. Raises `CommandFailed` with the exit code for bad usage.
    """
    found = _written(options)
    taken = getattr(options, "output", None) is STDOUT
    # Workflow commands are lines that GitHub finds among others.
    alone = [file for name, file in found if name != "github"]
    if sum(file is None for file in alone) + taken > 1:
        what = "the saved plan or a format" if taken else "one format"
        raise bad_usage(f"only {what} can go to standard output", "give the others a file: --format json=plan.json")
    if taken:
        return [*found, ("text", STDERR)]
    if all(file is not None for file in alone):
        found.append(("text", None))
    return found


def _target(written: str, command: str) -> tuple[str, Path | None]:
    name, equals, file = written.partition("=")
    if name not in formats(command):
        raise bad_usage(f'unsupported format "{name}" for `{command}`', f"use one of {', '.join(formats(command))}")
    if equals and not file:
        raise bad_usage(f'"{written}" has no file name', f"write it as --format {name}=result.{name}")
    return name, Path(file) if file and file != "-" else None


class OutputFile(io.TextIOBase):
    """A file for a result; it replaces an existing file only when it is complete.

    It has mode 0600, as saved plans have: a result shows values that are nobody else's business. A pipe or a device is
    written to directly; `notify` is called where a pipe has no reader yet. As a context manager it is kept at the end,
    and dropped where an exception leaves. Raises `CommandFailed` with the code `output-not-written`.
    """

    encoding = "utf-8"

    def __init__(self, path: Path, notify: Callable[[str], object]) -> None:
        self._name = path
        self._partial: Path | None = None
        try:
            if path.is_dir():
                raise _not_written(path, "it is a folder")
            self._path = path
            if path.exists() and not path.is_file():
                self._stream = _open_special(path, notify)
            else:
                self._path = path.resolve()  # a link stays one
                partial = self._path.with_name(f".{self._path.name}.{secrets.token_hex(4)}.partial")
                descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
                self._partial = partial
                self._stream = os.fdopen(descriptor, "w", encoding="utf-8")
        except (OSError, ValueError) as error:
            raise _not_written(path, getattr(error, "strerror", None) or str(error)) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.keep()
        else:
            self.drop()

    def write(self, text: str) -> int:
        """Write text; raises `OSError`, as any stream does."""
        return self._stream.write(text)

    def flush(self) -> None:
        """Hand over what is buffered; raises `OSError`."""
        self._stream.flush()

    def keep(self) -> None:
        """Close the file and give it its name; raises `CommandFailed`, and leaves what was there before."""
        try:
            self._stream.flush()
            if self._partial is not None:
                os.fsync(self._stream.fileno())
            self._stream.close()
            if self._partial is not None:
                self._partial.replace(self._path)
        except OSError as error:
            self.drop()
            raise _not_written(self._name, error.strerror or str(error)) from None

    def drop(self) -> None:
        """Close the file and leave what was there before."""
        with suppress(OSError):
            self._stream.close()
        if self._partial is not None:
            with suppress(OSError):
                self._partial.unlink(missing_ok=True)


def _open_special(path: Path, notify: Callable[[str], object]) -> TextIO:
    """Open a pipe or a device; opening a named pipe waits for its reader, which nobody could see."""
    if path.is_fifo():
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
            notify(f"waiting for a reader of {path} ...\n")
        else:
            os.set_blocking(descriptor, True)
            return os.fdopen(descriptor, "w", encoding="utf-8")
    return path.open("w", encoding="utf-8")


def _not_written(file: Path, reason: str) -> CommandFailed:
    return CommandFailed("output-not-written", f"cannot write {file}: {reason}", "choose another file for --format")
