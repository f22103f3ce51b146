"""What an apply shows while it goes: the plan, progress, and the end report, as text or as a stream of JSON lines.

As text, plan and report are the result and go to standard output, progress to standard error. As JSON, standard output
holds nothing but the stream, and the plan for the person who is asked goes to standard error.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, Self, TextIO

from reconciler import __version__
from reconciler.cli.arguments import Options
from reconciler.cli.errors import CommandFailed
from reconciler.cli.output import not_written, print_problems, style_of, targets, width_of
from reconciler.cli.readers import has_left
from reconciler.cli.surroundings import Surroundings
from reconciler.core.events import Event, Listener
from reconciler.core.plan import Plan
from reconciler.core.runs import Outcome
from reconciler.diagnostics import Diagnostic
from reconciler.engine.track import Followed
from reconciler.views import apply_report, plan_text, resolved
from reconciler.views.progress import JsonProgress, LiveProgress, PlainProgress


class Report:
    """Tells one apply to every stream that was asked for; closes the files among them at the end."""

    def __init__(self, options: Options, world: Surroundings) -> None:
        self._options = options
        self._world = world
        self._files = ExitStack()
        self._texts: list[TextIO] = []
        self._jsons: list[TextIO] = []
        for name, file in targets(options):
            (self._jsons if name == "json" else self._texts).append(self._open(file))
        self._json_sinks = [JsonProgress(stream, tool_version=__version__) for stream in self._jsons]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._files.close()

    def plan(self, plan: Plan, document: dict[str, Any]) -> None:
        """Show what is going to happen, and the problems that planning found."""
        for stream in self._texts or [self._world.stderr]:
            style = style_of(stream, self._options, self._world)
            text = plan_text.render(
                document, style=style, width=width_of(stream), show_unchanged=self._options.show_unchanged
            )
            stream.write(text + (resolved.render(document, style=style) if self._options.verbose else ""))
            stream.flush()
        for stream in self._jsons:
            stream.write(json.dumps({"type": "plan", "plan": document}) + "\n")
            stream.flush()
        print_problems(plan.diagnostics, self._options, self._world)

    def nothing_to_do(self) -> None:
        """Close the stream of a run that wrote nothing; as text the plan has said so."""
        for stream in self._jsons:
            document = apply_report.report_document((), (), {}, interrupted=False, waited=False, timed_out=False)
            stream.write(apply_report.summary_line(document))

    @contextmanager
    def progress(self) -> Iterator[Listener]:
        """A listener for the engine: a live table on a terminal, lines otherwise, and the JSON streams."""
        world, stderr = self._world, self._world.stderr
        style = style_of(stderr, self._options, world)
        with ExitStack() as stack:
            drawn: Listener
            if stderr.isatty():
                drawn = stack.enter_context(LiveProgress(stderr, style=style, now=world.clock.now))
                stack.callback(setattr, world, "notify", world.notify)
                world.notify = drawn.note
            else:
                drawn = PlainProgress(stderr, style=style, every_build=self._options.verbose)
            yield _Unbreakable([drawn, *self._json_sinks], world)

    def end(
        self,
        outcomes: Sequence[Outcome],
        followed: Followed | None,
        logs: Mapping[str, str],
        *,
        interrupted: bool,
        run: str | None = None,
    ) -> None:
        """The end report, and why following the builds ended early; `run` is what it is recorded under."""
        document = apply_report.report_document(
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
                self._write_text(self._world.stderr, document)
        if followed is not None and followed.token_problem is not None:
            self.problem(_unfollowed(followed.token_problem))

    def problem(self, found: Diagnostic | None) -> None:
        """Tell of something that did not stop the run, if there is anything; a terminal that is gone stops nothing."""
        if found is not None:
            with suppress(OSError):
                print_problems((found,), self._options, self._world)

    def _write_end(self, document: dict[str, Any]) -> None:
        for stream in self._texts:
            self._write_text(stream, document)
        for stream in self._jsons:
            stream.write(apply_report.summary_line(document))
            stream.flush()

    def _write_text(self, stream: TextIO, document: dict[str, Any]) -> None:
        style = style_of(stream, self._options, self._world)
        told = apply_report.render_text(document, style=style, width=width_of(stream), verbose=self._options.verbose)
        stream.write("\n" + told)
        stream.flush()

    def _open(self, file: Path | None) -> TextIO:
        if file is None:
            return self._world.stdout
        try:
            return self._files.enter_context(file.open("w", encoding="utf-8"))
        except OSError as error:
            raise CommandFailed(not_written(file, error)) from None


class _Unbreakable:
    """A listener that outlives its streams: when a reader goes away, the run is stopped gently, as an interruption is.

    What is under way must be finished and known, whether or not somebody is left to read of it.
    """

    def __init__(self, listeners: Sequence[Listener], world: Surroundings) -> None:
        self._listeners = list(listeners)
        self._world = world

    def __call__(self, event: Event) -> None:
        # The result is written at the end alone, and whoever was to read it may have left long before.
        if has_left(self._world.stdout):
            self._world.stop.set()
        for listener in tuple(self._listeners):
            try:
                listener(event)
            except OSError:
                self._listeners.remove(listener)
                self._world.stop.set()


def _unfollowed(problem: Diagnostic) -> Diagnostic:
    return Diagnostic(
        code=problem.code,
        summary=f"the builds were not followed to their end: {problem.summary}",
        detail=problem.detail,
        hint=problem.hint,
    )
