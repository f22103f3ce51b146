"""Progress as a table that is drawn in place on a terminal, with what went wrong in lines above it.

The only user of rich, which is imported when the table is shown: nothing else needs it, and loading it takes time.
"""

from collections.abc import Callable
from threading import Lock
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TextIO, cast

from reconciler.core.events import Event
from reconciler.views.progress.board import Board
from reconciler.views.progress.sentences import is_trouble, sentence
from reconciler.views.style import Style

if TYPE_CHECKING:
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

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
        self._stream = _Steady(stream)
        self._style = style
        self._now = now
        self._size = size
        self._board = Board()
        self._lock = Lock()
        self._live: Live | None = None

    def __enter__(self) -> Self:
        from rich.live import Live

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

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def __call__(self, event: Event) -> None:
        """Take note of one event; raises nothing but what the stream raised, such as BrokenPipeError."""
        with self._lock:
            self._board.take(event)
            line = sentence(event, self._style) if is_trouble(event) else ""
        if self._live is not None:
            if line:
                self._live.console.print(_ours(line), soft_wrap=True)
            self._live.refresh()
            if self._stream.error is not None:
                raise self._stream.error

    def note(self, text: str) -> None:
        """Write lines, safe already, above the table or where it was; from any thread."""
        live = self._live
        if live is None:
            self._stream.write(text)
        else:
            live.console.print(_ours(text.rstrip("\n")), soft_wrap=True)

    def _table(self) -> "Text":
        console = self._live.console if self._live is not None else None
        columns, rows = (console.width, console.height) if console is not None else (80, 24)
        with self._lock:
            now = None if self._now is None else self._now()
            lines = self._board.lines(style=self._style, width=columns - 1, height=rows - 2, now=now)
        return _ours("\n".join(lines))

    def _console(self) -> "Console":
        from rich.console import Console

        size: dict[str, Any] = {} if self._size is None else {"width": self._size[0], "height": self._size[1]}
        return Console(
            file=cast("TextIO", self._stream),
            force_terminal=True,
            color_system="standard" if self._style.color else None,
            markup=False,
            highlight=False,
            emoji=False,
            legacy_windows=False,
            **size,
        )


class _Steady:
    """A stream that keeps the error of a reader who has gone away, instead of raising it.

    rich would end the process for it, and the table is also drawn from a thread where nobody could catch it.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.error: OSError | None = None

    def write(self, text: str) -> int:
        """Write while there is somebody to read."""
        self._try(lambda: self._stream.write(text))
        return len(text)

    def flush(self) -> None:
        """Flush while there is somebody to read."""
        self._try(self._stream.flush)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def _try(self, action: Callable[[], object]) -> None:
        if self.error is None:
            try:
                action()
            except OSError as error:
                self.error = error


def _ours(text: str) -> "Text":
    """Text that is safe already, with our own colours, for rich to print as it is."""
    from rich.text import Text

    return Text.from_ansi(text, no_wrap=True, overflow="crop")
