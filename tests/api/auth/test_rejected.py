"""A 401 in the middle of a run: renewed once for all threads, the call sent once more, and what is said otherwise."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from reconciler.api.auth.provider import Credentials
from reconciler.api.auth.sources import find
from reconciler.api.errors import ApiError, TokenRejected
from reconciler.api.transport import Sent
from reconciler.api.writer import WriteClient, connect_writer
from reconciler.cli.context import Finished
from reconciler.core.overlay import EMPTY
from tests.api.auth.pieces import NOW, Processes, Time, finished, jwt
from tests.api.fakes import NODE, ORGANIZATION, URL, Api, Asked, Told, repository, unhurried

REJECTED = Told({"code": 16, "message": "expired"}, status=401)


def accepting(*names: str) -> Callable[[Asked], Told]:
    headers = {f"Bearer {jwt(name)}" for name in names}

    def answer(asked: Asked) -> Told:
        if asked.headers["authorization"] not in headers:
            return REJECTED
        return Told({"items": [repository()]} if asked.method == "GET" else repository())

    return answer


def chainctl(*ends: str | Finished) -> tuple[Credentials, Processes]:
    processes = Processes([end if isinstance(end, Finished) else finished(jwt(end)) for end in ends])
    return find({}, api_url=URL, run=processes, timing=Time().timing), processes


@contextmanager
def client(answer: Callable[[Asked], Told], credentials: Credentials) -> Iterator[tuple[WriteClient, Api]]:
    api = Api(answer)
    with connect_writer(URL, credentials, wsgi_app=api, retrier=unhurried(), api_version="v1") as made:
        yield made, api


def shown(api: Api) -> list[str]:
    names = {f"Bearer {jwt(name)}": name for name in "abc"}
    return [f"{asked.method} {names[asked.headers['authorization']]}" for asked in api.asked]


def test_a_read_continues_with_the_renewed_token() -> None:
    credentials, processes = chainctl("a", "b")
    with client(accepting("b"), credentials) as (api_client, api):
        for _ in range(2):
            assert api_client.read_live(ORGANIZATION).repositories
    assert shown(api) == ["GET a", "GET b", "GET b"]
    assert len(processes.started) == 2


def test_a_write_is_sent_again_as_well() -> None:
    credentials, _ = chainctl("a", "b")
    valid = {"a"}

    def answer(asked: Asked) -> Told:
        return accepting(*valid)(asked)

    with client(answer, credentials) as (api_client, api):
        reading = api_client.read_repository(NODE, ORGANIZATION)
        assert reading is not None
        valid.clear()
        valid.add("b")
        assert api_client.write_overlay(reading, EMPTY).id == NODE
        assert api_client.sent == Sent(reads=1, writes=2)
    assert shown(api) == ["GET a", "PUT a", "PUT b"]
    assert api.asked[1].body == api.asked[2].body


def test_only_once_for_each_call() -> None:
    credentials, _ = chainctl("a", "b", "c")
    with client(accepting(), credentials) as (api_client, api):
        with pytest.raises(TokenRejected):
            api_client.read_live(ORGANIZATION)
        assert shown(api) == ["GET a", "GET b"]


@pytest.mark.parametrize(
    ("second", "says"),
    [
        ("a", "token not renewed: chainctl returned the same token"),
        (finished(code=1, stderr="signed out"), "failed with exit code 1: signed out"),
    ],
)
def test_when_there_is_no_other(second: str | Finished, says: str) -> None:
    credentials, processes = chainctl("a", second)
    with client(accepting(), credentials) as (api_client, api):
        for _ in range(3):
            with pytest.raises(TokenRejected) as caught:
                api_client.read_live(ORGANIZATION)
            found = caught.value.diagnostic
            assert found.summary == "the API rejected the token (from chainctl)"
            assert says in found.detail
            assert "expired" in found.detail
            assert "`chainctl auth login --audience http://localhost`" in found.hint
    assert shown(api) == ["GET a"] * 3
    assert len(processes.started) == 2


def test_the_cache_is_left_for_the_program(tmp_path: Path) -> None:
    file = tmp_path / ".cache" / "chainguard" / "http:--localhost" / "oidc-token"
    file.parent.mkdir(parents=True)
    file.write_text(jwt("a"), encoding="utf-8")
    processes = Processes([finished(jwt("b"))])
    credentials = find({}, api_url=URL, home=tmp_path, run=processes, timing=Time().timing, platform="linux")
    with client(accepting("b"), credentials) as (api_client, api):
        assert api_client.read_live(ORGANIZATION).repositories
    assert shown(api) == ["GET a", "GET b"]
    assert credentials.source == "chainctl"


def test_other_refusals_renew_nothing() -> None:
    credentials, processes = chainctl("a", "b")
    with client(lambda _: Told({"code": 7, "message": "no"}, status=403), credentials) as (api_client, api):
        with pytest.raises(ApiError):
            api_client.read_live(ORGANIZATION)
        assert [asked.path for asked in api.asked] == ["/registry/v1/repos", "/auth/v1/ok"]
        assert len(processes.started) == 1


def test_ten_threads_one_renewal() -> None:
    credentials, processes = chainctl("a", "b", "c")
    together = threading.Barrier(10, timeout=20)
    answer = accepting("b")

    def meeting(asked: Asked) -> Told:
        if asked.headers["authorization"] == f"Bearer {jwt('a')}":
            together.wait()
        return answer(asked)

    with client(meeting, credentials) as (api_client, api):
        with ThreadPoolExecutor(10) as pool:
            assert all(pool.map(lambda _: api_client.read_live(ORGANIZATION).repositories, range(10)))
        assert sorted(shown(api)) == ["GET a"] * 10 + ["GET b"] * 10
    assert len(processes.started) == 2


def test_tokens_of_the_past_are_hidden_too() -> None:
    credentials, _ = chainctl("a", "b")

    def answer(asked: Asked) -> Told:
        if asked.headers["authorization"] == f"Bearer {jwt('a')}":
            return REJECTED
        return Told({"code": 3, "message": f"not {jwt('a')[:40]}: {jwt('a')} or {jwt('b')}"}, status=400)

    with client(answer, credentials) as (api_client, _):
        with pytest.raises(ApiError) as caught:
            api_client.read_live(ORGANIZATION)
        assert "not [token]: [token] or [token]" in caught.value.diagnostic.detail


def test_a_token_ends_in_the_middle_of_a_run() -> None:
    time = Time()
    processes = Processes([finished(jwt("short", ends=NOW + 90)), finished(jwt("b"))])
    credentials = find({}, api_url=URL, run=processes, timing=time.timing)
    seen: list[str] = []

    def answer(asked: Asked) -> Told:
        seen.append(asked.headers["authorization"])
        return Told({"items": []})

    with client(answer, credentials) as (api_client, _):
        api_client.read_live(ORGANIZATION)
        time.now += 40
        api_client.read_live(ORGANIZATION)
    assert seen == [f"Bearer {jwt('short', ends=NOW + 90)}", f"Bearer {jwt('b')}"]
