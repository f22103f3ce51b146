"""Profiles for what many share: shorter, and never with another meaning."""

from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.diff import assemble, items_of
from reconciler.core.overlay import Overlay, make_overlay
from reconciler.manifest.writing.importer import FEWEST, Profiles, extract_profiles
from tests.support.overlays import overlays

BASE = ["bash", "curl", "jq", "openssh-client"]
LONG = {"JAVA_TOOL_OPTIONS": "-XX:MaxRAMPercentage=75.0 -XX:+ExitOnOutOfMemoryError"}


def made(*packages: str, **environment: str) -> Overlay:
    return make_overlay(packages=packages, environment=environment)


def whole(found: Profiles, number: int) -> Overlay:
    names, rest = found.entries[number]
    layers = [found.profiles[name] for name in names]
    return assemble(entry for layer in (*layers, rest) for entry in items_of(layer))


def test_what_many_share_becomes_a_profile() -> None:
    found = extract_profiles([made(*BASE, str(number), **LONG) for number in range(4)])
    (name,) = found.profiles
    assert found.profiles[name] == made(*BASE, **LONG)
    assert found.entries == [((name,), made(str(number))) for number in range(4)]


def test_profiles_nest_and_overlap() -> None:
    many = [*BASE, "ca-certificates-bundle", "busybox-full", "posix-libc-utils", "libstdc++"]
    found = extract_profiles([*(made(*many, **LONG) for _ in range(3)), *(made(*many, B="y") for _ in range(9))])
    assert [len(names) for names, _ in found.entries] == [2] * 3 + [1] * 9


def test_two_repositories_are_not_many() -> None:
    assert extract_profiles([made(*BASE, **LONG)] * 2).profiles == {}


def test_what_would_not_be_shorter_stays() -> None:
    assert extract_profiles([made("curl")] * 9).profiles == {}


def test_names_differ_where_what_they_are_made_of_does_not() -> None:
    texts = [{"JAVA_TOOL_OPTIONS": f"-XX:MaxRAMPercentage={number}.0 -XX:+ExitOnOutOfMemoryError"} for number in (1, 2)]
    found = extract_profiles([made(**text) for text in texts for _ in range(4)])
    assert sorted(found.profiles) == ["java-tool-options", "java-tool-options-2"]


@given(several=st.lists(overlays(), max_size=8))
def test_no_overlay_changes(several: list[Overlay]) -> None:
    found = extract_profiles(several)
    assert [whole(found, number) for number in range(len(several))] == several
    assert extract_profiles(several) == found
    used = [name for names, _ in found.entries for name in names]
    assert all(used.count(name) >= FEWEST for name in found.profiles)
