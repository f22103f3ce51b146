"""Start-up: the two answers that need nothing, and the plan of one repository."""

import sys
from collections.abc import Iterator

from benchmarks.speed import peers
from benchmarks.speed.bench import Bench, product
from benchmarks.speed.figures import Figure
from benchmarks.speed.timing import Case

_BARE = """
import sys, httpx, yaml
from pydantic import BaseModel
class Repository(BaseModel):
    id: str
    name: str
with httpx.Client() as client:
    client.get(sys.argv[1] + "/registry/v1/repos").raise_for_status()
"""


def figures(bench: Bench) -> Iterator[Figure]:
    told = bench.times(
        {
            "nothing": Case(argv=(sys.executable, "-c", "pass")),
            "version": product("--version"),
            "help": product("--help"),
        }
    )
    for what, goal in (("version", 1.3), ("help", 3.0)):
        ours, theirs = told[what].wall * 1e3, told["nothing"].wall * 1e3
        yield Figure(what=f"`--{what}`", against="`python -c pass`", ours=ours, theirs=theirs, goal=goal)
    data = bench.data(1)
    with bench.serving(data) as url:
        told = bench.times(
            {
                "bare": Case(argv=(sys.executable, "-c", _BARE, url)),
                "plan": product("plan", data.manifest, url=url),
                "octodns": peers.octodns(data),
            }
        )
    ours = told["plan"].wall * 1e3
    bare = told["bare"].wall * 1e3
    yield Figure(what="`plan` of 1", against="imports, one model, one GET", ours=ours, theirs=bare, goal=1.25)
    other = told.get("octodns")
    theirs_or_none = other.wall * 1e3 if other else None
    yield Figure(
        what="`plan` of 1",
        against="octoDNS, 1 record",
        ours=ours,
        theirs=theirs_or_none,
        goal=1.6,
        note="not installed",
    )
