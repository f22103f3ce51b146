"""What the facts mean for an apply."""

import pytest

from reconciler.core.doctor import (
    FOR_A_PART,
    TO_APPLY,
    TO_PLAN,
    Grant,
    Identity,
    Level,
    check_capabilities,
    check_clock,
    check_expiry,
    check_identity,
    missing_capabilities,
)
from reconciler.core.state import Organization

ROOT = "a" * 40
ORGANIZATION = Organization(id=ROOT, name="example.com")
ALL = frozenset({*TO_PLAN, *TO_APPLY, *FOR_A_PART})
NOW = 1000.0


def identity(*grants: Grant, email: str = "") -> Identity:
    return Identity(subject="sub", email=email, issuer="", expires=None, grants=grants)


def grant(capabilities: frozenset[str], *, group: str = ROOT, roles: tuple[str, ...] = (), name: str = "") -> Grant:
    return Grant(group_id=group, group_name=name, roles=roles, capabilities=capabilities)


@pytest.mark.parametrize("name", sorted(ALL))
def test_each_capability_alone(name: str) -> None:
    found = check_capabilities(identity(grant(ALL - {name})), ORGANIZATION)
    assert [one.level for one in found] == [Level.WARNING if name in FOR_A_PART else Level.ERROR]
    assert name in found[0].summary
    assert name in found[0].hint
    assert missing_capabilities(identity(grant(ALL - {name})), ORGANIZATION) == (name,)


def test_everything_and_nothing() -> None:
    (all_there,) = check_capabilities(identity(grant(ALL)), ORGANIZATION)
    assert all_there.level is Level.OK
    (untold,) = check_capabilities(identity(), ORGANIZATION)
    assert untold.level is Level.UNKNOWN
    elsewhere = check_capabilities(identity(grant(ALL, group="b" * 40)), ORGANIZATION)
    assert [one.level for one in elsewhere] == [Level.ERROR, *[Level.WARNING] * 3]


@pytest.mark.parametrize(
    ("skew", "level", "says"),
    [
        (None, Level.UNKNOWN, "did not report its time"),
        (0.0, Level.OK, "0 s"),
        (-59.2, Level.OK, "60 s"),
        (60.0, Level.OK, "60 s"),
        (60.1, Level.WARNING, "61 s behind"),
        (-7200.0, Level.WARNING, "7200 s ahead of"),
    ],
)
def test_clocks(skew: float | None, level: Level, says: str) -> None:
    found = check_clock(skew)
    assert (found.level, says in found.summary) == (level, True)


@pytest.mark.parametrize(
    ("expires", "renewable", "level"),
    [
        (None, False, Level.UNKNOWN),
        (NOW, True, Level.ERROR),
        (NOW - 1, False, Level.ERROR),
        (NOW + 1, False, Level.WARNING),
        (NOW + 1, True, Level.OK),
        (NOW + 600, False, Level.OK),
    ],
)
def test_expiry(expires: float | None, renewable: bool, level: Level) -> None:  # noqa: FBT001 - a case of the table
    found = check_expiry(expires, NOW, renewable=renewable, advice="do this")
    assert (found.level, found.until) == (level, expires)
    assert found.hint == ("do this" if level in (Level.ERROR, Level.WARNING) else "")


def test_whose_token_it_is() -> None:
    grants = [grant(ALL, group=f"{number:040}", roles=("a", "b"), name=f"org-{number}") for number in range(7)]
    found = check_identity(identity(*grants, grant(ALL), email="ada@example.com"))
    assert found.summary == "ada@example.com (sub)"
    assert found.detail.startswith("a and b of org-0; a and b of org-1")
    assert found.detail.endswith("of org-4 and 2 more")
    assert check_identity(identity()).summary == "sub"
