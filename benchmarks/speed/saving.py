"""A plan on its way out: as text, and as a saved plan, with every repository changed."""

from collections.abc import Iterator

from benchmarks.speed.bench import Bench, probe
from benchmarks.speed.figures import Figure


def figures(bench: Bench) -> Iterator[Figure]:
    data = bench.data(bench.large, changed=1)
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
    for what, against, our, their, goal in (
        ("text of a plan", "writing the ready text, line by line", "text", "ready", 4.0),
        ("saved plan, write", "`json.dumps`, digest, fsync", "save", "dumps", 1.3),
        ("saved plan, read", "`json.loads`", "load", "loads", 1.8),
    ):
        mine, theirs = told[our].told[0] * 1e3, told[their].told[0] * 1e3
        what_of = f"{what} ({data.size:,} changes)"
        yield Figure(what=what_of, against=against, ours=mine, theirs=theirs, goal=goal)
