"""chainctl: its cache while that is good, else its process; and the whole way over a script on the PATH."""

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from reconciler.api.auth.provider import TokenAbsent, TokenFound
from reconciler.api.auth.sources import Chainctl, cache_folder, find
from reconciler.api.auth.token import Secrets, Token
from reconciler.api.errors import NoToken
from reconciler.cli.context import Finished, run_program
from tests.api.auth.pieces import API, NOW, Processes, Time, finished, jwt


def chainctl(cache: Path | None, processes: Processes | None) -> Chainctl:
    return Chainctl(api=API, cache=cache, run=processes, secrets=Secrets(), timing=Time().timing)


def keep(cache: Path, text: str | bytes) -> None:
    file = cache / "chainguard" / "https:--console-api.test.dev" / "oidc-token"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(text if isinstance(text, bytes) else text.encode())


def test_a_good_cached_token_starts_no_process(tmp_path: Path) -> None:
    keep(tmp_path, jwt("cached") + "\n")
    processes = Processes([finished(jwt("printed"))])
    found = chainctl(tmp_path, processes).fetch()
    assert found == TokenFound(token=Token(jwt("cached"), source="x"))
    assert isinstance(found, TokenFound)
    assert found.token.source == "the chainctl cache"
    assert processes.started == []


@pytest.mark.parametrize(
    "cached",
    [
        None,
        "",
        "opaque",
        jwt("ended", ends=NOW - 1),
        jwt("ending", ends=NOW + 300),
        jwt("endless", ends=None),
        f"{jwt('two')} {jwt('tokens')}",
        b"\xff\xfe",
        "eyJ" * 40_000,
    ],
)
def test_any_other_asks_the_program(tmp_path: Path, cached: str | bytes | None) -> None:
    if cached is not None:
        keep(tmp_path, cached)
    processes = Processes([finished(f"{jwt('printed')}\n", stderr="a new version is there")])
    found = chainctl(tmp_path, processes).fetch()
    assert found == TokenFound(token=Token(jwt("printed"), source="x"))
    assert processes.started == [("chainctl", "auth", "token", "--audience", API)]


def test_a_cached_token_that_was_rejected_is_not_taken_again(tmp_path: Path) -> None:
    keep(tmp_path, jwt("cached"))
    source = chainctl(tmp_path, Processes([finished(jwt("printed"))]))
    assert source.fetch(Token(jwt("cached"), source="x")) == TokenFound(token=Token(jwt("printed"), source="x"))


@pytest.mark.parametrize(
    ("end", "why"),
    [
        (FileNotFoundError(), "not installed"),
        (PermissionError(13, "Permission denied"), "cannot be started: Permission denied"),
        (TimeoutError(), "did not finish within 30 s"),
        (finished(""), "printed no token"),
        (finished("please sign in at https://x"), "printed no token"),
        (finished(code=1, stderr="\x1b[31mnot signed\nin"), "exit code 1: [31mnot signed in"),
        (
            finished(jwt("half"), code=2, stderr=f"bad {jwt('half')}, {jwt('other')}"),
            "exit code 2: bad [token], [token]",
        ),
        (finished(code=1, stderr="x" * 999), "x…"),
        (finished(code=1), "failed with exit code 1"),
    ],
)
def test_when_the_program_gives_none(end: Finished | Exception, why: str) -> None:
    found = chainctl(None, Processes([end])).fetch()
    assert isinstance(found, TokenAbsent)
    assert why in found.why
    assert len(found.why) < 400
    assert "eyJ" not in found.why


def test_without_a_way_to_start_processes() -> None:
    assert chainctl(None, None).fetch() == TokenAbsent(why="not installed")


@pytest.mark.parametrize(
    ("environ", "home", "platform", "expected"),
    [
        ({}, "/home/a", "linux", "/home/a/.cache"),
        ({"XDG_CACHE_HOME": "/c"}, "/home/a", "linux", "/c"),
        ({"XDG_CACHE_HOME": "c"}, "/home/a", "linux", None),
        ({}, None, "linux", None),
        ({"XDG_CACHE_HOME": "/c"}, "/Users/a", "darwin", "/Users/a/Library/Caches"),
        ({}, None, "darwin", None),
        ({"LOCALAPPDATA": "/l"}, "/x", "win32", "/l"),
        ({}, "/x", "win32", None),
    ],
)
def test_the_cache_folder(environ: dict[str, str], home: str | None, platform: str, expected: str | None) -> None:
    found = cache_folder(environ, Path(home) if home else None, platform)
    assert found == (Path(expected) if expected else None)


def script(folder: Path, text: str) -> None:
    file = folder / "chainctl"
    file.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    file.chmod(0o755)


def test_a_program_on_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    script(tmp_path, f'test "$*" = "auth token --audience {API}" && ! read line && echo {jwt("printed")}')
    credentials = find({}, api_url=API, home=tmp_path, run=run_program, timing=Time().timing)
    assert credentials.token() == Token(jwt("printed"), source="x")
    assert (credentials.source, credentials.renewable) == ("chainctl", True)


def test_a_program_that_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    script(tmp_path, f"echo {jwt('out')}; echo 'not signed in' >&2; exit 3")
    with pytest.raises(NoToken) as caught:
        find({}, api_url=API, home=tmp_path, run=run_program).token()
    assert "exit code 3: not signed in" in caught.value.diagnostic.detail
    assert jwt("out") not in repr(caught.value.diagnostic)


def test_a_program_that_hangs_or_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(FileNotFoundError):
        run_program(("chainctl",), seconds=5)
    script(tmp_path, f"echo {jwt('out')}; exec sleep 60")
    with pytest.raises(TimeoutError) as caught:
        run_program(("chainctl",), seconds=0.2)
    assert caught.value.__context__ is None


_INTERRUPTED = """
import pathlib, threading, time
from reconciler.cli.context import run_program
threading.Thread(target=run_program, args=(["chainctl"],), kwargs={"seconds": 60}, daemon=True).start()
while not pathlib.Path("pid").exists():
    time.sleep(0.01)
"""


def test_no_program_is_left_behind_by_an_interruption(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The main thread ends without the worker that asks for a token."""
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    script(tmp_path, "echo $$ > pid.new && mv pid.new pid && exec sleep 60")
    subprocess.run([sys.executable, "-c", _INTERRUPTED], cwd=tmp_path, check=True)
    pid = int((tmp_path / "pid").read_text(encoding="utf-8"))
    with suppress(FileNotFoundError):  # where there is one, a process that has ended may still have its number
        assert Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(") ")[2][0] in "ZX"
        return
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
