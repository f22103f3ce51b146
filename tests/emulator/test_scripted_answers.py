"""Faults that change what a request is answered with: lost fields, old reads, odd results, foreign bodies."""

import json

import pytest

from reconciler.emulator import (
    EmulatorSettings,
    Fault,
    Header,
    Lag,
    NoReports,
    Omit,
    ParsedConfigs,
    ReportedResult,
    Respond,
    Status,
)
from tests.support.emulated import GROUPS, PACKAGES, REPORTS, REPOS, World, packages
from tests.support.wsgi import call

LASTING = {"times": None}


@pytest.fixture
def world() -> World:
    return World(EmulatorSettings(automatic_rebuilds=False))


def shown(world: World, name: str) -> list[str] | None:
    (repo,) = world.items(REPOS, ("id", world.id(name)))
    found: list[str] | None = repo["customOverlay"] and repo["customOverlay"]["contents"]["packages"]
    return found


def test_reads_lag_behind_writes(world: World) -> None:
    """The old state for some seconds after a write, in both generations."""
    world.emulator.faults.add(Fault(effect=Lag(seconds=15), method="GET", times=None))
    world.put_overlay("orders-api", packages("jq"))
    world.clock.advance(5)
    world.put_overlay("orders-api", packages("git"))
    v2 = f"/registry/v2/repos/{world.id('orders-api')}"
    assert shown(world, "orders-api") is None
    assert world.get(v2).json["customOverlay"] is None
    world.clock.advance(10)
    assert shown(world, "orders-api") == ["jq"]
    world.clock.advance(5)
    assert shown(world, "orders-api") == ["git"]
    assert world.get(v2).json["customOverlay"]["contents"]["packages"] == ["git"]


def test_a_new_repository_is_not_shown_while_reads_lag(world: World) -> None:
    parent = world.id("orders-api").rpartition("/")[0]
    world.emulator.faults.add(Fault(effect=Lag(seconds=15), method="GET", times=None))
    assert call(world.emulator, "POST", f"{REPOS}/{parent}", body={"name": "fresh"}).status == 200
    assert world.items(REPOS, ("name", "fresh")) == []
    world.clock.advance(15)
    assert len(world.items(REPOS, ("name", "fresh"))) == 1


@pytest.mark.parametrize("result", ["Unknown", "Skipped"])
def test_builds_end_with_a_result_that_says_nothing(world: World, result: str) -> None:
    """`completedAt` is set, and the result is Unknown or a name that nobody knows."""
    world.emulator.faults.add(
        Fault(effect=ReportedResult(result=result, of="custom-go"), path="buildreports", times=None)
    )
    ended = [report for report in world.reports("custom-go") if report["completedAt"]]
    assert ended
    assert {(report["result"], report["digest"]) for report in ended} == {(result, "")}
    assert {report["result"] for report in world.reports("custom-node")} == {"Success"}


def test_no_report_ever_comes(world: World) -> None:
    """The queue takes the repository and lets it go, and nothing is reported."""
    world.emulator.faults.add(Fault(effect=NoReports(of="custom-go"), path="buildreports", times=None))
    world.put_overlay("custom-go", packages("jq"))
    assert world.status("custom-go") == "QUEUED"
    world.clock.advance(60)
    assert world.status("custom-go") == "UNKNOWN"
    assert world.reports("custom-go") == []
    assert world.reports("custom-node")


def test_configurations_may_come_as_apko_parses_them(world: World) -> None:
    """Run-as by number, and repositories without a trailing slash."""
    accounts = {"runAs": "app", "users": [{"userName": "app", "uid": 1234}]}
    overlay = {"accounts": accounts, "contents": {"runtimeRepositories": ["https://apk.example.com/os/"]}}
    world.put_overlay("custom-go", overlay)
    world.clock.advance(60)
    as_written = json.loads(world.reports("custom-go")[0]["config"])
    world.emulator.faults.add(Fault(effect=ParsedConfigs(), path="buildreports", times=None))
    as_parsed = json.loads(world.reports("custom-go")[0]["lockedConfig"])
    assert (as_written["accounts"]["run-as"], as_parsed["accounts"]["run-as"]) == ("app", "1234")
    assert as_written["contents"]["runtime_repositories"] == ["https://apk.example.com/os/"]
    assert as_parsed["contents"]["runtime_repositories"] == ["https://apk.example.com/os"]


def test_a_server_drops_a_field_of_a_creation(world: World) -> None:
    """`sync_config.source` is sent and not kept."""
    parent = world.id("orders-api").rpartition("/")[0]
    source = world.emulator.repository("orders-api")["sync_config"]["source"]
    world.emulator.faults.add(Fault(effect=Omit(fields=("sync_config.source",)), method="POST"))
    body = {"name": "fresh", "sync_config": {"source": source}}
    reply = call(world.emulator, "POST", f"{REPOS}/{parent}", body=body)
    assert reply.status == 200
    assert reply.json["sync_config"]["source"] == ""
    assert world.emulator.repository("fresh")["activeTags"] == []


def test_an_answer_lacks_a_field(world: World) -> None:
    """A write that is answered without the overlay has taken effect all the same."""
    world.emulator.faults.add(Fault(effect=Omit(fields=("customOverlay",), when="after"), path="/repos", times=2))
    body = {**world.emulator.repository("orders-api"), "customOverlay": packages("jq")}
    reply = world.put("orders-api", body)
    assert (reply.status, "customOverlay" in reply.json) == (200, False)
    assert not any("customOverlay" in repo for repo in world.items(REPOS))
    assert shown(world, "orders-api") == ["jq"]


def test_an_answer_can_be_any_json(world: World) -> None:
    """A package list that shows nothing."""
    world.emulator.faults.add(Fault(effect=Respond(body={"items": []}), path="/packages$", times=None))
    assert world.items(PACKAGES) == []
    world.emulator.faults.clear()
    assert world.items(PACKAGES)


def test_a_write_may_take_effect_behind_a_given_answer(world: World) -> None:
    world.emulator.faults.add(Fault(effect=Respond(body={}, when="after"), method="PUT"))
    body = {**world.emulator.repository("orders-api"), "customOverlay": packages("jq")}
    assert world.put("orders-api", body).json == {}
    assert shown(world, "orders-api") == ["jq"]


def test_a_status_can_carry_a_code_and_details(world: World) -> None:
    violation = {"@type": "type.googleapis.com/google.rpc.PreconditionFailure", "violations": [{"type": "X"}]}
    world.emulator.faults.add(Fault(effect=Status(status=400, code=9, details=[violation])))
    reply = world.get(GROUPS)
    assert (reply.status, reply.json["code"], reply.json["details"]) == (400, 9, [violation])


@pytest.mark.parametrize(("status", "code"), [(408, 13), (499, 1), (504, 14)])
def test_statuses_of_a_gateway(world: World, status: int, code: int) -> None:
    world.emulator.faults.add(Fault(effect=Status(status=status)))
    reply = world.get(GROUPS)
    assert (reply.status, reply.json["code"]) == (status, code)


def test_a_header_can_be_set(world: World) -> None:
    """A Date that is years off."""
    future = "Fri, 01 Jan 2222 00:00:00 GMT"
    world.emulator.faults.add(Fault(effect=Header(name="Date", value=future)))
    assert world.get(GROUPS).headers["Date"] == future


def test_the_servers_clock_may_be_ahead() -> None:
    """An hour between the clocks."""
    world = World(EmulatorSettings(clock_skew=3600))
    assert world.get(GROUPS).headers["Date"] == "Tue, 14 Nov 2023 23:13:20 GMT"


def test_reports_are_read_with_one_question(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    with world.emulator._state.reading() as db:
        db.set_trace_callback(asked.append)
    assert len(world.get(REPORTS).json["reports"]) > 20
    assert len([text for text in asked if "FROM builds" in text]) == 1
