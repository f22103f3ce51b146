"""What bindings make of each tag: which layer wins, and which builds a write starts."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconciler.emulator import Bind, EmulatorSettings, Fault, Lag, LateConflicts, Status
from tests.support.bound_overlays import NESTED, SCOPES, SELECTORS, configs, matches, rank
from tests.support.emulated import TAGS, World, packages
from tests.support.examples import examples
from tests.support.overlay_calls import ALL, BINDINGS, DEV, OVERLAYS, bind, exact, organization, overlay, send

REPO = "orders-api"  # latest, latest-dev, 24 and 24-dev; without an overlay of its own
RESOLVE = "/apko/v1/resolve"


def env(**values: str) -> dict[str, Any]:
    return {"environment": values}


@pytest.fixture
def world() -> World:
    return World(EmulatorSettings(automatic_rebuilds=False))


def since(world: World) -> Callable[[str], list[Any]]:
    """Return what gives the reports of the builds that start from now on and have ended."""
    seen = {report["id"] for report in world.get("/registry/v1/buildreports").json["reports"]}

    def reports(name: str) -> list[Any]:
        world.clock.advance(60)
        return [each for each in world.reports(name) if each["id"] not in seen]

    return reports


def built(world: World, name: str, reports: list[Any]) -> dict[str, Any]:
    """Return the configuration of each report by the tag that has its digest, "" for reports without a digest."""
    tags = world.items(TAGS, ("uidp.childrenOf", world.id(name)))
    names = {tag["digest"]: tag["name"] for tag in tags}
    return {
        names.get(each["digest"], ""): json.loads(each["config"]) if each["config"] else each["log"] for each in reports
    }


class TestWhatStartsBuilds:
    def test_a_binding_builds_the_tags_that_it_matches(self, world: World) -> None:
        reports = since(world)
        overlay(world, "tools", env(TOOLS="1"))
        assert reports(REPO) == []
        assert bind(world, "tools", REPO, DEV).status == 200
        found = built(world, REPO, reports(REPO))
        assert found.keys() == {"latest-dev", "24-dev"}
        assert all(config["environment"]["TOOLS"] == "1" for config in found.values())

    def test_a_misspelled_tag_builds_nothing(self, world: World) -> None:
        reports = since(world)
        overlay(world, "tools", env(TOOLS="1"))
        assert bind(world, "tools", REPO, exact("24-devv")).status == 200
        assert world.status(REPO) == "UNKNOWN"
        assert reports(REPO) == []

    def test_a_new_selector_builds_what_it_gains_and_what_it_loses(self, world: World) -> None:
        world.emulator.bind("tools", REPO, ["24", "latest"], env(TOOLS="1"))
        world.clock.advance(60)
        reports = since(world)
        uid = world.get(BINDINGS).json["overlayBindings"][0]["uid"]
        reply = send(world, "PATCH", f"{BINDINGS}/{uid}", {"tagSelector": exact("24", "24-dev")}, "tag_selector")
        assert reply.status == 200
        found = built(world, REPO, reports(REPO))
        assert {tag: "TOOLS" in config["environment"] for tag, config in found.items()} == {
            "24-dev": True,
            "latest": False,
        }

    def test_a_deleted_binding_gives_the_tags_back(self, world: World) -> None:
        world.emulator.bind("tools", REPO, "dev", env(TOOLS="1"))
        world.clock.advance(60)
        reports = since(world)
        uid = world.get(BINDINGS).json["overlayBindings"][0]["uid"]
        assert send(world, "DELETE", f"{BINDINGS}/{uid}").status == 200
        found = built(world, REPO, reports(REPO))
        assert found.keys() == {"latest-dev", "24-dev"}
        assert not any("TOOLS" in config["environment"] for config in found.values())

    def test_a_changed_overlay_builds_every_repository_that_it_reaches(self, world: World) -> None:
        world.emulator.bind("tools", REPO, ["24"], env(TOOLS="1"))
        world.emulator.bind("tools", "example.com/team-a/", "dev")
        world.clock.advance(60)
        reports = since(world)
        uid = world.get(OVERLAYS).json["overlays"][0]["uid"]
        assert send(world, "PATCH", f"{OVERLAYS}/{uid}", {"config": env(TOOLS="2")}, "config").status == 200
        for name, tags in ((REPO, {"24"}), (NESTED, {"latest-dev"}), ("web-frontend", set())):
            assert built(world, name, reports(name)).keys() == tags

    def test_what_changes_no_tag_builds_nothing(self, world: World) -> None:
        world.emulator.bind("tools", REPO, "all", env(TOOLS="1"))
        world.clock.advance(60)
        reports = since(world)
        uid = world.get(OVERLAYS).json["overlays"][0]["uid"]
        for body in ({"name": "renamed"}, {"config": env(TOOLS="1")}):
            assert send(world, "PATCH", f"{OVERLAYS}/{uid}", body, next(iter(body))).status == 200
        overlay(world, "below", env(TOOLS="0"))
        assert bind(world, "below", organization(world), ALL, allRepos=True).status == 200
        assert reports(REPO) == []

    def test_a_binding_for_all_repositories_holds_for_new_ones(self, world: World) -> None:
        world.emulator.bind("tools", "example.com/", "dev", env(TOOLS="1"))
        reports = since(world)
        source = world.emulator.repository("custom-go")["sync_config"]["source"]
        body = {"name": "fresh", "sync_config": {"source": source}}
        assert send(world, "POST", f"/registry/v1/repos/{organization(world)}", body).status == 200
        found = built(world, "fresh", reports("fresh"))
        assert {tag for tag, config in found.items() if "TOOLS" in config["environment"]} == {
            tag for tag in world.emulator.repository("fresh")["activeTags"] if tag.endswith("-dev")
        }

    def test_a_refused_write_builds_nothing(self, world: World) -> None:
        reports = since(world)
        for name, value in (("one", "1"), ("two", "2")):
            overlay(world, name, env(X=value))
        bind(world, "one", REPO, ALL)
        reports(REPO)
        later = since(world)
        assert bind(world, "two", REPO, ALL).status == 400
        assert later(REPO) == []

    def test_waiting_work_and_a_write_to_other_tags_are_one(self, world: World) -> None:
        reports = since(world)
        world.emulator.bind("tools", REPO, ["24"], env(TOOLS="1"))
        world.clock.advance(0.5)
        world.emulator.bind("more", REPO, ["24-dev"], env(MORE="1"))
        assert world.status(REPO) == "QUEUED"
        assert built(world, REPO, reports(REPO)).keys() == {"24", "24-dev"}

    def test_the_queue_shows_the_work(self, world: World) -> None:
        world.emulator.bind("tools", REPO, "dev")
        assert world.status(REPO) == "QUEUED"
        world.clock.advance(1.5)
        assert world.status(REPO) == "IN_PROGRESS"
        assert world.status("web-frontend") == "UNKNOWN"
        world.clock.advance(60)
        assert world.status(REPO) == "UNKNOWN"

    def test_automatic_rebuilds_use_what_the_tag_gets(self) -> None:
        world = World()
        world.emulator.bind("tools", "example.com/", "dev", env(TOOLS="1"))
        world.clock.advance(3600)
        reports = since(world)
        world.clock.advance(6 * 3600)
        found = built(world, REPO, reports(REPO))
        assert found
        assert all(("TOOLS" in config["environment"]) == tag.endswith("-dev") for tag, config in found.items())


class TestStandardOverlays:
    def test_they_keep_the_bindings_of_the_organization_away(self, world: World) -> None:
        reports = since(world)
        world.emulator.bind("tools", "example.com/", "all", env(TOOLS="1"))
        assert reports("custom-go") == []
        world.emulator.edit("custom-go", {}, replace=True)
        found = reports("custom-go")
        assert len(found) == len(world.emulator.repository("custom-go")["activeTags"])
        assert all(json.loads(each["config"])["environment"]["TOOLS"] == "1" for each in found)

    def test_one_that_is_set_takes_their_place(self, world: World) -> None:
        world.emulator.bind("tools", "example.com/", "dev", env(TOOLS="1"))
        world.clock.advance(60)
        reports = since(world)
        world.put_overlay(REPO, packages("jq"))
        found = built(world, REPO, reports(REPO))
        assert found.keys() == set(world.emulator.repository(REPO)["activeTags"])
        assert not any("TOOLS" in config["environment"] for config in found.values())

    def test_one_that_says_the_same_as_the_bindings_builds_nothing(self, world: World) -> None:
        world.put_overlay(REPO, packages("jq", "curl"))
        world.clock.advance(60)
        reports = since(world)
        world.emulator.bind("tools", "example.com/", "all", packages("curl", "jq"))
        world.emulator.edit(REPO, {}, replace=True)
        assert reports(REPO) == []


class TestRefusals:
    PIN = packages("guarded-entrypoint=1.2.4-r0")

    def test_a_refused_tag_is_one_failed_report_and_no_business_of_the_others(self, world: World) -> None:
        reports = since(world)
        world.emulator.bind("wrapped", REPO, "all", {"guardedEntrypoint": True})
        world.emulator.bind("pinned", REPO, ["24"], self.PIN)
        found = built(world, REPO, reports(REPO))
        assert found.keys() == {"latest", "latest-dev", "24-dev", ""}
        assert (
            found[""]
            .splitlines()[0]
            .endswith(
                "guarded entrypoint refused for tags [24] (digest "
                f"{world.items(TAGS, ('uidp.childrenOf', world.id(REPO)), ('name', '24'))[0]['digest']}): "
                "the listed wrapper version does not read every GUARDED_* setting; "
                "these tags are not rebuilt until that is resolved"
            )
        )
        assert world.emulator.repository(REPO)["activeTags"] == ["latest", "latest-dev", "24-dev"]
        assert world.status(REPO) == "UNKNOWN"

    def test_a_refused_tag_comes_back_alone(self, world: World) -> None:
        world.emulator.bind("wrapped", REPO, "all", {"guardedEntrypoint": True})
        world.emulator.bind("pinned", REPO, ["24"], self.PIN)
        world.clock.advance(60)
        reports = since(world)
        described = {**world.emulator.repository(REPO), "description": "another"}
        assert world.put(REPO, described).json["activeTags"] == ["latest", "latest-dev", "24-dev"]
        world.emulator.bind("pinned", REPO, None)
        assert built(world, REPO, reports(REPO)).keys() == {"24"}
        assert world.emulator.repository(REPO)["activeTags"] == ["latest", "latest-dev", "24", "24-dev"]

    def test_an_image_without_a_version_fails_where_the_others_do_not(self, world: World) -> None:
        reports = since(world)
        world.emulator.bind("typed", "example.com/", "all", packages("go-{{major}}.{{minor}}"))
        found = reports("build-agent")
        assert {each["result"] for each in found} == {"Failure"}
        assert "the main package of the image has no such version" in found[0]["log"]
        assert {each["result"] for each in reports("team-b/batch-runner")} == {"Success"}

    def test_a_conflict_that_is_found_late(self, world: World) -> None:
        world.emulator.faults.add(Fault(effect=LateConflicts(), method="POST", path="overlayBindings", times=None))
        for name, value in (("one", "1"), ("two", "2")):
            overlay(world, name, env(X=value))
        reports = since(world)
        assert bind(world, "one", REPO, ALL).status == 200
        other = bind(world, "two", REPO, ALL)
        assert other.status == 200
        world.clock.advance(2)
        assert world.status(REPO) == "FAILED"
        (report,) = reports(REPO)
        assert (report["result"], report["digest"], report["config"]) == ("Failure", "", "")
        assert "overlay bindings refused for tags [latest] (digest sha256:" in report["log"]
        assert (
            "overlay config does not merge commutatively with co-matching binding(s): "
            f'binding "{other.json["uid"]}" (overlay "two", selector ALL) on fields [environment["X"]]'
        ) in report["log"]
        later = since(world)
        assert send(world, "DELETE", f"{BINDINGS}/{other.json['uid']}").status == 200
        assert len(later(REPO)) == 4


def test_a_build_is_resolved_as_it_was_built(world: World) -> None:
    reports = since(world)
    world.emulator.bind("tools", "example.com/", "all", packages("jq", "nodejs-{{major}}"))
    world.emulator.bind("more", REPO, "dev", packages("curl"))
    checked = 0
    for report in reports(REPO):
        config = json.loads(report["config"])
        asked = {"contents": {"packages": config["contents"]["packages"]}, "archs": config["archs"]}
        reply = send(world, "POST", f"{RESOLVE}/{world.id(REPO)}", {"config": asked})
        if report["result"] == "Failure":
            assert reply.json["message"].partition(": ")[2] in report["log"]
        else:
            assert reply.json["contents"]["packages"] == json.loads(report["lockedConfig"])["contents"]["packages"]
        checked += 1
    assert checked == 4


def test_each_write_can_be_disturbed(world: World) -> None:
    uid = overlay(world, "tools", env(TOOLS="1"))
    bound = bind(world, "tools", REPO, DEV).json["uid"]
    repo = world.id(REPO)
    writes: list[tuple[str, str, Any, str]] = [
        ("POST", f"{OVERLAYS}/{organization(world)}", {"name": "other", "config": env(X="1")}, ""),
        ("PATCH", f"{OVERLAYS}/{uid}", {"config": env(TOOLS="2")}, "config"),
        ("POST", f"{BINDINGS}/{repo}", {"overlay": "other", "tagSelector": ALL}, ""),
        ("PATCH", f"{BINDINGS}/{bound}", {"tagSelector": ALL}, "tag_selector"),
        ("DELETE", f"{BINDINGS}/{bound}", None, ""),
        ("DELETE", f"{OVERLAYS}/{uid}", None, ""),
    ]
    for method, path, body, mask in writes:
        for status in (409, 503):
            world.emulator.faults.add(Fault(effect=Status(status=status), method=method, path=path))
            assert send(world, method, path, body, mask).status == status
        lost = Status(status=504, when="after")
        world.emulator.faults.add(Fault(effect=lost, method=method, path=path))
        assert send(world, method, path, body, mask).status == 504  # it has taken effect nevertheless
    assert [each["name"] for each in world.get(OVERLAYS).json["overlays"]] == ["other"]
    (binding,) = world.get(BINDINGS).json["overlayBindings"]
    assert binding["overlay"]["name"] == "other"
    assert world.emulator.writes == 8


def test_somebody_else_changes_overlays_and_bindings(world: World) -> None:
    world.emulator.faults.add(
        Fault(effect=Bind(bind="tools", config=env(TOOLS="2"))),
        Fault(effect=Bind(bind="tools", to=REPO, tags=["24"]), nth=2),
        Fault(effect=Bind(bind="tools", to="example.com/", tags="dev"), nth=3),
        Fault(effect=Bind(bind="tools", to=REPO, tags=None), nth=4),
    )
    lists = [world.get(BINDINGS).json["overlayBindings"] for _ in range(4)]
    shown = [[(each["allRepos"], each["tagSelector"]["tags"]) for each in found] for found in lists]
    assert world.get(OVERLAYS).json["overlays"][0]["config"]["environment"] == {"TOOLS": "2"}
    assert [sorted(each) for each in shown] == [
        [],
        [(False, ["24"])],
        [(False, ["24"]), (True, [])],
        [(True, [])],
    ]


def test_reads_can_lag_behind_the_writes(world: World) -> None:
    world.emulator.bind("tools", REPO, "dev", env(TOOLS="1"))
    world.clock.advance(60)
    world.emulator.bind("tools", REPO, ["24"], env(TOOLS="2"))
    world.emulator.bind("more", REPO, ["24-dev"])
    world.clock.advance(5)
    world.emulator.faults.add(Fault(effect=Lag(seconds=15), method="GET", times=None))
    (binding,) = world.get(BINDINGS).json["overlayBindings"]
    assert (binding["tagSelector"]["kind"], binding["overlay"]["config"]["environment"]) == (
        "KIND_VARIANT",
        {"TOOLS": "1"},
    )
    assert world.get(f"{BINDINGS}/{binding['uid']}").json == binding
    assert [each["name"] for each in world.get(OVERLAYS).json["overlays"]] == ["tools"]
    world.emulator.bind("tools", REPO, None)
    world.clock.advance(15)
    assert world.get(f"{BINDINGS}/{binding['uid']}").status == 404
    assert len(world.get(BINDINGS).json["overlayBindings"]) == 1


# The law: what each tag is built with is what a small model of the published rules comes to.


def model(bound: list[tuple[int, Any, dict[str, Any]]], tag: str) -> dict[str, Any]:
    """What an image shows beyond its base, from (position of the scope, selector, configuration)."""
    layered = sorted((scope, rank(selector), number) for number, (scope, selector, _) in enumerate(bound))
    configs = [bound[number][2] for _, _, number in layered if matches(bound[number][1], tag)]
    shown: dict[str, Any] = {
        "packages": set(),
        "repositories": [],
        "environment": {},
        "annotations": {},
        "users": {},
        "certificates": set(),
    }
    checks: list[str] = []
    guarded: dict[str, str] = {}
    for config in configs:
        shown["packages"] |= set(config["contents"]["packages"])
        urls = config["contents"]["runtimeRepositories"]
        shown["repositories"] += [each for each in urls if each not in shown["repositories"]]
        shown["environment"] |= config.get("environment", {})
        shown["annotations"] |= config["annotations"]
        accounts = config.get("accounts", {})
        shown["users"] |= {user["userName"]: user["uid"] for user in accounts.get("users", [])}
        shown |= {"run-as": accounts["runAs"]} if "runAs" in accounts else {}
        shown["certificates"] |= {each["name"] for each in config.get("certificates", {}).get("additional", [])}
        checks = list(dict.fromkeys([*checks, *(each["tcp"] for each in config.get("preflight", []))]))
        guarded |= {"GUARDED_FAIL_MODE": config["failMode"]} if "failMode" in config else {}
        if "commandOverride" in config:
            command = config["commandOverride"]["command"]
            guarded["GUARDED_COMMAND_MODE"] = "default"
            guarded.pop("GUARDED_COMMAND", None)
            guarded |= {"GUARDED_COMMAND": json.dumps(command)} if command else {}
    if guarded.pop("GUARDED_FAIL_MODE", "") == "FAIL_MODE_OPEN":
        guarded["GUARDED_FAIL_MODE"] = "open"
    shown["environment"] |= guarded | {f"GUARDED_PREFLIGHT_{n}": f"tcp={tcp}" for n, tcp in enumerate(checks)}
    if any("guardedEntrypoint" in config for config in configs):
        shown["packages"] |= {"guarded-entrypoint"}
    return shown


def shown_by(config: dict[str, Any], base: dict[str, Any]) -> dict[str, Any]:
    """What a built configuration has that its base has not."""
    accounts, before = config["accounts"], base["accounts"]
    users = {user["username"]: user["uid"] for user in accounts["users"]}
    known = {user["username"] for user in before["users"]}
    differences = {
        "packages": set(config["contents"]["packages"]) - set(base["contents"]["packages"]),
        "repositories": config["contents"].get("runtime_repositories", []),
        "environment": dict(config["environment"].items() - base["environment"].items()),
        "annotations": dict(config["annotations"].items() - base["annotations"].items()),
        "users": {name: uid for name, uid in users.items() if name not in known},
        "certificates": {each["name"] for each in config.get("certificates", {}).get("additional", [])},
    }
    return differences | ({} if accounts["run-as"] == before["run-as"] else {"run-as": accounts["run-as"]})


@settings(max_examples=examples(15), deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(
        st.tuples(st.integers(0, 3), SELECTORS, configs()),
        min_size=1,
        max_size=5,
        unique_by=lambda each: (each[0], rank(each[1])),  # of one scope and kind: nothing that could conflict
    )
)
def test_each_tag_is_built_with_what_its_layers_come_to(bound: list[tuple[int, Any, dict[str, Any]]]) -> None:
    world = World(EmulatorSettings(automatic_rebuilds=False))
    reports = since(world)
    world.emulator.bind("probe", NESTED, "all", {"annotations": {"probe": "1"}})
    bases = built(world, NESTED, reports(NESTED))
    world.emulator.bind("probe", NESTED, None)
    world.clock.advance(60)
    for config in bases.values():
        del config["annotations"]["probe"]
    reports = since(world)
    for number, (scope, selector, config) in enumerate(bound):
        world.emulator.bind(f"overlay {number}", SCOPES[scope], selector, config)
    found = built(world, NESTED, reports(NESTED))
    wanted = {tag: model(bound, tag) for tag in bases if any(matches(selector, tag) for _, selector, _ in bound)}
    for tag, expected in wanted.items():
        in_base = set(bases[tag]["contents"]["packages"])
        expected["packages"] -= in_base
        if expected.get("run-as") == bases[tag]["accounts"]["run-as"]:
            del expected["run-as"]
    assert {tag: shown_by(config, bases[tag]) for tag, config in found.items()} == wanted


@given(
    st.permutations(
        [("one", {"packages": ["jq"]}), ("two", {"packages": ["curl", "jq"]}), ("three", {"packages": ["yq"]})]
    )
)
@settings(max_examples=examples(6), deadline=None)
def test_bindings_of_one_layer_come_to_the_same_in_any_order(order: list[tuple[str, dict[str, Any]]]) -> None:
    world = World(EmulatorSettings(automatic_rebuilds=False))
    for name, contents in order:
        world.emulator.bind(name, NESTED, "all", {"contents": contents})
    world.clock.advance(60)
    config = json.loads(world.reports(NESTED)[0]["config"])
    assert config["contents"]["packages"][-3:] == ["curl", "jq", "yq"]
