"""The manifest: read, typed and checked, against PyYAML's own fast loader alone."""

from collections.abc import Iterator

from benchmarks.speed.bench import Bench, probe
from benchmarks.speed.figures import Figure


def figures(bench: Bench) -> Iterator[Figure]:
    for size, goal in ((bench.small, 0.5), (bench.large, 0.25)):
        path = bench.data(size).manifest
        told = bench.times({"ours": probe("manifest", path), "theirs": probe("yaml", path)}, slow=size > 5_000)
        ours, theirs = told["ours"].told, told["theirs"].told
        against = "`yaml.load` with CSafeLoader"
        what = f"manifest of {size:,}"
        yield Figure(what=what, against=against, ours=ours[0] * 1e3, theirs=theirs[0] * 1e3, goal=goal)
        yield Figure(what=f"{what}, memory", against=against, ours=ours[1], theirs=theirs[1], goal=0.3, unit="MB")
