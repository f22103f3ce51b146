"""The API as a WSGI application: which handler answers a path, and the life of one request."""

import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Self
from wsgiref.types import StartResponse, WSGIEnvironment

from werkzeug import Request, Response
from werkzeug.exceptions import ClientDisconnected, HTTPException, MethodNotAllowed, NotFound
from werkzeug.routing import BaseConverter, Map, Rule

from reconciler.emulator import (
    apko,
    builds,
    faults,
    iam,
    overlay_store,
    overlays,
    packages,
    protojson,
    repos,
    schedule,
    seed,
    store,
    timestamps,
    uidp,
)
from reconciler.emulator.effects import BEFORE, Bind, Edit, Effect, Omit, inject, without_fields
from reconciler.emulator.errors import (
    CODE_OF_STATUS,
    RpcCode,
    RpcError,
    invalid,
    json_response,
    not_found,
    status_response,
)
from reconciler.emulator.messages import OVERLAY, REPO
from reconciler.emulator.protojson import merge_patch
from reconciler.emulator.query import ApiRequest, Caller, Query
from reconciler.emulator.settings import EmulatorSettings
from reconciler.emulator.store import Json, StateFile

Handler = Callable[[ApiRequest], Json]

_REMEMBERED_REQUESTS = 10_000
LARGEST_BODY = 64 * 1024 * 1024
_EXCHANGE = "/sts/exchange"
_V2_REFUSALS = {403: "the caller may not use this version of the API", 404: "Not Found", 501: "Method Not Allowed"}
# Method, path, handler. The gateway's `{id=**}` takes any number of segments, none included.
_ROUTES: tuple[tuple[str, str, Handler], ...] = (
    ("GET", _EXCHANGE, iam.exchange),
    ("POST", _EXCHANGE, iam.exchange),
    ("GET", "/apk/v1/package-summaries", packages.list_summaries),
    ("GET", "/apk/v1/packages", packages.list_packages),
    ("POST", "/apko/v1/resolve/<segments:id>", apko.resolve),
    ("GET", "/auth/v1/ok", iam.who_am_i),
    ("GET", "/iam/v1/groups", iam.list_groups),
    ("GET", "/registry/v1/buildreports", builds.list_build_reports),
    ("GET", "/registry/v1/repos", repos.list_repos),
    ("GET", "/registry/v1/syncstatuses", builds.list_sync_statuses),
    ("GET", "/registry/v1/tags", builds.list_tags),
    ("GET", "/registry/v1/repos/<segments:id>:syncstatus", builds.sync_status),
    ("POST", "/registry/v1/repos", repos.create_repo),
    ("POST", "/registry/v1/repos/<segments:id>", repos.create_repo),
    ("PUT", "/registry/v1/repos/<segments:id>", repos.update_repo),
    ("GET", "/registry/v2beta1/overlays", overlays.page_overlays),
    ("GET", "/registry/v2beta1/overlays/<segments:id>", overlays.get_overlay),
    ("POST", "/registry/v2beta1/overlays/<segments:id>", overlays.create_overlay),
    ("PATCH", "/registry/v2beta1/overlays/<segments:id>", overlays.update_overlay),
    ("DELETE", "/registry/v2beta1/overlays/<segments:id>", overlays.delete_overlay),
    ("GET", "/registry/v2beta1/overlayBindings", overlays.page_bindings),
    ("GET", "/registry/v2beta1/overlayBindings/<segments:id>", overlays.get_binding),
    ("POST", "/registry/v2beta1/overlayBindings/<segments:id>", overlays.create_binding),
    ("PATCH", "/registry/v2beta1/overlayBindings/<segments:id>", overlays.update_binding),
    ("DELETE", "/registry/v2beta1/overlayBindings/<segments:id>", overlays.delete_binding),
    ("GET", "/iam/v2/groups", iam.page_groups),
    ("GET", "/registry/v2/repos", repos.page_repos),
    ("GET", "/registry/v2/tags", builds.page_tags),
    ("GET", "/registry/v2/repos/<segments:id>", repos.get_repo),
    ("PATCH", "/registry/v2/repos/<segments:id>", repos.patch_repo),
    ("POST", "/registry/v2/repos", repos.create_repo_v2),
    ("POST", "/registry/v2/repos/<segments:id>", repos.create_repo_v2),
)


class _SegmentsConverter(BaseConverter):
    """An id with its slashes, escaped or not, or nothing."""

    part_isolating = False
    regex = r"[\s\S]*"


_MAP = Map(
    [Rule(path, methods=[method], endpoint=handler) for method, path, handler in _ROUTES],
    converters={"segments": _SegmentsConverter},
    merge_slashes=False,
    redirect_defaults=False,
).bind("emulator")


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
        settings: EmulatorSettings | None = None,
        sleep: Callable[[float], object] | None = None,
    ) -> None:
        self._clock = clock
        self._sleep = sleep or threading.Event().wait
        self._settings = settings or EmulatorSettings()
        self._state = StateFile(database)
        self._state.prepare(
            lambda db: seed.fill(db, self._now(), with_overlays=self._settings.seed_overlays),
        )
        self._counting = threading.Lock()
        self._requests: deque[tuple[str, str, str]] = deque(maxlen=_REMEMBERED_REQUESTS)
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
        """Return the last 10,000 requests to this emulator: method, path, query."""
        with self._counting:
            return list(self._requests)

    @property
    def writes(self) -> int:
        """Return how many writes of this emulator took effect, whether or not the answer arrived."""
        with self._counting:
            return self._writes

    def repository(self, name: str) -> Json:
        """Return a repository as the API shows it; by id, path (`team-a/custom-node`) or name. LookupError if none."""
        with self._state.reading() as db:
            return protojson.emit(REPO, repos.shown(_located(db, name).message, self._now()))

    def effective_overlay(self, name: str, tag: str) -> Json | None:
        """Return what a tag of a repository is built with, in the form of API version 1; LookupError if none."""
        with self._state.reading() as db:
            overlay = overlay_store.of_repository(db, _located(db, name)).overlay(tag)
        return None if overlay is None else protojson.emit(OVERLAY, overlay)

    def edit(self, name: str, overlay: Json, *, replace: bool = False) -> None:
        """Change an overlay as somebody else would: merged as RFC 7396 says, or replaced; builds follow."""
        with self._state.writing() as db:
            repo = _located(db, name)
            wanted = overlay if replace else merge_patch(repo.overlay or {}, overlay)
            message = {**repo.message, "customOverlay": protojson.accept(OVERLAY, wanted, "overlay")}
            repos.put(db, repo, message, self._now(), self._settings)

    def patch(self, name: str, fields: Json) -> None:
        """Merge fields into a repository's message without starting builds, future fields included."""
        with self._state.writing() as db:
            repo = _located(db, name)
            message = protojson.accept(REPO, merge_patch(repo.message, fields), "repo")
            message |= {key: repo.message[key] for key in repos.UNSENT if key in repo.message}
            db.execute("UPDATE repos SET message = ? WHERE id = ?", (store.dump(message), repo.id))

    def bind(
        self, overlay: str, to: str = "", tags: str | list[str] | None = "all", config: Json | None = None
    ) -> None:
        """Make, change, bind or detach an overlay of a name as somebody else would; builds follow.

        `config` is its configuration from then on, and by default that of a new one. `to` names a repository, or ends
        in a slash and is the path of a group, whose repositories all get it; `tags` are `all`, `dev`, a list of exact
        ones, or None to detach it.
        """
        stored = None if config is None else protojson.accept(OVERLAY, config, "config")
        with self._state.writing() as db:
            parent = overlays.located(db, to or f"{store.HOME}/")
            root = uidp.root(parent)
            with schedule.rebuilding(db, (parent if stored is None else root,), self._now(), self._settings):
                found = overlays.set_overlay(db, root, overlay, stored, self._now())
                if to:
                    selector = None if tags is None else overlays.selector(tags)
                    overlays.set_binding(db, parent, found["id"], selector, self._now())

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        request = Request(environ)
        request.max_content_length = LARGEST_BODY
        path = str(environ.get("REQUEST_URI") or request.path).partition("?")[0]  # as it was sent, where that is known
        with self._counting:
            self._requests.append((request.method, path, request.query_string.decode("latin-1")))
        try:
            effects = self._effects(request.method, path)
            response = inject(
                effects,
                lambda: self._handle(request, effects),
                self._play,
                self._sleep,
            )
        except sqlite3.OperationalError as error:  # locked for too long, a full disk, a file taken away
            response = status_response(500, RpcCode.INTERNAL, f"state file: {error}")
        response.headers.setdefault("Date", timestamps.to_http_date(self._now()))
        return response(environ, start_response)

    def _effects(self, method: str, path: str) -> tuple[Effect, ...]:
        scripted = self.faults.fire(method, path)
        storm = self._settings.storm
        return scripted if scripted or storm is None else storm(method, path)

    def _play(self, effect: Edit | Bind) -> None:
        """Make the change of an effect as another user."""
        match effect:
            case Edit():
                self.edit(effect.edit, effect.overlay, replace=effect.replace)
            case Bind():
                self.bind(effect.bind, effect.to, effect.tags, effect.config)

    def _handle(self, request: Request, effects: tuple[Effect, ...]) -> Response:
        try:
            response = json_response(self._call(request, effects))
        except RpcError as error:
            return error.get_response()
        except ClientDisconnected as error:  # or one that has stopped in the middle of the body
            raise ConnectionAbortedError("the request was not sent to its end") from error
        except HTTPException as error:
            status = error.code or 500
            return status_response(status, CODE_OF_STATUS.get(status, RpcCode.UNKNOWN), error.name)
        if _writes(request):
            with self._counting:
                self._writes += 1
        return response

    def _call(self, request: Request, effects: tuple[Effect, ...]) -> Json:
        body = _body(request)
        handler, identifier = _route(request)
        refusal = self._refusal(request.path)
        if refusal is not None and refusal.code == 404:  # noqa: PLR2004 - an unknown path is answered before who asks
            raise refusal
        for effect in effects:
            if isinstance(effect, Omit) and effect.when == BEFORE:
                body = without_fields(body, effect)
        parameters = request.values if request.path == _EXCHANGE else request.args
        api_request = ApiRequest(
            state=self._state,
            settings=self._settings,
            caller=self._caller(request),
            now=self._now(),
            identifier=identifier,
            query=Query(parameters.items(multi=True)),
            body=body,
            effects=effects,
        )
        if refusal is not None:
            raise refusal
        return handler(api_request)

    def _caller(self, request: Request) -> Caller:
        authorization = request.headers.get("Authorization", "")
        if request.path == _EXCHANGE:
            return iam.present(authorization, self._settings)
        return iam.authenticate(authorization, self._settings, self._now())

    def _refusal(self, path: str) -> RpcError | None:
        """Return what answers a call of version 2 where that is switched off."""
        if self._settings.v2 == "on" or path.split("/")[2:3] != ["v2"]:
            return None
        return RpcError(CODE_OF_STATUS[self._settings.v2], _V2_REFUSALS[self._settings.v2])

    def _now(self) -> int:
        return timestamps.from_seconds(self._clock() + self._settings.clock_skew)


def reset(database: Path, *, clock: Callable[[], float] = time.time) -> None:
    """Empty a state file to the seed, whatever version of the emulator wrote it; StateError when it is foreign."""
    state = StateFile(database)
    try:
        state.restart(lambda db: seed.fill(db, timestamps.from_seconds(clock())))
    finally:
        state.close()


def _route(request: Request) -> tuple[Handler, str]:
    """Return the handler of a request and the id in its path ("" when the route has none)."""
    try:
        rule, values = _MAP.match(request.path, request.method, return_rule=True)
    except MethodNotAllowed as error:
        raise RpcError(RpcCode.UNIMPLEMENTED, "Method Not Allowed") from error
    except NotFound as error:
        raise not_found("Not Found") from error
    if request.method == "HEAD":  # which Werkzeug lets stand for GET
        raise RpcError(RpcCode.UNIMPLEMENTED, "Method Not Allowed")
    return rule.endpoint, values.get("id", "")


def _body(request: Request) -> bytes:
    """Return the body, which is read to its end whatever becomes of it: the connection may serve another request."""
    if not (request.environ.get("CONTENT_LENGTH") or "0").isdecimal():
        raise invalid("invalid Content-Length")
    return request.get_data(parse_form_data=False, cache=True)


def _writes(request: Request) -> bool:
    """Return whether a request changes something: two of those that are sent by POST do not."""
    read_only = request.path == _EXCHANGE or request.path.startswith("/apko/")
    return request.method in ("DELETE", "PATCH", "POST", "PUT") and not read_only


def _located(db: sqlite3.Connection, name: str) -> store.Repo:
    repo = store.locate(db, name)
    if repo is None:
        raise LookupError(f"no repository is named {name!r}")
    return repo
