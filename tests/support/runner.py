"""A CI runner on this machine: it runs the scripts of an action or of a job with bash, as GitHub and GitLab do.

`reconciler` on its PATH is this checkout's program, forked (`tests/support/forked.py`), on a clock in a file, which the
emulator that it talks to shares. It kills itself and the script before the step of a run that `RUNNER_DIES_BEFORE`
names (`finished 1`: the second outcome).
"""

import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from reconciler.cli import main
from reconciler.cli.context import Context
from reconciler.journal import owner_lock
from tests.support import crashing
from tests.support.clock import FakeClock

ROOT = Path(__file__).parents[2]
_EXPRESSION = re.compile(r"\$\{\{ *(.+?) *\}\}")


class FileClock(FakeClock):
    """A clock whose time several processes share through a file; only waiting moves it."""

    _WIDTH = 24

    def __init__(self, path: Path) -> None:
        self._path = path
        super().__init__(float(path.read_text(encoding="ascii")) if path.exists() else 1_700_000_000.0)

    @property
    def time(self) -> float:
        return float(self._path.read_text(encoding="ascii"))

    @time.setter
    def time(self, value: float) -> None:
        # One write of one length: a reader never sees half a number.
        text = f"{value:0{self._WIDTH}.6f}".encode("ascii")
        file = os.open(self._path, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            os.write(file, text)
        finally:
            os.close(file)


def run_program(argv: Sequence[str]) -> int:
    """Run a command line of the program in this process, whose environment the runner made."""
    # Every job runs on another machine, which does not see the processes of this one.
    platform.node = owner_lock._visible_processes = lambda: os.environ["RUNNER_NAME"]
    crashing.note_writes(setattr)
    if at := os.environ.get("RUNNER_DIES_BEFORE"):
        step, _, number = at.partition(" ")
        crashing.die_with_group_before(step, int(number), int(os.environ["RUNNER_GROUP"]))
    clock = FileClock(Path(os.environ["RUNNER_CLOCK"]))
    return main(
        list(argv),
        Context(stdin=sys.stdin, stdout=sys.stdout, stderr=sys.stderr, environ=os.environ, clock=clock),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """How a job ended: its exit code (negative for a signal), outputs, log, job summary, and uploaded folders."""

    code: int
    outputs: dict[str, str]
    log: str
    summary: str
    uploads: dict[str, Path]


@dataclass(slots=True)
class Runner:
    """A machine that runs jobs in the working folder `workspace`; everything else of it is below `home`.

    `programs` is the folder with `reconciler`.
    """

    home: Path
    workspace: Path
    programs: Path
    environ: dict[str, str] = field(default_factory=dict)
    _jobs: int = 0

    @property
    def clock(self) -> FileClock:
        """The time of all programs on the machine."""
        return FileClock(self.home / "clock")

    def action(self, **inputs: str) -> Ran:
        """Run the steps of `action.yml` but the first, which would install what is here already."""
        action = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
        known = action["inputs"]
        assert set(inputs) <= {name.replace("-", "_") for name in known}
        values = {f"inputs.{name}": inputs.get(name.replace("-", "_"), one["default"]) for name, one in known.items()}
        values = {name: _filled(str(value), {"github.token": "ghs_of_the_job"}) for name, value in values.items()}
        temp = self._new_folder()
        _, run, upload = action["runs"]["steps"]
        environ = {name: _filled(value, values) for name, value in run["env"].items()}
        ran = self._bash(run["run"], environ, temp)
        values |= {f"steps.{run['id']}.outputs.{name}": value for name, value in ran.outputs.items()}
        uploads = {}
        assert upload["if"] == "${{ !cancelled() && steps.run.outputs.results != '' }}"
        if ran.outputs.get("results"):
            uploads[_filled(upload["with"]["name"], values)] = Path(_filled(upload["with"]["path"], values))
        outputs = {
            name: values.get(f"steps.{run['id']}.outputs.{name}", "")
            for name, one in action["outputs"].items()
            if one["value"] == f"${{{{ steps.run.outputs.{name} }}}}"
        }
        assert set(outputs) == set(action["outputs"])
        return Ran(code=ran.code, outputs=outputs, log=ran.log, summary=ran.summary, uploads=uploads)

    def script(self, lines: Sequence[str], environ: Mapping[str, str]) -> Ran:
        """Run the lines of a job of GitLab in one shell."""
        return self._bash("\n".join(lines), environ, self._new_folder())

    def _new_folder(self) -> Path:
        self._jobs += 1
        temp = self.home / f"job-{self._jobs}"
        temp.mkdir(parents=True)
        return temp

    def _bash(self, script: str, environ: Mapping[str, str], temp: Path) -> Ran:
        self.clock.time = self.clock.time
        (temp / "script.sh").write_text(script, encoding="utf-8")
        output, summary = temp / "output", temp / "summary"
        output.touch()
        given = {
            "PATH": f"{self.programs}:{os.environ['PATH']}",
            "HOME": str(self.home),
            "RUNNER_TEMP": str(temp),
            "RUNNER_NAME": f"{self.home.name}-{temp.name}",
            "RUNNER_CLOCK": str(self.home / "clock"),
            "GITHUB_OUTPUT": str(output),
            "GITHUB_STEP_SUMMARY": str(summary),
            **self.environ,
            **environ,
        }
        bash = shutil.which("bash")
        assert bash is not None
        done = subprocess.run(
            [bash, "--noprofile", "--norc", "-eo", "pipefail", str(temp / "script.sh")],
            cwd=self.workspace,
            env=given,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            timeout=1200,
            check=False,
            start_new_session=True,
        )
        pairs = (line.partition("=") for line in output.read_text(encoding="utf-8").splitlines())
        return Ran(
            code=done.returncode,
            outputs={name: value for name, _, value in pairs},
            log=done.stdout,
            summary=summary.read_text(encoding="utf-8") if summary.exists() else "",
            uploads={},
        )


def _filled(text: str, values: Mapping[str, str]) -> str:
    """Put the values in place of expressions; one that is not known is a mistake in the file."""
    return _EXPRESSION.sub(lambda found: values[found[1]], text)


def load(path: str) -> list[Any]:
    """Return the YAML documents of a file of this checkout."""
    return list(yaml.safe_load_all((ROOT / path).read_text(encoding="utf-8")))
