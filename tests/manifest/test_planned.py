"""Manifests with globs, planned against live names: what is asked of each repository, and all that is said about it."""

from pathlib import Path

import pytest

from reconciler.core import planner
from reconciler.core.diff import items_of
from reconciler.core.globs import resolve_globs
from reconciler.core.overlay import EMPTY
from reconciler.core.state import Directory, Live, LiveOverlay, LiveRepository, Organization
from reconciler.diagnostics import has_errors
from reconciler.manifest import load
from reconciler.manifest.codes import Code
from tests.support import golden

CASES = Path(__file__).parent / "planned"
NAMES = ("/custom-node", "/custom-go", "/custom-ruby", "team-a/custom-node", "team-a/edge/edge-gateway")
# Found when planning, and therefore in no case of `cases/`.
CODES = (Code.UNMATCHED_GLOB, Code.CONFLICTING_LAYERS, Code.CONFLICTING_RESET)


def live() -> Live:
    organization = Organization(id="a" * 40, name="example.com")
    found = [
        LiveRepository(id=f"{number:016x}", name=name.rpartition("/")[2], folder=name.rpartition("/")[0], overlay=EMPTY)
        for number, name in enumerate(NAMES)
    ]
    overlays = (LiveOverlay(id=f"{organization.id}/1", name="other", overlay=EMPTY),)
    return Live(organization=organization, repositories=tuple(found), overlays=overlays, bindings=())


@pytest.mark.parametrize("name", sorted(path.name for path in CASES.iterdir() if path.is_dir()))
def test_says_what_is_expected(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(CASES)
    desired, problems = load(Path(name))
    assert not has_errors(problems)
    plan = planner.plan(desired, live(), diagnostics=problems)
    lines = []
    for step in plan.steps:
        held = "".join(f"\n    {one.field} {one.key}: {one.value}" for one in items_of(step.after or EMPTY))
        lines.append(f"{step.action} {step.repository} ({step.place}): {step.reason.code}{held}")
    lines += ["", "unlisted: " + ", ".join(plan.unlisted), ""]
    for problem in plan.diagnostics:
        lines.append(f"{problem.place or '-'}: {problem.severity}[{problem.code}] {problem.summary}")
        more = (problem.detail, f"in {', '.join(problem.repositories)}" if problem.repositories else "", problem.hint)
        lines += [f"    {one}" for one in more if one]
    golden.check(CASES / f"{name}.expected", "\n".join(lines) + "\n")


def test_every_code_of_planning_is_in_a_golden_file() -> None:
    told = "".join(path.read_text(encoding="utf-8") for path in CASES.glob("*.expected"))
    assert all(f"[{code}]" in told for code in CODES)


def test_without_globs_the_entries_are_the_very_same() -> None:
    desired, _ = load(CASES.parent / "cases" / "valid.yaml")
    assert resolve_globs(desired, live(), Directory(live())).entries is desired.repositories
