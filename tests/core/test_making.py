"""Values that are made the quick way are those that their class makes, and as frozen."""

from dataclasses import FrozenInstanceError, fields

import pytest
from hypothesis import given
from reconciler.core.overlay import Overlay

from reconciler.core.diff import Change, ChangeKind, Field
from tests.support.overlays import overlays

make_overlay, make_change = Overlay, Change


@given(overlays())
def test_they_are_equal_in_everything(overlay: Overlay) -> None:
    given_ = {field.name: getattr(overlay, field.name) for field in fields(Overlay)}
    made, ordinary = make_overlay(**given_), Overlay(**given_)
    assert type(made) is Overlay
    assert (made, hash(made), repr(made)) == (ordinary, hash(ordinary), repr(ordinary))


def test_what_is_left_out_has_its_default() -> None:
    assert make_overlay() == Overlay()
    assert make_overlay(packages=("curl",)) == Overlay(packages=("curl",))


def test_they_are_frozen() -> None:
    made = make_overlay()
    with pytest.raises(FrozenInstanceError):
        made.packages = ("curl",)  # type: ignore[misc]
    with pytest.raises((AttributeError, TypeError)):
        made.other = 1  # type: ignore[attr-defined]


def test_a_field_without_default_must_be_given() -> None:
    with pytest.raises(TypeError):
        make_change(field=Field.PACKAGES, key="curl", kind=ChangeKind.ADD)  # type: ignore[call-arg]
