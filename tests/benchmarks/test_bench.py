"""The data of the benchmarks fit the product; nothing is timed here."""

from pathlib import Path

from benchmarks import bench
from reconciler import manifest
from reconciler.api.auth.provider import fixed
from reconciler.api.auth.token import Token
from reconciler.api.client import connect
from reconciler.core import planner


def test_generated_data_plan_to_the_changes_that_were_put_in(tmp_path: Path) -> None:
    data = bench.generate(tmp_path / "data", 5, "usual")
    desired, problems = manifest.load(data.manifest)
    assert problems == ()
    with bench.serving(data) as url, connect(url, fixed(Token("invented", source="test"))) as client:
        live = client.read_live(client.find_organization("example.com"))
    plan = planner.plan(desired, live)
    assert [step.repository for step in plan.writes] == ["custom-image-000003"]


def test_data_are_the_same_each_time(tmp_path: Path) -> None:
    first, second = (bench.generate(tmp_path / name, 5, "unlike") for name in ("first", "second"))
    assert first.live.read_bytes() == second.live.read_bytes()
    assert first.manifest.read_bytes() == second.manifest.read_bytes()
