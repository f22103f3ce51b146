"""A server of v2 in a few lines: repositories in pages, with the ways in which a real one may count and page."""

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from reconciler.api.writer import WriteClient, connect_writer
from reconciler.core.state import Organization
from tests.api.fakes import CATALOG, ROOT, URL, Api, Asked, Told, credentials, unhurried

REPOS = "/registry/v2/repos"


def uid(number: int, above: str = ROOT) -> str:
    return f"{above}/{number:016x}"


def repository(uid_: str = uid(1), name: str = "node", **fields: object) -> dict[str, Any]:
    """A repository as v2 sends it, unset fields and all."""
    return {
        "uid": uid_,
        "createTime": "2026-01-02T03:04:05.123456789Z",
        "updateTime": None,
        "name": name,
        "bundles": [],
        "description": "",
        "sync_config": {"source": CATALOG, "expirationTime": None, "uniqueTags": False},
        "catalogTier": "CATALOG_TIER_UNSPECIFIED",
        "aliases": [],
        "activeTags": ["latest"],
        "customOverlay": None,
        **fields,
    }


def many(number: int) -> list[dict[str, Any]]:
    return [repository(uid(one), f"image-{one}") for one in range(1, number + 1)]


@dataclass(slots=True)
class Shelf:
    """`count` turns the number of repositories into what `totalCount` says; `before` may change the shelf or answer."""

    repositories: list[dict[str, Any]]
    most: int = 200
    count: Callable[[int], object] = str
    before: Callable[[Asked], Told | None] = lambda _: None

    def __call__(self, asked: Asked) -> Told:
        told = self.before(asked)
        if told is not None:
            return told
        if asked.path == "/iam/v1/groups":
            return Told({"items": [{"id": ROOT, "name": "example.com"}]})
        return self._page(asked) if asked.path == REPOS else Told({"code": 5, "message": "x"}, status=404)

    def _page(self, asked: Asked) -> Told:
        query = dict(asked.query)
        # The list is in the order of uids, and a token stands for the one that it goes on behind.
        behind = query.get("pageToken", "after ").removeprefix("after ")
        begin = bisect_right([one["uid"] for one in self.repositories], behind)
        end = begin + min(int(query.get("pageSize", "50")), self.most)
        more = end < len(self.repositories)
        return Told(
            {
                "repos": self.repositories[begin:end],
                "nextPageToken": f"after {self.repositories[end - 1]['uid']}" if more else "",
                "totalCount": self.count(len(self.repositories)),
                "skipped": 0,
            }
        )


def client(answer: Callable[[Asked], Told], version: Any = "v2") -> tuple[WriteClient, Api]:
    api = Api(answer)
    return connect_writer(URL, credentials(), wsgi_app=api, retrier=unhurried(), api_version=version), api


def listed(api: Api) -> list[Asked]:
    """The pages that were asked for."""
    return [asked for asked in api.asked if asked.path == REPOS]


def names(found: WriteClient, organization: Organization) -> list[str]:
    return [one.name for one in found.read_live(organization).repositories]
