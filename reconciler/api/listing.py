"""Lists out of answers: what counts as one, and the error where something in it cannot be read."""

from collections.abc import Callable
from typing import Generic, TypeVar

from reconciler.api import json_text, wire
from reconciler.api.http import Answer, Call, Connection

Json = dict[str, object]
T = TypeVar("T")


def read_list(connection: Connection, call: Call, read: Callable[[Json], T], *, key: str = "items") -> list[T]:
    """Send a call that answers with a whole list, and read each of its items; raises `ApiError`."""
    items, rest = read_page(connection, call, read, key=key)
    _whole(connection, call, rest)
    return items


def read_page(
    connection: Connection, call: Call, read: Callable[[Json], T], *, key: str = "items"
) -> tuple[list[T], Json]:
    """Send a call that answers with a page of a list, and read each of its items; the rest of the answer goes along.

    One bad item spoils the whole: half a list would look like a whole. Raises `ApiError`.
    """
    reply = connection.reply(call)
    try:
        items, rest = json_text.decode_list(reply.content, key, _Numbered(read, key))
        if isinstance(rest, dict):
            return items, _checked(rest, key)
    except (wire.Malformed, _BadItemError) as problem:
        raise connection.incomplete(call, str(problem)) from None
    except ValueError:
        pass
    raise connection.no_object(call, reply)


def items_of(connection: Connection, call: Call, answer: Answer, read: Callable[[Json], T]) -> list[T]:
    """Read each of the `items` of an answer that is whole; raises `ApiError`."""
    _whole(connection, call, answer.document)
    try:
        items = wire.objects(_checked(answer.document, "items").get("items"), "items")
        return [*map(_Numbered(read, "items"), items)]
    except (wire.Malformed, _BadItemError) as problem:
        raise connection.incomplete(call, str(problem)) from None


def _whole(connection: Connection, call: Call, rest: Json) -> None:
    if rest.get("nextPageToken"):
        problem = "the answer is not whole: it names a next page, which this call does not have"
        raise connection.incomplete(call, problem)


def _checked(document: Json, key: str) -> Json:
    """The answer, where it is one with a list under the key; raises `Malformed`."""
    if document and key not in document:
        # An empty object is how proto3 may write an empty list; any other object is some other answer.
        raise wire.Malformed("the answer", document, f'one with "{key}"')
    wire.objects(document.get(key), key)
    return document


class _BadItemError(Exception):
    """An item that cannot be read, by its number."""


class _Numbered(Generic[T]):
    """Reads one item after the other; what it raises names the item by its number."""

    def __init__(self, read: Callable[[Json], T], key: str) -> None:
        self._read = read
        self._key = key
        self._number = -1

    def __call__(self, item: object) -> T:
        """Read the next item; raises `Malformed` or `_BadItemError`."""
        self._number += 1
        if not isinstance(item, dict):
            raise wire.Malformed(f"{self._key}[{self._number}]", item, "an object")
        try:
            return self._read(item)
        except wire.Malformed as problem:
            raise _BadItemError(f"{self._key}[{self._number}]: {problem}") from None
