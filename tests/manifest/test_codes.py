"""Every code of a problem is pinned by a case or by a test, and stands in the documentation."""

import re
from collections.abc import Collection
from pathlib import Path
from types import ModuleType

import pytest

from reconciler.core import availability, binding_rules, planner, resolution, step_problems
from reconciler.core.availability import PACKAGE_CODES
from reconciler.core.binding_rules import BINDING_CODES
from reconciler.core.resolution import RESOLUTION_CODES
from reconciler.core.step_problems import PLAN_CODES
from reconciler.manifest.codes import WARNINGS, Code
from tests.support import golden
from tools import diagnostics

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "diagnostics.md"
TOLD = re.compile(r"(error|warning)\[([a-z0-9-]+)\]")


def told() -> set[tuple[str, str]]:
    return {found for path in HERE.glob("*/*.expected") for found in TOLD.findall(path.read_text(encoding="utf-8"))}


def test_every_code_is_covered() -> None:
    in_cases = {code for _, code in told()}
    tests = "\n".join(path.read_text(encoding="utf-8") for path in HERE.glob("test_*.py"))
    in_tests = {Code[name].value for name in re.findall(r"Code\.([A-Z0-9_]+)", tests)}
    assert {code.value for code in Code} - in_cases - in_tests == set()
    assert in_cases <= {code.value for code in Code}


def test_warnings_are_those_that_let_a_command_continue() -> None:
    assert {code for severity, code in told() if severity == "warning"} == {str(code) for code in WARNINGS}
    assert not {code for severity, code in told() if severity == "error"} & {str(code) for code in WARNINGS}


def test_the_page_is_current() -> None:
    golden.check(PAGE, diagnostics.page())


def test_every_code_of_planning_has_a_meaning() -> None:
    text = "".join(Path(str(module.__file__)).read_text(encoding="utf-8") for module in (planner, step_problems))
    written = re.findall(r'^ {16}(?:code=)?"([a-z-]+)",$', text, re.MULTILINE)
    assert sorted(written) == sorted(PLAN_CODES)


@pytest.mark.parametrize(
    ("module", "found"),
    [(availability, PACKAGE_CODES), (resolution, RESOLUTION_CODES), (binding_rules, BINDING_CODES)],
)
def test_every_code_of_packages_has_a_meaning(module: ModuleType, found: Collection[str]) -> None:
    written = re.findall(r'code="([a-z-]+)"', Path(str(module.__file__)).read_text(encoding="utf-8"))
    assert sorted(written) == sorted(found)
