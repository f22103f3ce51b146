"""Following builds: one look at all of them against one GET for each repository."""

from collections.abc import Iterator

from benchmarks.speed.bench import Bench, probe
from benchmarks.speed.figures import Figure
from benchmarks.speed.timing import Case
from benchmarks.speed.world import identifier


def figures(bench: Bench) -> Iterator[Figure]:
    data = bench.data(bench.small)
    with bench.serving(data, 50) as url:
        urls = [
            f'url = "{url}/registry/v1/repos?id={identifier(place)}"\noutput = /dev/null\n'
            for place in range(data.size)
        ]
        config = data.folder / "each.txt"
        config.write_text("".join(urls), encoding="utf-8")
        curl = Case(argv=("curl", "-s", "-Z", "--parallel-max", "10", "-K", config))
        told = bench.times({"ours": probe("look", url), "theirs": curl}, slow=True)
    yield Figure(
        what=f"a look at {data.size:,} builds, 50 ms an answer",
        against="one GET for each, 10 at a time",
        ours=told["ours"].told[0] * 1e3,
        theirs=told["theirs"].wall * 1e3,
        goal=0.05,
    )
