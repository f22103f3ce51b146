"""Other programs of this machine, the user and the user's home folder."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from reconciler.api.auth.sources import Finished


def home() -> Path | None:
    """The user's home folder; None where there is none, as in some containers."""
    from pathlib import Path

    try:
        return Path.home()
    except RuntimeError:
        return None


def user() -> str:
    """The name that the system has for who runs this; empty where it has none, as in some containers."""
    import getpass

    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return ""


def run(argv: Sequence[str], *, seconds: float) -> Finished:
    """Run a program found on the PATH to its end, as `api.credentials.chainctl.Run` says.

    It does not see an interruption from the keyboard: what needs its answer is finishing what is under way.
    """
    import contextlib
    import subprocess

    from reconciler.api.auth.sources import Finished

    # Its own exception holds what the program printed so far, so that nothing may be chained to it.
    with contextlib.suppress(subprocess.TimeoutExpired):
        done = subprocess.run(  # noqa: S603 - the program and its arguments are ours, and no shell reads them
            list(argv),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="replace",
            timeout=seconds,
            check=False,
            start_new_session=True,
        )
        return Finished(code=done.returncode, stdout=done.stdout, stderr=done.stderr)
    raise TimeoutError
