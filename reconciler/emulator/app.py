"""The API as a WSGI application: from an environ to an answer.

Here belong HTTP and the life of one request; what calls answer belongs to `calls/`, what goes wrong on purpose to
`faults.py`. Serving on a port belongs to `server.py`.
"""

import sqlite3
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Self
from wsgiref.types import StartResponse, WSGIEnvironment

from reconciler.emulator import access, answers, faults, instants, messages, protojson, records, routes, schedule
from reconciler.emulator.access import Caller
from reconciler.emulator.answers import Answer
from reconciler.emulator.calls.context import Context
from reconciler.emulator.calls.repos import UPDATED, put
from reconciler.emulator.errors import CODE_OF_STATUS, ApiError, Code, invalid
from reconciler.emulator.faults import BEFORE, Effect, Omit
from reconciler.emulator.merging import merged
from reconciler.emulator.query import Query
from reconciler.emulator.records import Json
from reconciler.emulator.settings import Settings
from reconciler.emulator.state import State


def _wait(seconds: float) -> None:
    threading.Event().wait(seconds)


class Emulator:
    """The Chainguard API over a state file, or over a private world in memory; call it as a WSGI application.

    Thread-safe; several processes may use one file at once. `clock` gives epoch seconds and stamps everything; `sleep`
    is what scripted delays wait with. StateError when the file cannot be used.
    """

    def __init__(
        self,
        database: Path | None = None,
        *,
        clock: Callable[[], float] = time.time,
        settings: Settings | None = None,
        sleep: Callable[[float], None] = _wait,
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._settings = settings or Settings()
        self._state = State(database)
        self._state.prepare(lambda db: _seed(db, self._now()))
        self._counting = threading.Lock()
        self._requests: list[tuple[str, str, str]] = []
        self._writes = 0
        self.faults = faults.Faults(self._state)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the state file."""
        self._state.close()

    @property
    def requests(self) -> list[tuple[str, str, str]]:
        """What was asked of this emulator since it was made: method, path, query."""
        with self._counting:
            return list(self._requests)

    @property
    def writes(self) -> int:
        """How many writes of this emulator took effect, whether or not the answer arrived."""
        with self._counting:
            return self._writes

    def repository(self, name: str) -> Json:
        """Return a repository as the API shows it; by id, path (`team-a/custom-node`) or name. LookupError if none."""
        with self._state.reading() as db:
            answer: Json = protojson.emit(messages.REPO, _located(db, name).message)
        return answer

    def edit(self, name: str, overlay: Json, *, replace: bool = False) -> None:
        """Change an overlay as somebody else would: merged as RFC 7396 says, or replaced; builds follow."""
        with self._state.writing() as db:
            repo = _located(db, name)
            schedule.advance(db, self._now(), self._settings)
            wanted = overlay if replace else merged(repo.overlay or {}, overlay)
            message = {**repo.message, "customOverlay": protojson.accept(messages.OVERLAY, wanted, "overlay")}
            put(db, repo, message, self._now(), self._settings)

    def patch(self, name: str, fields: Json) -> None:
        """Merge fields into a repository's message without starting builds, future fields included."""
        with self._state.writing() as db:
            repo = _located(db, name)
            message = protojson.accept(messages.REPO, merged(repo.message, fields), "repo")
            message |= {key: repo.message[key] for key in (UPDATED,) if key in repo.message}
            db.execute("UPDATE repos SET message = ? WHERE id = ?", (records.dump(message), repo.id))

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        method = str(environ.get("REQUEST_METHOD", "GET"))
        path = routes.raw_path(environ)
        with self._counting:
            self._requests.append((method, path, str(environ.get("QUERY_STRING", ""))))
        try:
            effects = self._effects(method, path)
            answer = faults.inject(
                effects,
                lambda: self._handle(method, path, environ, effects),
                lambda edit: self.edit(edit.edit, edit.overlay, replace=edit.replace),
                self._sleep,
            )
        except sqlite3.OperationalError as error:  # locked for too long, a full disk, a file taken away
            answer = answers.of_error(ApiError(Code.INTERNAL, f"state file: {error}"))
        start_response(answer.line, answer.headers(instants.to_http_date(self._now())))
        return [answer.body]

    def _effects(self, method: str, path: str) -> tuple[Effect, ...]:
        scripted = self.faults.fire(method, path)
        storm = self._settings.storm
        return scripted if scripted or storm is None else storm(method, path)

    def _handle(self, method: str, path: str, environ: WSGIEnvironment, effects: tuple[Effect, ...]) -> Answer:
        try:
            answer = answers.of_json(self._call(method, path, environ, effects))
        except ApiError as error:
            return answers.of_error(error)
        if routes.writes(method, path):
            with self._counting:
                self._writes += 1
        return answer

    def _call(self, method: str, path: str, environ: WSGIEnvironment, effects: tuple[Effect, ...]) -> Json:
        call, identifier = routes.find(method, path)
        refusal = _refusal(path, self._settings)
        if refusal is not None and refusal.code is Code.NOT_FOUND:  # an unknown path is told from before who asks
            raise refusal
        body = _body(environ)
        for effect in effects:
            if isinstance(effect, Omit) and effect.when == BEFORE:
                body = faults.without_fields(body, effect)
        context = Context(
            state=self._state,
            settings=self._settings,
            caller=self._caller(path, str(environ.get("HTTP_AUTHORIZATION", ""))),
            now=self._now(),
            identifier=identifier,
            query=Query(_parameters(path, environ, body)),
            body=body,
            effects=effects,
        )
        if refusal is not None:
            raise refusal
        return call(context)

    def _caller(self, path: str, authorization: str) -> Caller:
        if path == routes.EXCHANGE:
            return access.present(authorization, self._settings)
        return access.authenticate(authorization, self._settings, self._now())

    def _now(self) -> int:
        return instants.from_seconds(self._clock() + self._settings.clock_skew)


def reset(database: Path, *, clock: Callable[[], float] = time.time) -> None:
    """Empty a state file to the seed, whatever version of the emulator wrote it; StateError when it is foreign."""
    state = State(database)
    try:
        state.restart(lambda db: _seed(db, instants.from_seconds(clock())))
    finally:
        state.close()


def _seed(db: sqlite3.Connection, now: int) -> None:
    from reconciler.emulator import seed  # needed once in the life of a state file

    seed.fill(db, now)


def _located(db: sqlite3.Connection, name: str) -> records.Repo:
    repo = records.locate(db, name)
    if repo is None:
        raise LookupError(f"no repository is named {name!r}")
    return repo


def _refusal(path: str, settings: Settings) -> ApiError | None:
    """Return what answers a call of the second generation where that is switched off."""
    if settings.v2 == "on" or not routes.is_v2(path):
        return None
    texts = {403: "the caller may not use this generation of the API", 404: "Not Found", 501: "Method Not Allowed"}
    return ApiError(CODE_OF_STATUS[settings.v2], texts[settings.v2])


def _body(environ: dict[str, Any]) -> bytes:
    try:
        length = int(environ.get("CONTENT_LENGTH") or 0)
    except ValueError as error:
        raise invalid("invalid Content-Length") from error
    if not length and not environ.get("wsgi.input_terminated"):
        return b""
    body: bytes = environ["wsgi.input"].read(*([length] if length else []))
    return body


def _parameters(path: str, environ: WSGIEnvironment, body: bytes) -> str:
    """Return the parameters of a request: those of an exchange may come as a form as well."""
    query = str(environ.get("QUERY_STRING", ""))
    kind = str(environ.get("CONTENT_TYPE", "")).partition(";")[0].strip().lower()
    if path != routes.EXCHANGE or kind != "application/x-www-form-urlencoded":
        return query
    return "&".join(filter(None, (query, body.decode("utf-8", "replace"))))
