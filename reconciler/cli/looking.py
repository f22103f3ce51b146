"""Looking at builds over a span of time: from when on, and again and again until the caller has seen enough."""

from collections.abc import Callable, Iterator
from typing import TypeVar

from reconciler.api.client import ReadClient
from reconciler.api.errors import ApiError, TokenRejected
from reconciler.cli.arguments import Options
from reconciler.cli.surroundings import Surroundings

T = TypeVar("T")

_FIRST = 2.0
_GROWTH = 1.3
_LONGEST = 15.0
# Every call is repeated by itself; when so many in a row come to nothing all the same, the API is not coming back.
_MOST_MISSED = 5


def earliest(options: Options, client: ReadClient) -> float:
    """The time that `--since` means, in seconds since the epoch, by the clock that stamps the reports."""
    since = options.since
    return client.server_now() - since if isinstance(since, float) else since.timestamp()


def looks(look: Callable[[], T], world: Surroundings) -> Iterator[T]:
    """What each look brings, with pauses in between. A failed look is told and made up for, save the first."""
    pause, missed = _FIRST, _MOST_MISSED
    while True:
        try:
            found = look()
        except TokenRejected:
            raise
        except ApiError as error:
            missed += 1
            if missed > _MOST_MISSED:
                raise
            world.notify(f"the builds could not be looked at: {_line(error)}\n")
        else:
            missed = 0
            yield found
        world.clock.wait(pause, world.stop)
        pause = min(pause * _GROWTH, _LONGEST)


def _line(error: ApiError) -> str:
    from reconciler.views.text import plain

    return plain(error.diagnostic.summary)
