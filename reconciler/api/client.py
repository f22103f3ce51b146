"""The API as methods that take and return core values.

`connect` gives a client that cannot write; `connect_writer` one that can. Requests are described in `calls`, fields
are read in `mapping` and `reports`, failures are worded in `failures`.
"""

import time
from collections.abc import Callable
from wsgiref.types import WSGIApplication

from reconciler.api.address import demand_privacy, parse_address
from reconciler.api.connection import Connection
from reconciler.api.reading import ReadClient
from reconciler.api.token import Token
from reconciler.api.writing import WriteClient

__all__ = ["ReadClient", "WriteClient", "connect", "connect_writer"]


def connect(
    url: str,
    token: Token | None,
    *,
    wsgi_app: WSGIApplication | None = None,
    now: Callable[[], float] = time.time,
) -> ReadClient:
    """A client that only reads. Raises `BadAddress`; sends nothing yet.

    With `wsgi_app` the API runs inside this process and `url` only has the form of an address. `now` is the local
    clock, which stands in where an answer does not tell the server's time.
    """
    return ReadClient(_connection(url, token, writes=False, wsgi_app=wsgi_app, now=now))


def connect_writer(
    url: str,
    token: Token | None,
    *,
    wsgi_app: WSGIApplication | None = None,
    now: Callable[[], float] = time.time,
) -> WriteClient:
    """A client that reads and writes; otherwise as `connect`."""
    return WriteClient(_connection(url, token, writes=True, wsgi_app=wsgi_app, now=now))


def _connection(
    url: str,
    token: Token | None,
    *,
    writes: bool,
    wsgi_app: WSGIApplication | None,
    now: Callable[[], float],
) -> Connection:
    address = parse_address(url)
    if wsgi_app is None and token is not None:
        demand_privacy(address)
    return Connection(address, token, writes=writes, wsgi_app=wsgi_app, now=now)
