"""Listing build reports completely, although a list of them has no second page.

The API takes a page size, may return fewer, and gives no token to go on with. So an answer that may have been cut is
asked for again in two halves of its time, until the halves are shorter than what was cut. An answer counts as cut when
it is as long as the page asked for, or as one of the limits that servers like to set for themselves. It is halved at
the median of the reports that came, so that both halves are sure to be shorter unless they are cut too. An answer that
was found to be whole is not doubted when it comes again: while builds are followed, most looks bring nothing new.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from reconciler.core.builds import Build

PAGE_SIZE = 5000
_LIMITS = frozenset({50, 100, 200, 250, 500, 1000, 2000, 2500})
MOST_CALLS = 200
# Reports that start so close to each other are not told apart; the halves overlap by less than this.
_MOMENT = 0.001
_OVERLAP = 0.000_002


class TooManyError(Exception):
    """There are more reports than a bounded number of calls can list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The reports to ask for: those that started at or after `since`, and before `before` where it is given."""

    since: float
    before: float | None = None


Fetch = Callable[[Window], Sequence[Build]]


def gather(fetch: Fetch, since: float, whole: Sequence[Build] = ()) -> tuple[Build, ...]:
    """Every report since a time, each once; raises `TooManyError`. `whole` is what came of the same before."""
    first = fetch(Window(since=since))
    found = {build.id: build for build in first}
    limit = len(first)
    todo = [(Window(since=since), first)] if _may_be_cut(limit) and tuple(first) != tuple(whole) else []
    calls = 1
    while todo:
        for half in _halves(*todo.pop()):
            calls += 1
            if calls > MOST_CALLS:
                raise TooManyError
            builds = fetch(half)
            found.update((build.id, build) for build in builds)
            # The server's limit is not below what it has just returned, so a shorter answer is a whole one.
            if len(builds) >= limit:
                todo.append((half, builds))
    return tuple(found.values())


def _may_be_cut(length: int) -> bool:
    return length >= PAGE_SIZE or length in _LIMITS


def _halves(window: Window, builds: Sequence[Build]) -> tuple[Window, ...]:
    starts = sorted(build.started for build in builds if build.started is not None)
    if not starts or starts[-1] - starts[0] < _MOMENT:
        return ()
    middle = starts[len(starts) // 2]
    if min(middle - starts[0], starts[-1] - middle) < _MOMENT / 3:
        middle = (starts[0] + starts[-1]) / 2
    # Whether the API takes the ends of a time span to be inside it is not known; overlapping halves are right anyway.
    return (
        Window(since=window.since, before=middle + _OVERLAP),
        Window(since=middle - _OVERLAP, before=window.before),
    )
