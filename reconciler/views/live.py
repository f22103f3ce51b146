"""Progress drawn in place on a terminal: a table with what went wrong in lines above it, or a line while reading."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from threading import Event as ThreadEvent
from threading import Lock, Thread
from typing import Self, TextIO, cast

from rich.cells import cell_len
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from reconciler.core.builds import Progress, Stage
from reconciler.core.events import (
    ApplyStarted,
    BuildsSeen,
    Event,
    RepositoryDone,
    StepFinished,
    StepStarted,
    WaitStarted,
)
from reconciler.core.runs import Applied, Drifted, Failed, NotAttempted, Outcome, Unchanged
from reconciler.views.console import SteadyStream, new_console
from reconciler.views.progress import changes, is_trouble, sentence
from reconciler.views.progress import followed as counted_targets
from reconciler.views.run_document import build_names
from reconciler.views.run_document import counts as counted
from reconciler.views.text import Role, Style, duration, token


class RepositoryState(Enum):
    """State of a repository, in the order of the live table."""

    FAILED = "failed"
    STALE = "changed"
    SUPERSEDED = "superseded"
    UNREPORTED = "no report"
    BUILDING = "building"
    WRITING = "writing"
    SETTLING = "settling"
    WAITING = "waiting"
    WRITTEN = "written"
    AS_WANTED = "up to date"
    SKIPPED = "not attempted"
    DONE = "done"


_STAGES = {
    Stage.WAITING: RepositoryState.WAITING,
    Stage.BUILDING: RepositoryState.BUILDING,
    Stage.SETTLING: RepositoryState.SETTLING,
    Stage.DONE: RepositoryState.DONE,
    Stage.SUPERSEDED: RepositoryState.SUPERSEDED,
    Stage.UNREPORTED: RepositoryState.UNREPORTED,
}
_OUTCOMES: dict[type[Outcome], RepositoryState] = {
    Applied: RepositoryState.WRITTEN,
    Unchanged: RepositoryState.AS_WANTED,
    Drifted: RepositoryState.STALE,
    Failed: RepositoryState.FAILED,
    NotAttempted: RepositoryState.SKIPPED,
}
_OVER = (RepositoryState.DONE, RepositoryState.SUPERSEDED, RepositoryState.UNREPORTED)
_RANKS = {state: number for number, state in enumerate(RepositoryState)}
_ROLES = {
    RepositoryState.FAILED: Role.ERROR,
    RepositoryState.STALE: Role.CHANGE,
    RepositoryState.SUPERSEDED: Role.CHANGE,
    RepositoryState.UNREPORTED: Role.CHANGE,
    RepositoryState.DONE: Role.ADD,
    RepositoryState.WRITTEN: Role.ADD,
}
_STATE_COLUMNS = max(len(state.value) for state in RepositoryState)
_LEAST_ROWS = 3
# For the time, the number of builds, and the first of the tags.
_BUILD_COLUMNS = 36
_TIME_COLUMNS = 6
_INDENT = _GAP = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One repository: its state, its builds, and since and until when something happened to it."""

    repository: str
    state: RepositoryState
    began: float
    until: float | None = None
    ended: int = 0
    known: int = 0
    failed: int = 0
    built: tuple[str, ...] = ()

    @property
    def rank(self) -> tuple[bool, int, str]:
        """Return the place in the table: failures first, then builds in progress."""
        return (not self.failed, _RANKS[self.state], self.repository)


class Board:
    """The rows of all repositories, kept up to date by the events."""

    def __init__(self) -> None:
        self._rows: dict[str, Row] = {}
        self._steps = self._others = 0
        self._began = self._now = 0.0
        self._followed: frozenset[str] | None = None
        self._tags: Mapping[str, tuple[str, ...]] = {}

    def take(self, event: Event) -> None:
        """Record one event."""
        self._now = event.at
        match event:
            case ApplyStarted(at=at, steps=steps, others=others):
                self._steps, self._began, self._followed = steps, at, None
                self._others = others
                self._rows = {}
            case StepStarted(at=at, step=step):
                self._rows[step.label] = Row(repository=step.label, state=RepositoryState.WRITING, began=at)
            case StepFinished(at=at, outcome=outcome):
                self._finish(outcome, at)
            case WaitStarted(at=at, repositories=names):
                self._followed, self._began = frozenset(names), at
                self._rows |= {name: Row(repository=name, state=RepositoryState.WAITING, began=at) for name in names}
            case BuildsSeen(progress=several, tags=tags):
                self._tags = tags
                self._follow(several)
            case RepositoryDone(progress=progress):
                self._follow([progress])
            case _:
                pass

    def _finish(self, outcome: Outcome, at: float) -> None:
        name = outcome.step.label
        known = self._rows.get(name) or Row(repository=name, state=RepositoryState.WRITING, began=at)
        state = _OUTCOMES[type(outcome)]
        self._rows[name] = replace(known, state=state, until=at, failed=int(state is RepositoryState.FAILED))

    def _follow(self, several: Iterable[Progress]) -> None:
        for progress in several:
            name = progress.target.label
            known = self._rows.get(name) or Row(repository=name, state=RepositoryState.WAITING, began=self._now)
            state = _STAGES[progress.stage]
            counts = counted(progress)
            self._rows[name] = replace(
                known,
                state=RepositoryState.FAILED if state is RepositoryState.DONE and counts["failed"] else state,
                until=(known.until or self._now) if state in _OVER else None,
                ended=len(progress.ended),
                known=len(progress.builds),
                failed=counts["failed"],
                built=build_names(progress.ended, self._tags),
            )

    def draw(self, *, style: Style, width: int, height: int, now: float | None = None, notice: str = "") -> Group:
        """Draw the table in at most `height` lines: a heading, the rows that matter most, and how many more there are.

        The lines of `notice` come first.
        """
        notices = notice.splitlines()
        now = self._now if now is None else now
        rows = sorted(self._rows.values(), key=lambda row: row.rank)
        room = max(height - 1 - len(notices), _LEAST_ROWS)
        shown = rows if len(rows) <= room else rows[: room - 1]
        names = max((cell_len(token(row.repository, style)) for row in shown), default=0)
        names = min(names, max(width - _STATE_COLUMNS - _BUILD_COLUMNS, 12))
        used = _INDENT + sum(columns + _GAP for columns in (names, _STATE_COLUMNS, _TIME_COLUMNS))
        table = Table.grid(padding=(0, _GAP, 0, 0))
        table.add_column(no_wrap=True, width=names)
        table.add_column(no_wrap=True, width=_STATE_COLUMNS)
        table.add_column(no_wrap=True, width=_TIME_COLUMNS, justify="right")
        # Of the tags as many as there is room for: rich would take it from the names as well.
        table.add_column(no_wrap=True, max_width=max(width - used - _GAP, 1))
        for row in shown:
            table.add_row(*_cells(row, now, style))
        heads = [Text(one, Role.WARNING) for one in notices]
        heads.append(Text(self._heading(now), Role.BOLD))
        for head in heads:
            head.no_wrap, head.overflow = True, "ellipsis"
        lines: list[RenderableType] = [*heads]
        lines += [Padding(table, (0, 0, 0, _INDENT))] if shown else []
        if len(shown) < len(rows):
            lines.append(Text(f"  {style.ellipsis} and {len(rows) - len(shown):,} more", Role.DIM))
        return Group(*lines)

    def _heading(self, now: float) -> str:
        rows = self._rows.values()
        elapsed = duration(now - self._began)
        if self._followed is None:
            done = sum(row.state is not RepositoryState.WRITING for row in rows)
            return f"writing: {done:,} of {changes(self._steps, self._others)} done, {elapsed}"
        followed = [row for row in rows if row.repository in self._followed]
        ended, known = sum(row.ended for row in followed), sum(row.known for row in followed)
        done = sum(row.state in (*_OVER, RepositoryState.FAILED) for row in followed)
        targets = counted_targets(self._followed)
        return f"builds: {ended:,} of {known:,} ended; {done:,} of {targets} done, {elapsed}"


def _cells(row: Row, now: float, style: Style) -> tuple[Text, Text, Text, Text]:
    role = Role.ERROR if row.failed else _ROLES.get(row.state, Role.PLAIN)
    builds = f"{row.ended:,}/{row.known:,}" if row.known else ""
    failed = f", {row.failed:,} failed" if row.known and row.failed else ""
    built = f": {', '.join(style.plain(one) for one in row.built)}" if row.built else ""
    elapsed = duration((now if row.until is None else row.until) - row.began)
    cells = (row.state.value, elapsed, f"{builds}{failed}{built}")
    name = Text(token(row.repository, style), overflow="ellipsis")
    state, time, rest = (Text(text, role, overflow="ellipsis") for text in cells)
    return name, state, time, rest


_PER_SECOND = 2


class LiveProgress:
    """A live table, shown while the context is open and gone afterwards.

    `now` is the clock that the elapsed times are taken from between events; without one the table changes only with
    events. `size` is the terminal's columns and lines where it should not be asked.
    """

    def __init__(
        self,
        stream: TextIO,
        *,
        style: Style,
        now: Callable[[], float] | None = None,
        size: tuple[int, int] | None = None,
    ) -> None:
        self._stream = SteadyStream(stream)
        self._style = style
        self._now = now
        self._size = size
        self._board = Board()
        self._lock = Lock()
        self._live: Live | None = None
        self._notice = ""

    def __enter__(self) -> Self:
        self._live = Live(
            console=self._console(),
            get_renderable=self._table,
            auto_refresh=self._now is not None,
            refresh_per_second=_PER_SECOND,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
            vertical_overflow="crop",
        )
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def __call__(self, event: Event) -> None:
        """Record one event; raises only what the stream raised, such as BrokenPipeError."""
        with self._lock:
            self._board.take(event)
            line = sentence(event, self._style) if is_trouble(event) else None
        if self._live is not None:
            if line is not None:
                self._live.console.print(line, soft_wrap=True)
            self._live.refresh()
            if self._stream.error is not None:
                raise self._stream.error

    def note(self, text: str) -> None:
        """Write lines, safe already, above the table or where it was; from any thread."""
        live = self._live
        if live is None:
            self._stream.write(text)
        else:
            live.console.print(Text.from_ansi(text.rstrip("\n")), soft_wrap=True)

    def announce(self, text: str) -> None:
        """Keep a notice above the table until the end; takes no lock, so that a signal handler may call it."""
        self._notice = text.strip()

    def _table(self) -> Group:
        console = self._live.console if self._live is not None else None
        columns, rows = (console.width, console.height) if console is not None else (80, 24)
        with self._lock:
            now = None if self._now is None else self._now()
            board = self._board.draw(
                style=self._style, width=columns - 1, height=rows - 3, now=now, notice=self._notice
            )
        # The cursor rests on an empty line: what the terminal echoes there, such as ^C, moves no line of the table.
        return Group(board, Text())

    def _console(self) -> Console:
        columns, rows = self._size or (None, None)
        return new_console(self._style, width=columns, height=rows, file=cast("TextIO", self._stream))


_SLOW_SECONDS = 1.0
_TICK_SECONDS = 0.1
_FRAMES = {True: "\u280b\u2819\u2839\u2838\u283c\u2834\u2826\u2827\u2807\u280f", False: "|/-\\"}


class Activity:
    """A line about the current activity, shown after a second while the context is open.

    With `in_place` it turns, counts the seconds and is gone afterwards; otherwise it is written once. `now` counts
    seconds; `size` is as in `LiveProgress`.
    """

    def __init__(
        self,
        stream: TextIO,
        text: str,
        *,
        style: Style,
        now: Callable[[], float],
        in_place: bool = True,
        size: tuple[int, int] | None = None,
    ) -> None:
        self._stream = SteadyStream(stream)
        self._text = f"{style.plain(text)} {style.ellipsis}"
        self._style = style
        self._now = now
        self._in_place = in_place
        self._size = size
        self._began = 0.0
        self._shown = False
        self._live: Live | None = None
        self._lock = Lock()
        self._ended = ThreadEvent()
        self._thread = Thread(target=self._turn, daemon=True)

    def __enter__(self) -> Self:
        self._began = self._now()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        with self._lock:
            if self._live is not None:
                self._live.stop()
                self._live = None

    def note(self, text: str) -> None:
        """Write lines, safe already, above the line; from any thread."""
        with self._lock:
            if self._live is None:
                self._stream.write(text)
                self._stream.flush()
            else:
                self._live.console.print(Text.from_ansi(text.rstrip("\n")), soft_wrap=True)

    def tick(self) -> None:
        """Draw the line as it is now, if it is time for it."""
        seconds = self._now() - self._began
        with self._lock:
            if seconds < _SLOW_SECONDS or self._ended.is_set():
                return
            if self._in_place:
                self._draw(seconds)
            elif not self._shown:
                self._shown = True
                self._stream.write(f"{self._text}\n")
                self._stream.flush()

    def _draw(self, seconds: float) -> None:
        frames = _FRAMES[self._style.unicode]
        frame = frames[int(seconds / _TICK_SECONDS) % len(frames)]
        line = Text(f"{frame} {self._text} {duration(seconds)}", Role.DIM, no_wrap=True, overflow="ellipsis")
        if self._live is None:
            columns, rows = self._size or (None, None)
            console = new_console(self._style, width=columns, height=rows, file=cast("TextIO", self._stream))
            self._live = Live(
                line,
                console=console,
                auto_refresh=False,
                transient=True,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._live.start()
        self._live.update(line, refresh=True)

    def _turn(self) -> None:
        while not self._ended.wait(_TICK_SECONDS):
            self.tick()
