"""The laws that everything else rests on."""

import os
import subprocess
import sys

from hypothesis import given
from hypothesis import strategies as st

from reconciler.core import planner
from reconciler.core.diff import assemble, diff, items_of
from reconciler.core.overlay import EMPTY, SECTION_FIELDS, Overlay, Section, fingerprint, make_overlay
from reconciler.core.state import Address, Desired, DesiredRepository, Live, LiveRepository, Organization, wanted
from reconciler.core.steps import Action, ReasonCode, Step
from reconciler.diagnostics import Place
from tests.support.overlays import overlays, patch

SECTIONS = st.frozensets(st.sampled_from(list(Section)))


def entry(overlay: Overlay, managed: frozenset[Section]) -> DesiredRepository:
    return DesiredRepository(address=Address(name="r"), place=Place(file="m.yaml"), overlay=overlay, managed=managed)


def step_for(desired: DesiredRepository, live: Overlay) -> Step:
    organization = Organization(id="0" * 40, name="example.com")
    repository = LiveRepository(id="0" * 40 + "/1", name="r", overlay=live)
    plan = planner.plan(
        Desired(organization="example.com", repositories=(desired,)),
        Live(organization=organization, repositories=(repository,)),
    )
    return plan.steps[0]


@given(overlays())
def test_an_overlay_does_not_differ_from_itself(overlay: Overlay) -> None:
    assert diff(overlay, overlay) == ()


@given(overlays(), overlays())
def test_no_difference_exactly_when_equal(one: Overlay, other: Overlay) -> None:
    assert (diff(one, other) == ()) == (one == other)


@given(overlays(), overlays())
def test_applying_the_difference_gives_the_other(one: Overlay, other: Overlay) -> None:
    assert patch(one, diff(one, other)) == other


@given(overlays())
def test_taking_apart_and_putting_together_loses_nothing(overlay: Overlay) -> None:
    assert assemble(items_of(overlay)) == overlay


@given(overlays(), overlays())
def test_fingerprints_are_equal_exactly_when_overlays_are(one: Overlay, other: Overlay) -> None:
    assert (fingerprint(one) == fingerprint(other)) == (one == other)


@given(overlays(), overlays(), SECTIONS)
def test_a_second_plan_has_nothing_to_do(live: Overlay, asked: Overlay, managed: frozenset[Section]) -> None:
    desired = entry(asked, managed)
    first = step_for(desired, live)
    if first.after is None:  # the API would refuse it: a setting of the wrapper without it
        assert first.reason.code is ReasonCode.INVALID
        assert not wanted(desired, live).guarded_entrypoint
        return
    second = step_for(desired, patch(live, first.changes))
    assert patch(live, first.changes) == first.after
    assert (second.action, second.changes) == (Action.NONE, ())


@given(overlays(), overlays(), SECTIONS)
def test_what_is_not_mentioned_is_not_touched(live: Overlay, asked: Overlay, managed: frozenset[Section]) -> None:
    result = wanted(entry(asked, managed), live)
    for section, name in SECTION_FIELDS.items():
        expected = asked if section in managed else live
        assert getattr(result, name) == getattr(expected, name)
    assert result.unrecognized == live.unrecognized


@given(overlays())
def test_a_reset_leaves_nothing(live: Overlay) -> None:
    desired = DesiredRepository(address=Address(name="r"), place=Place(file="m.yaml"), reset=True)
    step = step_for(desired, live)
    assert patch(live, step.changes) == EMPTY
    assert step.action is (Action.NONE if live == EMPTY else Action.RESET)


@given(st.lists(st.sampled_from(["a", "b", "c=1", " c = 1 ", "a"])))
def test_order_and_repetition_of_packages_mean_nothing(packages: list[str]) -> None:
    assert make_overlay(packages=packages) == make_overlay(packages=[*reversed(packages), *packages])


_PROGRAM = """
from tests.support.overlays import overlay
from reconciler.core.diff import diff
from reconciler.core.overlay import EMPTY, fingerprint
one = overlay({
    "packages": ["zlib", "curl=1", "curl", "git"], "environment": {"B": "1", "A": "2", "C": ""},
    "accounts": {"users": [{"username": u, "uid": i} for i, u in enumerate("zyx")],
                 "groups": [{"groupname": "g", "gid": 1, "members": ["x", "z", "y"]}]},
    "certificates": {"additional": [{"name": n, "text": n} for n in "cab"], "providers": ["q", "p"]},
})
print(fingerprint(one))
for change in diff(EMPTY, one):
    print(change)
"""


def test_the_same_bytes_whatever_the_hash_seed() -> None:
    def run(seed: str) -> bytes:
        environment = os.environ | {"PYTHONHASHSEED": seed}
        return subprocess.run([sys.executable, "-c", _PROGRAM], env=environment, check=True, capture_output=True).stdout

    assert run("0") == run("1") == run("2")
    assert run("0").count(b"\n") == 17
