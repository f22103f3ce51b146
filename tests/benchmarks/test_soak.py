"""The soak in small: whatever goes wrong, every repository ends as wanted or reported, and nothing else is touched."""

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.soak import Treatment, judge, make_repositories, report, soak

COUNT = 20


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_nothing_is_lost_and_nothing_else_touched(seed: int, tmp_path: Path) -> None:
    soaked = soak(COUNT, seed, tmp_path, rate=0.25)

    assert soaked.verdict.breaches == ()
    assert soaked.calm == ()
    assert sum(soaked.verdict.ends.values()) == COUNT
    assert len(soaked.played) > 5
    assert sum(soaked.asked.values()) >= soaked.least
    assert json.loads(report(soaked))["verdict"]["breaches"] == []


def test_in_calm_all_is_as_wanted(tmp_path: Path) -> None:
    soaked = soak(COUNT, 1, tmp_path, rate=0.0)

    assert soaked.played == {}
    assert soaked.exit_code == 6  # the builds that are meant to fail
    assert soaked.verdict.ends.keys() == {"as wanted", "left alone"}
    assert soaked.verdict.breaches == ()


def _judged(after: dict[str, Any] | None = None, **told: list[str]) -> tuple[str, ...]:
    """The breaches where one repository of each kind is as `after` says, over a state in which all went well."""
    chosen = make_repositories(len(Treatment), 1)
    before = {
        one.id: {"name": one.name, "customOverlay": one.before} for one in chosen if one.kind is not Treatment.CREATED
    }
    good = {one.id: {"name": one.name, "customOverlay": one.wanted} for one in chosen}
    written = [one.name for one in chosen if one.kind in (Treatment.CHANGED, Treatment.FAILING, Treatment.CREATED)]
    kinds = ("applied", "already_done", "stale", "failed", "not_attempted")
    failures = [{"repository": one.name} for one in chosen if one.kind is Treatment.FAILING]
    summary = {
        **{kind: [] for kind in kinds},
        "applied": written,
        **told,
        "builds": {"failures": failures, "unfinished": []},
    }
    return judge(chosen, before, {**good, **(after or {})}, summary, {}).breaches


def test_the_verdict_is_content_with_what_is_right() -> None:
    assert _judged() == ()


@pytest.mark.parametrize(
    ("kind", "change", "said"),
    [
        (Treatment.CHANGED, {"customOverlay": {}}, "is not as wanted"),
        (Treatment.BYSTANDER, {"customOverlay": {"contents": {"packages": ["vim"]}}}, "was changed and not reported"),
        (Treatment.SAME, {"description": "new"}, "its description was changed"),
    ],
)
def test_the_verdict_names_what_is_wrong(kind: Treatment, change: dict[str, Any], said: str) -> None:
    item = next(one for one in make_repositories(len(Treatment), 1) if one.kind is kind)

    (breach,) = _judged({item.id: {"name": item.name, "customOverlay": item.wanted, **change}})

    assert breach.startswith(item.name)
    assert said in breach


def test_the_verdict_misses_what_was_not_reported() -> None:
    assert any("is not named in the report" in breach for breach in _judged(applied=[]))
