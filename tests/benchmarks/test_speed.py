"""The benchmark's data fit the product, and its table says what was met; nothing is timed here."""

import json
import shutil
from pathlib import Path

import pytest

from benchmarks.speed import serving, world
from benchmarks.speed.figures import Figure, table
from reconciler import manifest
from reconciler.api import ApiVersion
from reconciler.api.auth.provider import fixed
from reconciler.api.auth.token import Token
from reconciler.api.client import connect
from reconciler.core import planner


@pytest.mark.skipif(shutil.which("cc") is None, reason="the load generator is compiled")
@pytest.mark.parametrize("version", ["v1", "v2"])
def test_generated_data_plan_to_the_changes_that_were_put_in(tmp_path: Path, version: ApiVersion) -> None:
    data = world.generate(tmp_path / "data", 5)
    desired, problems = manifest.load(data.manifest)
    assert problems == ()
    with serving.serving(serving.build(tmp_path), data.folder) as url:
        client = connect(url, fixed(Token("invented", source="test")), api_version=version)
        with client:
            live = client.read_live(client.find_organization(world.NAME))
    plan = planner.plan(desired, live)
    assert [step.repository for step in plan.writes] == ["custom-image-000003"]


def test_data_are_the_same_each_time(tmp_path: Path) -> None:
    first, second = (world.generate(tmp_path / name, 5) for name in ("first", "second"))
    assert first.live.read_bytes() == second.live.read_bytes()
    assert len(json.loads(first.live.read_bytes())["items"]) == 5


def test_table_judges_each_figure() -> None:
    def figure(ours: float, theirs: float | None) -> Figure:
        return Figure(what="this", against="that", ours=ours, theirs=theirs, goal=1.5, note="not installed")

    assert [figure(3, 2).met, figure(4, 2).met, figure(3, None).met] == [True, False, None]
    rows = table([figure(3, 2), figure(4, 2), figure(3, None)]).splitlines()[2:]
    assert [row.split(" | ")[-1] for row in rows] == ["met |", "**missed** |", "not installed |"]
