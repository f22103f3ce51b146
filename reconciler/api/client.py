"""The API as methods that take and return core values.

`connect` gives a client that cannot write; `connect_writer` one that can. Requests are described in `calls`, fields
are read in `mapping` and `reports`, failures are worded in `failures`.
"""

from wsgiref.types import WSGIApplication

import httpx

from reconciler.api.auth.provider import Credentials
from reconciler.api.defaults import API_VERSION, ApiVersion
from reconciler.api.generations.generation import choose
from reconciler.api.http import Connection
from reconciler.api.reading import ReadClient
from reconciler.api.retry import Retrier
from reconciler.api.url import demand_privacy, parse_address
from reconciler.api.writing import WriteClient

__all__ = ["ReadClient", "WriteClient", "connect", "connect_writer"]


def connect(
    url: str,
    credentials: Credentials | None,
    *,
    wsgi_app: WSGIApplication | None = None,
    retrier: Retrier | None = None,
    api_version: ApiVersion = API_VERSION,
) -> ReadClient:
    """A client that only reads. Raises `BadAddress`; sends nothing yet.

    With `wsgi_app` the API runs inside this process and `url` only has the form of an address. `retrier` brings the
    clock, the cap on the rate and the listener to retries; without one they are the real clock, none and nobody.
    `api_version` is the generation of the API that answers for repositories.
    """
    connection = _connection(url, credentials, writes=False, wsgi_app=wsgi_app, retrier=retrier)
    return ReadClient(connection, choose(api_version, connection))


def connect_writer(
    url: str,
    credentials: Credentials | None,
    *,
    wsgi_app: WSGIApplication | None = None,
    retrier: Retrier | None = None,
    api_version: ApiVersion = API_VERSION,
) -> WriteClient:
    """A client that reads and writes; otherwise as `connect`."""
    connection = _connection(url, credentials, writes=True, wsgi_app=wsgi_app, retrier=retrier)
    return WriteClient(connection, choose(api_version, connection))


def _connection(
    url: str,
    credentials: Credentials | None,
    *,
    writes: bool,
    wsgi_app: WSGIApplication | None,
    retrier: Retrier | None,
) -> Connection:
    address = parse_address(url)
    if wsgi_app is None and credentials is not None:
        demand_privacy(address)
    transport = None if wsgi_app is None else httpx.WSGITransport(app=wsgi_app)
    return Connection(address, credentials, writes=writes, transport=transport, retrier=retrier)
