"""What nobody asked to change comes back as it was: unknown fields at every level, new enum values, numbers, order.

The whole way: the client reads generated repositories from the emulator, the engine applies a change to one section,
and the emulator holds what it was then sent. The emulator itself would not keep the text of a number, so a wrapper
carries numbers through it as texts: on the wire they are numbers.
"""

import functools
import io
import json
import re
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given
from hypothesis import strategies as st

from reconciler.api import ApiVersion
from reconciler.api.auth.provider import fixed
from reconciler.api.auth.token import Token
from reconciler.api.writer import WriteClient, connect_writer
from reconciler.core import planner
from reconciler.core.overlay import Overlay, Section
from reconciler.core.runs import Applied
from reconciler.core.state import Address, Desired, DesiredRepository
from reconciler.diagnostics import Place
from reconciler.emulator import Emulator, EmulatorSettings
from reconciler.engine.apply import apply
from reconciler.engine.ports import refresh
from tests.support.authority import Authority
from tests.support.clock import FakeClock
from tests.support.overlays import overlay

NAME = "orders-api"
LONGEST_ORDINARY = 15
_MARKED = re.compile(rb'"@@([^"@]*)@@"')


def _mark(text: str) -> str:
    return f"@@{text}@@"


def _mark_long(text: str) -> int | str:
    return int(text) if len(text) <= LONGEST_ORDINARY else _mark(text)


class Numbers:
    """The emulator with marked texts as numbers on the wire, both ways."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] != "GET":
            sent = json.loads(environ["wsgi.input"].read(), parse_float=_mark, parse_int=_mark_long)
            body = json.dumps(sent).encode()
            environ["wsgi.input"], environ["CONTENT_LENGTH"] = io.BytesIO(body), str(len(body))

        def start(status: str, headers: list[tuple[str, str]], *_: object) -> Any:
            return start_response(status, [pair for pair in headers if pair[0].lower() != "content-length"])

        return [_MARKED.sub(rb"\1", b"".join(self._emulator(environ, start)))]


NUMBERS = st.sampled_from(["1.10", "1e2", "-0.0", "1E-7", "1.0", "100000000000000000000.5", "12345678901234567890123"])
TEXTS = st.text(alphabet='ab "\\/\n\té🚀', max_size=4)
FUTURE = st.recursive(
    TEXTS | NUMBERS.map(_mark) | st.booleans() | st.integers(-5, 5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
NAMES = st.sampled_from(["a", "b", "c", "d", "e"])
WORDS = st.sampled_from(["", "x", "y"])


@functools.cache
def _certificate() -> str:
    with TemporaryDirectory() as folder:
        return Authority(Path(folder)).file.read_text()


@functools.cache
def _public_key() -> str:
    public = rsa.generate_private_key(public_exponent=65537, key_size=2048).public_key()
    info = serialization.PublicFormat.SubjectPublicKeyInfo
    return public.public_bytes(serialization.Encoding.PEM, info).decode()


def records(key: str, fields: dict[str, st.SearchStrategy[Any]], future: str) -> st.SearchStrategy[list[Any]]:
    """A list of objects of different names, in any order, each perhaps with a field that is not known yet."""
    item = st.fixed_dictionaries({key: NAMES, **fields}, optional={future: FUTURE})
    return st.lists(item, max_size=3, unique_by=lambda found: found[key])


def texts() -> st.SearchStrategy[dict[str, str]]:
    return st.dictionaries(NAMES, WORDS, max_size=3)


IDS = st.integers(0, 3)
UIDS = IDS.filter(bool)  # a user with uid 0 is refused
USERS = records("userName", {"uid": UIDS, "gid": st.none() | IDS, "shell": WORDS}, "supplementaryGroups")
GROUPS = records("groupName", {"gid": IDS, "members": st.lists(NAMES, max_size=3)}, "systemGroup")
CERTIFICATES = records("name", {"content": st.builds(_certificate)}, "trustPurposes")
KEYS = records("name", {"content": st.builds(_public_key)}, "retireAfter")
PACKAGES = st.lists(NAMES, max_size=4, unique=True)
LIVE_OVERLAY = st.fixed_dictionaries(
    {},
    optional={
        "contents": st.fixed_dictionaries(
            {}, optional={"packages": PACKAGES, "runtimeKeyring": KEYS, "excludedLocales": FUTURE}
        ),
        "environment": texts(),
        "annotations": texts(),
        "accounts": st.fixed_dictionaries(
            {}, optional={"runAs": WORDS, "users": USERS, "groups": GROUPS, "loginDefaults": FUTURE}
        ),
        "certificates": st.fixed_dictionaries(
            {}, optional={"additional": CERTIFICATES, "providers": PACKAGES, "revocationPolicy": FUTURE}
        ),
        "hardeningProfile": FUTURE,
    },
)
REPOSITORY = st.fixed_dictionaries(
    {"customOverlay": LIVE_OVERLAY},
    optional={
        "readme": TEXTS,
        "description": TEXTS,
        "aliases": st.lists(TEXTS, max_size=3),
        "catalogTier": st.sampled_from(["FIPS", "PREVIEW"]),
        "sync_config": st.fixed_dictionaries(
            {"expiration": st.just("2027-01-02T03:04:05.123456789Z"), "mirrorPriority": FUTURE}
        ),
        "supportWindow": FUTURE,
    },
)
# Each section: what may be asked of it, and the keys on the wire that it owns.
SECTIONS: dict[Section, tuple[st.SearchStrategy[Any], tuple[str, ...]]] = {
    Section.PACKAGES: (PACKAGES.map(lambda found: {"packages": found}), ("contents", "packages")),
    Section.ENVIRONMENT: (texts().map(lambda found: {"environment": found}), ("environment",)),
    Section.ANNOTATIONS: (texts().map(lambda found: {"annotations": found}), ("annotations",)),
    Section.ACCOUNTS: (
        st.lists(
            st.builds(lambda name, uid: {"username": name, "uid": uid}, NAMES, UIDS), max_size=3, unique_by=str
        ).map(lambda found: {"accounts": {"users": list({one["username"]: one for one in found}.values())}}),
        ("accounts", "runAs", "users", "groups"),
    ),
    Section.CERTIFICATES: (
        PACKAGES.map(lambda found: {"certificates": {"providers": found}}),
        ("certificates", "additional", "providers"),
    ),
}
CHANGES = st.sampled_from(sorted(SECTIONS)).flatmap(
    lambda section: st.tuples(st.just(section), SECTIONS[section][0].map(overlay))
)


class World:
    """One emulator and a client for it."""

    def __init__(self, version: ApiVersion) -> None:
        self.clock = FakeClock()
        self.emulator = Emulator(clock=self.clock.now, settings=EmulatorSettings(automatic_rebuilds=False))
        self.client: WriteClient = connect_writer(
            "http://localhost", fixed(Token("x", source="TOK")), wsgi_app=Numbers(self.emulator), api_version=version
        )
        self.clean = {"supportWindow": None, "readme": None, "description": None, "aliases": None, "catalogTier": None}

    def hold(self, repository: dict[str, Any]) -> dict[str, Any]:
        """Let the repository be so, and say how the API shows it."""
        self.emulator.patch(NAME, {"customOverlay": None, **self.clean})
        self.emulator.patch(NAME, repository)
        return self.emulator.repository(NAME)

    def change(self, section: Section, wanted: Overlay) -> dict[str, Any]:
        """Plan and apply one section; how the API shows the repository then."""
        entry = DesiredRepository(
            address=Address(name=NAME), place=Place(file="m.yaml"), overlay=wanted, managed=frozenset({section})
        )
        live = refresh(self.client, "example.com")
        plan = planner.plan(Desired(organization="example.com", repositories=(entry,)), live)
        outcomes = apply(
            plan, self.client, clock=self.clock, stop=threading.Event(), parallelism=1, on_event=lambda _: None
        )
        assert all(type(outcome) is Applied for outcome in outcomes), outcomes
        return self.emulator.repository(NAME)


@pytest.fixture(scope="module", params=["v1", "v2"])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    made = World(request.param)
    yield made
    made.client.close()
    made.emulator.close()


def rest(repository: dict[str, Any], section: Section) -> str:
    """All of a repository but what a section owns, with its order. An empty part and none are the same on this wire."""
    kept = json.loads(json.dumps(repository))
    found = kept["customOverlay"] or {}
    name, *owned = SECTIONS[section][1]
    if not owned:
        found[name] = {}
    elif found.get(name):
        found[name].update(dict.fromkeys(owned))
    kept["customOverlay"] = {key: value for key, value in found.items() if _says_something(value)}
    return json.dumps(kept)


def _says_something(part: object) -> bool:
    if isinstance(part, dict):
        return any(map(_says_something, part.values()))
    return part not in (None, "", [])


def items_of(repository: dict[str, Any], *path: str) -> list[Any]:
    found: Any = repository["customOverlay"] or {}
    for name in path:
        found = found.get(name) or {}
    return list(found)


@given(REPOSITORY, CHANGES)
def test_everything_else_comes_back_as_it_was(
    world: World, repository: dict[str, Any], change: tuple[Section, Overlay]
) -> None:
    section, wanted = change
    before = world.hold(repository)
    after = world.change(section, wanted)
    assert rest(after, section) == rest(before, section)


@given(REPOSITORY, CHANGES.filter(lambda change: change[0] is Section.ACCOUNTS))
def test_what_is_not_known_of_an_item_stays_with_it(
    world: World, repository: dict[str, Any], change: tuple[Section, Overlay]
) -> None:
    before, after = world.hold(repository), world.change(*change)
    unknown = {one["userName"]: one.get("supplementaryGroups") for one in items_of(before, "accounts", "users")}
    for one in items_of(after, "accounts", "users"):
        assert one.get("supplementaryGroups") == unknown.get(one["userName"])


@given(REPOSITORY, CHANGES.filter(lambda change: change[0] is Section.PACKAGES))
def test_what_stays_keeps_its_order(world: World, repository: dict[str, Any], change: tuple[Section, Overlay]) -> None:
    before, after = world.hold(repository), world.change(*change)
    old, new = (items_of(one, "contents", "packages") for one in (before, after))
    assert new[: len([one for one in old if one in new])] == [one for one in old if one in new]
    assert set(new) == set(change[1].packages)


def test_numbers_reach_the_server_as_they_came(world: World) -> None:
    world.hold({"supportWindow": ["@@1.10@@", "@@1e2@@", "@@12345678901234567890123@@"]})
    after = world.change(Section.PACKAGES, overlay({"packages": ["git"]}))
    assert after["supportWindow"] == ["@@1.10@@", "@@1e2@@", "@@12345678901234567890123@@"]
