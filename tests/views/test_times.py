import pytest

from reconciler.views.text import duration, rfc3339, utc


def test_times_are_utc() -> None:
    assert utc(1_790_000_000.9) == "2026-09-21 14:13:20Z"
    assert rfc3339(1_790_000_000.25) == "2026-09-21T14:13:20.250Z"


@pytest.mark.parametrize("seconds", [-1e18, 1e18, float("inf")])
def test_impossible_times_are_shown_as_the_nearest_possible(seconds: float) -> None:
    assert utc(seconds)[4] == "-"


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (-3, "0s"),
        (0.9, "0s"),
        (59, "59s"),
        (60, "1m00s"),
        (100, "1m40s"),
        (3599, "59m59s"),
        (7500, "2h05m"),
        (86399, "23h59m"),
        (273600, "3d04h"),
    ],
)
def test_durations(seconds: float, shown: str) -> None:
    assert duration(seconds) == shown
