"""Sizes of waves as they are written, and what they make of a number of steps."""

import pytest

from reconciler.engine.waves import parse_sizes, split_waves


def test_the_last_size_repeats() -> None:
    assert [len(wave) for wave in split_waves(range(25), parse_sizes("1,10%"))] == [1, 3, 3, 3, 3, 3, 3, 3, 3]
    assert [len(wave) for wave in split_waves(range(25), parse_sizes("1,10%,rest"))] == [1, 3, 21]


@pytest.mark.parametrize("text", ["", "0", "1,,2", "101%", "rest,1", "-1", "x", "0%"])
def test_what_is_not_a_size_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="rest"):
        parse_sizes(text)
