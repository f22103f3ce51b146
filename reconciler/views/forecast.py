"""The forecast of a plan in the sentences that every format of a plan ends with, drawn from its document."""

from collections.abc import Callable, Iterator
from typing import Any

from reconciler.views.times import duration


def told(document: dict[str, Any], show: Callable[[str], str]) -> Iterator[str]:
    """The forecast of a plan document in sentences, none where it has none; `show` makes text from outside safe."""
    found = document.get("forecast")
    if found is None:
        return
    if found["problem"] is not None:
        yield f"How many builds this will start is not known: {show(found['problem'])}."
        return
    yield _builds(found)
    seconds = found["seconds"]
    if seconds is not None:
        yield (
            f"Such builds have lately taken {duration(seconds['median'])} (the median of {seconds['of']:,}), "
            f"at most {duration(seconds['longest'])}."
        )


def _builds(found: dict[str, Any]) -> str:
    """How many builds in how many repositories, and what is left out of that number."""
    where = f"{found['repositories']:,} {'repository' if found['repositories'] == 1 else 'repositories'}"
    unknown = found["unknown"]["count"]
    if found["builds"] is None:
        had = "it had no build" if found["repositories"] == 1 else "none of them had a build"
        return f"This will start builds in {where}; how many is not known, as {had} lately."
    count = f"about {found['builds']:,} {'build' if found['builds'] == 1 else 'builds'} in {where}"
    if not unknown:
        return f"This will start {count}."
    return f"This will start {count}, not counting {unknown:,} of them that had no build lately."
