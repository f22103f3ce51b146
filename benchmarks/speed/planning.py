"""The whole `plan`, one repository in ten changed: time, growth and memory, beside the others."""

from collections.abc import Iterator, Mapping

from benchmarks.speed import peers
from benchmarks.speed.bench import Bench, product
from benchmarks.speed.figures import Figure
from benchmarks.speed.timing import Cost

_GOALS = {"curl and one jq": (4.0, 1.7), "octoDNS": (0.4, 0.15), "terraform": (0.12, 0.05)}


def figures(bench: Bench) -> Iterator[Figure]:
    small, large = (_plans(bench, size) for size in (bench.small, bench.large))
    for place, (size, told) in enumerate(((bench.small, small), (bench.large, large))):
        for peer, goals in _GOALS.items():
            yield _against(f"`plan` of {size:,}", told, peer, goals[place])
    walls = [told["plan"].wall * 1e3 for told in (small, large)]
    yield Figure(
        what=f"`plan` of {bench.large:,}", against=f"of {bench.small:,}", ours=walls[1], theirs=walls[0], goal=6
    )
    yield from _memory(bench, large)
    if bench.huge is not None:
        yield from _huge(bench, bench.huge, large["plan"])


def _plans(bench: Bench, size: int) -> dict[str, Cost]:
    data = bench.data(size)
    with bench.serving(data) as url:
        return bench.times(
            {
                "plan": product("plan", data.manifest, url=url),
                "curl and one jq": peers.curl_jq(data, url),
                "jq": peers.jq_alone(data),
                "octoDNS": peers.octodns(data),
                "terraform": peers.terraform(data),
            },
            slow=True,
        )


def _against(what: str, told: Mapping[str, Cost], peer: str, goal: float) -> Figure:
    theirs = told[peer].wall * 1e3 if peer in told else None
    return Figure(what=what, against=peer, ours=told["plan"].wall * 1e3, theirs=theirs, goal=goal, note="not installed")


def _memory(bench: Bench, told: Mapping[str, Cost]) -> Iterator[Figure]:
    for peer, goal in (("jq", 0.8), ("octoDNS", 0.5)):
        theirs = told[peer].peak if peer in told else None
        yield Figure(
            what=f"memory of `plan` of {bench.large:,}",
            against=peer,
            ours=told["plan"].peak,
            theirs=theirs,
            goal=goal,
            unit="MB",
            note="not installed",
        )


def _huge(bench: Bench, size: int, large: Cost) -> Iterator[Figure]:
    data = bench.data(size)
    with bench.serving(data) as url:
        cost = bench.times({"plan": product("plan", data.manifest, url=url)}, slow=True)["plan"]
    factor = size / bench.large
    what = f"`plan` of {size:,}"
    yield Figure(what=what, against=f"of {bench.large:,}", ours=cost.wall * 1e3, theirs=large.wall * 1e3, goal=factor)
    each = (cost.peak - large.peak) * 1024 / (size - bench.large)
    yield Figure(
        what="memory for each further repository", against="the limit", ours=each, theirs=2.5, goal=1, unit="KB"
    )
