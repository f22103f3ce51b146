"""Listing build reports completely from a server that returns a limited number of them."""

import random
from collections.abc import Callable, Sequence
from datetime import datetime

import pytest

from reconciler.api.errors import NotUnderstood
from tests.api.fakes import NODE, ORGANIZATION, Asked, Told, reader

START = 1_785_837_600.0
Order = Callable[[list[dict[str, str]]], list[dict[str, str]]]


def _report(number: int, started: float) -> dict[str, str]:
    moment = datetime.fromtimestamp(started).astimezone()
    return {"id": f"{NODE}/{number:016x}", "startedAt": moment.isoformat(timespec="microseconds")}


def _started(report: dict[str, str]) -> float:
    return datetime.fromisoformat(report["startedAt"]).timestamp()


def _shuffled(reports: list[dict[str, str]]) -> list[dict[str, str]]:
    return random.Random(5).sample(reports, len(reports))  # noqa: S311 - any fixed order will do


def _newest_first(reports: list[dict[str, str]]) -> list[dict[str, str]]:
    return sorted(reports, key=_started, reverse=True)


def _list(starts: Sequence[float], limit: int, order: Order, *, ends_inside: bool = False) -> tuple[int, int]:
    """How many reports are found, in how many calls, of a server with a limit of its own."""
    reports = [_report(number, started) for number, started in enumerate(starts)]

    def answer(asked: Asked) -> Told:
        since, *before = (
            datetime.fromisoformat(text).timestamp() for text in asked.all("startedSince") + asked.all("startedBefore")
        )
        end = before[0] if before else float("inf")
        inside = [
            report
            for report in reports
            if since < _started(report) < end or (ends_inside and _started(report) in (since, end))
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


@pytest.mark.parametrize(("count", "calls"), [(0, 1), (1, 1), (99, 1), (101, 1), (999, 1), (100, 3), (1000, 3)])
def test_calls_for_lists_that_are_whole(count: int, calls: int) -> None:
    assert _list([START + number for number in range(count)], 10_000, list) == (count, calls)


def test_a_list_that_cannot_be_divided() -> None:
    assert _list([START] * 100, 10_000, list) == (100, 1)
    assert _list([START] * 99 + [START + 9], 10_000, list) == (100, 3)
    assert _list([START] + [START + 9] * 99, 10_000, list) == (100, 3)


def test_there_is_an_end_to_trying() -> None:
    endless = [_report(number, START + number) for number in range(100)]
    client, api = reader(Told({"reports": endless}))
    with client, pytest.raises(NotUnderstood) as caught:
        client.list_builds(ORGANIZATION, since=START)
    assert "more reports than can be listed" in caught.value.diagnostic.detail
    assert len(api.asked) == 200


def test_an_answer_of_no_usual_length_for_a_limit_is_whole() -> None:
    """Else following builds would cost more calls with one number of them than with another."""
    assert [_list([START + number for number in range(many)], 5000, _newest_first) for many in (150, 300, 1850)] == [
        (150, 1),
        (300, 1),
        (1850, 1),
    ]


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
