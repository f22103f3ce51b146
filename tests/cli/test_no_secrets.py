"""No token, OIDC token or request token in anything that any command prints, whatever goes wrong."""

from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler.emulator import EmulatorSettings, Fault, Status
from tests.api.auth.pieces import Processes, finished, jwt
from tests.support.program import Program, write_manifest
from tests.support.served import served

SECRETS = {
    name: jwt(f"{name}-secret-part", ends=1_700_003_600.0)
    for name in ("variable", "oidc", "printed", "second", "cached", "fresh")
}
OPAQUE = "an-opaque-token-3f9a77b1"
REQUEST = "request-token-3f9a77b1"
OF_URL = "a-secret-in-an-address-3f9a77b1"
IDENTITY = f"{'4' * 40}/{'a' * 16}"
COMMANDS = (
    ("plan",),
    ("apply", "--yes", "--no-wait"),
    ("repos",),
    ("builds",),
    ("logs", "custom-node"),
    ("doctor",),
    ("doctor", "--format", "json"),
)
ECHO = " ".join([*SECRETS.values(), OPAQUE, REQUEST])
REFUSES_ALL = EmulatorSettings(tokens=frozenset(), oidc_tokens=frozenset(), identities=frozenset())


def variable(program: Program, tmp_path: Path, url: str) -> None:
    program.environ = {"CHAINGUARD_TOKEN": SECRETS["variable"]}


def opaque(program: Program, tmp_path: Path, url: str) -> None:
    program.environ = {"TOK": OPAQUE}


def not_a_token(program: Program, tmp_path: Path, url: str) -> None:
    program.environ = {"TOK": f"Bearer {SECRETS['variable']}"}


def file_of_a_job(program: Program, tmp_path: Path, url: str) -> None:
    (tmp_path / "oidc").write_text(SECRETS["oidc"], encoding="utf-8")
    program.environ = {"CHAINGUARD_IDENTITY": IDENTITY, "CHAINGUARD_OIDC_TOKEN_FILE": str(tmp_path / "oidc")}


def file_of_nonsense(program: Program, tmp_path: Path, url: str) -> None:
    file_of_a_job(program, tmp_path, url)
    (tmp_path / "oidc").write_text(f"{SECRETS['oidc']} {OPAQUE}", encoding="utf-8")


def github(program: Program, tmp_path: Path, url: str) -> None:
    program.environ = {
        "CHAINGUARD_IDENTITY": IDENTITY,
        "ACTIONS_ID_TOKEN_REQUEST_URL": f"{url}/nothing-here?secret={OF_URL}",
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN": REQUEST,
    }


def github_in_the_open(program: Program, tmp_path: Path, url: str) -> None:
    github(program, tmp_path, url)
    program.environ["ACTIONS_ID_TOKEN_REQUEST_URL"] = f"http://{OF_URL}@actions.test/x?{OF_URL}"


def chainctl(program: Program, tmp_path: Path, url: str) -> None:
    program.environ = {}
    program.processes = Processes([finished(SECRETS["printed"]), finished(SECRETS["second"])])


def chainctl_that_fails(program: Program, tmp_path: Path, url: str) -> None:
    program.environ = {}
    program.processes = Processes([finished(f"{OPAQUE} {SECRETS['printed']}", code=1, stderr=ECHO)])


def chainctl_that_chats(program: Program, tmp_path: Path, url: str) -> None:
    program.environ = {}
    program.processes = Processes([finished(f"your token: {OPAQUE}", stderr=ECHO)])


def cached(program: Program, tmp_path: Path, url: str) -> None:
    file = tmp_path / "chainguard" / url.replace("/", "-") / "oidc-token"
    file.parent.mkdir(parents=True)
    file.write_text(SECRETS["cached"], encoding="utf-8")
    program.environ = {"XDG_CACHE_HOME": str(tmp_path)}
    program.processes = Processes([finished(SECRETS["printed"])])


SOURCES: tuple[Callable[[Program, Path, str], None], ...] = (
    variable,
    opaque,
    not_a_token,
    file_of_a_job,
    file_of_nonsense,
    github,
    github_in_the_open,
    chainctl,
    chainctl_that_fails,
    chainctl_that_chats,
    cached,
)


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.__name__)
@pytest.mark.parametrize("status", [None, 400, 401, 403, 500])
def test_no_secret_is_printed(
    program: Program, tmp_path: Path, source: Callable[..., None], status: int | None
) -> None:
    write_manifest("organization: example.com\nrepositories: {custom-node: {packages: [git]}}\n")
    settings = REFUSES_ALL if status is None else EmulatorSettings()
    with served(program.clock, settings) as (url, emulator):
        if status is not None:
            emulator.faults.add(Fault(effect=Status(status=status, message=f"you sent {ECHO}"), times=None))
        source(program, tmp_path, url)
        for command in COMMANDS:
            result = program.run(*command, "--api", url, "--debug")
            shown = result.out + result.err
            assert result.code != 0
            assert "defect" not in shown
            assert shown
            for name, secret in SECRETS.items():
                assert secret not in shown, (command, name)
                assert f"{name}-secret-part" not in shown, (command, name)
            used = [secret for secret in (OPAQUE, REQUEST) if secret in _holdings(program)]
            assert not [secret for secret in (*used, OF_URL) if secret in shown], command


def _holdings(program: Program) -> str:
    """All that the program can know of the two secrets that do not look like a token."""
    printed = program.processes.ends if isinstance(program.processes, Processes) else ()
    return f"{program.environ} {[getattr(end, 'stdout', '') for end in printed]}"
