"""Live state read into typed values: at once, and in pages over a slow line."""

from collections.abc import Iterator

from benchmarks.speed.bench import Bench, probe
from benchmarks.speed.figures import Figure
from benchmarks.speed.timing import Case

_PAGE = 200


def figures(bench: Bench) -> Iterator[Figure]:
    data = bench.data(bench.large)
    with bench.serving(data) as url:
        told = bench.times({"ours": probe("live", url), "theirs": probe("plain_live", url)})
    yield Figure(
        what=f"live state of {data.size:,}",
        against="`http.client` and `json.loads`",
        ours=told["ours"].told[0] * 1e3,
        theirs=told["theirs"].told[0] * 1e3,
        goal=2.2,
    )
    with bench.serving(data, 50) as url:
        pages = [f"{url}/registry/v2/repos?pageSize={_PAGE}&skip={skip}" for skip in range(0, data.size, _PAGE)]
        outputs = [word for page in pages for word in ("-o", "/dev/null", page)]
        cases = {"ours": probe("live", url, "v2"), "theirs": Case(argv=("curl", "-sf", *outputs))}
        told = bench.times(cases, slow=True)
    yield Figure(
        what=f"the same by v2, 50 ms a page ({len(pages)} pages)",
        against="`curl` of the pages, one after another",
        ours=told["ours"].told[0] * 1e3,
        theirs=told["theirs"].wall * 1e3,
        goal=0.25,
    )
