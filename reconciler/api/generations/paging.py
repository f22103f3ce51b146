"""A list that comes in pages, read to its end or not at all.

The way that the API documents goes from page to page by a token, the last page having none. Where the first page tells
how many repositories there are, the other pages are asked for at once by their distance from the beginning, each with
the last item of the page before it: where that is not the item that it begins with, something was added or removed
while they were read. Then, and whenever else they do not fit together, they are thrown away and the list is read by
token.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from reconciler.api import wire
from reconciler.api.errors import Rejected
from reconciler.api.generations.fan_out import at_once
from reconciler.api.http import Parameters
from reconciler.core.state import LiveRepository

PAGE_SIZE = 200
# 200 repositories a page: more pages than this are no organisation's, but a server that never comes to an end.
MOST_PAGES = 2000
_WORKERS = 8
_ATTEMPTS = 2


class PagingError(Exception):
    """The pages are no whole list; the text says why."""


class _UnevenError(Exception):
    """Pages that were asked for at once do not fit together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Which page: the one that a token names, or the one `skip` items from the beginning."""

    size: int = PAGE_SIZE
    token: str = field(default="", repr=False)
    skip: int = 0

    @property
    def parameters(self) -> Parameters:
        """What the call takes for it."""
        given = (("pageToken", self.token), ("skip", str(self.skip) if self.skip else ""))
        return (("pageSize", str(self.size)), *((name, value) for name, value in given if value))


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page; `next_token` is "" on the last one, `total` None where the server did not count."""

    items: Sequence[LiveRepository]
    next_token: str
    total: int | None


BEGINNING = Place()
Fetch = Callable[[Place], Page]


def next_token(document: Mapping[str, object]) -> str:
    """What leads to the page after this one; raises `Malformed` rather than take a list for ended."""
    return wire.text(document.get("nextPageToken"), "nextPageToken")


def total(document: Mapping[str, object]) -> int | None:
    """How many there are on all pages; 0 is how "not counted" is written."""
    match document.get("totalCount"):
        case str() as text if text.isascii() and text.isdigit():
            return int(text[:18]) or None
        case int() as number if number > 0 and not isinstance(number, bool):
            return number
        case _:
            return None


def gather(first: Page, fetch: Fetch) -> Sequence[LiveRepository]:
    """The whole list that begins with `first`; raises `PagingError` and whatever `fetch` raises."""
    listed = _together(first, fetch)
    return _in_turn(first, fetch) if listed is None else listed


def _together(first: Page, fetch: Fetch) -> Sequence[LiveRepository] | None:
    """The list from pages that are fetched at the same time; None where it cannot be had or trusted that way."""
    size, told = len(first.items), first.total
    # A single further page comes as fast by its token; pages of one item have no room for an item of another.
    if told is None or not first.next_token or size <= 1 or told <= 2 * size:
        return None
    skips = range(size - 1, told - 1, size - 1)
    if len(skips) >= MOST_PAGES:
        return None

    def fetch_even(skip: int) -> Sequence[LiveRepository]:
        page = fetch(Place(size=size, skip=skip))
        last = skip + size >= told
        # Looked at here rather than at the end, so that a count which is far too high costs a few calls and not each.
        if len(page.items) != min(size, told - skip) or last == bool(page.next_token):
            raise _UnevenError
        return page.items

    try:
        pages = at_once(skips, fetch_even, workers=_WORKERS)
    except (_UnevenError, Rejected):
        # Rejected: this server takes no `skip`.
        return None
    pages = [first.items, *pages]
    if any(before[-1].id != after[0].id for before, after in pairwise(pages)):
        return None
    found = _by_id(pages)
    return tuple(found.values()) if len(found) == told else None


def _in_turn(first: Page, fetch: Fetch) -> Sequence[LiveRepository]:
    """The list by tokens. One that is shorter than the server counts may have changed meanwhile: it is read again."""
    begin: Page | None = first
    problem = ""
    for _ in range(_ATTEMPTS):
        found, told = _follow(begin or fetch(BEGINNING), fetch)
        if told is None or len(found) >= told:
            return tuple(found.values())
        begin, problem = None, f"the server counts {told} and listed {len(found)}"
    raise PagingError(problem)


def _follow(page: Page, fetch: Fetch) -> tuple[Mapping[str, LiveRepository], int | None]:
    """Every item from this page on, and how many the server counted last."""
    pages = [page.items]
    seen: set[str] = set()
    while page.next_token:
        if page.next_token in seen:
            raise PagingError("its pages lead back to one that was read already")
        if len(pages) >= MOST_PAGES:
            raise PagingError(f"it has no end after {len(pages)} pages")
        seen.add(page.next_token)
        page = fetch(Place(token=page.next_token))
        pages.append(page.items)
    return _by_id(pages), page.total


def _by_id(pages: Iterable[Sequence[LiveRepository]]) -> dict[str, LiveRepository]:
    return {one.id: one for items in pages for one in items}
