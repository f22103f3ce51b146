"""What importing the light modules of this room costs."""

import subprocess
import sys

import pytest


def test_what_few_runs_need_is_imported_when_it_is_needed() -> None:
    rare = "{'tenacity', 'truststore', 'certifi', 'pydantic_core', 'asyncio'}"
    program = f"import sys, reconciler.api.client; print(sorted({rare} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "module", ["errors", "token", "credentials", "address", "values", "defaults", "merging", "reports"]
)
def test_no_http_library_for_the_light_modules(module: str) -> None:
    heavy = "{'httpx', 'pydantic', 'yaml', 'rich', 'asyncio', 'ssl'}"
    program = f"import sys, reconciler.api.{module}; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
