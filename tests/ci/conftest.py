"""A runner, the API and a code host on ports of this machine."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.emulator import Emulator, EmulatorSettings
from tests.support.code_host import CodeHostServer, code_host
from tests.support.forked import forked
from tests.support.runner import Runner
from tests.support.served import served


@pytest.fixture
def host() -> Iterator[CodeHostServer]:
    with code_host() as found:
        yield found


@pytest.fixture(scope="session")
def programs() -> Iterator[Path]:
    """A folder with `reconciler` for all machines, and with a `python3` that is not a version manager's script."""
    with forked("reconciler", "tests.support.runner:run_program") as folder:
        (folder / "python3").symlink_to(Path(sys.executable).resolve())
        yield folder


@pytest.fixture
def runner(tmp_path: Path, programs: Path) -> Runner:
    """A machine whose working folder is empty."""
    home, workspace = tmp_path / "home", tmp_path / "workspace"
    home.mkdir()
    workspace.mkdir()
    return Runner(home=home, workspace=workspace, programs=programs, environ={"CHAINGUARD_TOKEN": "anything"})


@pytest.fixture
def api(runner: Runner) -> Iterator[Emulator]:
    """The API that the runner's programs talk to, on their clock."""
    with served(runner.clock, EmulatorSettings(automatic_rebuilds=False)) as (url, emulator):
        runner.environ["RECONCILER_API"] = url
        yield emulator
