"""Programs that are forked from one process which has imported everything, in place of a Python for each of them.

What is on the PATH is a small program that hands over its streams, arguments, folder and environment, and ends as the
fork ends: with its exit code, or killed as it was. Starting the real program takes ten times as long; that is tested
elsewhere, such as in `tests/cli/test_startup.py`.
"""

import atexit
import importlib
import marshal
import os
import random
import select
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

_ROOT = Path(__file__).parents[2]
_LARGEST = 1 << 20  # bytes of arguments and environment together
# It imports next to nothing, and the site's own modules not at all: that is what it is for.
_STARTER = """\
#!{python} -IS
import marshal, os, signal, socket, sys
line = socket.socket(socket.AF_UNIX)
line.connect({address!r})
socket.send_fds(line, [marshal.dumps((sys.argv[1:], os.getcwd(), dict(os.environ), os.getpgrp()))], [0, 1, 2])
line.shutdown(socket.SHUT_WR)
ended = line.makefile("rb").read()
if not ended:
    os.kill(os.getpid(), signal.SIGKILL)
sys.exit(ended[0])
"""


@contextmanager
def forked(name: str, function: str) -> Iterator[Path]:
    """A folder with a program of this name, which calls a function of `tests.support.runner` with its arguments."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        address = str(folder / "socket")
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(address)
            listening.listen(socket.SOMAXCONN)
            programs = folder / "bin"
            programs.mkdir()
            starter = programs / name
            starter.write_text(_STARTER.format(python=sys.executable, address=address), encoding="utf-8")
            starter.chmod(0o755)
            argv = [sys.executable, "-m", "tests.support.forked", function, str(listening.fileno())]
            process = subprocess.Popen(argv, cwd=_ROOT, stdin=subprocess.PIPE, pass_fds=[listening.fileno()])
        with process:  # at its end, standard input is closed, and the process ends
            yield programs


def _serve(function: str, listening: socket.socket) -> None:
    """Fork for each program that is started, until standard input is closed."""
    module, _, name = function.partition(":")
    run: Callable[[Sequence[str]], int] = getattr(importlib.import_module(module), name)
    importlib.import_module("tests.support.warmed")
    signal.signal(signal.SIGCHLD, _reap)
    while True:
        ready, _, _ = select.select([listening, sys.stdin], [], [])
        if sys.stdin in ready:
            return
        line, _ = listening.accept()
        if os.fork() == 0:
            listening.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            code = _run(run, line)
            atexit._run_exitfuncs()
            line.send(bytes([code]))
            os._exit(code)  # taking the interpreter apart would copy what the forks share
        line.close()


def _reap(*_: object) -> None:
    """Let go of the forks that have ended."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _run(run: Callable[[Sequence[str]], int], line: socket.socket) -> int:
    """Become the program that was started."""
    data, streams, _, _ = socket.recv_fds(line, _LARGEST, 3)
    while more := line.recv(_LARGEST):
        data += more
    argv, folder, environ, group = marshal.loads(data)  # noqa: S302 - from our own program
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environ, RUNNER_GROUP=str(group))
    random.seed()
    # Those that were there are of the first process, with what it had read and not yet written.
    sys.stdin, sys.stdout, sys.stderr = (
        open(number, mode, encoding="utf-8", errors=errors, closefd=False)  # noqa: SIM115 - open to the end
        for number, mode, errors in ((0, "r", "surrogateescape"), (1, "w", "strict"), (2, "w", "backslashreplace"))
    )
    code = run(argv)
    sys.stdout.flush()
    sys.stderr.flush()
    return code


if __name__ == "__main__":
    _serve(sys.argv[1], socket.socket(fileno=int(sys.argv[2])))
