"""What every group of figures is given: data, generators, how often to repeat, and the commands of the product."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.speed import serving, world
from benchmarks.speed.timing import Case, Cost, apart
from benchmarks.speed.world import Data


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """A folder to work in, the compiled generator, and the sizes; `rounds` is how often a short case is repeated."""

    folder: Path
    generator: Path
    small: int = 1_000
    large: int = 10_000
    huge: int | None = None
    rounds: int = 9
    _data: dict[tuple[int, int, bool], Data] = field(default_factory=dict)

    def data(self, size: int, *, changed: int = 10, unlike: bool = False) -> Data:
        """The data of a size, generated when it is first asked for."""
        kind = (size, changed, unlike)
        if kind not in self._data:
            folder = self.folder / f"{size}-{changed}{'-unlike' if unlike else ''}"
            self._data[kind] = world.generate(folder, size, changed=changed, unlike=unlike)
        return self._data[kind]

    @contextmanager
    def serving(self, data: Data, delay_ms: int = 0) -> Iterator[str]:
        with serving.serving(self.generator, data.folder, delay_ms) as url:
            yield url

    def times(self, cases: Mapping[str, Case | None], *, slow: bool = False) -> dict[str, Cost]:
        """The medians of those cases that there are; cases of many seconds are repeated three times at most."""
        there = {name: case for name, case in cases.items() if case is not None}
        return apart(there, rounds=min(3, self.rounds) if slow else self.rounds)


def product(*words: str | Path, url: str = "", codes: tuple[int, ...] = (0,)) -> Case:
    """A command of the product as users start it."""
    env = {"RECONCILER_API": url} if url else None
    return Case(argv=(*_start(), *words), env=env, codes=codes)


def _start() -> tuple[str | Path, ...]:
    """The installed script where there is one: `python -m` imports more than users wait for."""
    script = Path(sys.executable).with_name("reconciler")
    return (script,) if script.exists() else (sys.executable, "-c", "from reconciler.cli import run; run()")


def probe(name: str, *words: str | Path) -> Case:
    """Something measured inside a process."""
    return Case(argv=(sys.executable, "-m", "benchmarks.speed.probes", name, *words))
