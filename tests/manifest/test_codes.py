"""Every code of a problem is pinned by a case or by a test."""

import re
from pathlib import Path

from reconciler.manifest.codes import Code

HERE = Path(__file__).parent


def test_every_code_is_covered() -> None:
    expected = "\n".join(path.read_text(encoding="utf-8") for path in (HERE / "cases").glob("*.expected"))
    in_cases = set(re.findall(r"(?:error|warning)\[([a-z0-9-]+)\]", expected))
    tests = "\n".join(path.read_text(encoding="utf-8") for path in HERE.glob("test_*.py"))
    in_tests = {Code[name].value for name in re.findall(r"Code\.([A-Z0-9_]+)", tests)}
    assert {code.value for code in Code} - in_cases - in_tests == set()
    assert in_cases <= {code.value for code in Code}
