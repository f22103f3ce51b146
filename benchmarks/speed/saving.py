"""A plan on its way out: as text, and as a saved plan, with every repository changed."""

from collections.abc import Iterator

from benchmarks.speed.bench import Bench, probe
from benchmarks.speed.figures import Figure
from benchmarks.speed.world import Data

_SAVED = [
    ("saved plan, write", "`json.dumps`, digest, fsync", "save", "dumps", 1.3),
    ("saved plan, read", "`json.loads`", "load", "loads", 1.8),
]


def figures(bench: Bench) -> Iterator[Figure]:
    yield from _of(bench, bench.data(bench.large, changed=1), "many alike", saved_too=True)
    yield from _of(bench, bench.data(bench.large, changed=1, unlike=True), "none alike", saved_too=False)


def _of(bench: Bench, data: Data, kind: str, *, saved_too: bool) -> Iterator[Figure]:
    text, saved, out = (data.folder / name for name in ("plan.txt", "saved.plan", "out"))
    with bench.serving(data) as url:
        ours = {"text": probe("text", data.manifest, url, text), "save": probe("save", data.manifest, url, saved)}
        # One round first: the others write and read what these have written.
        bench.times(ours, slow=True)
        told = bench.times(
            {
                **ours,
                "ready": probe("ready_text", text, out),
                "dumps": probe("plain_save", saved, out),
                "load": probe("load", saved),
                "loads": probe("plain_load", saved),
            },
            slow=True,
        )
    rows = [(f"text of a plan, {kind}", "writing the ready text, line by line", "text", "ready", 4.0)]
    if saved_too:
        rows += _SAVED
    for what, against, our, their, goal in rows:
        mine, theirs = told[our].told[0] * 1e3, told[their].told[0] * 1e3
        what_of = f"{what} ({data.size:,} changes)"
        yield Figure(what=what_of, against=against, ours=mine, theirs=theirs, goal=goal)
