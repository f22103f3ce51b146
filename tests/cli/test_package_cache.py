"""What the cache of packages gives back, and that nothing which is in the way of it changes a plan."""

import json
from pathlib import Path

import pytest

from reconciler.cli.package_cache import LIFE, PackageCache
from reconciler.core.availability import PackageRequest, requested_constraints
from reconciler.core.packages import PackageVersion

NOW = 1_000_000.0
GIT = PackageVersion(name="git", version="2-r0", architectures=("aarch64", "x86_64"))
WANTED = requested_constraints([PackageRequest(spec="git")])


def cache(folder: Path, *, api: str = "a", organization: str = "o", now: float = NOW) -> PackageCache:
    return PackageCache(folder, api=api, organization=organization, now=now)


def test_what_was_found_is_known_for_a_while(tmp_path: Path) -> None:
    folder = tmp_path / ".reconciler"
    cache(folder).write({"git": (GIT,), "crul": ()})
    assert cache(folder, now=NOW + LIFE - 1).read(WANTED) == {"git": (GIT,)}
    assert cache(folder, now=NOW + LIFE).read(WANTED) == {}
    assert cache(folder, now=NOW - 1).read(WANTED) == {}
    assert (folder / ".gitignore").read_text(encoding="utf-8") == "*\n"


def test_it_is_of_one_organization_and_api(tmp_path: Path) -> None:
    cache(tmp_path).write({"git": (GIT,)})
    assert cache(tmp_path, api="b").read(WANTED) == {}
    assert cache(tmp_path, organization="p").read(WANTED) == {}


def test_what_does_not_meet_what_is_wanted_is_looked_up_again(tmp_path: Path) -> None:
    cache(tmp_path).write({"git": (GIT,)})
    asks = {spec: requested_constraints([PackageRequest(spec=spec)]) for spec in ("git~2", "git=1-r0", "crul")}
    assert [bool(cache(tmp_path).read(one)) for one in asks.values()] == [True, False, False]


def test_an_older_find_is_kept_next_to_a_newer_one(tmp_path: Path) -> None:
    cache(tmp_path).write({"git": (GIT,)})
    cache(tmp_path, now=NOW + 10).write({"jq": (GIT,)})
    assert cache(tmp_path, now=NOW + LIFE - 1).read(WANTED)
    assert not cache(tmp_path, now=NOW + LIFE + 1).read(WANTED)


def entry(**more: object) -> str:
    kept = {"at": NOW, "versions": [["git", "2-r0", ["x86_64"]]], **more}
    return json.dumps({"format": 1, "packages": {"git": kept}})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[" * 100_000,
        "[]",
        '{"format": 2}',
        '{"format": 1, "packages": []}',
        entry(at="now"),
        entry(at=None),
        entry(versions=[]),
        entry(versions=None),
        entry(versions=[["git"]]),
        entry(versions=[["git", 2, ["x86_64"]]]),
        entry(versions=[["git", "2-r0", "x86_64"]]),
        entry(versions=[["git", "2-r0", [1]]]),
    ],
)
def test_a_damaged_file_is_none_and_is_written_anew(tmp_path: Path, text: str) -> None:
    cache(tmp_path).write({"git": (GIT,)})
    (file,) = tmp_path.glob("packages-*")
    file.write_text(text, encoding="utf-8")
    assert cache(tmp_path).read(WANTED) == {}
    cache(tmp_path).write({"git": (GIT,)})
    assert cache(tmp_path).read(WANTED) == {"git": (GIT,)}


def test_a_folder_that_cannot_be_made_is_not_a_problem(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    kept = cache(tmp_path / "file")
    kept.write({"git": (GIT,)})
    assert kept.problem
    assert kept.read(WANTED) == {}
