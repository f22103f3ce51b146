"""What the packages hold. `make dist`, `make image` and `make man` build them; these checks need no build."""

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path, PurePath

import reconciler
from reconciler.cli.exit_codes import ExitCode
from reconciler.cli.parser import COMMANDS
from tools import manpage

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
CONTAINERFILE = (ROOT / "Containerfile").read_text(encoding="utf-8")


def test_every_data_file_is_packaged() -> None:
    patterns = PROJECT["tool"]["setuptools"]["package-data"]["reconciler"]
    package = ROOT / "reconciler"
    data = [
        path.relative_to(package)
        for path in package.rglob("*")
        if path.is_file() and path.suffix not in (".py", ".pyc") and "__pycache__" not in path.parts
    ]
    assert PurePath("views/plan.html.j2") in data
    left_out = {path for path in data if not any(path in _matching(package, pattern) for pattern in patterns)}
    assert left_out == set()


def _matching(package: Path, pattern: str) -> set[Path]:
    return {path.relative_to(package) for path in package.glob(pattern)}


def test_the_version_comes_from_one_place() -> None:
    assert PROJECT["project"]["dynamic"] == ["version"]
    assert PROJECT["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "reconciler.__version__"}
    written = re.compile(rf'__version__ = "{re.escape(reconciler.__version__)}"')
    found = [path for path in (ROOT / "reconciler").rglob("*.py") if written.search(path.read_text(encoding="utf-8"))]
    assert found == [ROOT / "reconciler" / "__init__.py"]


def test_every_tool_of_an_extra_is_pinned() -> None:
    pinned = {
        re.sub(r"[-_.]+", "-", line.split("==")[0]).lower()
        for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
        if "==" in line
    }
    extras = PROJECT["project"]["optional-dependencies"].values()
    wanted = [*PROJECT["project"]["dependencies"], *(one for extra in extras for one in extra)]
    names = {re.sub(r"[-_.]+", "-", re.split(r"[<>=~ ;\[]", one)[0]).lower() for one in wanted}
    assert names - pinned == set()


def test_the_container_runs_as_nobody_and_copies_what_its_context_holds() -> None:
    users = re.findall(r"^USER (\S+)$", CONTAINERFILE, re.MULTILINE)
    assert users[-1] == "65532:65532"
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    for sources in re.findall(r"^COPY (?!--from)(.+) \S+$", CONTAINERFILE, re.MULTILINE):
        for source in sources.split():
            assert (ROOT / source).exists()
            assert f"!{source}" in ignored
    assert re.search(r'^ENTRYPOINT \["/opt/reconciler/bin/reconciler"\]$', CONTAINERFILE, re.MULTILINE)


def test_the_manual_page_has_every_command_with_its_options_and_every_exit_code() -> None:
    text = manpage.parser().format_help()
    assert [name for name in COMMANDS if name not in text] == []
    (commands,) = (one for one in manpage.parser()._actions if one.dest == "command")
    assert isinstance(commands.choices, Mapping)
    assert "--detailed-exitcode" in commands.choices["plan"].format_help()
    sections = manpage.sections()
    assert [code for code in ExitCode if f".TP\n{code:d}\n" not in sections] == []
    assert "\n." not in sections.replace("\n.TP\n", "\n")
