"""A server of the S3 protocol on a port of this machine, with buckets that a test can make fail."""

import os
import threading
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from werkzeug.serving import WSGIRequestHandler, make_server

SECRET = "the-secret-key-of-the-storage-3f9a77b1"
_NUMBERS = count()


class Quiet(WSGIRequestHandler):
    """Prints nothing."""

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002 - as Werkzeug names it
        pass


@dataclass(slots=True)
class S3:
    """The server; `fault` may answer for it: with `down` instead of it, with `lost` once it has done what was asked."""

    url: str = ""
    fault: Callable[[str, str], str | None] = field(default=lambda _method, _path: None)

    def bucket(self) -> str:
        """The URL of a place in a new bucket."""
        name = f"bucket-{os.getpid()}-{next(_NUMBERS)}"
        urllib.request.urlopen(urllib.request.Request(f"{self.url}/{name}", method="PUT")).close()
        return f"s3://{name}/team"

    def environment(self) -> dict[str, str]:
        """What a process needs to reach it."""
        return {
            "AWS_ENDPOINT": self.url,
            "AWS_ALLOW_HTTP": "true",
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": SECRET,
        }


@contextmanager
def s3_server() -> Iterator[S3]:
    """The server, until it is no longer needed."""
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app  # takes a second

    s3, one_at_a_time = S3(), threading.Lock()  # conditions hold for a whole request, as on a real server
    app = DomainDispatcherApplication(create_backend_app)

    def gate(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        fault = s3.fault(environ["REQUEST_METHOD"], environ["PATH_INFO"])
        if fault == "down":
            start("403 Forbidden", [])
            return [f"<Error><Code>Down</Code><Message>{SECRET}</Message></Error>".encode()]
        with one_at_a_time:
            answer = list(app(environ, (lambda *_: None) if fault == "lost" else start))
        if fault == "lost":
            start("503 Service Unavailable", [])
            return [b""]
        return answer

    server = make_server("127.0.0.1", 0, gate, threaded=True, request_handler=Quiet)
    s3.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield s3
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
