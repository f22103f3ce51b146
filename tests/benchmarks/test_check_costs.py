"""The benchmark of the checks runs, and prints what was promised of them."""

import re

import pytest

from benchmarks import check_costs


def test_no_more_is_asked_than_names_or_pages_and_distinct_questions(capsys: pytest.CaptureFixture[str]) -> None:
    check_costs.main()
    small, large = re.findall(r"60 names in (\d+) requests, (\d+) questions for 500", capsys.readouterr().out)
    assert int(small[0]) <= 1_000 / check_costs.PAGE
    assert int(large[0]) <= check_costs.PACKAGES
    assert small[1] == large[1] == "60"
