"""What went over the line, recorded at the HTTP library's own boundary: the same for every target."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

Handle = Callable[[Any, httpx.Request], httpx.Response]


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """A request and its answer; `path` and `query` as they were sent, headers by lower-case name."""

    method: str
    path: str
    query: str
    asked: Mapping[str, str] = field(repr=False)
    sent: bytes = field(repr=False)
    status: int
    told: Mapping[str, str] = field(repr=False)
    received: bytes = field(repr=False)

    @property
    def title(self) -> str:
        return f"{self.method} {self.path}{'?' if self.query else ''}{self.query} -> {self.status}"


@contextmanager
def recording(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Exchange]]:
    """Record everything that httpx sends, whether over a socket or to an application in this process."""
    found: list[Exchange] = []
    lock = threading.Lock()

    def wrapped(handle: Handle) -> Handle:
        def handle_request(transport: Any, request: httpx.Request) -> httpx.Response:
            response = handle(transport, request)
            assert isinstance(response.stream, httpx.SyncByteStream)
            received = b"".join(response.stream)
            response.close()
            with lock:
                found.append(_exchange(request, response, received))
            # The stream is used up: the client gets one that is not.
            return httpx.Response(response.status_code, headers=response.headers, stream=httpx.ByteStream(received))

        return handle_request

    with monkeypatch.context() as patch:
        for kind in (httpx.HTTPTransport, httpx.WSGITransport):
            patch.setattr(kind, "handle_request", wrapped(kind.handle_request))
        yield found


def _exchange(request: httpx.Request, response: httpx.Response, received: bytes) -> Exchange:
    path, _, query = request.url.raw_path.decode("ascii").partition("?")
    whole = httpx.Response(response.status_code, headers=response.headers, content=received)
    return Exchange(
        method=request.method,
        path=path,
        query=query,
        asked=dict(request.headers),
        sent=request.read(),
        status=response.status_code,
        told=dict(response.headers),
        received=whole.read(),
    )
