"""What is sent again, and after how long: the decision alone."""

import json
from email.utils import formatdate

import pytest

from reconciler.api import retry
from reconciler.api.errors import ErrorContext, error_from_response
from reconciler.api.retry import RetryKind, RetryReason

NOW = 1_785_837_600.0


def reason(status: int, headers: dict[str, str], body: bytes) -> RetryReason | None:
    error = error_from_response(status, headers, body, ErrorContext(root="x", action="x"))
    return None if error is None else retry.retry_reason(error)


def rpc(code: int) -> bytes:
    return json.dumps({"code": code, "message": "x", "details": []}).encode()


def waits(kind: RetryKind, *, writes: bool = False, jitter: float = 1.0, asked: float | None = None) -> list[float]:
    """The waits of a call that fails in the same way until it may not be repeated any more."""
    found: list[float] = []
    fault = RetryReason(kind=kind, reason="x", requested_wait=asked)
    while True:
        wait = retry.pause(
            fault, retry.limit_of(fault, writes=writes), attempt=len(found) + 1, spent=sum(found), jitter=jitter
        )
        if wait is None:
            return found
        found.append(wait)


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (429, rpc(8), RetryKind.TOO_MANY),
        (429, b"<html>", RetryKind.EXHAUSTED),
        (429, b"", RetryKind.EXHAUSTED),
        (500, rpc(8), RetryKind.EXHAUSTED),
        (400, rpc(8), RetryKind.EXHAUSTED),
        (502, b"<html>", RetryKind.UNAVAILABLE),
        (503, rpc(14), RetryKind.UNAVAILABLE),
        (504, b"", RetryKind.UNAVAILABLE),
        (500, rpc(14), RetryKind.UNAVAILABLE),
        # What may pass is repeated, what will not pass is not.
        (500, rpc(13), RetryKind.FAILED),
        (500, rpc(2), RetryKind.FAILED),
        (500, rpc(4), RetryKind.UNAVAILABLE),
        (500, b"<html>", RetryKind.FAILED),
        (408, b"", RetryKind.FAILED),
        (425, b"", RetryKind.FAILED),
        *((status, b"error code: 520", RetryKind.UNAVAILABLE) for status in range(520, 530)),
        (530, b"", None),
        (501, b"", None),
        (400, b"", None),
        (403, b"<html>", None),
        (404, b"", None),
        (429, json.dumps({"code": 8, "message": "grpc: received message larger than max (5 vs. 4)"}).encode(), None),
        (501, rpc(12), None),
        (400, rpc(9), None),
        (401, rpc(16), None),
        (403, rpc(7), None),
        (404, rpc(5), None),
        (409, rpc(10), None),
        (307, b"", None),
        (200, rpc(14), None),
        (200, b'{"items": [', None),
    ],
)
def test_which_answers_may_be_repeated(status: int, body: bytes, kind: RetryKind | None) -> None:
    fault = reason(status, {}, body)
    assert (fault.kind if fault else None) is kind
    assert fault is None or str(status) in fault.reason


@pytest.mark.parametrize(
    ("header", "asked"),
    [
        ("7", 7.0),
        ("0", 0.0),
        (formatdate(NOW + 90, usegmt=True), 90.0),
        (formatdate(NOW - 90, usegmt=True), 0.0),
        ("soon", None),
        ("-1", None),
        ("1.5", None),
        ("9" * 400, 86400.0),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
def test_both_forms_of_retry_after(header: str, asked: float | None, status: int) -> None:
    headers = {"retry-after": header, "date": formatdate(NOW, usegmt=True)}
    fault = reason(status, headers, b"")
    assert fault is not None
    assert fault.requested_wait == asked


def test_a_date_to_retry_after_means_nothing_without_the_servers_clock() -> None:
    fault = reason(429, {"retry-after": formatdate(NOW)}, b"")
    assert fault is not None
    assert fault.requested_wait is None


def test_reads_wait_up_to_a_bound_that_doubles() -> None:
    for kind in (RetryKind.TOO_MANY, RetryKind.EXHAUSTED, RetryKind.UNAVAILABLE, RetryKind.BROKEN):
        assert waits(kind) == [1.0, 2.0, 4.0, 8.0, 16.0]
        assert waits(kind, jitter=0.25) == [0.25, 0.5, 1.0, 2.0, 4.0]
        assert waits(kind, jitter=0.0) == [0.0] * 5


def test_a_missing_network_is_reported_soon() -> None:
    assert waits(RetryKind.ABSENT) == [1.0, 2.0]
    assert waits(RetryKind.UNSENT) == [1.0, 2.0]
    slow = RetryReason(kind=RetryKind.UNSENT, reason="x")
    assert retry.pause(slow, retry.limit_of(slow, writes=False), attempt=2, spent=29.0, jitter=1.0) is None


def test_silence_is_repeated_once_whatever_it_has_cost() -> None:
    fault = RetryReason(kind=RetryKind.TIMED_OUT, reason="x")
    assert retry.pause(fault, retry.limit_of(fault, writes=False), attempt=1, spent=120.0, jitter=1.0) == 1.0
    assert retry.pause(fault, retry.limit_of(fault, writes=False), attempt=2, spent=241.0, jitter=1.0) is None


def test_writes_are_repeated_only_where_they_certainly_did_not_happen() -> None:
    repeated = {kind for kind in RetryKind if waits(kind, writes=True)}
    assert repeated == {RetryKind.TOO_MANY, RetryKind.ABSENT, RetryKind.UNSENT}
    assert waits(RetryKind.TOO_MANY, writes=True) == [1.0, 2.0, 4.0, 8.0, 16.0]


def test_the_wait_that_the_server_asks_for_is_kept() -> None:
    assert waits(RetryKind.TOO_MANY, asked=7.0) == [7.0, 7.0, 7.0, 8.0, 16.0]
    assert waits(RetryKind.UNAVAILABLE, asked=25.0) == [25.0, 25.0]
    assert waits(RetryKind.TOO_MANY, asked=61.0) == []


def test_time_spent_counts() -> None:
    fault = RetryReason(kind=RetryKind.BROKEN, reason="x")
    assert retry.pause(fault, retry.limit_of(fault, writes=False), attempt=1, spent=59.0, jitter=1.0) == 1.0
    assert retry.pause(fault, retry.limit_of(fault, writes=False), attempt=1, spent=59.1, jitter=1.0) is None


def test_what_can_be_done_without_is_given_up_sooner() -> None:
    fault = RetryReason(kind=RetryKind.TOO_MANY, reason="x")
    limit = retry.limit_of(fault, writes=False, optional=True)
    assert retry.pause(fault, limit, attempt=2, spent=3.0, jitter=1.0) == 2.0
    assert retry.pause(fault, limit, attempt=3, spent=5.0, jitter=1.0) is None
    later = RetryReason(kind=RetryKind.TOO_MANY, reason="x", requested_wait=30.0)
    assert retry.pause(later, limit, attempt=1, spent=0.0, jitter=1.0) is None
    lost = RetryReason(kind=RetryKind.BROKEN, reason="x")
    assert retry.limit_of(lost, writes=True, optional=True) is None
