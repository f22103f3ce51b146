"""Answers that are less than they should be, over a socket and through the whole command line.

Something between the program and the emulator changes what goes to and fro, as a proxy or another version might.
"""

import io
import json
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import pytest

from reconciler.emulator import EmulatorSettings
from reconciler.emulator.server import Server
from tests.support.program import Program, write_manifest

RESET = "organization: example.com\nrepositories: {legacy-php: {reset: true}}\n"
Change = Callable[[dict[str, Any]], bytes]

CLOSED = "the connection closed before the response was complete"


def listing(change: Change) -> Callable[[WSGIApplication], WSGIApplication]:
    """Change what the list of repositories answers; its announced length stays what it was."""

    def between(app: WSGIApplication) -> WSGIApplication:
        def wrapped(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            whole = b"".join(app(environ, start_response))
            listed = environ["PATH_INFO"].endswith("/repos") and "descendantsOf" in environ["QUERY_STRING"]
            changed = change(json.loads(whole)) if listed else whole
            return [changed.ljust(len(whole)) if changed.endswith(b"}") else changed]

        return wrapped

    return between


def forgetting(section: str) -> Callable[[WSGIApplication], WSGIApplication]:
    """Drop a section from every overlay that is written."""

    def between(app: WSGIApplication) -> WSGIApplication:
        def wrapped(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            if environ["REQUEST_METHOD"] in ("PUT", "PATCH"):
                sent = json.loads(environ["wsgi.input"].read())
                del sent["customOverlay"][section]
                body = json.dumps(sent).encode()
                environ["wsgi.input"], environ["CONTENT_LENGTH"] = io.BytesIO(body), str(len(body))
            return app(environ, start_response)

        return wrapped

    return between


@contextmanager
def served(program: Program, between: Callable[[WSGIApplication], WSGIApplication]) -> Iterator[str]:
    with program.emulator() as emulator:
        server = Server(between(emulator), "127.0.0.1", 0)
        thread = threading.Thread(target=server.run)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.port}"
        finally:
            server.stop()
            thread.join()


def encoded(document: dict[str, Any]) -> bytes:
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()


def without_ids(document: dict[str, Any]) -> bytes:
    document["items"][-1]["id"] = ""
    return encoded(document)


HALVES: dict[str, tuple[Change, list[str]]] = {
    "cut on the line": (
        lambda whole: encoded(whole)[:1000],
        [CLOSED, "trying again"],
    ),
    "one item only": (lambda whole: encoded({"items": whole["items"][:1], "nextPageToken": "x"}), ["a next page"]),
    "no list at all": (lambda _: b'{"error": "no"}', ["cannot parse the response"]),
    "a list that is none": (lambda _: b'{"items": "none"}', ["items is text, not a list"]),
    "an item that is none": (lambda _: b'{"items": [null]}', ["items[0] is null, not an object"]),
    "an item without an id": (without_ids, ["id is null"]),
    "a list of the list": (lambda whole: encoded({"items": [whole["items"][:2]]}), ["items[0] is a list"]),
}


@pytest.fixture(autouse=True)
def _with_a_token(program: Program) -> None:
    program.environ = {"CHAINGUARD_TOKEN": "t0ken-that-nobody-may-see"}
    program.settings = EmulatorSettings(automatic_rebuilds=False, stagger=0.0)


@pytest.mark.parametrize("command", [["plan"], ["apply", "--yes"]])
@pytest.mark.parametrize("case", HALVES)
def test_nothing_is_planned_from_half_an_answer(program: Program, command: list[str], case: str) -> None:
    change, words = HALVES[case]
    write_manifest(RESET)
    with served(program, listing(change)) as url:
        result = program.run(*command, "--api", url)
    assert (result.code, result.out) == (1, ""), result.err
    for word in words:
        assert word in result.err
    assert "t0ken" not in result.err
    with program.emulator() as emulator:
        assert emulator.repository("legacy-php")["customOverlay"] is not None


def test_a_whole_answer_is_planned_from(program: Program) -> None:
    write_manifest(RESET)
    with served(program, listing(encoded)) as url:
        assert program.run("plan", "--api", url, "--detailed-exitcode").code == 2


def test_a_section_that_the_server_drops_is_named(program: Program) -> None:
    write_manifest(
        "organization: example.com\nrepositories:\n  custom-nginx: {packages: [curl], environment: {A: b}}\n"
    )
    with served(program, forgetting("environment")) as url:
        result = program.run("apply", "--yes", "--no-wait", "--api", url)
    assert result.code == 3
    assert "differs from what was sent: environment" in result.out
