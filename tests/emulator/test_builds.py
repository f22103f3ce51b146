"""From an update to the end of its builds, on a clock that only the test moves."""

import json
from typing import Any

import pytest

from reconciler.emulator import EmulatorSettings
from tests.support.emulated import REPORTS, REPOS, STATUSES, TAGS, World, packages
from tests.support.pem import CORP_ROOT
from tests.support.wsgi import call

QUIET = EmulatorSettings(automatic_rebuilds=False)
NOW = "2023-11-14T22:13:20.250Z"
SINCE = ("startedSince", NOW)


@pytest.fixture
def world() -> World:
    return World(QUIET)


def settle(world: World, seconds: float = 30) -> None:
    world.clock.advance(seconds)


def results(reports: list[Any]) -> set[str]:
    return {report["result"] for report in reports}


def test_an_update_starts_one_build_for_each_active_tag(world: World) -> None:
    world.put_overlay("custom-node", packages("jq"))
    assert world.reports("custom-node", SINCE) == []
    settle(world)
    reports = world.reports("custom-node", SINCE)
    assert len(reports) == 6
    assert results(reports) == {"Success"}


def test_the_queue_tells_what_the_work_is_at(world: World) -> None:
    assert world.status("custom-node") == "UNKNOWN"
    world.put_overlay("custom-node", packages("jq"))
    assert world.status("custom-node") == "QUEUED"
    settle(world, 0.99)
    assert world.status("custom-node") == "QUEUED"
    settle(world, 0.01)
    assert world.status("custom-node") == "IN_PROGRESS"
    while any(report["result"] == "Unknown" for report in world.reports("custom-node", SINCE)):
        assert world.status("custom-node") == "IN_PROGRESS"
        settle(world, 0.5)
    assert world.status("custom-node") == "UNKNOWN"


def test_statuses_name_only_what_is_in_the_queue(world: World) -> None:
    organization = world.id("custom-node").partition("/")[0]
    assert world.items(STATUSES, ("registryId", organization)) == []
    world.put_overlay("custom-node", packages("jq"))
    world.put_overlay("team-a/checkout-api", packages("jq"))
    (first, second) = world.items(STATUSES, ("registryId", organization))
    assert {first["repoId"], second["repoId"]} == {world.id("custom-node"), world.id("checkout-api")}
    assert first["repoStatus"] == {"status": "QUEUED", "createTime": NOW}
    (only,) = world.items(STATUSES, ("registryId", world.id("checkout-api").rpartition("/")[0]))
    assert only["repoId"] == world.id("checkout-api")
    settle(world)
    assert world.items(STATUSES, ("registryId", organization)) == []


def test_the_status_of_a_repository_outside_the_queue_has_no_time(world: World) -> None:
    reply = world.get(f"{REPOS}/{world.id('custom-go')}:syncstatus")
    assert reply.json == {"status": "UNKNOWN", "createTime": None}
    assert world.get(f"{REPOS}/{world.id('custom-go')[:-1]}g:syncstatus").status == 400
    assert world.get(f"{REPOS}/{world.id('custom-go').partition('/')[0]}:syncstatus").status == 404


def test_a_running_build_is_listed_without_an_end(world: World) -> None:
    world.put_overlay("custom-node", packages("jq"))
    settle(world, 1.1)
    (running,) = world.reports("custom-node", SINCE)
    assert running["result"] == "Unknown"
    assert running["completedAt"] is None
    assert (running["digest"], running["lockedConfig"], running["log"], running["warnings"]) == ("", "", "", [])
    assert "jq" in json.loads(running["config"])["contents"]["packages"]


def test_running_builds_can_stay_unlisted() -> None:
    world = World(EmulatorSettings(automatic_rebuilds=False, running_reports=False))
    world.put_overlay("custom-node", packages("jq"))
    seen = set()
    for _ in range(60):
        settle(world, 0.5)
        seen |= results(world.reports("custom-node", SINCE))
    assert seen == {"Success"}
    assert len(world.reports("custom-node", SINCE)) == 6


def test_builds_take_their_time_and_start_one_after_another(world: World) -> None:
    world.put_overlay("custom-node", packages("jq"))
    settle(world)
    starts = sorted(report["startedAt"] for report in world.reports("custom-node", SINCE))
    assert starts[0] == "2023-11-14T22:13:21.250Z"
    assert starts[1] == "2023-11-14T22:13:21.550Z"
    ends = [report["completedAt"] for report in world.reports("custom-node", SINCE)]
    assert min(ends) > "2023-11-14T22:13:24.250Z"
    assert max(ends) < "2023-11-14T22:13:31"


def test_a_second_update_while_builds_wait_is_built_once_with_the_newest_overlay(world: World) -> None:
    world.put_overlay("custom-node", packages("jq"))
    settle(world, 0.5)
    world.put_overlay("custom-node", packages("curl"))
    settle(world)
    reports = world.reports("custom-node", SINCE)
    assert len(reports) == 6
    assert all("curl" in json.loads(report["config"])["contents"]["packages"] for report in reports)
    assert min(report["startedAt"] for report in reports) == "2023-11-14T22:13:21.250Z"


def test_a_second_update_while_builds_run_is_built_after_them(world: World) -> None:
    world.put_overlay("custom-node", packages("jq"))
    settle(world, 2)
    world.put_overlay("custom-node", packages("curl"))
    assert world.status("custom-node") == "IN_PROGRESS"
    settle(world, 60)
    reports = world.reports("custom-node", SINCE)
    newer = [each for each in reports if "curl" in json.loads(each["config"])["contents"]["packages"]]
    older = [each for each in reports if each not in newer]
    assert (len(newer), len(older)) == (6, 6)
    assert min(each["startedAt"] for each in newer) >= max(each["completedAt"] for each in older)


def test_an_update_that_means_the_same_starts_nothing(world: World) -> None:
    repo = world.emulator.repository("custom-node")
    world.put("custom-node", {**repo, "description": "other", "customOverlay": {"contents": {"packages": []}}})
    assert world.status("custom-node") == "UNKNOWN"
    world.put_overlay("custom-python", packages("curl", "jq"))
    assert world.status("custom-python") == "UNKNOWN"


def test_a_repository_without_a_source_is_not_built(world: World) -> None:
    world.put("custom-node", {"activeTags": ["latest"], "customOverlay": packages("jq")})
    assert world.status("custom-node") == "UNKNOWN"
    settle(world)
    assert world.reports("custom-node", SINCE) == []


def test_the_same_history_gives_the_same_builds() -> None:
    def history() -> list[Any]:
        world = World()
        world.put_overlay("custom-node", packages("jq"))
        settle(world, 3600)
        return world.reports("custom-node")

    assert history() == history()


def test_reports_come_newest_first_and_may_be_limited(world: World) -> None:
    world.put_overlay("custom-node", packages("jq"))
    settle(world)
    organization = world.id("custom-node").partition("/")[0]
    reports = world.get(REPORTS, ("uidp.descendantsOf", organization)).json["reports"]
    starts = [report["startedAt"] for report in reports]
    assert starts == sorted(starts, reverse=True)
    page = world.get(REPORTS, ("uidp.descendantsOf", organization), ("pageSize", "4")).json["reports"]
    assert page == reports[:4]


def test_a_report_is_found_by_its_id(world: World) -> None:
    (report, *_) = world.reports("custom-python")
    (same,) = world.get(REPORTS, ("uidp.ids", report["id"])).json["reports"]
    assert same == report


def test_the_last_day_is_listed_unless_asked_otherwise(world: World) -> None:
    day = world.reports("orders-api")
    longer = world.reports("orders-api", ("startedSince", "2023-11-01T00:00:00Z"))
    assert (len(day), len(longer)) == (3, 6)
    assert min(report["startedAt"] for report in day) >= "2023-11-13T22:13:20.250Z"


def test_times_bound_the_start(world: World) -> None:
    reports = world.reports("orders-api", ("startedSince", "2023-11-01T00:00:00Z"))
    middle = reports[2]["startedAt"]
    later = world.reports("orders-api", ("startedSince", middle))
    earlier = world.reports("orders-api", ("startedSince", "2023-11-01T00:00:00Z"), ("startedBefore", middle))
    assert [*later, *earlier] == reports
    assert later[-1]["startedAt"] == middle


def test_logs_can_be_left_out(world: World) -> None:
    with_logs = world.reports("custom-python")
    without = world.reports("custom-python", ("excludeLogs", "true"))
    assert {bool(report["log"]) for report in with_logs} == {True}
    assert {report["log"] for report in without} == {""}
    assert [{**report, "log": ""} for report in with_logs] == without


def test_a_log_line_has_a_time_within_the_build(world: World) -> None:
    report = next(each for each in world.reports("custom-python") if each["result"] == "Failure")
    lines = report["log"].splitlines()
    assert report["startedAt"][:19] <= lines[0][:19] <= lines[-1][:19] <= report["completedAt"][:19]
    assert lines[-1].endswith('solving "jqq" constraint: could not find package that satisfies "jqq" in indexes')


def test_the_configuration_is_the_base_with_the_overlay_on_it(world: World) -> None:
    world.put_overlay(
        "custom-node",
        {
            "contents": {
                "packages": ["jq", "bash"],
                "runtimeRepositories": ["https://apk.example.com/a"],
                "runtimeKeyring": [],
            },
            "environment": {"NODE_ENV": "production", "NODE_PORT": "8080"},
            "annotations": {"com.example.team": "web"},
            "accounts": {
                "runAs": "web",
                "users": [
                    {"userName": "web", "uid": 2000, "gid": 0, "homeDir": "/home/web"},
                    {"userName": "nobody", "uid": 65534},
                ],
                "groups": [{"groupName": "web", "gid": 2000, "members": ["web"]}],
            },
        },
    )
    settle(world)
    configs = [json.loads(each["config"]) for each in world.reports("custom-node", SINCE)]
    config = next(each for each in configs if "git" not in each["contents"]["packages"])
    assert config["contents"]["packages"][-2:] == ["jq", "bash"]
    assert config["contents"]["runtime_repositories"] == ["https://apk.example.com/a"]
    assert config["environment"]["NODE_ENV"] == "production"
    assert config["environment"]["NODE_PORT"] == "8080"
    assert "PATH" in config["environment"]
    assert config["annotations"]["com.example.team"] == "web"
    assert config["accounts"]["run-as"] == "web"
    assert config["accounts"]["users"][1:] == [
        {"username": "web", "uid": 2000, "gid": 0, "homedir": "/home/web"},
        {"username": "nobody", "uid": 65534},
    ]
    assert config["accounts"]["groups"][1:] == [{"groupname": "web", "gid": 2000, "members": ["web"]}]
    assert "certificates" not in config


def test_certificates_and_keys_reach_the_configuration(world: World) -> None:
    (jre, *_) = world.reports("custom-jre")
    additional = json.loads(jre["config"])["certificates"]["additional"]
    assert [item["name"] for item in additional] == ["corp-root", "corp-proxy"]
    assert additional[0]["content"] == CORP_ROOT
    (base, *_) = world.reports("custom-base")
    (key,) = json.loads(base["config"])["contents"]["runtime_keyring"]
    assert key["name"] == "example-apk.rsa.pub"


def test_a_lock_has_exact_versions_and_dependencies(world: World) -> None:
    world.put_overlay("custom-node", packages("jq"))
    settle(world)
    for report in world.reports("custom-node", SINCE):
        locked = json.loads(report["lockedConfig"])
        names = locked["contents"]["packages"]
        assert "jq=1.8.1-r2" in names
        assert "oniguruma=6.9.10-r3" in names
        assert all("=" in name and "-r" in name for name in names)
        assert locked["environment"] == json.loads(report["config"])["environment"]


def test_a_finished_build_moves_its_tag(world: World) -> None:
    def digests() -> dict[str, str]:
        found = world.items(TAGS, ("uidp.childrenOf", world.id("custom-node")))
        return {tag["name"]: tag["digest"] for tag in found if tag["name"] in active}

    active = world.emulator.repository("custom-node")["activeTags"]
    before = digests()
    world.put_overlay("custom-node", packages("jq"))
    settle(world, 1.5)
    assert digests() == before
    settle(world)
    built = {report["digest"] for report in world.reports("custom-node", SINCE)}
    assert set(digests().values()) == built
    assert all(len(digest) == 71 and digest.startswith("sha256:") for digest in built)


def test_a_new_repositorys_tags_appear_with_their_builds(world: World) -> None:
    source = world.emulator.repository("custom-go")["sync_config"]["source"]
    group = world.id("reports-api").rpartition("/")[0]
    made = call(world.emulator, "POST", f"{REPOS}/{group}", body={"name": "x", "sync_config": {"source": source}}).json
    assert world.items(TAGS, ("uidp.childrenOf", made["id"])) == []
    settle(world, 60)
    tags = world.items(TAGS, ("uidp.childrenOf", made["id"]))
    assert sorted(tag["name"] for tag in tags) == sorted(made["activeTags"])


class TestTagFilters:
    def tags(self, world: World, *params: tuple[str, str]) -> list[str]:
        return world.names(TAGS, ("uidp.childrenOf", world.id("custom-node")), *params)

    def test_exclusions(self, world: World) -> None:
        active = sorted(world.emulator.repository("custom-node")["activeTags"])
        everything = self.tags(world)
        assert "latest-20251101" in everything
        assert "24.10.0-r0" in everything
        assert sum(name.startswith("sha256-") for name in everything) == 3
        exclusions = [("excludeReferrers", "true"), ("excludeDates", "true"), ("excludeEpochs", "true")]
        assert self.tags(world, *exclusions) == sorted([*active, "24.10.0"])
        without_dates = self.tags(world, ("excludeDates", "true"))
        assert "latest-20251101" not in without_dates
        assert "24.10.0-r0" in without_dates

    def test_name_digest_and_id(self, world: World) -> None:
        assert self.tags(world, ("name", "22")) == ["22"]
        (latest,) = world.items(TAGS, ("uidp.childrenOf", world.id("custom-node")), ("name", "latest-20251101"))
        assert "24.10.0" in self.tags(world, ("digest", latest["digest"]))
        assert self.tags(world, ("id", latest["id"])) == ["latest-20251101"]
        assert latest["deprecated"] is True

    def test_updated_since(self, world: World) -> None:
        world.put_overlay("custom-node", packages("jq"))
        settle(world)
        active = sorted(world.emulator.repository("custom-node")["activeTags"])
        assert self.tags(world, ("updatedSince", NOW)) == active
