"""The client through v2 against the emulator, whose one state both generations show."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from reconciler.api import endpoints
from reconciler.api.auth.provider import fixed
from reconciler.api.auth.token import Token
from reconciler.api.errors import AnswerLost, ApiError, PermissionDenied, RateLimited, Rejected
from reconciler.api.retry import Retrier, Timing
from reconciler.api.writer import WriteClient, connect_writer
from reconciler.core.overlay import EMPTY, Overlay
from reconciler.core.state import RepositoryVersion
from reconciler.emulator import Drop, EmulatorSettings, Fault, Garble, Status
from reconciler.emulator.server import Server
from tests.support.emulated import World
from tests.support.overlays import overlay


@pytest.fixture
def world() -> Iterator[World]:
    made = World(EmulatorSettings(automatic_rebuilds=False, tokens=frozenset({"owner", "viewer"})))
    yield made
    made.emulator.close()


@contextmanager
def _client(world: World, version: Any = "v2", name: str = "owner") -> Iterator[WriteClient]:
    secret = fixed(Token(name, source="TOK"))
    retrier = Retrier(timing=Timing(now=world.clock, sleep=world.clock.advance), jitter=lambda: 1.0)
    with connect_writer(
        "http://localhost", secret, wsgi_app=world.emulator, retrier=retrier, api_version=version
    ) as client:
        yield client


def test_pages_over_a_port(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoints, "_PAGE", (("pageSize", str(4)),))
    server = Server(world.emulator, "127.0.0.1", 0)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        secret = fixed(Token("owner", source="TOK"))
        with connect_writer(f"http://127.0.0.1:{server.port}", secret, api_version="v2") as client:
            listed = client.read_live(client.find_organization("example.com")).repositories
    finally:
        server.stop()
        thread.join()
    with _client(world, "v1") as client:
        whole = client.read_live(client.find_organization("example.com")).repositories
    assert {one.id for one in listed} == {one.id for one in whole}


def _reading(client: WriteClient, world: World, name: str) -> RepositoryVersion:
    found = client.read_repository(world.id(name), client.find_organization("example.com"))
    assert found is not None
    return found


def test_both_generations_show_the_same(world: World) -> None:
    lives = []
    for version in ("v1", "v2", "auto"):
        with _client(world, version) as client:
            live = client.read_live(client.find_organization("example.com"))
            lives.append(sorted(live.repositories, key=lambda one: one.id))
    assert lives[0] == lives[1] == lives[2]
    assert len(lives[0]) > 5


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_pages(world: World, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    with _client(world, "v1") as client:
        organization = client.find_organization("example.com")
        whole = {one.id for one in client.read_live(organization).repositories}
    monkeypatch.setattr(endpoints, "_PAGE", (("pageSize", str(size)),))
    with _client(world) as client:
        client.find_organization("example.com")
        before = client.sent.reads
        listed = [one.id for one in client.read_live(organization).repositories]
    assert set(listed) == whole
    assert len(listed) == len(whole)
    assert client.sent.reads - before > 2


def test_an_update_changes_the_overlay_alone(world: World) -> None:
    with _client(world) as client:
        live = client.read_live(client.find_organization("example.com"))
        (repository,) = [one for one in live.repositories if getattr(one.overlay, "unrecognized", ())]
        reading = _reading(client, world, repository.name)
        before = world.emulator.repository(repository.id)
        assert isinstance(reading.repository.overlay, Overlay)
        users = tuple(replace(user, shell="/bin/ash") for user in reading.repository.overlay.accounts.users)
        accounts = replace(reading.repository.overlay.accounts, users=users)
        wanted = replace(reading.repository.overlay, packages=("jq",), accounts=accounts)
        assert client.write_overlay(reading, wanted).overlay == wanted
    after = world.emulator.repository(repository.id)
    before["customOverlay"]["contents"]["packages"] = ["jq"]
    before["customOverlay"]["accounts"]["users"][0]["shell"] = "/bin/ash"
    assert after == before
    with _client(world) as client:
        assert client.write_overlay(_reading(client, world, repository.name), EMPTY).overlay == EMPTY


def test_what_somebody_else_changes_meanwhile_outside_the_overlay_stays(world: World) -> None:
    with _client(world) as client:
        reading = _reading(client, world, "custom-node")
        other = {**world.emulator.repository("custom-node"), "readme": "written meanwhile"}
        assert world.put("custom-node", other, token="owner").status == 200
        wanted = overlay({"packages": ["git"]})
        assert client.write_overlay(reading, wanted).overlay == wanted
    assert world.emulator.repository("custom-node")["readme"] == "written meanwhile"


def test_creating(world: World) -> None:
    wanted = overlay({"packages": ["git"]})
    with _client(world) as client:
        organization = client.find_organization("example.com")
        source = _reading(client, world, "custom-node")
        made = client.create_repository(source, name="fresh", folder="team-a", wanted=wanted, organization=organization)
        assert (made.folder, made.name, made.overlay) == ("team-a", "fresh", wanted)
        with pytest.raises(Rejected):
            client.create_repository(source, name="fresh", folder="team-a", wanted=wanted, organization=organization)


def test_one_that_is_gone_and_one_that_may_not_be_written(world: World) -> None:
    with _client(world, name="viewer") as client:
        organization = client.find_organization("example.com")
        assert client.read_repository(f"{organization.id}/{'0' * 16}", organization) is None
        with pytest.raises(PermissionDenied) as caught:
            client.write_overlay(_reading(client, world, "custom-node"), EMPTY)
    assert caught.value.capability == "repo.update"


@pytest.mark.parametrize(
    ("effect", "kind", "took_effect"),
    [
        (Drop(), AnswerLost, False),
        (Drop(when="after"), AnswerLost, True),
        (Garble(), AnswerLost, True),
        (Status(status=503, html=True), AnswerLost, False),
        (Status(status=503, when="after"), AnswerLost, True),
        (Status(status=429), RateLimited, False),
        (Status(status=409), Rejected, False),
    ],
)
def test_writes_that_go_wrong(world: World, effect: Any, kind: type[ApiError], took_effect: bool) -> None:  # noqa: FBT001 - a case of the table
    with _client(world) as client:
        reading = _reading(client, world, "custom-node")
        world.emulator.faults.add(Fault(effect=effect, method="PATCH", times=None))
        with pytest.raises(kind):
            client.write_overlay(reading, overlay({"packages": ["git"]}))
        now = _reading(client, world, "custom-node").repository.overlay
    assert (now == overlay({"packages": ["git"]})) is took_effect


@pytest.mark.parametrize("status", [403, 404, 501])
def test_a_server_without_v2(status: Any) -> None:
    world = World(EmulatorSettings(automatic_rebuilds=False, v2=status))
    with _client(world, "auto") as client:
        assert client.read_live(client.find_organization("example.com")).repositories
        wanted = overlay({"packages": ["git"]})
        assert client.write_overlay(_reading(client, world, "custom-node"), wanted).overlay == wanted
        assert client.api_version == f"v1, because v2 answered HTTP {status}"
    with _client(world, "v2") as client, pytest.raises(ApiError):
        client.read_live(client.find_organization("example.com"))
    world.emulator.close()
