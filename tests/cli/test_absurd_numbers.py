"""Numbers that nobody means are refused by the option that they are given to."""

import pytest

from tests.support.program import Program, write_manifest

HUGE = "1" + "0" * 400


@pytest.mark.parametrize(
    ("command", "option", "value"),
    [
        ("plan", "--max-rps", "1e-300"),
        ("plan", "--max-rps", "nan"),
        ("plan", "--max-rps", "1e400"),
        ("apply", "--parallelism", HUGE),
        ("apply", "--max-failed", HUGE),
        ("apply", "--wait-timeout", HUGE),
        ("apply", "--wait-timeout", f"{HUGE}h"),
        ("apply", "--repo-timeout", "9999999999h"),
        ("apply", "--wait-timeout", "-5s"),
        ("apply", "--batch", HUGE),
        ("apply", "--batch", f"1,{HUGE}%"),
        ("plan", "--max-removal", "1000%"),
        ("builds", "--since", f"{HUGE}h"),
        ("builds", "--since", "0001-01-01"),
        ("builds", "--since", "9999-12-31"),
        ("builds", "--limit", HUGE),
        ("logs", "--tail", HUGE),
    ],
)
def test_an_absurd_number(program: Program, command: str, option: str, value: str) -> None:
    write_manifest("organization: example.com\nrepositories:\n  custom-nginx: {packages: [curl]}\n")
    words = ["custom-nginx"] if command == "logs" else []
    result = program.run(command, *words, option, value)
    assert result.code == 64, result.err
    assert option in result.err
    assert "Traceback" not in result.err
    assert "defect" not in result.err
