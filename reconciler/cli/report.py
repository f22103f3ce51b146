"""What an apply shows while it goes: the plan, progress, and the end report, as text or as a stream of JSON lines.

As text, plan and report are the result and go to standard output, progress to standard error. As JSON, standard output
holds nothing but the stream, and the plan for the person who is asked goes to standard error.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import Any, Self, TextIO

from reconciler import __version__
from reconciler.cli.context import Context, has_left
from reconciler.cli.errors import CommandFailed
from reconciler.cli.output import OutputFile, print_problems, style_of, targets, width_of
from reconciler.cli.parser import Options
from reconciler.core.events import Event, Listener
from reconciler.core.plan import Plan
from reconciler.core.progress import REPORT_GRACE_SECONDS
from reconciler.core.runs import Outcome
from reconciler.diagnostics import Diagnostic, Severity, listed
from reconciler.engine.follow import Followed
from reconciler.views import apply_text, plan_text
from reconciler.views.live import LiveProgress
from reconciler.views.plan_text import render_resolved
from reconciler.views.progress import JsonProgress, PlainProgress
from reconciler.views.run_document import report_document, summary_line
from reconciler.views.text import duration


class Report:
    """Tells one apply to every stream that was asked for.

    Made when nothing can refuse the run any more, such as another apply in this folder: only then are files replaced,
    and each of them when all of it is written.
    """

    def __init__(self, options: Options, ctx: Context) -> None:
        self._options = options
        self._ctx = ctx
        self._shown = False
        self._files: list[OutputFile] = []
        self._texts: list[TextIO] = []
        self._jsons: list[TextIO] = []
        try:
            for name, file in targets(options):
                stream: Any = ctx.stdout
                if file is not None:
                    stream = OutputFile(file)
                    self._files.append(stream)
                (self._jsons if name == "json" else self._texts).append(stream)
        except CommandFailed:
            self._drop()
            raise
        self._json_sinks = [JsonProgress(stream, tool_version=__version__) for stream in self._jsons]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None and not self._shown:
            self._drop()
            return
        files, self._files = self._files, []
        problems = [failed for file in files if (failed := _kept(file)) is not None]
        if problems and kind is None:
            raise problems[0]

    def _drop(self) -> None:
        for file in self._files:
            file.drop()

    def plan(self, plan: Plan, document: dict[str, Any]) -> None:
        """Show what is going to happen, and the problems that planning found."""
        self._shown = True
        for stream in self._texts or [self._ctx.stderr]:
            style = style_of(stream, self._options, self._ctx)
            text = plan_text.render(
                document, style=style, width=width_of(stream), show_unchanged=self._options.show_unchanged
            )
            stream.write(text + (render_resolved(document, style=style) if self._options.verbose else ""))
            stream.flush()
        for stream in self._jsons:
            stream.write(json.dumps({"type": "plan", "plan": document}) + "\n")
            stream.flush()
        print_problems(plan.diagnostics, self._options, self._ctx)

    def nothing_to_do(self) -> None:
        """Close the stream of a run that wrote nothing; as text the plan has said so."""
        for stream in self._jsons:
            document = report_document((), (), {}, interrupted=False, waited=False, timed_out=False)
            stream.write(summary_line(document))

    @contextmanager
    def progress(self) -> Iterator[Listener]:
        """A listener for the engine: a live table on a terminal, lines otherwise, and the JSON streams."""
        ctx, stderr = self._ctx, self._ctx.stderr
        style = style_of(stderr, self._options, ctx)
        with ExitStack() as stack:
            drawn: Listener
            if stderr.isatty():
                drawn = stack.enter_context(LiveProgress(stderr, style=style, now=ctx.clock.now))
                stack.callback(setattr, ctx, "notify", ctx.notify)
                stack.callback(setattr, ctx, "announce", ctx.announce)
                ctx.notify, ctx.announce = drawn.note, drawn.announce
            else:
                drawn = PlainProgress(stderr, style=style, every_build=self._options.verbose)
            yield _Unbreakable([drawn, *self._json_sinks], ctx)

    def end(
        self,
        outcomes: Sequence[Outcome],
        followed: Followed | None,
        logs: Mapping[str, str],
        *,
        interrupted: bool,
        run: str | None = None,
    ) -> None:
        """Write the end report, and why following the builds ended early; `run` is what it is recorded under."""
        self._shown = True
        document = report_document(
            outcomes,
            followed.progress if followed else (),
            logs,
            interrupted=interrupted,
            waited=followed is not None,
            timed_out=followed is not None and (followed.timed_out or bool(followed.late)),
            run=run,
            tags=followed.tags if followed else {},
        )
        try:
            self._write_end(document)
        except OSError:
            # Whoever read the output is gone. What was written must be known all the same.
            with suppress(OSError):
                self._write_text(self._ctx.stderr, document)
        if followed is not None:
            ended_by = followed.token_problem or followed.problem
            self.problem(ended_by and _unfollowed(ended_by))
            self.problem(_unreported(followed.unreported))

    def problem(self, found: Diagnostic | None) -> None:
        """Tell of something that did not stop the run, if there is anything; a terminal that is gone stops nothing."""
        if found is not None:
            with suppress(OSError):
                print_problems((found,), self._options, self._ctx)

    def _write_end(self, document: dict[str, Any]) -> None:
        for stream in self._texts:
            self._write_text(stream, document)
        for stream in self._jsons:
            stream.write(summary_line(document))
            stream.flush()

    def _write_text(self, stream: TextIO, document: dict[str, Any]) -> None:
        style = style_of(stream, self._options, self._ctx)
        told = apply_text.render(document, style=style, width=width_of(stream), verbose=self._options.verbose)
        stream.write("\n" + told)
        stream.flush()


def _unreported(repositories: Sequence[str]) -> Diagnostic | None:
    """What is said of repositories that leave the queue and are never built, such as those without active tags."""
    if not repositories:
        return None
    grace = duration(REPORT_GRACE_SECONDS)
    return Diagnostic(
        code="no-build-report",
        severity=Severity.WARNING,
        summary=f"no build report came within {grace} of leaving the queue: {listed(repositories)}",
        detail="a repository without active tags, or before its first sync, is not built",
        hint="check the repository with `reconciler builds`, or follow it again with `reconciler wait`",
    )


def _kept(file: OutputFile) -> CommandFailed | None:
    try:
        file.keep()
    except CommandFailed as failed:
        return failed
    return None


class _Unbreakable:
    """A listener that outlives its streams: when a reader goes away, the run is stopped gently, as an interruption is.

    What is under way must be finished and known, whether or not somebody is left to read of it.
    """

    def __init__(self, listeners: Sequence[Listener], ctx: Context) -> None:
        self._listeners = list(listeners)
        self._ctx = ctx

    def __call__(self, event: Event) -> None:
        # The result is written at the end alone, and whoever was to read it may have left long before.
        if has_left(self._ctx.stdout):
            self._ctx.stop.set()
        for listener in tuple(self._listeners):
            try:
                listener(event)
            except OSError:
                self._listeners.remove(listener)
                self._ctx.stop.set()


def _unfollowed(problem: Diagnostic) -> Diagnostic:
    return Diagnostic(
        code=problem.code,
        summary=f"the builds were not followed to their end: {problem.summary}",
        detail=problem.detail,
        hint=problem.hint,
    )
