"""Lists out of answers: what counts as one, and the error where something in it cannot be read."""

from collections.abc import Callable
from typing import TypeVar

from reconciler.api import wire
from reconciler.api.call import Answer, Call
from reconciler.api.connection import Connection

Json = dict[str, object]
T = TypeVar("T")

_READ: Json = {}


def read_list(connection: Connection, call: Call, read: Callable[[Json], T], *, key: str = "items") -> list[T]:
    """Send a call that answers with a list, and read each of its items; raises `ApiError`."""
    return items_of(connection, call, connection.answer(call), read, key=key)


def items_of(
    connection: Connection, call: Call, answer: Answer, read: Callable[[Json], T], *, key: str = "items"
) -> list[T]:
    """Read each item of the list that is an answer's whole; raises `ApiError` where there is more of it elsewhere."""
    if answer.document.get("nextPageToken"):
        problem = "the answer is not whole: it names a next page, which this call does not have"
        raise connection.incomplete(call, problem)
    return page_items(connection, call, answer, read, key=key)


def page_items(
    connection: Connection, call: Call, answer: Answer, read: Callable[[Json], T], *, key: str = "items"
) -> list[T]:
    """Read each item of one page. One bad item spoils the whole: half a list would look like a whole."""
    result: list[T] = []
    try:
        items = _raw_items(answer.document, key)
    except wire.Malformed as problem:
        raise connection.incomplete(call, str(problem)) from None
    try:
        for number, item in enumerate(items):
            result.append(read(item))
            items[number] = _READ  # thousands of repositories need not be there twice
    except wire.Malformed as problem:
        raise connection.incomplete(call, f"{key}[{len(result)}]: {problem}") from None
    return result


def _raw_items(document: Json, key: str) -> list[Json]:
    if document and key not in document:
        # An empty object is how proto3 may write an empty list; any other object is some other answer.
        raise wire.Malformed("the answer", document, f'one with "{key}"')
    return wire.objects(document.get(key), key)
