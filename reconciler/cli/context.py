"""Context of a command: streams, environment, clock, signals and other programs. Tests provide their own."""

import atexit
import errno
import getpass
import io
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import FrameType
from typing import IO, Any, NamedTuple, NoReturn, TextIO

from reconciler.diagnostics import Diagnostic
from reconciler.engine.ports import Clock, Stop

# A platform without terminals that hang up has no SIGHUP.
_SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


# More than any token: a program that prints more than that is ended.
_MOST = 65_536


@dataclass(frozen=True, slots=True)
class Setting:
    """The value of an option, and where it comes from in words: `--org`, `RECONCILER_ORG`, a file, or `default`."""

    value: Any
    source: str


class Finished(NamedTuple):
    """Result of a process; `cut` if it was ended because it printed too much."""

    code: int
    stdout: str
    stderr: str
    cut: bool = False

    def __repr__(self) -> str:
        return f"Finished(code={self.code}, cut={self.cut})"


class Context:
    """The process as one run of the program sees it; without `run` it has no other programs, without `home` no user.

    `user` asks the system for the name of who runs the program, empty where it knows none. `notify` writes a line from
    any thread at any time, and `announce` one about an interruption, from a signal handler; a live display replaces
    both while it is drawn. `stop` is set by the first interruption. `settings` holds the options that can be set
    elsewhere, with their sources. `problems` are those that were printed. `run_id` is the run that this process
    records, `left` what is known of it after an abort, as a sentence part; `has_result` tells that standard output
    holds a result as text, `concluded` that the verdict was printed; `stopped_by` is why a run was stopped that nobody
    interrupted, as a sentence part.
    """

    def __init__(
        self,
        *,
        stdin: TextIO,
        stdout: TextIO,
        stderr: TextIO,
        environ: Mapping[str, str],
        clock: Clock,
        emulator_settings: Any = None,
        home: Callable[[], Path | None] = lambda: None,
        run: Callable[..., Finished] | None = None,
        user: Callable[[], str] = str,
    ) -> None:
        self.stdin = stdin
        self.stdout = stdout
        self.stderr = stderr
        self.environ = environ
        self.clock = clock
        self.emulator_settings = emulator_settings
        self.home = home
        self.run = run
        self.user = user
        self.settings: Mapping[str, Setting] = {}
        self._stdin_data: bytes | None = None
        self.run_id: str | None = None
        self.left = ""
        self.problems: list[Diagnostic] = []
        self.has_result = False
        self.concluded = False
        self.stopped_by = ""
        self.stop = threading.Event()
        self.notify: Callable[[str], None] = self._write_notice
        self.announce: Callable[[str], None] = self._write_announcement

    def _write_notice(self, text: str) -> None:
        self.stderr.write(text)
        self.stderr.flush()

    def _write_announcement(self, text: str) -> None:
        """Write a line about an interruption, if the terminal still exists.

        After the terminal was closed a write fails, and the handler may run in the middle of another write: neither is
        a reason to leave work half done.
        """
        with suppress(OSError, RuntimeError, ValueError):
            self._write_notice(f"\n{text}\n")

    def read_stdin(self) -> bytes:
        """Return all that standard input holds; it is read once."""
        if self._stdin_data is None:
            binary = getattr(self.stdin, "buffer", None)
            text = "" if binary is not None else self.stdin.read()
            self._stdin_data = binary.read() if binary is not None else text.encode("utf-8", "surrogateescape")
        return self._stdin_data

    @property
    def can_ask(self) -> bool:
        """Return whether a person can read a question and answer it."""
        return self.stdin.isatty() and self.stderr.isatty()


class SystemClock:
    """Clock of the operating system."""

    def now(self) -> float:
        """Return seconds since the epoch."""
        return time.time()

    def monotonic(self) -> float:
        """Return seconds on a clock that nobody sets."""
        return time.monotonic()

    def wait(self, seconds: float, stop: Stop) -> None:
        """Return after `seconds`, or as soon as `stop` is set."""
        stop.wait(seconds)


class ClosedOutput(io.TextIOBase):
    """Standard output that was closed before the program started: a result for it is an error, not lost."""

    encoding = "utf-8"

    def write(self, _text: str) -> NoReturn:
        """Raise `OSError`: nobody would ever see the text."""
        raise OSError(errno.EBADF, "standard output is closed")


def process_context() -> Context:
    """Return the context of this process."""
    _occupy_closed_descriptors()
    closed: Any = ClosedOutput()
    ctx = Context(
        stdin=sys.stdin or io.StringIO(),
        stdout=sys.stdout or closed,
        stderr=sys.stderr or io.StringIO(),
        environ=os.environ,
        clock=SystemClock(),
        home=_home,
        run=run_program,
        user=_user,
    )
    end_as_interrupted(ctx)
    return ctx


def _occupy_closed_descriptors() -> None:
    """Open the null device for each closed standard stream, lest a journal or a plan becomes descriptor 1 or 2."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest free number is the one that is closed


def has_left(stream: TextIO) -> bool:
    """Return whether the reader of a stream has left; False if the system cannot know, as for a file."""
    try:
        number = stream.fileno()
    except (OSError, ValueError):
        return False
    if not hasattr(select, "poll"):
        return False
    poll = select.poll()
    poll.register(number, 0)
    return any(found & (select.POLLERR | select.POLLHUP) for _, found in poll.poll(0))


def end_as_interrupted(ctx: Context) -> None:
    """Let SIGTERM and SIGHUP end this process as Ctrl-C does, except where its parent has set them otherwise.

    `ctx.stop` is set as well: threads that wait for an answer then give up, and the process does not wait for them.
    """

    def on_signal(_number: int, _frame: FrameType | None) -> NoReturn:
        ctx.stop.set()
        raise KeyboardInterrupt

    for number in _SIGNALS:
        if signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
            signal.signal(number, on_signal)


FINISHING = "Interrupted: finishing the writes in progress. Press Ctrl-C again to abort."


def no_longer_waiting(run: str) -> str:
    """Return what an interruption announces while a run only waits for its builds."""
    return f"Interrupted: the builds continue on the server.\nTo resume: reconciler wait {run}"


@contextmanager
def interruptible(ctx: Context, notice: Callable[[], str] = lambda: FINISHING) -> Iterator[None]:
    """Set `ctx.stop` on the first interruption within the block; raise `KeyboardInterrupt` on the second.

    `notice` returns what the first one announces.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # signals reach the main thread only; a test may run commands in another one
        return

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        if ctx.stop.is_set():
            raise KeyboardInterrupt
        ctx.stop.set()
        ctx.announce(notice())

    before = {number: signal.signal(number, on_signal) for number in _SIGNALS if not _ignored_by_parent(number)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _ignored_by_parent(number: int) -> bool:
    """Return whether the program is to outlive its terminal, as under `nohup`."""
    return number not in (signal.SIGINT, signal.SIGTERM) and signal.getsignal(number) is signal.SIG_IGN


def _home() -> Path | None:
    """Return the user's home folder; None where there is none, as in some containers."""
    try:
        return Path.home()
    except RuntimeError:
        return None


def _user() -> str:
    """Return the name that the system has for who runs this; empty where it has none, as in some containers."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return ""


def run_program(argv: Sequence[str], *, seconds: float) -> Finished:
    """Run a program found on the PATH to its end; raises `OSError` or, when it takes longer, `TimeoutError`.

    It does not see an interruption from the keyboard: what needs its answer is finishing what is under way.
    """
    with subprocess.Popen(  # noqa: S603 - the program and its arguments are ours, and no shell reads them
        list(argv),
        bufsize=0,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        # It may be asked from a worker thread, which an interruption does not wait for.
        end = partial(_kill, process)
        atexit.register(end)
        readers = [_Reader(process, stream) for stream in (process.stdout, process.stderr)]
        try:
            process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            _kill(process)
            # Its own exception holds the arguments and the output, so that nothing may be chained to it.
            late = True
        else:
            late = False
        # A child that the program leaves behind may hold the streams open.
        for reader in readers:
            reader.join(timeout=1.0)
        atexit.unregister(end)
    if late:
        raise TimeoutError
    out, err = (reader.text() for reader in readers)
    return Finished(process.returncode, out, err, cut=any(reader.cut for reader in readers))


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End a process and what it has started, which may hold its streams open."""
    with suppress(OSError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()


class _Reader(threading.Thread):
    """Reads one stream of a process, and ends the process where it prints too much."""

    def __init__(self, process: subprocess.Popen[bytes], stream: IO[bytes]) -> None:
        super().__init__(daemon=True)
        self._process = process
        self._stream = stream
        self._found = bytearray()
        self.cut = False
        self.start()

    def run(self) -> None:
        while piece := self._stream.read(_MOST):
            self._found += piece
            if len(self._found) > _MOST:
                self.cut = True
                _kill(self._process)
                return

    def text(self) -> str:
        return bytes(self._found[:_MOST]).decode("utf-8", "replace")
