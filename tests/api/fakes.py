"""An API of a few lines for tests of the client: it answers what it is told to and remembers what it was asked."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl
from wsgiref.types import StartResponse, WSGIEnvironment

from reconciler.api.auth.provider import Credentials
from reconciler.api.auth.sources import find
from reconciler.api.client import ReadClient, connect
from reconciler.api.retry import Retrier, Timing
from reconciler.api.writer import WriteClient, connect_writer
from reconciler.core.state import Organization

ROOT = "45a0c61ebfd3" + "0" * 28
TEAM = f"{ROOT}/{'a' * 16}"
INNER = f"{TEAM}/{'b' * 16}"
NODE = f"{ROOT}/{'1' * 16}"
CATALOG = f"{'c' * 40}/{'d' * 16}"
ORGANIZATION = Organization(id=ROOT, name="example.com")
URL = "http://localhost"
LOCAL_TIME = 1_785_837_300.0
DATE = "Tue, 04 Aug 2026 10:00:00 GMT"
SERVER_TIME = 1_785_837_600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request as it arrived."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    raw_query: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.query if key == name]


@dataclass(slots=True)
class Told:
    """What to answer: JSON, or bytes as they are."""

    json: object = None
    status: int = 200
    body: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def content(self) -> bytes:
        return json.dumps(self.json).encode() if self.body is None else self.body


Answerer = Callable[[Asked], Told]


class Api:
    """A WSGI application that hands each request to `answer`."""

    def __init__(self, answer: Answerer | Told) -> None:
        self.answer: Answerer = (lambda _: answer) if isinstance(answer, Told) else answer
        self.asked: list[Asked] = []

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        asked = _asked(environ)
        self.asked.append(asked)
        told = self.answer(asked)
        headers = {"Content-Type": "application/json", "Date": DATE, **told.headers}
        start_response(f"{told.status} Whatever", [(name, value) for name, value in headers.items() if value])
        return [told.content]

    @property
    def only(self) -> Asked:
        (asked,) = self.asked
        return asked


def _asked(environ: WSGIEnvironment) -> Asked:
    return Asked(
        method=environ["REQUEST_METHOD"],
        path=environ["PATH_INFO"],
        query=tuple(parse_qsl(environ["QUERY_STRING"], keep_blank_values=True)),
        raw_query=environ["QUERY_STRING"],
        headers={key[5:].replace("_", "-").lower(): value for key, value in environ.items() if key.startswith("HTTP_")}
        | ({"content-type": environ["CONTENT_TYPE"]} if "CONTENT_TYPE" in environ else {}),
        body=environ["wsgi.input"].read(),
    )


def unhurried() -> Retrier:
    """Repeats without waiting, on a clock that stands still."""
    return Retrier(timing=Timing(now=lambda: LOCAL_TIME, monotonic=lambda: LOCAL_TIME, sleep=lambda _: None))


def credentials(url: str = URL) -> Credentials:
    """A token out of the environment."""
    return find({"CHAINGUARD_TOKEN": "sesame-3f9a"}, api_url=url)


def reader(answer: Answerer | Told, *, url: str = URL, retrier: Retrier | None = None) -> tuple[ReadClient, Api]:
    api = Api(answer)
    return connect(url, credentials(url), wsgi_app=api, retrier=retrier or unhurried(), api_version="v1"), api


def writer(answer: Answerer | Told, *, url: str = URL, retrier: Retrier | None = None) -> tuple[WriteClient, Api]:
    api = Api(answer)
    return connect_writer(url, credentials(url), wsgi_app=api, retrier=retrier or unhurried(), api_version="v1"), api


def repository(id_: str = NODE, name: str = "node", **fields: object) -> dict[str, Any]:
    """A repository as the API sends it, unset fields and all."""
    return {
        "id": id_,
        "name": name,
        "bundles": [],
        "readme": "",
        "sync_config": {"source": CATALOG, "expiration": None, "uniqueTags": False},
        "catalogTier": "UNKNOWN",
        "aliases": [],
        "activeTags": ["latest"],
        "customOverlay": None,
        "createTime": "2026-01-02T03:04:05.123456789Z",
        "description": "",
        **fields,
    }


def group(id_: str, name: str) -> dict[str, Any]:
    return {"id": id_, "name": name, "description": "", "verified": False, "kind": "ORG_KIND_CUSTOMER"}
