"""What importing the light modules of this package costs."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize("module", ["", ".errors", ".url"])
def test_no_http_library_for_the_light_modules(module: str) -> None:
    heavy = "{'httpx', 'pydantic', 'yaml', 'rich', 'asyncio', 'ssl'}"
    program = f"import sys, reconciler.api{module}; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
