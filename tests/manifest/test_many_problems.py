"""Of very many problems the first hundred are told, and how many more there are."""

import time
from pathlib import Path

from reconciler.diagnostics import Severity
from reconciler.manifest import load
from reconciler.manifest.codes import Code

HEAD = "organization: example.com\nrepositories:\n"


def _load(folder: Path, text: str) -> list[tuple[str, str]]:
    (folder / "m.yaml").write_text(HEAD + text)
    _, problems = load(folder / "m.yaml")
    assert len(problems) <= 101
    return [(problem.code, problem.summary) for problem in problems]


def test_wrong_values(tmp_path: Path) -> None:
    found = _load(tmp_path, "  x:\n    packages:\n" + "      - '!'\n" * 1_000)
    assert found[:100] == [(Code.BAD_PACKAGE, '"!" is not a package')] * 100
    assert found[100:] == [(Code.MORE_PROBLEMS, "900 more problems are not shown (900 of them errors)")]


def test_unknown_keys_and_yaml_problems(tmp_path: Path) -> None:
    found = _load(tmp_path, "".join(f"  x{number}: {{huh: 1}}\n" for number in range(150)))
    assert found[-1] == (Code.MORE_PROBLEMS, "50 more problems are not shown (50 of them errors)")
    found = _load(tmp_path, "  x: {}\n" * 150)
    assert found[-1] == (Code.MORE_PROBLEMS, "49 more problems are not shown (49 of them errors)")


def test_errors_are_reported_before_warnings(tmp_path: Path) -> None:
    secrets = "".join(f"      PASSWORD_{number}: hunter2\n" for number in range(150))
    found = _load(tmp_path, f"  x:\n    environment:\n{secrets}    packages: ['!']\n")
    assert (Code.BAD_PACKAGE, '"!" is not a package') in found
    assert found[-1] == (Code.MORE_PROBLEMS, "51 more problems are not shown (0 of them errors)")
    (tmp_path / "m.yaml").write_text(f"{HEAD}  x:\n    environment:\n{secrets}")
    assert load(tmp_path / "m.yaml")[1][-1].severity is Severity.NOTE


def test_a_hundred_problems_are_reported_whole(tmp_path: Path) -> None:
    found = _load(tmp_path, "  x:\n    packages:\n" + "      - '!'\n" * 100)
    assert [code for code, _ in found] == [Code.BAD_PACKAGE] * 100


def test_many_errors_take_little_more_than_reading_the_file(tmp_path: Path) -> None:
    begin = time.process_time()
    _load(tmp_path, "  x:\n    packages:\n" + "      - '!'\n" * 100_000)
    assert time.process_time() - begin < 5
