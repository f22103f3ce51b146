"""Calling a WSGI application without a client library."""

import io
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlencode
from wsgiref.types import WSGIApplication, WSGIEnvironment

ANY_TOKEN = "secret"
Params = list[tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def call(
    app: WSGIApplication,
    method: str,
    path: str,
    *,
    params: Params | None = None,
    body: object = None,
    raw_body: bytes | None = None,
    token: str = ANY_TOKEN,
    raw_uri: bool = False,
    content_type: str = "",
) -> Reply:
    """Send one request; `raw_uri` hands the path over undecoded as well, as a real server does."""
    content = raw_body if raw_body is not None else b"" if body is None else json.dumps(body).encode()
    query = urlencode(params or [])
    environ: WSGIEnvironment = {
        "REQUEST_METHOD": method,
        "PATH_INFO": unquote(path).encode().decode("latin-1"),
        "QUERY_STRING": query,
        "CONTENT_LENGTH": str(len(content)),
        "wsgi.input": io.BytesIO(content),
    }
    if content_type:
        environ["CONTENT_TYPE"] = content_type
    if token:
        environ["HTTP_AUTHORIZATION"] = f"Bearer {token}"
    if raw_uri:
        environ["REQUEST_URI"] = f"{path}?{query}" if query else path
    seen: list[tuple[str, list[tuple[str, str]]]] = []

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: object = None) -> Any:
        seen.append((status, headers))
        return lambda data: None

    received = b"".join(app(environ, start_response))
    status, headers = seen[-1]
    return Reply(status=int(status.split()[0]), headers=dict(headers), body=received)
