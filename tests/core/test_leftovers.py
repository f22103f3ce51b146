"""What was removed and is still in new images, and what else changed in them."""

from dataclasses import replace

import pytest

from reconciler.core.builds import Build, BuildConfig, PackageConfig, Result, Sync, Target, make_recipe
from reconciler.core.diff import Field, Item, items_of
from reconciler.core.leftovers import Cause, Leftover, find_leftovers, other_changes
from reconciler.core.overlay import EMPTY, Overlay
from reconciler.core.progress import advance, begin
from reconciler.core.resolution import ResolvedChange
from tests.support.overlays import overlay

SINCE = 100.0


def target(before: Overlay, after: Overlay = EMPTY) -> Target:
    return Target(repository="web", id="r", before=before, after=after, since=SINCE)


def build(
    number: int, asked: Overlay, *, locked: tuple[str, ...] = (), started: float = SINCE, digest: str = ""
) -> Build:
    """A build that was asked for what an overlay holds, and of which all packages are locked to version 1."""
    parts = frozenset({Field.PACKAGES, Field.ENVIRONMENT, Field.ANNOTATIONS, Field.USERS, Field.GROUPS})
    entries = frozenset(items_of(asked))
    names = locked or tuple(f"{name}=1" for name in asked.packages)
    exact = frozenset(Item(Field.PACKAGES, name.partition("=")[0], name) for name in names)
    others = frozenset(item for item in entries if item.field is not Field.PACKAGES)
    return Build(
        id=f"r/{number}",
        repository_id="r",
        started=started,
        ended=started + 1,
        result=Result.SUCCESS,
        digest=digest or f"sha256:{number}",
        config=BuildConfig(entries=entries, parts=parts),
        locked=BuildConfig(entries=exact | others, parts=parts),
        recipe=make_recipe(PackageConfig(packages=asked.packages), names),
    )


def leftovers(one: Target, *builds: Build) -> tuple[Leftover, ...]:
    return find_leftovers(replace(begin(one, now=0), builds=builds))


@pytest.mark.parametrize(
    "removed",
    [
        {"packages": ["vim"]},
        {"environment": {"A": "1"}},
        {"annotations": {"com.example.a": "1"}},
        {"accounts": {"users": [{"username": "app", "uid": 1000}]}},
        {"accounts": {"groups": [{"groupname": "app", "gid": 1000}]}},
    ],
)
def test_what_the_new_configuration_lists_without_being_asked_is_of_the_base_image(removed: dict[str, object]) -> None:
    before = overlay(removed)
    (found,) = leftovers(target(before), build(1, before), build(2, EMPTY), build(3, before, digest="sha256:1"))
    assert (found.item, found.images, found.of, found.cause) == (*items_of(before), 1, 2, Cause.BASE_IMAGE)


def test_what_is_locked_without_being_listed_is_needed_by_another_package() -> None:
    before, after = overlay({"packages": ["jq", "oniguruma"]}), overlay({"packages": ["jq"]})
    (found,) = leftovers(target(before, after), build(1, after, locked=("jq=1", "oniguruma=6")))
    assert (found.item.key, found.cause) == ("oniguruma", Cause.OTHER_PACKAGE)


def test_nothing_is_reported_of_what_stays_or_of_builds_without_evidence() -> None:
    before, after = overlay({"packages": ["jq=1"]}), overlay({"packages": ["jq"]})
    assert leftovers(target(before, after), build(1, after)) == ()
    assert leftovers(target(before), replace(build(1, before), config=None, locked=None)) == ()
    assert leftovers(target(before), replace(build(1, before), result=Result.FAILURE)) == ()


def test_images_whose_base_brings_it_count_next_to_those_without_it() -> None:
    """Nothing in the report of the second build proves the new overlay, but it began after one that does."""
    before = overlay({"packages": ["git"]})
    builds = [build(1, EMPTY, started=SINCE + 2), build(2, before, started=SINCE + 3)]
    old = build(3, before, started=SINCE + 1)
    one = target(before)
    known = advance(begin(one, now=0), [*builds, old], Sync.IDLE, now=1, settle=0)
    assert [counted.id for counted in known.builds] == ["r/1", "r/2"]
    (found,) = find_leftovers(known)
    assert (found.images, found.of) == (1, 2)


def test_what_else_changed_is_reported_for_each_stream_without_what_was_requested() -> None:
    before, after = overlay({"packages": ["nginx", "vim"]}), overlay({"packages": ["nginx", "jq"]})
    one = target(overlay({"packages": ["vim"]}), overlay({"packages": ["jq"]}))
    earlier = [
        build(1, before, started=1, locked=("nginx=0", "vim=1")),
        build(2, before, started=2, locked=("nginx=1", "ncurses=6", "vim=1")),
        build(3, overlay({"packages": ["other", "vim"]}), started=3),
    ]
    new = build(4, after, locked=("nginx=2", "pcre=8", "jq=1"))
    change = other_changes(replace(begin(one, now=0), builds=(new,)), earlier)
    assert change == ResolvedChange(
        packages=("jq=1", "nginx=2", "pcre=8"),
        added=(("pcre", "8"),),
        removed=(("ncurses", "6"),),
        changed=(("nginx", "1", "2"),),
    )


def test_nothing_is_compared_without_an_image_before() -> None:
    one, new = target(EMPTY), build(1, overlay({"packages": ["nginx"]}))
    assert other_changes(replace(begin(one, now=0), builds=(new,)), [new]) is None
