"""Looking packages up and resolving, by the API's document."""

import pytest

from reconciler.api.errors import ApiError, NotUnderstood, PermissionDenied, Rejected
from tests.api.fakes import NODE, ORGANIZATION, Asked, Told, reader

ITEM = {"packageName": "git", "version": "2.51.0-r2", "architecture": "x86_64", "size": "12", "provides": None, "x": 1}


def test_packages_are_read_over_all_pages() -> None:
    def answer(asked: Asked) -> Told:
        first = not asked.all("pageToken")
        return Told({"items": [ITEM if first else {**ITEM, "version": "1-r0"}], "nextPageToken": "t" if first else ""})

    client, api = reader(answer)
    with client:
        found = client.find_package(ORGANIZATION, "git", all_versions=True)
    assert [one.version for one in found] == ["2.51.0-r2", "1-r0"]
    assert api.asked[0].all("packageName") == ["git"]
    assert api.asked[1].all("pageToken") == ["t"]


def test_a_page_of_summaries() -> None:
    item = {"packageName": "git", "latestVersion": "2-r0", "architectures": "x86_64, aarch64"}
    client, _ = reader(Told({"items": [item], "nextPageToken": "n", "totalCount": "401"}))
    with client:
        page = client.package_summaries(ORGANIZATION)
    assert (page.total, page.after) == (401, "n")
    assert page.packages[0].architectures == ("aarch64", "x86_64")


def test_the_reading_client_may_ask_to_resolve() -> None:
    client, api = reader(Told({"contents": {"packages": ["git=2-r0"]}, "unknown": True}))
    with client:
        assert client.resolve(NODE, {"contents": {"packages": ["git"]}}) == ("git=2-r0",)
        assert (client.sent.reads, client.sent.writes) == (1, 0)
    assert api.asked[0].method == "POST"
    assert api.asked[0].path.startswith("/apko/v1/resolve/")
    assert api.asked[0].json == {"config": {"contents": {"packages": ["git"]}}}


@pytest.mark.parametrize(("status", "kind"), [(400, Rejected), (403, PermissionDenied)])
def test_refusals(status: int, kind: type[ApiError]) -> None:
    client, _ = reader(Told({"code": 9 if status == 400 else 7, "message": "no"}, status=status))
    with client, pytest.raises(kind):
        client.resolve(NODE, {})


def test_pages_that_lead_back_are_no_list() -> None:
    client, api = reader(Told({"items": [ITEM], "nextPageToken": "t"}))
    with client, pytest.raises(NotUnderstood, match="its pages repeat"):
        client.list_packages(ORGANIZATION)
    assert len(api.asked) == 2


def test_summaries_are_asked_for_by_their_beginning() -> None:
    client, api = reader(Told({"items": [], "totalCount": "0"}))
    with client:
        assert client.package_summaries(ORGANIZATION, prefix="open").total is None
    assert (api.only.all("query"), api.only.all("pageSize"), api.only.all("pageToken")) == (["open"], ["200"], [])


@pytest.mark.parametrize(
    "answer", [{}, {"contents": None}, {"contents": {"packages": []}}, {"contents": {"packages": 1}}]
)
def test_an_answer_without_packages_resolves_nothing(answer: object) -> None:
    client, _ = reader(Told(answer))
    with client, pytest.raises(NotUnderstood):
        client.resolve(NODE, {"contents": {"packages": ["git"]}})


def test_a_refusal_to_resolve_keeps_its_code_and_its_words() -> None:
    message = 'solving "git": ' + "because, " * 40 + "git-2-r0.apk excludes vim"
    client, _ = reader(Told({"code": 9, "message": message}, status=400))
    with client, pytest.raises(Rejected) as caught:
        client.resolve(NODE, {})
    assert (caught.value.code, caught.value.status, caught.value.message) == (9, 400, message)
    assert caught.value.diagnostic.detail == message
