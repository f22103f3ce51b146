"""Every manifest in `cases/`, with all that is said about it."""

from collections.abc import Iterable
from pathlib import Path

import pytest

from reconciler.core.state import DesiredBinding
from reconciler.diagnostics import Diagnostic
from reconciler.manifest import load
from tests.support import golden

CASES = Path(__file__).parent / "cases"
NOW = 1_795_392_000.0  # 2026-11-23


def _cases() -> list[str]:
    return sorted(path.name for path in CASES.iterdir() if path.suffix != ".expected")


def _text(problem: Diagnostic) -> str:
    lines = [f"{problem.place or '-'}: {problem.severity}[{problem.code}] {problem.summary}"]
    more = (("detail", problem.detail), ("in", ", ".join(problem.repositories)), ("hint", problem.hint))
    lines += [f"    {name}: {text}" for name, text in more if text]
    return "\n".join(lines)


@pytest.mark.parametrize("name", _cases())
def test_says_what_is_expected(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(CASES)
    desired, problems = load(Path(name), now=NOW)
    names = [*(str(one.address) for one in desired.repositories), *(one.pattern for one in desired.globs)]
    understood = ", ".join(names)
    report = [*map(_text, problems), f"organization: {desired.organization}", f"repositories: {understood}"]
    report += [f"overlay {one.name} ({one.place}): {sorted(one.managed)}" for one in desired.overlays]
    report += [f"scope /{one.folder} ({one.place}): {_bound(one.bindings)}" for one in desired.scopes]
    report += [
        f"{one.address} binds {_bound(one.bindings)}" for one in desired.repositories if one.bindings is not None
    ]
    report += [f"{one.pattern} binds {_bound(one.bindings)}" for one in desired.globs if one.bindings is not None]
    golden.check(CASES / f"{name}.expected", "\n".join(report) + "\n")


def _bound(bindings: Iterable[DesiredBinding]) -> str:
    return "; ".join(f"{one.overlay} ({one.selector.kind} {one.selector}) at {one.place.line}" for one in bindings)
