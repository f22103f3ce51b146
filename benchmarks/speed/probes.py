"""What is measured inside a process, after the imports: `python -m benchmarks.speed.probes NAME ARGUMENTS`.

Each prints seconds and the megabytes that its peak grew by, in one line. The product is measured as its command line
runs it, which looks for cycles less often than Python does by itself; the peers run as Python starts them.
"""

import hashlib
import json
import os
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


def _measured(work: Callable[[], Any]) -> Any:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.perf_counter()
    result = work()
    took = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    sys.stdout.write(f"{took} {(after - before) / 1024}\n")
    return result


def manifest(path: str) -> None:
    from reconciler import manifest as product
    from reconciler.manifest import loading  # the imports are a figure of their own

    assert loading
    desired, problems = _measured(lambda: product.load(Path(path)))
    assert not problems, problems[:3]
    assert desired.repositories


def yaml(path: str) -> None:
    import yaml as library

    def load() -> Any:
        with Path(path).open(encoding="utf-8") as stream:
            return library.load(stream, library.CSafeLoader)

    assert _measured(load)


def live(url: str, version: str = "v1") -> None:
    client, organization = _client(url, version)
    assert _measured(lambda: client.read_live(organization)).repositories


def plain_live(url: str) -> None:
    import http.client

    def read() -> Any:
        connection = http.client.HTTPConnection(url.removeprefix("http://"))
        connection.request("GET", "/registry/v1/repos")
        return json.loads(connection.getresponse().read())

    assert _measured(read)["items"]


def text(manifest_path: str, url: str, out: str) -> None:
    from reconciler.cli import planning
    from reconciler.views import plan_text
    from reconciler.views.text import Style

    document = planning.document(_plan(manifest_path, url), api=url)

    def write() -> None:
        with Path(out).open("w", encoding="utf-8") as stream:
            style = Style(color=False, unicode=True)
            stream.write(plan_text.render(document, style=style, width=80, show_unchanged=False))

    _measured(write)


def ready_text(ready: str, out: str) -> None:
    lines = Path(ready).read_text(encoding="utf-8").splitlines(keepends=True)

    def write() -> None:
        with Path(out).open("w", encoding="utf-8") as stream:
            stream.writelines(lines)

    _measured(write)


def save(manifest_path: str, url: str, out: str) -> None:
    from reconciler import planfile

    saved = planfile.SavedPlan(
        plan=_plan(manifest_path, url), api=url, tool_version="1", created=0.0, manifest_digest=""
    )
    _measured(lambda: planfile.save_plan(Path(out), saved))


def load(path: str) -> None:
    from reconciler import planfile

    assert _measured(lambda: planfile.load_plan(Path(path))).plan.steps


def plain_save(path: str, out: str) -> None:
    """The same data by `json.dumps`, with a digest and to the disk."""
    data = [json.loads(line) for line in Path(path).read_bytes().splitlines()]

    def write() -> None:
        body = json.dumps(data, separators=(",", ":")).encode()
        hashlib.sha256(body).hexdigest()
        with Path(out).open("wb") as stream:
            stream.write(body)
            stream.flush()
            os.fsync(stream.fileno())

    _measured(write)


def plain_load(path: str) -> None:
    body = b"[" + b",".join(Path(path).read_bytes().splitlines()) + b"]"
    assert _measured(lambda: json.loads(body))


def look(url: str) -> None:
    """One look at all builds and the queue."""
    client, organization = _client(url, "v1")

    def read() -> int:
        client.sync_states(organization)
        return len(client.list_builds(organization, since=1.0))

    assert _measured(read)


def _client(url: str, version: str = "v1") -> tuple[Any, Any]:
    from reconciler.api.auth.provider import fixed
    from reconciler.api.auth.token import Token
    from reconciler.api.client import connect

    client = connect(url, fixed(Token("invented", source="benchmark")), api_version=version)  # type: ignore[arg-type]
    client.__enter__()
    return client, client.find_organization("example.com")


def _plan(manifest_path: str, url: str) -> Any:
    from reconciler import manifest as product
    from reconciler.core import planner

    desired, _ = product.load(Path(manifest_path))
    client, organization = _client(url)
    return planner.plan(desired, client.read_live(organization))


_PEERS = (yaml, plain_live, ready_text, plain_save, plain_load)
_PROBES = (*_PEERS, manifest, live, text, save, load, look)

if __name__ == "__main__":
    chosen = {probe.__name__: probe for probe in _PROBES}[sys.argv[1]]
    if chosen not in _PEERS:
        from reconciler.cli import collect_seldom

        collect_seldom()
    chosen(*sys.argv[2:])
