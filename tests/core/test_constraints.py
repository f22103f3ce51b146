from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.packages import Constraint, parse_constraint, version_key

ASCENDING = (
    "0.9", "1", "1-r1", "1.0", "1.05", "1.1", "1.2_alpha", "1.2_alpha2", "1.2_beta1", "1.2_pre1", "1.2_rc1", "1.2_rc10",
    "1.2", "1.2-r0", "1.2-r2", "1.2-r10", "1.2_git20250101", "1.2_p1", "1.2a", "1.2.1", "1.10", "2",
)  # fmt: skip


@pytest.mark.parametrize(("lower", "higher"), tuple(pairwise(ASCENDING)))
def test_versions_come_in_the_order_of_apk(lower: str, higher: str) -> None:
    assert version_key(lower) < version_key(higher)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("git", Constraint(text="git", name="git")),
        ("git=2.51.0-r1", Constraint(text="git=2.51.0-r1", name="git", operator="=", version="2.51.0-r1")),
        ("git ~ 2.1", Constraint(text="git ~ 2.1", name="git", operator="~", version="2.1")),
        ("git~=2.1", Constraint(text="git~=2.1", name="git", operator="~=", version="2.1")),
        ("git=~2.1", Constraint(text="git=~2.1", name="git", operator="=~", version="2.1")),
        ("git=2.1~1f3a-r0", Constraint(text="git=2.1~1f3a-r0", name="git", operator="=", version="2.1~1f3a-r0")),
        ("git>=2@edge", Constraint(text="git>=2@edge", name="git", operator=">=", version="2", tag="edge")),
        ("git@edge", Constraint(text="git@edge", name="git", tag="edge")),
        ("so:libz.so.1=1.3", Constraint(text="so:libz.so.1=1.3", name="so:libz.so.1", operator="=", version="1.3")),
        ("=1", None),
        ("git=", None),
        ("git=1=2", None),
    ],
)
def test_a_specification_is_read(text: str, expected: Constraint | None) -> None:
    assert parse_constraint(text) == expected


@pytest.mark.parametrize(
    ("text", "allowed", "refused"),
    [
        ("a", ["1", "2-r3"], []),
        ("a=1.2", ["1.2", "1.2-r0"], ["1.2-r7", "1.2.0", "1.20", "1.2_rc1"]),
        ("a=1.2-r0", ["1.2", "1.2-r0"], ["1.2-r1"]),
        ("a=1.2~1f3a-r2", ["1.2~1f3a-r2"], ["1.2-r2", "1.2~1f3b-r2"]),
        ("a=~1.2", ["1.2.3-r4"], ["1.20"]),
        ("a=1.2-r1", ["1.2-r1"], ["1.2-r0", "1.2", "1.2-r10"]),
        ("a~1.2", ["1.2", "1.2.3", "1.2.3-r4", "1.2-r1"], ["1.20", "1.3", "1", "11.2"]),
        ("a~=1", ["1", "1.9"], ["10", "2"]),
        ("a>1.2", ["1.2-r1", "1.2.1", "2"], ["1.2", "1.2_rc1", "1.1"]),
        ("a>=1.2", ["1.2", "1.2-r0"], ["1.2_rc1", "1.1.9"]),
        ("a<2", ["1.9", "2_alpha1"], ["2", "2-r0"]),
        ("a<=2", ["2", "1"], ["2-r0", "2.0.1"]),
        ("a~latest", ["latest"], ["1.2", "latest2"]),
    ],
)
def test_a_constraint_allows_what_apk_would_take(text: str, allowed: list[str], refused: list[str]) -> None:
    constraint = parse_constraint(text)
    assert constraint is not None
    assert [version for version in allowed if not constraint.allows(version)] == []
    assert [version for version in refused if constraint.allows(version)] == []


@given(st.text(max_size=20), st.text(max_size=20))
def test_any_text_has_a_place_in_the_order(left: str, right: str) -> None:
    assert (version_key(left) < version_key(right)) or (version_key(left) >= version_key(right))


@given(st.text(max_size=30))
def test_any_text_is_a_specification_or_none(text: str) -> None:
    found = parse_constraint(text)
    assert found is None or found.name
