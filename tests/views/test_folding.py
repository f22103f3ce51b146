import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.views.plan_markdown import Fold, Missing, fit


def note(missing: Missing) -> str:
    return f"\n\n[{missing.shortened} short, {missing.dropped} gone]"


def fold(*forms: str, entries: int = 1, tight: bool = False) -> Fold:
    return Fold(forms=forms, entries=entries, tight=tight)


def test_what_fits_is_whole_and_has_no_note() -> None:
    assert fit("head", [fold("a"), fold("b", tight=True)], limit=100, note=note) == "head\n\na\nb"


def test_the_largest_gives_way_first_and_only_as_far_as_needed() -> None:
    folds = [fold("a" * 30, "a"), fold("b" * 60, "b" * 20, "b"), fold("c" * 30, "c")]
    assert fit("h", folds, limit=120, note=note) == f"h\n\n[1 short, 0 gone]\n\n{'a' * 30}\n\n{'b' * 20}\n\n{'c' * 30}"


def test_where_nothing_can_be_shorter_the_last_are_left_out_and_no_heading_stays_alone() -> None:
    folds = [fold("a" * 40, entries=3), fold("heading", entries=0), fold("b" * 60, entries=4)]
    assert fit("h", folds, limit=90, note=note) == f"h\n\n[0 short, 4 gone]\n\n{'a' * 40}"


@st.composite
def folds(draw: st.DrawFn) -> list[Fold]:
    letters = "abcdefghijklmnop"
    found = []
    for letter in letters[: draw(st.integers(0, len(letters)))]:
        sizes = sorted(draw(st.lists(st.integers(1, 90), min_size=1, max_size=3)), reverse=True)
        found.append(
            fold(*(letter * size for size in sizes), entries=draw(st.integers(0, 2)), tight=draw(st.booleans()))
        )
    return found


@given(folds(), st.integers(min_value=60, max_value=700))
def test_it_always_fits_and_every_fold_is_in_one_of_its_forms(found: list[Fold], limit: int) -> None:
    drawn = fit("HEAD", found, limit=limit, note=note)
    assert len(drawn) <= limit
    assert drawn.startswith("HEAD")
    shown = [one for one in found if any(form in drawn.split("\n") for form in one.forms)]
    assert shown == found[: len(shown)]
    left_out = sum(one.entries for one in found[len(shown) :])
    assert ("gone]" in drawn) == (drawn != "HEAD" + "".join(one.written(0) for one in found))
    assert "gone]" not in drawn or f", {left_out} gone]" in drawn


@pytest.mark.parametrize("limit", range(60, 200, 7))
def test_more_room_never_shows_fewer(limit: int) -> None:
    found = [fold(letter * 30, letter * 5) for letter in "abcdef"]
    less, more = (fit("h", found, limit=size, note=note) for size in (limit, limit + 7))
    assert sum(letter in less for letter in "abcdef") <= sum(letter in more for letter in "abcdef")
