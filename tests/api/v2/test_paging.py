"""A list in pages is whole or an error, however the server pages and counts."""

import math
from itertools import count
from typing import Any

import pytest

from reconciler.api import endpoints
from reconciler.api.errors import ApiError, NotFound, NotUnderstood, PermissionDenied, Rejected, ServerFault
from reconciler.core.state import Unreadable
from tests.api.fakes import ORGANIZATION, ROOT, Asked, Told
from tests.api.v2.shelf import REPOS, Shelf, client, listed, many, names, repository, uid

IN_TURN = "pageToken"
NOT_COUNTED = (None, "0", "many", True, -1)
COUNTS = ["as text", "as a number", *(f"told {told!r}" for told in NOT_COUNTED)]


def _ways(api: Any) -> set[str]:
    return {name for asked in listed(api) for name, _ in asked.query} - {"uidp.descendantsOf", "pageSize"}


def _expected(number: int) -> list[str]:
    return [f"image-{one}" for one in range(1, number + 1)]


@pytest.mark.parametrize("number", [0, 1, 199, 200, 201, 400, 401, 1000])
@pytest.mark.parametrize("told", [str, int, *(lambda _, it=it: it for it in NOT_COUNTED)], ids=COUNTS)
def test_every_repository_once_and_no_call_too_many(number: int, told: Any) -> None:
    found, api = client(Shelf(many(number), count=told))
    with found:
        assert names(found, ORGANIZATION) == _expected(number)
    assert len(listed(api)) == max(1, math.ceil(number / 200))
    assert _ways(api) == (set() if number <= 200 else {IN_TURN})


def test_what_is_asked_for() -> None:
    found, api = client(Shelf(many(450)))
    with found:
        found.read_live(ORGANIZATION)
    first, *others = (asked.raw_query for asked in listed(api))
    assert first == f"uidp.descendantsOf={ROOT}&pageSize=200"
    assert others == [f"{first}&pageToken=after%20{uid(200)}", f"{first}&pageToken=after%20{uid(400)}"]


def test_a_token_comes_back_as_it_was_given() -> None:
    token = "a+b/c=&d é"

    def answer(asked: Asked) -> Told:
        if asked.all("pageToken"):
            return Told({"repos": [repository(uid(2), "b")], "nextPageToken": ""})
        return Told({"repos": [repository(uid(1), "a")], "nextPageToken": token})

    found, api = client(answer)
    with found:
        assert names(found, ORGANIZATION) == ["a", "b"]
    assert listed(api)[1].all("pageToken") == [token]
    assert listed(api)[1].all("uidp.descendantsOf") == [ROOT]


@pytest.mark.parametrize("most", [50, 7])
def test_a_server_with_smaller_pages(most: int) -> None:
    found, api = client(Shelf(many(300), most=most))
    with found:
        assert names(found, ORGANIZATION) == _expected(300)
    assert _ways(api) == {IN_TURN}


@pytest.mark.parametrize("number", [200, 400, 800, 801, 900])
@pytest.mark.parametrize("told", [1, 199, 200, 400, 598, 600, 799])
def test_a_count_that_is_too_low_hides_nothing(number: int, told: int) -> None:
    found, _ = client(Shelf(many(number), count=lambda real: str(min(told, real))))
    with found:
        assert names(found, ORGANIZATION) == _expected(number)


@pytest.mark.parametrize("number", [1, 200, 450, 800])
@pytest.mark.parametrize("more", [1, 200, 10**6, 10**17])
def test_a_list_that_is_shorter_than_the_count_is_half_a_list(number: int, more: int) -> None:
    found, _ = client(Shelf(many(number), count=lambda real: str(real + more)))
    with found, pytest.raises(NotUnderstood) as caught:
        found.read_live(ORGANIZATION)
    assert f"the server counts {number + more} and listed {number}" in caught.value.diagnostic.detail


def test_a_count_that_is_far_too_high_costs_few_calls() -> None:
    found, api = client(Shelf(many(450), count=lambda _: "100000"))
    with found, pytest.raises(NotUnderstood):
        found.read_live(ORGANIZATION)
    assert len(listed(api)) < 20


def test_a_list_that_names_one_twice_in_the_place_of_another() -> None:
    shelf = Shelf(many(600))
    shelf.repositories[300] = shelf.repositories[299]
    found, _ = client(shelf)
    with found, pytest.raises(NotUnderstood) as caught:
        found.read_live(ORGANIZATION)
    assert "the server counts 600 and listed 599" in caught.value.diagnostic.detail


def test_no_page_at_all_while_some_are_counted() -> None:
    found, _ = client(Shelf([], count=lambda _: "12"))
    with found, pytest.raises(NotUnderstood):
        found.read_live(ORGANIZATION)


@pytest.mark.parametrize("told", [str, lambda _: None], ids=["counted", "not counted"])
@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (403, 7, PermissionDenied),
        (404, 5, NotFound),
        (500, 13, ServerFault),
        (400, 3, Rejected),
        (501, 12, ServerFault),
    ],
)
def test_a_page_that_fails_makes_the_whole_list_fail(told: Any, status: int, code: int, kind: type[ApiError]) -> None:
    def before(asked: Asked) -> Told | None:
        middle = asked.all("pageToken") == [f"after {uid(400)}"]
        return Told({"code": code, "message": "no", "details": []}, status=status) if middle else None

    found, api = client(Shelf(many(1000), count=told, before=before))
    with found, pytest.raises(kind):
        found.read_live(ORGANIZATION)
    assert {asked.path for asked in api.asked} - {"/auth/v1/ok"} == {"/registry/v2/repos"}, (
        "nor is another generation asked half-way"
    )


@pytest.mark.parametrize(
    "page",
    [
        {"x": 1},
        {"repos": {}},
        {"repos": [5]},
        {"repos": [{"name": "without uid"}]},
        {"repos": [], "nextPageToken": 5},
    ],
)
def test_a_page_that_is_not_understood(page: dict[str, Any]) -> None:
    def before(asked: Asked) -> Told | None:
        return Told(page) if asked.all("pageToken") == [f"after {uid(200)}"] else None

    found, _ = client(Shelf(many(500), count=lambda _: None, before=before))
    with found, pytest.raises(NotUnderstood):
        found.read_live(ORGANIZATION)


@pytest.mark.parametrize("document", [{}, {"repos": None}, {"repos": [], "nextPageToken": "", "totalCount": "0"}])
def test_empty_lists(document: object) -> None:
    found, _ = client(lambda _: Told(document))
    with found:
        assert found.read_live(ORGANIZATION).repositories == ()


def test_an_empty_page_in_the_middle_and_at_the_end() -> None:
    pages = {
        "": ([repository(uid(1), "a")], "one"),
        "one": ([], "two"),
        "two": ([repository(uid(2), "b")], "three"),
        "three": ([], ""),
    }

    def answer(asked: Asked) -> Told:
        items, token = pages[dict(asked.query).get("pageToken", "")]
        return Told({"repos": items, "nextPageToken": token, "totalCount": "2"})

    found, _ = client(answer)
    with found:
        assert names(found, ORGANIZATION) == ["a", "b"]


@pytest.mark.parametrize("tokens", [{"": "a", "a": "a"}, {"": "a", "a": "b", "b": "a"}])
def test_tokens_that_go_round(tokens: dict[str, str]) -> None:
    def answer(asked: Asked) -> Told:
        token = dict(asked.query).get("pageToken", "")
        return Told({"repos": [repository()], "nextPageToken": tokens[token]})

    found, api = client(answer)
    with found, pytest.raises(NotUnderstood) as caught:
        found.read_live(ORGANIZATION)
    assert "its pages repeat" in caught.value.diagnostic.detail
    assert len(api.asked) == len(tokens)


def test_a_list_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoints, "MOST_PAGES", 20)

    def answer(asked: Asked) -> Told:
        number = int(dict(asked.query).get("pageToken", "0"))
        return Told({"repos": [repository(uid(number), "x")], "nextPageToken": str(number + 1)})

    found, api = client(answer)
    with found, pytest.raises(NotUnderstood) as caught:
        found.read_live(ORGANIZATION)
    assert "does not end after" in caught.value.diagnostic.detail
    assert len(api.asked) == 20


def test_a_list_that_grew_behind_the_token_is_read_again() -> None:
    shelf = Shelf(many(350))
    order = count()

    def before(asked: Asked) -> Told | None:
        if asked.all("pageToken") and next(order) == 0:
            shelf.repositories.insert(0, repository(uid(0), "new"))
        return None

    shelf.before = before
    found, api = client(shelf)
    with found:
        assert names(found, ORGANIZATION) == ["new", *_expected(350)]
    assert len(listed(api)) == 4


def test_a_repository_that_two_pages_name_is_one() -> None:
    def answer(asked: Asked) -> Told:
        if asked.all("pageToken"):
            return Told({"repos": [repository(uid(1), "now"), repository(uid(2), "b")]})
        return Told({"repos": [repository(uid(1), "then")], "nextPageToken": "t"})

    found, _ = client(answer)
    with found:
        assert names(found, ORGANIZATION) == ["now", "b"]


def test_one_that_two_pages_show_with_different_overlays_is_unknown() -> None:
    """Never the last one wins."""

    def answer(asked: Asked) -> Told:
        if asked.all("pageToken"):
            return Told({"repos": [repository(uid(1), "a", customOverlay={"environment": {"A": "1"}})]})
        return Told({"repos": [repository(uid(1), "a")], "nextPageToken": "t"})

    found, _ = client(answer)
    with found:
        (one,) = found.read_live(ORGANIZATION).repositories
    assert isinstance(one.overlay, Unreadable)


def test_a_refused_page_size_is_left_out() -> None:
    shelf = Shelf(many(120))
    refused = Told({"code": 3, "message": "pageSize", "details": []}, status=400)
    shelf.before = lambda asked: refused if asked.path == REPOS and asked.all("pageSize") else None
    found, _ = client(shelf)
    with found:
        assert names(found, ORGANIZATION) == _expected(120)
