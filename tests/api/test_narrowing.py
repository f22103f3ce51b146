"""Listing build reports completely from a server that returns a limited number of them."""

import random
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import cache

import pytest

from reconciler.api.errors import NotUnderstood
from tests.api.fakes import ORGANIZATION, ROOT, Asked, Told, reader, repository

START = 1_785_837_600.0
Order = Callable[[list[dict[str, str]]], list[dict[str, str]]]


def _report(number: int, started: float, repository: int = 0) -> dict[str, str]:
    moment = datetime.fromtimestamp(started).astimezone()
    return {"id": f"{ROOT}/{repository:016x}/{number:016x}", "startedAt": moment.isoformat(timespec="microseconds")}


def _started(report: dict[str, str]) -> float:
    return _instant(report["startedAt"])


@cache
def _instant(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def _shuffled(reports: list[dict[str, str]]) -> list[dict[str, str]]:
    return random.Random(5).sample(reports, len(reports))  # noqa: S311 - any fixed order will do


def _newest_first(reports: list[dict[str, str]]) -> list[dict[str, str]]:
    return sorted(reports, key=_started, reverse=True)


def _list(
    starts: Sequence[float], limit: int, order: Order, *, ends_inside: bool = False, repositories: int = 1
) -> tuple[int, int]:
    """How many reports are found, in how many calls, of a server with a limit of its own."""
    reports = [_report(number, started, number % repositories) for number, started in enumerate(starts)]

    def answer(asked: Asked) -> Told:
        if asked.path == "/registry/v1/repos":
            return Told({"items": [repository(id_) for id_ in dict.fromkeys(one["id"][:57] for one in reports)]})
        scope = asked.all("uidp.descendantsOf")[0]
        since, *before = (_instant(text) for text in asked.all("startedSince") + asked.all("startedBefore"))
        end = before[0] if before else float("inf")
        inside = [
            report
            for report in reports
            if report["id"].startswith(scope)
            and (since < _started(report) < end or (ends_inside and _started(report) in (since, end)))
        ]
        return Told({"reports": order(inside)[: min(limit, int(asked.all("pageSize")[0]))]})

    client, api = reader(answer)
    with client:
        found = client.list_builds(ORGANIZATION, since=START)
    assert len({build.id for build in found}) == len(found)
    return len(found), len(api.asked)


@pytest.mark.parametrize("order", [list, _shuffled, _newest_first])
@pytest.mark.parametrize("limit", [100, 200, 1000, 5000])
@pytest.mark.parametrize("ends_inside", [False, True])
def test_none_is_missed(order: Order, limit: int, ends_inside: bool) -> None:  # noqa: FBT001 - a case of the table
    starts = [START + number * 0.37 for number in range(2345)]
    found, calls = _list(starts, limit, order, ends_inside=ends_inside)
    assert found == 2345
    assert calls <= 4 * 2345 / min(limit, 5000) + 10


@pytest.mark.parametrize("order", [list, _shuffled, _newest_first])
def test_none_is_missed_of_those_that_start_together(order: Order) -> None:
    starts = [START + number // 30 for number in range(2345)]
    assert _list(starts, 100, order, ends_inside=False)[0] == 2345


@pytest.mark.parametrize("count", [2, 3, 50, 99, 100, 101, 999, 1000])
def test_an_answer_longer_than_any_before_is_asked_for_again_in_halves(count: int) -> None:
    assert _list([START + number for number in range(count)], 10_000, list) == (count, 3)


@pytest.mark.parametrize("count", [0, 1])
def test_nothing_and_one_cannot_be_cut(count: int) -> None:
    assert _list([START] * count, 10_000, list) == (count, 1)


@pytest.mark.parametrize("limit", [2, 3, 7, 30, 64, 137, 333])
@pytest.mark.parametrize("order", [list, _shuffled, _newest_first])
def test_limits_are_found_whatever_their_size(limit: int, order: Order) -> None:
    starts = [START + number * 0.37 for number in range(min(2345, 30 * limit))]
    assert _list(starts, limit, order)[0] == len(starts)


@pytest.mark.parametrize("order", [list, _shuffled, _newest_first])
def test_more_than_the_limit_within_a_millisecond_are_listed_by_repository(order: Order) -> None:
    """Never silently short."""
    starts = [START + 1 + number * 0.000_003 for number in range(300)]
    assert _list(starts, 200, order, repositories=30)[0] == 300


def test_more_of_one_repository_within_a_millisecond_than_the_limit_are_reported_as_not_listed() -> None:
    """Never silently short."""
    with pytest.raises(NotUnderstood, match="more reports than can be listed"):
        _list([START + 1 + number * 0.000_003 for number in range(300)], 200, list)


@pytest.mark.parametrize("spread", [0.0, 0.000_001, 0.000_1, 0.001, 0.01])
@pytest.mark.parametrize("repositories", [1, 2, 25])
def test_all_that_came_together_are_never_called_too_many(spread: float, repositories: int) -> None:
    """25 repositories with two tags, started within milliseconds."""
    count = 40 if repositories == 1 else 50
    starts = [START + 1 + number * spread for number in range(count)]
    for limit in (count, 5000):
        assert _list(starts, limit, _newest_first, repositories=repositories)[0] == count


def test_a_longer_list_of_before_tells_that_one_is_whole() -> None:
    old = [START - 9000 - number for number in range(51)]
    assert _list([*old, *[START + 1] * 50], 5000, list)[1] == 2


def test_there_is_an_end_to_trying() -> None:
    endless = [_report(number, START + number) for number in range(100)]
    repositories = [repository(f"{ROOT}/{number:016x}") for number in range(30)]
    client, api = reader(
        lambda asked: Told({"items": repositories} if asked.path == "/registry/v1/repos" else {"reports": endless})
    )
    with client, pytest.raises(NotUnderstood) as caught:
        client.list_builds(ORGANIZATION, since=START)
    assert "more reports than can be listed" in caught.value.diagnostic.detail
    assert len(api.asked) < 200


def test_a_server_that_takes_no_end_of_a_span_is_listed_by_repository() -> None:
    reports = [_report(number, START + number, number % 30) for number in range(60)]

    def answer(asked: Asked) -> Told:
        if asked.path == "/registry/v1/repos":
            return Told({"items": [repository(f"{ROOT}/{number:016x}") for number in range(30)]})
        return Told({"reports": [one for one in reports if one["id"].startswith(asked.all("uidp.descendantsOf")[0])]})

    client, _ = reader(answer)
    with client:
        assert len(client.list_builds(ORGANIZATION, since=START)) == 60


def test_a_refused_page_size_is_left_out() -> None:
    refused = Told({"code": 3, "message": "pageSize", "details": []}, status=400)
    client, api = reader(lambda asked: refused if asked.all("pageSize") else Told({"reports": []}))
    with client:
        assert client.list_builds(ORGANIZATION, since=START) == ()
    assert len(api.asked) == 2


def test_an_answer_that_was_whole_is_not_doubted_until_it_changes() -> None:
    reports = [_report(number, START + number) for number in range(100)]

    def answer(asked: Asked) -> Told:
        (since,) = (datetime.fromisoformat(text).timestamp() for text in asked.all("startedSince"))
        before = [datetime.fromisoformat(text).timestamp() for text in asked.all("startedBefore")]
        return Told({"reports": [one for one in reports if since <= _started(one) < min([*before, START * 2])]})

    client, api = reader(answer)
    calls = []
    with client:
        for result in ("Unknown", "Unknown", "Success", "Success"):
            reports[50]["result"] = result
            sent = len(api.asked)
            assert len(client.list_builds(ORGANIZATION, since=START)) == len(reports)
            calls.append(len(api.asked) - sent)
    assert calls == [3, 1, 3, 1]
