"""`python -m benchmarks.speed`: measure everything, print it, and write docs/performance.md."""

import argparse
import compileall
import tempfile
from pathlib import Path

from benchmarks.speed import applying, following, live, loading, page, planning, saving, serving, startup
from benchmarks.speed.bench import Bench
from benchmarks.speed.figures import Figure, table

GROUPS = {
    one.__name__.rpartition(".")[2]: one.figures
    for one in (startup, loading, live, planning, saving, applying, following)
}
_ROOT = Path(__file__).parents[2]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed", description=__doc__)
    parser.add_argument("group", nargs="*", help=f"only these figures: {', '.join(GROUPS)}; nothing is written then")
    parser.add_argument("--full", action="store_true", help="also 100,000 repositories")
    parser.add_argument("--rounds", type=int, default=9, help="how often a short case is repeated (default: 9)")
    options = parser.parse_args()
    compileall.compile_dir(_ROOT / "reconciler", quiet=2)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        generator = serving.build(folder)
        bench = Bench(folder=folder, generator=generator, huge=100_000 if options.full else None, rounds=options.rounds)
        found = list(_measure(bench, options.group or list(GROUPS)))
    if not options.group:
        (_ROOT / "docs" / "performance.md").write_text(page.render(found), encoding="utf-8")
    missed = sum(figure.met is False for figure in found)
    print(f"{len(found)} figures, {missed} missed")
    return 0


def _measure(bench: Bench, groups: list[str]) -> list[Figure]:
    found: list[Figure] = []
    for group in groups:
        print(f"\n{group}", flush=True)
        told = list(GROUPS[group](bench))
        print(table(told), flush=True)
        found += told
    return found


raise SystemExit(main())
