"""What an organization may install: packages one by one, and a summary of each name."""

import pytest

from reconciler.emulator import EmulatorSettings, Fault, Status
from reconciler.emulator.packages import all_packages, index
from tests.support.emulated import PACKAGES, SUMMARIES, World
from tests.support.wsgi import Reply


@pytest.fixture(scope="module")
def world() -> World:
    return World(EmulatorSettings(automatic_rebuilds=False))  # never written to


def organization(world: World) -> str:
    return world.id("custom-node").partition("/")[0]


def ask(world: World, path: str, **params: str) -> Reply:
    return world.get(path, ("uidp.descendantsOf", organization(world)), *params.items())


def named(world: World, name: str, **params: str) -> list[tuple[str, str]]:
    items = ask(world, PACKAGES, packageName=name, **params).json["items"]
    assert {item["packageName"] for item in items} <= {name}
    return sorted((item["version"], item["architecture"]) for item in items)


def test_a_name_has_all_its_versions_on_its_architectures(world: World) -> None:
    assert named(world, "jq") == [
        ("1.7.1-r24", "aarch64"),
        ("1.7.1-r24", "x86_64"),
        ("1.8.1-r2", "aarch64"),
        ("1.8.1-r2", "x86_64"),
    ]
    assert named(world, "jq", mostRecentlyUpdated="true") == [("1.8.1-r2", "aarch64"), ("1.8.1-r2", "x86_64")]
    assert named(world, "jq", architecture="x86_64", mostRecentlyUpdated="true") == [("1.8.1-r2", "x86_64")]
    assert named(world, "intel-media-driver") == [("25.3.4-r0", "x86_64")]
    assert named(world, "kvmtool-arm") == [("20250213-r1", "aarch64")]


def test_a_name_that_is_only_provided_is_not_a_package(world: World) -> None:
    assert named(world, "nodejs") == named(world, "cmd:curl") == named(world, "crul") == []


def test_what_a_package_needs_and_provides(world: World) -> None:
    (jq, _) = ask(world, PACKAGES, packageName="jq", mostRecentlyUpdated="true").json["items"]
    assert (jq["depend"], jq["provides"]) == (["glibc", "oniguruma"], ["cmd:jq"])
    (node, _) = ask(world, PACKAGES, packageName="nodejs-20").json["items"]
    assert node["provides"] == ["nodejs=20.19.5-r1"]
    (cli, _) = ask(world, PACKAGES, packageName="valkey-cli").json["items"]
    assert cli["depend"] == ["glibc", "!redis-8.2"]


def test_the_newest_version_was_built_last(world: World) -> None:
    items = ask(world, PACKAGES, orderBy="build_time desc").json["items"]
    assert [item["buildTime"] for item in items] == sorted((item["buildTime"] for item in items), reverse=True)
    for name in ("bash", "curl", "jq"):
        assert (
            next(item["version"] for item in items if item["packageName"] == name) == (all_packages()[name].versions[0])
        )


def test_packages_come_whole_unless_a_page_is_asked_for(world: World) -> None:
    whole = ask(world, PACKAGES).json
    assert (len(whole["items"]), whole["nextPageToken"]) == (int(whole["totalCount"]), "")
    assert len(whole["items"]) > 400
    page = ask(world, PACKAGES, pageSize="100").json
    assert page["items"] == whole["items"][:100]
    assert ask(world, PACKAGES, pageToken=page["nextPageToken"]).json["items"] == whole["items"][100:150]


def test_what_nobody_may_use_is_in_neither_list(world: World) -> None:
    offered = {item["packageName"] for item in ask(world, PACKAGES).json["items"]}
    withheld = {package.name for package in all_packages().values() if not package.entitled}
    assert offered == all_packages().keys() - withheld
    assert ask(world, SUMMARIES, query="openssl-provider-fips").json["items"] == []
    assert withheld


def test_packages_made_together_share_an_origin(world: World) -> None:
    found = {item["packageName"] for item in ask(world, PACKAGES, origin="openssl").json["items"]}
    assert found == {"libcrypto3", "libssl3", "openssl"}
    summaries = ask(world, SUMMARIES, origin="openssl").json["items"]
    assert [item["packageName"] for item in summaries] == ["libcrypto3", "libssl3", "openssl"]


def test_a_summary_has_the_latest_version_and_all_architectures(world: World) -> None:
    (jq,) = ask(world, SUMMARIES, query="jq").json["items"]
    assert (jq["latestVersion"], jq["architectures"], jq["origin"]) == ("1.8.1-r2", "aarch64, x86_64", "jq")
    (driver,) = ask(world, SUMMARIES, query="intel-").json["items"]
    assert driver["architectures"] == "x86_64"
    assert ask(world, SUMMARIES, query="intel-", architecture="aarch64").json["items"] == []


def test_summaries_come_by_name_in_pages(world: World) -> None:
    names: list[str] = []
    token, pages = "", 0
    while pages == 0 or token:
        page = ask(world, SUMMARIES, pageSize="1000", **({"pageToken": token} if token else {})).json
        names += [item["packageName"] for item in page["items"]]
        token, pages = page["nextPageToken"], pages + 1
    assert names == sorted(index().packages)
    assert pages == 2  # of 200 at most
    assert len(ask(world, SUMMARIES).json["items"]) == 50


def test_the_query_of_the_summaries_is_a_prefix(world: World) -> None:
    found = [item["packageName"] for item in ask(world, SUMMARIES, query="curl").json["items"]]
    assert found == ["curl", "curl-rustls"]


def test_a_folder_has_no_packages_of_its_own(world: World) -> None:
    folder = world.id("team-a/custom-node").rpartition("/")[0]
    for path in (PACKAGES, SUMMARIES):
        assert world.get(path, ("uidp.descendantsOf", folder)).json["items"] == []


@pytest.mark.parametrize("path", [PACKAGES, SUMMARIES])
def test_lists_need_a_capability(path: str) -> None:
    world = World(EmulatorSettings(grants={"example.com": ("groups.list", "repo.list")}))
    refused = ask(world, path)
    assert refused.status == 403
    assert "apk.list" in refused.json["message"]
    assert world.get(path).json["items"] == []


@pytest.mark.parametrize("path", [PACKAGES, SUMMARIES])
def test_faults_meet_the_lists(path: str) -> None:
    world = World()
    world.emulator.faults.add(Fault(effect=Status(status=429, retry_after="3"), path="/apk/"))
    assert ask(world, path).status == 429
    assert ask(world, path).status == 200
