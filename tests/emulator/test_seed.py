"""Facts of the seeded world that manifests and other tests lean on."""

import json

import pytest

from reconciler.emulator import EmulatorSettings, apko, packages, solver
from reconciler.emulator.seed import seed_world
from tests.support.emulated import GROUPS, REPORTS, REPOS, STATUSES, World, sections
from tests.support.overlay_calls import BINDINGS, OVERLAYS

ORGANISATION = "a379a6f6eeafb9a55e378c118034e2751e682fab"


@pytest.fixture(scope="module")
def world() -> World:
    return World()  # never written to


def test_ids_are_stable(world: World) -> None:
    assert world.id("custom-node") == f"{ORGANISATION}/51651a8695a01420"
    assert world.id("team-a/custom-node") == f"{ORGANISATION}/5837d2c490e761d4/094cb81a642902ed"


def test_the_same_name_lies_in_several_places(world: World) -> None:
    assert world.id("custom-node") == world.id("/custom-node") == world.id("example.com/custom-node")
    assert world.id("partner.example/example.com/custom-node") not in (
        world.id("custom-node"),
        world.id("team-a/custom-node"),
    )
    with pytest.raises(LookupError):
        world.emulator.repository("team-b/custom-node")


def test_most_repositories_are_plain_and_some_are_not(world: World) -> None:
    customised = {
        item["name"]
        for item in world.items(REPOS, ("uidp.childrenOf", ORGANISATION))
        if sections(item["customOverlay"])
    }
    assert customised == {
        "custom-base",
        "custom-go",
        "custom-jre",
        "custom-postgres",
        "custom-python",
        "custom-redis",
        "custom-ruby",
        "data-pipeline",
        "legacy-php",
        "ml-notebook",
        "payments-api",
        "payments-worker",
    }


def test_somebody_edited_one_by_hand(world: World) -> None:
    overlay = world.emulator.repository("custom-ruby")["customOverlay"]
    assert overlay["contents"]["packages"] == ["yaml", "git", "bash", "git", "tmux"]


def test_organizations_are_ready(world: World) -> None:
    roots = world.items(GROUPS, ("uidp.inRoot", "true"))
    assert {(root["name"], root["status"], root["verified"]) for root in roots} == {
        ("example.com", "ORG_STATUS_READY", True),
        ("partner.example", "ORG_STATUS_READY", True),
    }


def test_every_repository_was_built_in_the_last_day(world: World) -> None:
    for planted in seed_world().repositories:
        reports = world.reports(planted.path)
        assert len(reports) >= 3
        assert all(report["completedAt"] for report in reports)
    results = [report["result"] for report in world.get(REPORTS).json["reports"]]
    assert results.count("Failure") >= 10
    assert {report["result"] for report in world.reports("ml-notebook")} == {"Failure"}


def test_repositories_have_from_two_to_twelve_active_tags(world: World) -> None:
    counts = {len(item["activeTags"]) for item in world.items(REPOS)}
    assert (min(counts), max(counts)) == (2, 12)


def test_some_readmes_are_long(world: World) -> None:
    assert len(world.emulator.repository("custom-node")["readme"]) > 40_000


def test_every_base_image_builds() -> None:
    for image in apko.images_by_name().values():
        for tag in image.tags:
            assert apko.build(image.name, tag, "null").result == "Success"


def test_every_dependency_is_in_the_catalog() -> None:
    known = packages.all_packages()
    index = packages.index()
    assert 190 < len(known) < 260
    assert {package.origin for package in known.values()} > {"openssl", "glibc"}
    for package in known.values():
        assert package.versions
        for need in package.needs:
            asked = solver.constraint(need)
            assert asked
            for architecture in package.architectures:
                assert index.candidates(asked.name, architecture), f"{package.name} needs {need}"
    for pair in index.shared_files:
        assert set(pair) <= known.keys()


@pytest.fixture(scope="module")
def bound() -> World:
    return World(EmulatorSettings(seed_overlays=True))  # never written to


class TestWithOverlays:
    """What the setting `seed_overlays` adds, and that the world is the same without it."""

    def test_overlays_and_bindings(self, bound: World) -> None:
        overlays = [each["name"] for each in bound.get(OVERLAYS).json["overlays"]]
        assert sorted(overlays) == ["corp-ca", "debug-tools", "proxy", "setuptools", "unused"]
        bindings = bound.get(BINDINGS).json["overlayBindings"]
        assert sorted((each["overlay"]["name"], each["allRepos"]) for each in bindings) == [
            ("corp-ca", True),
            ("debug-tools", False),
            ("debug-tools", True),
            ("proxy", False),
            ("setuptools", False),
        ]

    def test_past_builds_have_what_is_bound(self, bound: World) -> None:
        configs = [json.loads(each["config"]) for each in bound.reports("team-a/edge/edge-gateway")]
        assert configs
        for config in configs:
            assert config["certificates"]["additional"][0]["name"] == "corp-root"
            assert config["environment"]["HTTPS_PROXY"] == "http://proxy.example.com:3128"

    def test_nothing_is_being_built(self, bound: World) -> None:
        assert bound.items(STATUSES, ("registryId", ORGANISATION)) == []

    def test_a_version_has_its_package_and_another_has_not(self, bound: World) -> None:
        found = {package for package in packages.all_packages() if package.endswith("-setuptools")}
        assert found == {"py3.13-setuptools"}
        assert {"3.13", "3.12"} <= set(bound.emulator.repository("scoring")["activeTags"])

    def test_the_plain_world_has_none_of_it(self, world: World) -> None:
        assert world.get(OVERLAYS).json["overlays"] == world.get(BINDINGS).json["overlayBindings"] == []
        with pytest.raises(LookupError):
            world.id("scoring")
