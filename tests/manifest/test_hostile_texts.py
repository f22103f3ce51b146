"""Doubling a hostile manifest at most doubles the time that it takes, but for noise."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler.manifest import load

HEAD = "organization: example.com\nrepositories:\n  x:\n"
PEM = HEAD + "    certificates:\n      additional:\n        - name: x\n          content: "
REPEATED: dict[str, Callable[[int], str]] = {
    "BEGIN lines": lambda n: f"{PEM}|\n" + "            -----BEGIN CERTIFICATE-----\n" * n,
    "BEGIN in one line": lambda n: f"{PEM}{'-----BEGIN CERTIFICATE-----' * n}\n",
    "END of another label": lambda n: f"{PEM}|\n" + "            -----BEGIN A-----\n            -----END B-----\n" * n,
    "spaces in a package": lambda n: f"{HEAD}    packages: ['a{' ' * n}!']\n",
    "operators in a package": lambda n: f"{HEAD}    packages: ['a{' =' * n}!']\n",
    "web tokens": lambda n: f"{HEAD}    environment: {{A: '{'eyJ' * n}'}}\n",
    "private keys": lambda n: f"{HEAD}    environment: {{A: '{'-----BEGIN ' * n}PRIVATE'}}\n",
    "one profile": lambda n: f"{HEAD}    profiles: [{'a,' * n}]\n",
    "unknown profiles": lambda n: (
        "profiles:\n"
        + "".join(f"  a{number}: {{}}\n" for number in range(n // 10))
        + f"{HEAD}    profiles: [{''.join(f'b{number},' for number in range(n // 10))}]\n"
    ),
    "a long unknown key": lambda n: f"{HEAD}    ? {'k' * n}\n    : x\n",
    "unknown keys": lambda n: HEAD + "".join(f"    key{number}: 1\n" for number in range(n)),
    "a long name": lambda n: f"organization: example.com\nrepositories:\n  ? {'a/' * n}A\n  : {{source: x}}\n",
    "a runtime repository": lambda n: f"{HEAD}    contents: {{runtime_repositories: ['https://{'a.' * n}x']}}\n",
    "no-break spaces": lambda n: f"{HEAD}    environment:\n      A: |\n" + "        \u00a0x\n" * n,
    "merges": lambda n: f"defaults:\n  environment: &e {{A: x}}\n{HEAD}    environment: {{<<: [{'*e,' * n}*e]}}\n",
}


@pytest.mark.parametrize("text", REPEATED.values(), ids=REPEATED.keys())
def test_time_grows_with_the_size_and_not_with_its_square(text: Callable[[int], str], tmp_path: Path) -> None:
    path = tmp_path / "m.yaml"

    def seconds(size: int) -> float:
        path.write_text(text(size))
        begin = time.process_time()
        load(path)
        return time.process_time() - begin

    # Eight times the size: 64 times the time where it grows with the square.
    assert min(seconds(16_000), seconds(16_000)) < 24 * seconds(2_000) + 0.2
