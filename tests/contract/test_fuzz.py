"""The emulator under generated requests, well-formed and not: answers as published, and never an internal error."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, TypeAlias
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode

from reconciler.emulator import EmulatorSettings
from tests.contract.conformity import Documents
from tests.contract.narrowed import SERVED, narrowed, record_ids
from tests.contract.traffic import Exchange
from tests.support.emulated import World
from tests.support.examples import examples
from tests.support.openapi import FOLDER
from tests.support.wsgi import Reply, call

# For each operation the same requests each time; where there are to be many, others each time.
BOUNDED = settings(
    max_examples=examples(30),
    deadline=None,
    derandomize=examples(30) <= 15,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
_PATHS = {name: json.loads((FOLDER / name).read_text(encoding="utf-8"))["paths"] for name in SERVED}
OPERATIONS = [(name, method, path) for name, paths in SERVED.items() for path in paths for method in _PATHS[name][path]]
IDS = [f"{method} {path}" for _, method, path in OPERATIONS]
AnyCase: TypeAlias = "Case[Any]"
INTERNAL = 500


@pytest.fixture
def world() -> Iterator[World]:
    made = World(EmulatorSettings(automatic_rebuilds=False))
    for number in range(8):  # as many as are deleted
        made.emulator.bind(f"overlay-{number}", "orders-api", [f"tag-{number}"])
    yield made
    made.emulator.close()


@pytest.fixture(scope="module")
def documents() -> Documents:
    return Documents()


def _with_plain_slashes(app: WSGIApplication) -> WSGIApplication:
    """The tool escapes the slashes in ids, which the gateway takes as they are."""

    def wrapped(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path, _, query = str(environ["REQUEST_URI"]).partition("?")
        environ["REQUEST_URI"] = f"{path.replace('%2F', '/')}?{query}"
        return app(environ, start_response)

    return wrapped


def _can_be_wrong(name: str, method: str, path: str) -> bool:
    """Say whether an operation has something beside its path that can be given wrongly."""
    operation = _PATHS[name][path][method]
    return "requestBody" in operation or any(each["in"] == "query" for each in operation["parameters"])


MODES = [
    pytest.param(each, mode, id=f"{each[1]} {each[2]} {name}")
    for each in OPERATIONS
    for name, mode in (("valid", GenerationMode.POSITIVE), ("invalid", GenerationMode.NEGATIVE))
    if mode is GenerationMode.POSITIVE or _can_be_wrong(*each)
]


@pytest.mark.parametrize(("operation", "mode"), MODES)
def test_generated_requests(
    world: World, documents: Documents, operation: tuple[str, str, str], mode: GenerationMode
) -> None:
    name, method, path = operation
    schema = schemathesis.openapi.from_dict(narrowed(FOLDER / name, world.emulator))
    schema.app = _with_plain_slashes(world.emulator)
    described = schema[path][method]
    seen: Counter[int] = Counter()

    @BOUNDED
    @given(case=described.as_strategy(generation_mode=mode))
    def run(case: AnyCase) -> None:
        response = case.call(headers={"Authorization": "Bearer secret"})
        seen[response.status_code] += 1
        exchange = Exchange(
            method=method.upper(),
            path=case.formatted_path.replace("%2F", "/"),
            query="",
            asked={},
            sent=b"",
            status=response.status_code,
            told={"content-type": response.headers["content-type"][0]},
            received=response.content or b"",
        )
        assert response.status_code != INTERNAL, case.as_curl_command()
        assert documents.of_answer(exchange) == [], case.as_curl_command()

    run()
    # Creating a repository is refused for names and sources that hardly any generated document hits; no other call is.
    creates = method == "post" and path.startswith("/registry/")
    if mode is GenerationMode.POSITIVE and not creates:
        assert seen[_expected(method, path)], f"every request was refused: {seen}"


def _expected(method: str, path: str) -> int:
    """The status of a request that is right: repositories cannot be deleted, nor overlays that are bound."""
    if method != "delete":
        return 200
    return {"/registry/v2beta1/overlays/{uid}": 400, "/registry/v2beta1/overlayBindings/{uid}": 200}.get(path, 501)


ODD_TEXT = st.one_of(
    st.text(max_size=20),
    st.sampled_from(["\0", "%00", "1e400", "-1", "9" * 400, "0001-01-01T00:00:00Z", "9999-12-31T23:59:59+23:59"]),
    st.sampled_from(["0001-01-01T00:00:00+01:00", "2023-06-30T23:59:60Z", "٣", "\ud7ff", "../..", "a/b:syncstatus"]),
)
NAMES = sorted(
    {
        parameter["name"]
        for name in SERVED
        for methods in _PATHS[name].values()
        for operation in methods.values()
        for parameter in operation.get("parameters", ())
    }
    | {"updateMask"}
)
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), ODD_TEXT),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ODD_TEXT, inner, max_size=3),
    max_leaves=8,
)
OVERLAYS = st.dictionaries(
    st.sampled_from(
        [
            "contents",
            "environment",
            "annotations",
            "accounts",
            "certificates",
            "guardedEntrypoint",
            "preflight",
            "commandOverride",
            "failMode",
            "truststore",
            "hardeningProfile",
        ]
    ),
    JSON,
)
BODIES = st.one_of(
    st.binary(max_size=40),
    JSON.map(lambda value: json.dumps(value).encode()),
    OVERLAYS.map(lambda value: json.dumps({"name": "fresh", "customOverlay": value}).encode()),
    OVERLAYS.map(lambda value: json.dumps({"config": value}).encode()),
    st.sampled_from([b"\xef\xbb\xbf{}", b'{"a":1e999}', b'{"name":"\\u0000"}', b'{"catalogTier":1e2}', b"{" * 5000]),
)


@pytest.mark.parametrize("operation", OPERATIONS, ids=IDS)
def test_odd_requests(world: World, documents: Documents, operation: tuple[str, str, str]) -> None:
    _, method, path = operation
    makes = method == "post" and path.startswith("/registry/")
    own = next(iter(record_ids(path, world.emulator)), world.id("custom-go"))
    identifier = world.id("custom-go").rpartition("/")[0] if makes else own
    real = re.sub(r"\{[A-Za-z]+\}", identifier, path)

    @BOUNDED
    @given(
        params=st.lists(st.tuples(st.sampled_from(NAMES), ODD_TEXT), max_size=2),
        body=BODIES,
        token=st.one_of(st.just("secret"), st.text(st.characters(codec="latin-1"), max_size=20)),
    )
    def run(params: list[tuple[str, str]], body: bytes, token: str) -> None:
        content = b"" if method == "get" else body
        form = "application/x-www-form-urlencoded"
        reply = call(
            world.emulator, method.upper(), real, params=params, raw_body=content, token=token, content_type=form
        )
        assert _objections(documents, method, real, reply) == []

    run()


@BOUNDED
@given(path=st.text(max_size=30), method=st.sampled_from(["GET", "PUT", "PATCH", "POST", "DELETE", "OPTIONS", "X"]))
def test_odd_paths(world: World, path: str, method: str) -> None:
    for above in ("", "registry/v1/repos/", "registry/v2/repos/", "registry/v2beta1/overlays/"):
        for raw in (False, True):
            reply = call(world.emulator, method, f"/{above}{path}", raw_uri=raw)
            assert reply.status in (200, 400, 404, 501), reply
            assert isinstance(reply.json, dict)


def _objections(documents: Documents, method: str, path: str, reply: Reply) -> list[str]:
    if reply.status == INTERNAL:
        return [f"internal error: {reply.body!r}"]
    exchange = Exchange(
        method=method.upper(),
        path=path,
        query="",
        asked={},
        sent=b"",
        status=reply.status,
        told={"content-type": reply.headers["Content-Type"]},
        received=reply.body,
    )
    return documents.of_answer(exchange)
