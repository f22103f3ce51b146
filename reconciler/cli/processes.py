"""Other programs of this machine, the user and the user's home folder."""

import contextlib
import getpass
import os
import signal
import subprocess
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import IO, NamedTuple

# More than any token: a program that prints more than that is ended.
_MOST = 65_536


class Finished(NamedTuple):
    """Result of a process; `cut` if it was ended because it printed too much."""

    code: int
    stdout: str
    stderr: str
    cut: bool = False

    def __repr__(self) -> str:
        return f"Finished(code={self.code}, cut={self.cut})"


def home() -> Path | None:
    """Return the user's home folder; None where there is none, as in some containers."""
    try:
        return Path.home()
    except RuntimeError:
        return None


def user() -> str:
    """Return the name that the system has for who runs this; empty where it has none, as in some containers."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return ""


def run(argv: Sequence[str], *, seconds: float) -> Finished:
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
    if late:
        raise TimeoutError
    out, err = (reader.text() for reader in readers)
    return Finished(process.returncode, out, err, cut=any(reader.cut for reader in readers))


def _kill(process: "subprocess.Popen[bytes]") -> None:
    """End a process and what it has started, which may hold its streams open."""
    with contextlib.suppress(OSError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()


class _Reader(threading.Thread):
    """Reads one stream of a process, and ends the process where it prints too much."""

    def __init__(self, process: "subprocess.Popen[bytes]", stream: IO[bytes]) -> None:
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
