"""Instants and their text."""

import pytest

from reconciler.emulator import timestamps


@pytest.mark.parametrize(
    ("instant", "text"),
    [
        (0, "1970-01-01T00:00:00Z"),
        (1_500_000_000, "1970-01-01T00:00:01.500Z"),
        (1_000_001_000, "1970-01-01T00:00:01.000001Z"),
        (1_000_000_001, "1970-01-01T00:00:01.000000001Z"),
        (1_700_000_000_120_000_000, "2023-11-14T22:13:20.120Z"),
        (-1_000_000_000, "1969-12-31T23:59:59Z"),
        (-62_135_596_800_000_000_000, "0001-01-01T00:00:00Z"),
    ],
)
def test_text_has_as_many_digits_as_it_needs_in_threes(instant: int, text: str) -> None:
    assert timestamps.to_text(instant) == text
    assert timestamps.from_text(text) == instant


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("1970-01-01T01:00:00+01:00", 0),
        ("1969-12-31T23:30:00-00:30", 0),
        ("1970-01-01t00:00:00.5z", 500_000_000),
    ],
)
def test_offsets_and_small_letters_are_read(text: str, instant: int) -> None:
    assert timestamps.from_text(text) == instant


@pytest.mark.parametrize(
    "text", ["", "1970-01-01", "1970-01-01T00:00:00", "1970-01-01 00:00:00Z", "1970-13-01T00:00:00Z"]
)
def test_other_texts_are_no_instants(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        timestamps.from_text(text)


def test_a_clock_reading_keeps_its_fraction() -> None:
    assert timestamps.from_seconds(1_700_000_000.25) == 1_700_000_000_250_000_000
