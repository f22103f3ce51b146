"""Reading live state, builds, the queue, logs and tags."""

from typing import Any

import pytest

from reconciler.api.errors import ApiError, NotFound, NotUnderstood
from reconciler.core.builds import Result, Sync
from reconciler.core.overlay import EMPTY
from reconciler.core.state import LiveRepository, Organization, Unreadable
from tests.api.fakes import CATALOG, INNER, NODE, ORGANIZATION, ROOT, TEAM, Asked, Told, group, reader, repository

FOLDER = Organization(id=TEAM, name="example.com/team-a")
REPORT = f"{NODE}/{'2' * 16}"


def world(*repositories: dict[str, Any]) -> Any:
    def answer(asked: Asked) -> Told:
        groups = [group(TEAM, "team-a"), group(INNER, "inner")]
        return Told({"items": groups if asked.path == "/iam/v1/groups" else list(repositories)})

    return answer


def test_one_call_for_a_flat_organization() -> None:
    client, api = reader(world(repository(), repository(f"{ROOT}/{'2' * 16}", "jre", customOverlay=[])))
    with client:
        live = client.read_live(ORGANIZATION)
    assert live.organization == ORGANIZATION
    assert live.repositories == (
        LiveRepository(id=NODE, name="node", overlay=EMPTY, active_tags=("latest",), synced_from=CATALOG),
        LiveRepository(
            id=f"{ROOT}/{'2' * 16}",
            name="jre",
            overlay=Unreadable(problem="customOverlay is a list, not an object"),
            active_tags=("latest",),
            synced_from=CATALOG,
        ),
    )
    assert api.only.path == "/registry/v1/repos"
    assert api.only.raw_query == f"uidp.descendantsOf={ROOT}"


def test_one_more_for_the_names_of_folders() -> None:
    deep, unnamed = f"{INNER}/{'3' * 16}", f"{ROOT}/{'c' * 16}/{'4' * 16}"
    client, api = reader(world(repository(), repository(deep, "node"), repository(unnamed, "node")))
    with client:
        live = client.read_live(ORGANIZATION)
    assert [(one.id, one.folder) for one in live.repositories] == [
        (NODE, ""),
        (deep, "team-a/inner"),
        (unnamed, "c" * 16),
    ]
    assert [asked.raw_query for asked in api.asked] == [f"uidp.descendantsOf={ROOT}"] * 2
    assert [asked.path for asked in api.asked] == ["/registry/v1/repos", "/iam/v1/groups"]


def test_a_folder_is_read_like_an_organization() -> None:
    client, _ = reader(world(repository(f"{TEAM}/{'3' * 16}"), repository(f"{INNER}/{'3' * 16}"), repository()))
    with client:
        live = client.read_live(FOLDER)
    assert [one.folder for one in live.repositories] == ["", "inner"], "and what lies elsewhere is not of it"


@pytest.mark.parametrize("document", [{}, {"items": None}, {"items": []}, {"items": [], "nextPageToken": ""}])
def test_empty_lists(document: object) -> None:
    client, _ = reader(Told(document))
    with client:
        assert client.read_live(ORGANIZATION).repositories == ()
        assert client.sync_states(ORGANIZATION) == {}


def test_a_repository_listed_twice_is_one() -> None:
    client, _ = reader(world(repository(), repository()))
    with client:
        assert len(client.read_live(ORGANIZATION).repositories) == 1


def report(number: int = 0, **fields: object) -> dict[str, Any]:
    return {
        "id": f"{NODE}/{number:016x}",
        "startedAt": "2026-08-04T10:00:00.5Z",
        "completedAt": None,
        "config": "",
        "lockedConfig": "",
        "result": "Unknown",
        "log": "",
        "digest": "",
        "mediaType": "",
        "warnings": [],
        "apkoVersion": "",
        **fields,
    }


def test_builds() -> None:
    reports = [
        report(1, result="Success", completedAt="2026-08-04T10:01:00Z", digest="sha256:1", warnings=["w"]),
        report(2),
        report(3, startedAt=None),
        report(4, startedAt="2026-08-04T10:00:00.499Z"),
        report(5, id=f"{'f' * 40}/{'1' * 16}/{'5' * 16}"),
    ]
    client, api = reader(Told({"reports": reports}))
    with client:
        builds = client.list_builds(ORGANIZATION, since=1_785_837_600.5)
    assert [build.id[-1] for build in builds] == ["1", "2", "3"]
    first = builds[0]
    assert (first.repository_id, first.started, first.ended) == (NODE, 1_785_837_600.5, 1_785_837_660.0)
    assert (first.result, first.digest, first.warnings) == (Result.SUCCESS, "sha256:1", ("w",))
    assert api.only.path == "/registry/v1/buildreports"
    assert api.only.raw_query == (
        f"uidp.descendantsOf={ROOT}&startedSince=2026-08-04T09:59:59Z&excludeLogs=true&pageSize=5000"
    )


def test_builds_since_ever() -> None:
    client, api = reader(Told({"reports": []}))
    with client:
        assert client.list_builds(ORGANIZATION, since=0.0) == ()
    assert api.only.all("startedSince") == ["1970-01-01T00:00:00Z"]


@pytest.mark.parametrize("reports", ["x", [5], [{}], [{"id": None}]])
def test_reports_that_cannot_be_read(reports: object) -> None:
    client, _ = reader(Told({"reports": reports}))
    with client, pytest.raises(NotUnderstood):
        client.list_builds(ORGANIZATION, since=0.0)


def test_the_queue() -> None:
    states = ["QUEUED", "IN_PROGRESS", "FAILED", "UNKNOWN", "PAUSED", 7, 0, "", None]
    items: list[object] = [
        {"repoId": f"{ROOT}/{number}", "repoStatus": {"status": state, "createTime": None}}
        for number, state in enumerate(states)
    ]
    client, api = reader(Told({"items": [*items, {"repoId": f"{ROOT}/9", "repoStatus": None}]}))
    with client:
        found = client.sync_states(FOLDER)
    assert {id_[-1]: state for id_, state in found.items()} == {
        "0": Sync.QUEUED,
        "1": Sync.IN_PROGRESS,
        "2": Sync.FAILED,
        "4": Sync.IN_PROGRESS,
        "5": Sync.IN_PROGRESS,
    }
    assert api.only.path == "/registry/v1/syncstatuses"
    assert api.only.raw_query == f"registryId={ROOT}"


@pytest.mark.parametrize("item", [{"repoStatus": {"status": "QUEUED"}}, {"repoId": NODE, "repoStatus": "QUEUED"}])
def test_a_queue_that_cannot_be_read(item: object) -> None:
    client, _ = reader(Told({"items": [item]}))
    with client, pytest.raises(NotUnderstood):
        client.sync_states(ORGANIZATION)


def test_a_log() -> None:
    client, api = reader(Told({"reports": [report(7, log="no"), report(2, id=REPORT, log="a\nb\n")]}))
    with client:
        assert client.build_log(REPORT) == "a\nb\n"
    assert api.only.path == "/registry/v1/buildreports"
    assert api.only.raw_query == f"uidp.ids={REPORT}&startedSince=1970-01-01T00:00:00Z"


def test_no_such_log() -> None:
    client, _ = reader(Told({"reports": [report(7)]}))
    with client, pytest.raises(NotFound) as caught:
        client.build_log(REPORT)
    assert caught.value.diagnostic.code == "unknown-build"
    assert REPORT in caught.value.diagnostic.summary


def test_tags() -> None:
    tags = [
        {"id": "x", "name": name, "digest": digest}
        for name, digest in [("latest", "a"), ("22", "a"), ("21", "b"), ("latest", "a"), ("", "c"), ("x", None)]
    ]
    client, api = reader(Told({"items": tags}))
    with client:
        assert client.list_tags(NODE) == {"a": ("22", "latest"), "b": ("21",)}
        assert client.list_tags(ORGANIZATION) == client.list_tags(NODE)
    plain = "excludeReferrers=true&excludeDates=true&excludeEpochs=true"
    assert api.asked[0].path == "/registry/v1/tags"
    assert api.asked[0].raw_query == f"uidp.childrenOf={NODE}&{plain}"
    assert api.asked[1].raw_query == f"uidp.descendantsOf={ROOT}&{plain}"


def test_a_failure_to_name_folders_is_a_failure() -> None:
    def answer(asked: Asked) -> Told:
        if asked.path == "/iam/v1/groups":
            return Told(status=503, body=b"")
        return Told({"items": [repository(f"{INNER}/{'3' * 16}")]})

    client, _ = reader(answer)
    with client, pytest.raises(ApiError):
        client.read_live(ORGANIZATION)
