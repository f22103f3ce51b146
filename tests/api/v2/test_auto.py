"""v2 where it answers, v1 where it does not, found out once."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from reconciler.api.errors import ApiError, NotUnderstood, PermissionDenied, ServerFault, TokenRejected
from tests.api import fakes
from tests.api.fakes import NODE, ORGANIZATION, Asked, Told
from tests.api.v2.shelf import REPOS, Shelf, client, listed, many, names, repository
from tests.support.overlays import overlay

V1 = "/registry/v1/repos"
# A 403 is held against what the token may do.
WHO = "/auth/v1/ok"


def old(answer: Told) -> Any:
    """A server of v1, which answers like this to anything of v2."""

    def both(asked: Asked) -> Told:
        if asked.path.startswith(REPOS):
            return answer
        if asked.method == "PUT":
            return Told(asked.json)
        return Told({"items": [fakes.repository(NODE, "node")]})

    return both


ABSENT = [
    Told({"code": 5, "message": "Not Found", "details": []}, status=404),
    Told(body=b"<html><title>404</title></html>", status=404),
    Told(body=b"", status=404),
    Told({"code": 7, "message": "no", "details": []}, status=403),
    Told(body=b"<html>forbidden</html>", status=403),
    Told({"code": 12, "message": "Method Not Allowed", "details": []}, status=501),
]


def test_v2_where_it_answers() -> None:
    found, api = client(Shelf(many(450)), "auto")
    with found:
        assert found.generation == "not decided yet"
        assert len(names(found, ORGANIZATION)) == 450
        assert found.generation == "v2"
    assert len(listed(api)) == 3, "finding out costs no call of its own"
    assert {asked.path for asked in api.asked} == {REPOS}


@pytest.mark.parametrize("told", ABSENT)
def test_v1_where_v2_is_not_to_be_had(told: Told) -> None:
    found, api = client(old(told), "auto")
    with found:
        for _ in range(2):
            assert names(found, ORGANIZATION) == ["node"]
        reading = found.read_repository(NODE, ORGANIZATION)
        assert reading is not None
        wanted = overlay({"packages": ["git"]})
        assert found.write_overlay(reading, wanted).overlay == wanted
        assert found.generation == f"v1, because v2 answered HTTP {told.status}"
    assert [(asked.method, asked.path) for asked in api.asked if asked.path != WHO] == [
        ("GET", REPOS),
        ("GET", V1),
        ("GET", V1),
        ("GET", V1),
        ("PUT", f"{V1}/{NODE}"),
    ]


@pytest.mark.parametrize(
    ("told", "kind"),
    [
        (Told({"code": 16, "message": "x", "details": []}, status=401), TokenRejected),
        (Told({"code": 13, "message": "x", "details": []}, status=500), ServerFault),
        (Told(body=b"<html>sign in</html>"), NotUnderstood),
        (Told({"items": []}), NotUnderstood),
        (Told(status=302, headers={"Location": "https://elsewhere.test"}), NotUnderstood),
    ],
)
def test_a_fault_is_no_answer_to_the_question(told: Told, kind: type[ApiError]) -> None:
    found, api = client(old(told), "auto")
    with found, pytest.raises(kind):
        found.read_live(ORGANIZATION)
    assert {asked.path for asked in api.asked} == {REPOS}


def test_who_may_read_neither_hears_it_from_v1() -> None:
    denied = Told({"code": 7, "message": "repo.list", "details": []}, status=403)
    found, api = client(lambda _: denied, "auto")
    with found, pytest.raises(PermissionDenied):
        found.read_live(ORGANIZATION)
    assert [asked.path for asked in api.asked if asked.path != WHO] == [REPOS, V1]


def test_reading_one_first_asks_for_a_list_so_that_one_that_is_gone_is_no_answer() -> None:
    gone = Told({"code": 5, "message": "x", "details": []}, status=404)
    found, api = client(Shelf(many(3), before=lambda asked: None if asked.path == REPOS else gone), "auto")
    with found:
        assert found.read_repository(NODE, ORGANIZATION) is None
        assert found.generation == "v2"
    assert [asked.path for asked in api.asked] == [REPOS, f"{REPOS}/{NODE}"]


def test_threads_that_ask_at_the_same_time_get_one_decision() -> None:
    meet = threading.Barrier(6)
    held = repository(NODE, "node")
    found, api = client(
        Shelf([held], before=lambda asked: Told(held) if asked.path == f"{REPOS}/{NODE}" else None), "auto"
    )

    def read(_: int) -> object:
        meet.wait(5)
        return found.read_repository(NODE, ORGANIZATION)

    with found, ThreadPoolExecutor(6) as pool:
        assert None not in list(pool.map(read, range(6)))
    assert len(listed(api)) == 1


def test_the_others_decide_nothing() -> None:
    for version in ("v1", "v2"):
        found, _ = client(old(ABSENT[0]), version)
        with found:
            assert found.generation == version
