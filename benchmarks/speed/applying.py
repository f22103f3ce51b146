"""An apply of a thousand changes against `curl -Z` with as many requests, and what a write costs the processor."""

from collections.abc import Iterator
from pathlib import Path

from benchmarks.speed.bench import Bench, product
from benchmarks.speed.figures import Figure
from benchmarks.speed.timing import Case
from benchmarks.speed.world import Data, identifier


def figures(bench: Bench) -> Iterator[Figure]:
    data = bench.data(bench.small, changed=1)
    for workers, delay, goal in ((10, 20, 1.15), (20, 20, 1.25), (50, 50, 1.25)):
        with bench.serving(data, delay) as url:
            told = bench.times({"ours": _apply(data, url, workers), "theirs": _curl(data, url, workers)}, slow=True)
        ours, theirs = told["ours"].wall * 1e3, told["theirs"].wall * 1e3
        what = f"`apply` of {data.size:,}, {workers} at a time, {delay} ms"
        yield Figure(what=what, against="`curl -Z`, as many requests", ours=ours, theirs=theirs, goal=goal)
    yield from _cpu(bench, data)


def _cpu(bench: Bench, data: Data) -> Iterator[Figure]:
    more = bench.data(2 * bench.small, changed=1)
    with bench.serving(data, 1) as url, bench.serving(more, 1) as other:
        told = bench.times(
            {
                "alone": _apply(data, url, 1),
                "many": _apply(data, url, 50),
                "longer": _apply(more, other, 50),
            },
            slow=True,
        )
    alone, many = (told[name].cpu * 1e3 / data.size for name in ("alone", "many"))
    longer = told["longer"].cpu * 1e3 / more.size
    yield Figure(what="processor for each write, 50 workers", against="1 worker", ours=many, theirs=alone, goal=1.4)
    yield Figure(
        what=f"the same, {more.size:,} writes", against=f"{data.size:,} writes", ours=longer, theirs=many, goal=1.1
    )


def _apply(data: Data, url: str, workers: int) -> Case:
    words = product("apply", data.manifest, "--yes", "--no-wait", "--parallelism", str(workers)).argv
    # In a shell, so that the record of runs lands in the folder of the data.
    env = {"RECONCILER_API": url, "PYTHONPATH": str(Path(__file__).parents[2])}
    return Case(argv=("sh", "-c", 'cd "$0" && exec "$@"', data.folder, *words), env=env)


def _curl(data: Data, url: str, workers: int) -> Case:
    """A read and a write of each repository; the bodies are of the size that the product sends."""
    body = data.folder / "body.json"
    body.write_text('{"description":"' + "x" * 1000 + '"}', encoding="utf-8")
    requests = []
    for place in range(data.size):
        id_ = identifier(place)
        requests.append(f'url = "{url}/registry/v1/repos?id={id_}"\noutput = /dev/null\n')
        requests.append(f'url = "{url}/registry/v1/repos/{id_}"\noutput = /dev/null\nrequest = PUT\ndata = "@{body}"\n')
    config = data.folder / f"curl-{workers}.txt"
    config.write_text("next\n".join(requests), encoding="utf-8")
    return Case(argv=("curl", "-s", "-Z", "--parallel-max", str(workers), "-K", config))
