"""apk's order of versions and its constraints, as the emulator has them."""

from itertools import pairwise

import pytest

from reconciler.emulator.solver import constraint, version_key

ASCENDING = (
    "x", "0.9", "1.2_alpha", "1.2_alpha2", "1.2_beta", "1.2_pre1", "1.2_rc1", "1.2_rc1-r3", "1.2_rc2", "1.2", "1.2-r0",
    "1.2-r2", "1.2-r10", "1.2_git20250101", "1.2_p1", "1.2_p10", "1.2a", "1.2.1", "1.2.9", "1.2.10", "1.10", "2",
)  # fmt: skip


def test_the_order_of_versions() -> None:
    for lower, higher in pairwise(ASCENDING):
        assert version_key(lower) < version_key(higher), (lower, higher)


def test_a_later_number_that_begins_with_zero_is_a_fraction() -> None:
    assert version_key("1.05") < version_key("1.1") < version_key("1.5")


@pytest.mark.parametrize(
    ("text", "allowed", "refused"),
    [
        ("a", ("1", ""), ()),
        ("a=1.2", ("1.2", "1.2-r0"), ("1.2-r7", "1.2.1", "1.20", "")),
        ("a=1.2~1f3a-r0", ("1.2~1f3a-r0",), ("1.2-r0",)),
        ("a=~1.2", ("1.2.5",), ("1.20",)),
        ("a=1.2-r1", ("1.2-r1",), ("1.2-r10", "1.2")),
        ("a~1.2", ("1.2", "1.2-r3", "1.2.5"), ("1.20", "1.1", "")),
        ("a~=1.2", ("1.2.5",), ("1.3",)),
        ("a<1.2", ("1.2_rc1", "1.1"), ("1.2", "")),
        ("a<=1.2", ("1.2",), ("1.2-r0",)),
        ("a>1.2", ("1.2-r0", "1.10"), ("1.2", "1.2_rc1")),
        ("a>=1.2", ("1.2",), ("1.1.9",)),
    ],
)
def test_what_a_constraint_allows(text: str, allowed: tuple[str, ...], refused: tuple[str, ...]) -> None:
    asked = constraint(text)
    assert asked is not None
    assert asked.name == "a"
    assert [each for each in allowed if not asked.allows(each)] == []
    assert [each for each in refused if asked.allows(each)] == []


@pytest.mark.parametrize("text", ["", "a@local", "!a", "a=", "=1", "a b", "a=1=2", "a>>1"])
def test_what_is_not_a_constraint(text: str) -> None:
    assert constraint(text) is None


def test_names_may_have_colons() -> None:
    asked = constraint("so:libssl.so.3=3.6.0-r2")
    assert asked is not None
    assert (asked.name, asked.operator, asked.version) == ("so:libssl.so.3", "=", "3.6.0-r2")
