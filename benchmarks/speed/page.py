"""docs/performance.md: the figures of one run, the machine that they are of, and what was found on the way."""

import datetime as dt
import importlib.metadata
import os
import platform
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

from benchmarks.speed.figures import Figure, table

_FINDINGS = Path(__file__).parents[1] / "findings.md"
_PACKAGES = ("httpx", "pydantic", "pydantic-core", "PyYAML", "octodns")
_PROGRAMS = ("curl", "jq", "terraform")


def render(figures: Iterable[Figure]) -> str:
    listed = list(figures)
    met = sum(figure.met is True for figure in listed)
    judged = sum(figure.met is not None for figure in listed)
    today = dt.datetime.now(tz=dt.UTC).date()  # noqa: TID251 - the date of the page, not the product's
    return f"""# Performance

Written by `make bench`; do not edit. What stands below the table comes from `benchmarks/findings.md`.

Whole processes with their bytecode compiled, run in turn; medians. The API is a load generator on loopback that answers
with ready bytes. Ratios count; the times only give an idea, because machines differ and drift.

{table(listed)}
{met} of {judged} goals are met.

## The machine

{today}, {_machine()}. {_versions()}.

## To repeat it

`make bench` takes some minutes, `make bench-full` adds 100,000 repositories. A C compiler and curl are needed. jq,
octoDNS and Terraform are measured where they are installed. One group alone: `python -m benchmarks.speed planning`.

{_FINDINGS.read_text(encoding="utf-8")}"""


def _machine() -> str:
    return f"{os.cpu_count()} cores, {_processor()}, {platform.system()} {platform.release()}"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def _versions() -> str:
    told = [f"{platform.python_implementation()} {platform.python_version()}"]
    for name in _PACKAGES:
        try:
            told.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            told.append(f"{name} not installed")
    return ", ".join([*told, *map(_program, _PROGRAMS)])


def _program(name: str) -> str:
    if shutil.which(name) is None:
        return f"{name} not installed"
    told = subprocess.run([name, "--version"], capture_output=True, text=True, check=False).stdout
    return " ".join(told.partition("\n")[0].replace("-", " ").split()[:2])
