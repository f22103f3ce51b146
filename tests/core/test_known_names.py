"""Names suggested for mistyped ones, in a time that grows no faster than the input (entry 19)."""

from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.packages import version_key
from reconciler.diagnostics import KnownNames, nearest

NAMES = st.text(alphabet="abcdef-0123", min_size=3, max_size=12)


def test_the_most_alike_come_first() -> None:
    known = ["custom-nginx", "custom-node", "team-a/custom-node", "postgres"]
    assert nearest("custom-ngin", known) == ("custom-nginx",)
    assert nearest("Custom-Node", known)[0] == "custom-node"
    assert nearest("zzz", known) == ()


def test_many_known_names_give_what_few_give() -> None:
    many = [f"service-{number:04}" for number in range(3000)]
    assert nearest("custom-ngin", [*many, "custom-nginx"]) == ("custom-nginx",)
    assert nearest("servcie-0042", many)[0] == "service-0042"


@given(st.lists(NAMES, min_size=60, max_size=90, unique=True), st.data())
def test_one_dropped_letter_is_found_among_many(known: list[str], data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(known))
    at = data.draw(st.integers(0, len(name) - 1))
    assert nearest(name[:at] + name[at + 1 :], known)


def test_only_the_first_hundred_are_answered_and_no_long_name() -> None:
    known = KnownNames(["alpha", "a" * 300])
    assert known.nearest("a" * 299) == ()
    assert [known.nearest("alpa") for _ in range(101)] == [("alpha",)] * 100 + [()]


def test_versions_of_any_length_are_ordered_as_numbers() -> None:
    long = "9" * 5000
    versions = [f"1.{number}-r{number}" for number in ("0", "9", "10", long, f"1{long}")]
    assert sorted(set(versions), key=version_key) == versions
    assert version_key("1.2_rc9") < version_key("1.2_rc10") < version_key("1.2") < version_key("1.2_p1")
