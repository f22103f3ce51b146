"""Tokens of chainctl, Chainguard's own command line: out of its cache, else from the program itself.

Its cache is read and never written. Starting a process is the caller's business (`Run`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from reconciler.api.credentials import advice
from reconciler.api.credentials.secrecy import Secrets
from reconciler.api.credentials.source import Absent, Fetched, Found
from reconciler.api.timing import Timing
from reconciler.api.token import Token, sendable
from reconciler.api.wording import clean

_SECONDS = 30.0
# A cached token must hold for longer than a renewal begins ahead of the end, or the renewal would find it again.
_COMFORTABLE = 300.0
# Longer than any token: what a cache file may hold is not known before it is read.
_MOST = 65_536
# Shorter words are language: hiding those would take holes out of every message.
_SHORTEST = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """What became of a process."""

    code: int
    stdout: str = field(repr=False)
    stderr: str = field(repr=False)


class Run(Protocol):
    """Runs a program to its end without a standard input."""

    def __call__(self, argv: Sequence[str], *, seconds: float) -> Finished:
        """Raises `OSError` when it cannot be started, `TimeoutError` when it takes longer than `seconds`."""
        ...


class Chainctl:
    """chainctl's tokens for one API."""

    name = "chainctl"
    renews = True

    def __init__(
        self,
        *,
        api: str,
        cache: Path | None,
        run: Run | None,
        secrets: Secrets,
        timing: Timing,
    ) -> None:
        self.advice = advice.login(api)
        self._api = api
        self._file = None if cache is None else cache / "chainguard" / api.replace("/", "-") / "oidc-token"
        self._run = run
        self._secrets = secrets
        self._timing = timing

    def fetch(self, rejected: Token | None = None) -> Fetched:
        """The cached token while it is good for some minutes, else the one that the program prints."""
        cached = self._cached()
        if cached is not None and cached != rejected:
            return Found(token=cached)
        return self._printed()

    def _cached(self) -> Token | None:
        if self._file is None:
            return None
        try:
            with self._file.open(encoding="ascii") as stream:
                value = stream.read(_MOST).strip()
        except (OSError, ValueError):
            return None
        if not sendable(value):
            return None
        self._secrets.remember(value)
        token = Token(value, source="chainctl's cache")
        holds = token.expires is not None and token.expires > self._timing.now() + _COMFORTABLE
        return token if holds else None

    def _printed(self) -> Fetched:
        if self._run is None:
            return Absent(why="it is not installed")
        try:
            finished = self._run(("chainctl", "auth", "token", "--audience", self._api), seconds=_SECONDS)
        except FileNotFoundError:
            return Absent(why="it is not installed")
        except TimeoutError:
            return Absent(why=f"`chainctl auth token` did not end within {_SECONDS:.0f} s")
        except OSError as error:
            return Absent(why=f"it cannot be started: {error.strerror or type(error).__name__}")
        return self._read(finished)

    def _read(self, finished: Finished) -> Fetched:
        value = finished.stdout.strip()
        # Whatever it printed may be a token, and it may say the same on both streams.
        for word in value.split():
            if len(word) >= _SHORTEST:
                self._secrets.remember(word)
        if finished.code != 0:
            said = clean(self._secrets.hide(finished.stderr))
            return Absent(why=f"`chainctl auth token` ended with exit code {finished.code}{': ' if said else ''}{said}")
        if not sendable(value):
            return Absent(why="`chainctl auth token` printed no token")
        return Found(token=Token(value, source="chainctl"))


def cache_folder(environ: Mapping[str, str], home: Path | None, platform: str) -> Path | None:
    """The folder for caches of this user, where chainctl looks for it; None where nobody can tell."""
    if platform == "win32":
        named = environ.get("LOCALAPPDATA", "")
        return Path(named) if named else None
    if platform == "darwin":
        return None if home is None else home / "Library" / "Caches"
    named = environ.get("XDG_CACHE_HOME", "")
    if named:
        # One that is relative is an error to chainctl, and it then has no cache.
        return Path(named) if Path(named).is_absolute() else None
    return None if home is None else home / ".cache"
