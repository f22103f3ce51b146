"""Output of an apply: the plan, progress, and the end report, as text or as a stream of JSON lines.

As text, plan and report are the result and go to standard output, progress to standard error. As JSON, standard output
holds nothing but the stream, and the plan for the person who is asked goes to standard error.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Self, TextIO

from reconciler import __version__
from reconciler.cli.context import Context, has_left
from reconciler.cli.errors import CommandFailed
from reconciler.cli.exit_codes import ExitCode
from reconciler.cli.options import Options
from reconciler.cli.output import (
    NO_ROOM,
    OutputFile,
    add_job_summary,
    conclude,
    draws_in_place,
    junit,
    page,
    print_problems,
    results,
    style_of,
    width_of,
)
from reconciler.cli.runs import places_of
from reconciler.core.builds import Build
from reconciler.core.events import Event, Listener
from reconciler.core.plan import Plan
from reconciler.core.progress import REPORT_GRACE_SECONDS
from reconciler.core.runs import Outcome
from reconciler.diagnostics import Diagnostic, Place, Severity, listed
from reconciler.engine.follow import Followed
from reconciler.views import apply_text, plan_text, verdict
from reconciler.views.document import PlanDocument
from reconciler.views.events import JsonProgress, plan_line
from reconciler.views.live import LiveProgress
from reconciler.views.plan_text import render_resolved
from reconciler.views.progress import PlainProgress
from reconciler.views.run_document import ReportDocument, report_document
from reconciler.views.text import Style, duration, json_line
from reconciler.views.verdict import SummaryLine, summary_document


@dataclass(frozen=True, slots=True, kw_only=True)
class Reverted:
    """Result of restoring a failed wave, in a run of its own.

    `problems` are what its plan says, `repeated` the changes that the manifest still asks for, with their places.
    """

    run: str
    outcomes: Sequence[Outcome]
    followed: Followed | None
    problems: Sequence[Diagnostic]
    repeated: Sequence[tuple[str, Place | None]]

    def document(self) -> ReportDocument:
        """Return its report as plain data."""
        followed = self.followed
        return report_document(
            self.outcomes,
            followed.progress if followed else (),
            {},
            interrupted=False,
            waited=followed is not None,
            timed_out=followed is not None and (followed.timed_out or bool(followed.late)),
            run=self.run,
            tags=followed.tags if followed else {},
        )


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
        self._texts: list[Any] = []
        self._jsons: list[Any] = []
        self._pages: list[tuple[str, Any]] = []
        self._plan: PlanDocument | None = None
        try:
            for name, file in results(options):
                stream: Any = ctx.stdout
                if file is not None:
                    stream = OutputFile(file, ctx.notify)
                    self._files.append(stream)
                if name in ("markdown", "html", "junit"):
                    self._pages.append((name, stream))
                else:
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
        self._keep()

    def _drop(self) -> None:
        for file in self._files:
            file.drop()

    def plan(self, plan: Plan, document: PlanDocument) -> None:
        """Print the problems that planning found, and the plan."""
        self._shown = True
        self._plan = document
        print_problems(plan.diagnostics, self._options, self._ctx)
        self._ctx.has_result |= self._ctx.stdout in self._texts
        for stream in self._texts or [self._ctx.stderr]:
            style = style_of(stream, self._options, self._ctx)
            text = plan_text.render(
                document, style=style, width=width_of(stream), show_unchanged=self._options.show_unchanged
            )
            stream.write(text + (render_resolved(document, style=style) if self._options.verbose else ""))
            stream.flush()
        for stream in self._jsons:
            stream.write(json_line(plan_line(document)))
            stream.flush()

    def close(self, code: ExitCode, closing: str, document: ReportDocument | None = None) -> ExitCode:
        """Write the last line of every output and give the files their names; return the exit code to end with."""
        document = document or report_document((), (), {}, interrupted=False, waited=False, timed_out=False)
        self._write_pages(summary_document(document, verdict=closing))
        pages = [stream for _, stream in self._pages]
        for stream in self._files:
            if stream not in pages:
                _write_verdict(stream, closing, document, as_json=stream in self._jsons)
        if self._keep() and code is ExitCode.DONE:
            code = ExitCode.ERROR
            closing = self._ending(document, complete=False, problems=["output file not written"])
        if self._ctx.stdout in self._jsons:
            _write_verdict(self._ctx.stdout, closing, document, as_json=True)
        conclude(closing, self._ctx)
        return code

    def _write_pages(self, summary: SummaryLine) -> None:
        """Write the result as Markdown or as a page where that was asked for, and the summary of the CI job."""
        plan = self._plan
        for name, stream in self._pages:
            with suppress(OSError):
                stream.write(junit(summary["builds"]["built"]) if name == "junit" else _apply_page(name, plan, summary))
                stream.flush()
        if plan is not None:
            self.problem(add_job_summary(lambda: _apply_page("markdown", plan, summary), self._ctx))

    def _keep(self) -> bool:
        """Give the files their names; print failures, and return whether there was one."""
        files, self._files = self._files, []
        failures = [failed for file in files if (failed := _kept(file)) is not None]
        for failed in failures:
            print_problems(failed.problems, self._options, self._ctx)
        return bool(failures)

    def _ending(self, document: ReportDocument, *, complete: bool, problems: Sequence[str] = ()) -> str:
        style = style_of(self._ctx.stdout, self._options, self._ctx)
        command = self._options.command
        return verdict.ending(document, command=command, complete=complete, style=style, problems=problems)

    @contextmanager
    def progress(self) -> Iterator[Listener]:
        """Show the engine's events: a live table on a terminal, lines otherwise, and the JSON streams."""
        ctx, stderr = self._ctx, self._ctx.stderr
        style = style_of(stderr, self._options, ctx)
        with ExitStack() as stack:
            drawn: Listener
            if draws_in_place(stderr, ctx):
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
        code: ExitCode,
        run: str | None = None,
        problems: Sequence[Diagnostic | None] = (),
        earlier: Sequence[Build] = (),
        reverted: Reverted | None = None,
    ) -> ExitCode:
        """Write the end report, what else went wrong, and the verdict; return the exit code to end with.

        `code` is what the run came to, `run` what it is recorded under. `earlier` are builds from before the writes,
        and `reverted` is what became of a failed wave.
        """
        self._shown = True
        document = report_document(
            outcomes,
            followed.progress if followed else (),
            logs,
            interrupted=code is ExitCode.INTERRUPTED,
            waited=followed is not None,
            timed_out=followed is not None and (followed.timed_out or bool(followed.late)),
            run=run,
            tags=followed.tags if followed else {},
            earlier=earlier,
        )
        if reverted is not None:
            document["reverted"] = reverted.document()
            problems = [*problems, *reverted.problems, _still_requested(reverted)]
        rejected = ["token rejected"] if followed is not None and followed.token_problem else []
        stopped = [self._ctx.stopped_by] if self._ctx.stopped_by else []
        closing = self._ending(document, complete=code is ExitCode.DONE, problems=[*stopped, *rejected])
        self._ctx.has_result |= self._ctx.stdout in self._texts
        full = self._write_reports(document)
        for problem in (*_of_following(followed), *problems):
            self.problem(problem)
        if full is not None:
            self._keep()
            raise full  # what the outputs lack is an error of its own, whatever the run came to
        return self.close(code, closing, document)

    @property
    def compares_images(self) -> bool:
        """Return whether an output reports other changes in new images."""
        return self._options.verbose or bool(self._jsons)

    def problem(self, found: Diagnostic | None) -> None:
        """Print something that did not stop the run, if there is anything; a terminal that is gone stops nothing."""
        if found is not None:
            with suppress(OSError):
                print_problems((found,), self._options, self._ctx)

    def _write_reports(self, document: ReportDocument) -> OSError | None:
        """Write the report as text; return why an output took no more of it, None also where its reader has left."""
        try:
            for stream in self._texts:
                self._write_text(stream, document)
        except OSError as error:
            # Whoever read the output is gone. What was written must be known all the same.
            with suppress(OSError):
                self._write_text(self._ctx.stderr, document)
            return error if error.errno in NO_ROOM else None
        return None

    def _write_text(self, stream: TextIO, document: ReportDocument) -> None:
        style = style_of(stream, self._options, self._ctx)
        report = apply_text.render(document, style=style, width=width_of(stream), verbose=self._options.verbose)
        if "reverted" in document:
            restored = apply_text.render(
                document["reverted"], style=style, width=width_of(stream), verbose=self._options.verbose
            )
            report += f"\nThe failed wave was restored:\n{restored}"
        stream.write(f"\n{report}" if report else "")
        stream.flush()


def _apply_page(name: str, plan: PlanDocument | None, summary: SummaryLine) -> str:
    """Return the result of an apply of a plan as `markdown` or as `html`."""
    assert plan is not None, "every run that takes these formats shows its plan first"
    return page(f"plan_{name}", plan, Style(color=False, unicode=True), summary=summary)


def _write_verdict(stream: Any, closing: str, document: ReportDocument, *, as_json: bool) -> None:
    with suppress(OSError):
        stream.write(json_line(summary_document(document, verdict=closing)) if as_json else f"\n{closing}\n")
        stream.flush()


def _still_requested(reverted: Reverted) -> Diagnostic:
    return Diagnostic(
        code="still-requested",
        severity=Severity.NOTE,
        summary=f"run {reverted.run} restored the failed wave; the manifest still requests it, and the next apply "
        "will write it again",
        detail=places_of(reverted.repeated),
        hint="to keep the old state, change the manifest there",
    )


def _of_following(followed: Followed | None) -> Iterator[Diagnostic | None]:
    """Yield why following the builds ended early."""
    if followed is not None:
        ended_by = followed.token_problem or followed.problem
        yield ended_by and _unfollowed(ended_by)
        yield _unreported(followed.unreported)


def _unreported(repositories: Sequence[str]) -> Diagnostic | None:
    """Return the lines for repositories that left the queue without a build, such as those without active tags."""
    if not repositories:
        return None
    grace = duration(REPORT_GRACE_SECONDS)
    return Diagnostic(
        code="no-build-report",
        severity=Severity.WARNING,
        summary=f"no build report came within {grace} of leaving the queue: {listed(repositories)}",
        detail="repositories without active tags, or before their first sync, are not built",
        hint="check the repository with `reconciler builds`, or run `reconciler wait` to wait again",
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
            self._stop("the reader of the output has left")
        for listener in tuple(self._listeners):
            try:
                listener(event)
            except OSError as error:
                self._listeners.remove(listener)
                self._stop(f"could not write the progress: {error.strerror or 'its reader has left'}")

    def _stop(self, reason: str) -> None:
        self._ctx.stopped_by = self._ctx.stopped_by or reason
        self._ctx.stop.set()


def _unfollowed(problem: Diagnostic) -> Diagnostic:
    return Diagnostic(
        code=problem.code,
        summary=f"the builds were not followed to completion: {problem.summary}",
        detail=problem.detail,
        hint=problem.hint,
    )
