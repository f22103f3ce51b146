"""The client against the emulator, in this process and over a port: both must read the API in the same way."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from reconciler.api.auth.provider import fixed
from reconciler.api.auth.token import Token
from reconciler.api.errors import (
    AnswerLost,
    ApiError,
    NotFound,
    NotUnderstood,
    PermissionDenied,
    RateLimited,
    Rejected,
    ServerFault,
    TokenRejected,
    Unreachable,
)
from reconciler.api.retry import Retrier, Timing
from reconciler.api.writer import WriteClient, connect_writer
from reconciler.core.builds import Evidence, Result, Sync
from reconciler.core.overlay import EMPTY, Overlay
from reconciler.core.state import Live, LiveRepository, Organization, RepositoryVersion
from reconciler.emulator import Drop, EmulatorSettings, Fault, Garble, Status
from reconciler.emulator.server import Server
from tests.support.emulated import START, World
from tests.support.overlays import evidence_of


@pytest.fixture
def world() -> Iterator[World]:
    made = World(EmulatorSettings(automatic_rebuilds=False, tokens=frozenset({"owner", "viewer"})))
    yield made
    made.emulator.close()


def _repeater(world: World) -> Retrier:
    return Retrier(timing=Timing(now=world.clock, sleep=world.clock.advance), jitter=lambda: 1.0)


@contextmanager
def _in_process(world: World, name: str = "owner") -> Iterator[WriteClient]:
    secret = fixed(Token(name, source="TOK"))
    with connect_writer(
        "http://localhost", secret, wsgi_app=world.emulator, retrier=_repeater(world), api_version="v1"
    ) as client:
        yield client


@contextmanager
def _over_a_port(world: World) -> Iterator[WriteClient]:
    server = Server(world.emulator, "127.0.0.1", 0)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        with connect_writer(
            f"http://127.0.0.1:{server.port}",
            fixed(Token("owner", source="TOK")),
            retrier=_repeater(world),
            api_version="v1",
        ) as client:
            yield client
    finally:
        server.stop()
        thread.join()


def _organization(client: WriteClient) -> Organization:
    return client.find_organization("example.com")


def _named(live: Live, name: str, folder: str = "") -> LiveRepository:
    (found,) = [one for one in live.repositories if (one.folder, one.name) == (folder, name)]
    return found


def _reading(client: WriteClient, name: str, folder: str = "") -> RepositoryVersion:
    organization = _organization(client)
    found = client.read_repository(_named(client.read_live(organization), name, folder).id, organization)
    assert found is not None
    return found


def _overlay(repository: LiveRepository) -> Overlay:
    assert isinstance(repository.overlay, Overlay)
    return repository.overlay


@pytest.mark.parametrize("how", [_in_process, _over_a_port])
def test_an_update_and_its_builds(world: World, how: Any) -> None:
    with how(world) as client:
        organization = _organization(client)
        before = _reading(client, "custom-python")
        wanted = replace(_overlay(before.repository), packages=("curl", "git", "jq"))
        assert client.write_overlay(before, wanted).overlay == wanted
        assert before.server_time == int(START)
        assert client.sync_states(organization)[before.repository.id] is Sync.QUEUED
        world.clock.advance(60)
        builds = client.list_builds(organization, since=before.server_time)
        assert client.sync_states(organization) == {}
        assert {build.repository_id for build in builds} == {before.repository.id}
        assert len(builds) == len(before.repository.active_tags)
        assert {build.result for build in builds} == {Result.SUCCESS}
        assert {evidence_of(build, _overlay(before.repository), wanted) for build in builds} == {Evidence.NEW}
        tags = client.list_tags(before.repository.id)
        assert {tag for build in builds for tag in tags[build.digest]} >= set(before.repository.active_tags)


def test_the_log_of_a_failed_build(world: World) -> None:
    with _in_process(world) as client:
        before = _reading(client, "custom-node")
        client.write_overlay(before, replace(_overlay(before.repository), packages=("no-such-package",)))
        world.clock.advance(60)
        failed = client.list_builds(_organization(client), since=before.server_time)
        assert {build.result for build in failed} == {Result.FAILURE}
        assert {build.log for build in failed} == {""}
        assert "no-such-package" in client.build_log(failed[0].id)
        with pytest.raises(NotFound):
            client.build_log(f"{failed[0].repository_id}/{'0' * 16}")


def test_organizations_and_folders(world: World) -> None:
    with _in_process(world) as client:
        root = _organization(client)
        assert client.find_organization(root.id) == root
        edge = client.find_organization("example.com/team-a/edge")
        assert client.find_organization(edge.id) == edge
        assert client.find_organization("partner.example/example.com").id != root.id
        folders = {one.folder for one in client.read_live(root).repositories}
        assert {"", "team-a", "team-a/edge", "team-b"} >= folders > {""}
        with pytest.raises(NotFound) as caught:
            client.find_organization("exmaple.com")
        assert "example.com" in caught.value.diagnostic.hint


def test_what_this_version_does_not_know_survives_an_update(world: World) -> None:
    with _in_process(world) as client:
        live = client.read_live(_organization(client))
        (repository,) = [one for one in live.repositories if getattr(one.overlay, "unrecognized", ())]
        reading = _reading(client, repository.name, repository.folder)
        before = world.emulator.repository(repository.id)
        users = tuple(replace(user, shell="/bin/ash") for user in _overlay(repository).accounts.users)
        accounts = replace(_overlay(repository).accounts, users=users)
        wanted = replace(_overlay(repository), packages=("jq",), accounts=accounts)
        assert client.write_overlay(reading, wanted).overlay == wanted
        after = world.emulator.repository(repository.id)
    before["customOverlay"]["contents"]["packages"] = ["jq"]
    before["customOverlay"]["accounts"]["users"][0]["shell"] = "/bin/ash"
    assert after == before
    with _in_process(world) as client:
        reading = _reading(client, repository.name, repository.folder)
        assert client.write_overlay(reading, EMPTY).overlay == EMPTY


def test_creating(world: World) -> None:
    wanted = Overlay(packages=("git",))
    with _in_process(world) as client:
        organization = _organization(client)
        source = _reading(client, "custom-node")
        made = client.create_repository(source, name="fresh", folder="team-a", wanted=wanted, organization=organization)
        assert (made.folder, made.name, made.overlay) == ("team-a", "fresh", wanted)
        assert _named(client.read_live(organization), "fresh", "team-a").overlay == wanted
        with pytest.raises(Rejected) as caught:
            client.create_repository(source, name="fresh", folder="team-a", wanted=wanted, organization=organization)
        assert "exists" in caught.value.diagnostic.detail
    made_from = world.emulator.repository("custom-node")["sync_config"]["source"]
    assert world.emulator.repository("team-a/fresh")["sync_config"]["source"] == made_from


def test_a_value_that_the_server_refuses(world: World) -> None:
    with _in_process(world) as client:
        before = _reading(client, "custom-node")
        with pytest.raises(Rejected) as caught:
            client.write_overlay(before, Overlay(environment=(("CHAINGUARD_X", "1"),)))
    assert "CHAINGUARD_" in caught.value.diagnostic.detail
    assert world.emulator.writes == 0


def test_tokens(world: World) -> None:
    with _in_process(world, "stranger") as client, pytest.raises(TokenRejected):
        _organization(client)
    with _in_process(world, "viewer") as client:
        reading = _reading(client, "custom-node")
        with pytest.raises(PermissionDenied) as caught:
            client.write_overlay(reading, EMPTY)
    assert caught.value.capability == "repo.update"


@pytest.mark.parametrize("how", [_in_process, _over_a_port])
@pytest.mark.parametrize(
    ("effect", "kind", "took_effect"),
    [
        (Drop(), AnswerLost, False),
        (Drop(when="after"), AnswerLost, True),
        (Garble(), AnswerLost, True),
        (Garble(truncated=True), AnswerLost, True),
        (Status(status=503, html=True), AnswerLost, False),
        (Status(status=503, when="after"), AnswerLost, True),
        (Status(status=429, retry_after="7"), RateLimited, False),
        (Status(status=500), AnswerLost, False),
        (Status(status=409), Rejected, False),
    ],
)
def test_writes_that_go_wrong(world: World, how: Any, effect: Any, kind: type[ApiError], took_effect: bool) -> None:  # noqa: FBT001 - a case of the table
    with how(world) as client:
        reading = _reading(client, "custom-node")
        world.emulator.faults.add(Fault(effect=effect, method="PUT", times=None))
        with pytest.raises(ApiError) as caught:
            client.write_overlay(reading, Overlay(packages=("git",)))
        assert type(caught.value) is kind
        assert getattr(caught.value, "retry_after", None) == (7.0 if kind is RateLimited else None)
        now = client.read_repository(reading.repository.id, _organization(client))
        assert now is not None
        assert (now.repository.overlay == Overlay(packages=("git",))) is took_effect


@pytest.mark.parametrize("how", [_in_process, _over_a_port])
@pytest.mark.parametrize(
    ("effect", "kind"),
    [
        (Drop(), Unreachable),
        (Drop(when="after"), Unreachable),
        (Garble(), NotUnderstood),
        (Garble(truncated=True), NotUnderstood),
        (Status(status=502, html=True), ServerFault),
    ],
)
def test_reads_that_go_wrong(world: World, how: Any, effect: Any, kind: type[ApiError]) -> None:
    with how(world) as client:
        organization = _organization(client)
        world.emulator.faults.add(Fault(effect=effect, path="repos", times=None))
        with pytest.raises(ApiError) as caught:
            client.read_live(organization)
        assert type(caught.value) is kind
        world.emulator.faults.clear()
        assert client.read_live(organization).repositories


@pytest.mark.parametrize("how", [_in_process, _over_a_port])
@pytest.mark.parametrize("effect", [Drop(), Drop(when="after"), Status(status=502, html=True), Status(status=429)])
def test_reads_that_are_repeated(world: World, how: Any, effect: Any) -> None:
    with how(world) as client:
        organization = _organization(client)
        world.emulator.faults.add(Fault(effect=effect, path="repos", times=2))
        assert client.read_live(organization).repositories
        assert world.emulator.faults.pending() == ()
