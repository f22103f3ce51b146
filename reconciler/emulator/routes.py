"""Which call answers a method and a path.

Here belongs the raw path: ids contain slashes and come unescaped, so an escaped slash is part of a name and matches
nothing.
"""

import re
from collections.abc import Callable
from urllib.parse import unquote, urlsplit

from reconciler.emulator.calls import builds, exchange, groups, identity, packages, repos, repos_v2, tags
from reconciler.emulator.calls.context import Context
from reconciler.emulator.errors import ApiError, Code, not_found
from reconciler.emulator.records import Json

Call = Callable[[Context], Json]

EXCHANGE = "/sts/exchange"

_ROUTES: tuple[tuple[str, str, Call], ...] = (
    ("GET", EXCHANGE, exchange.exchange),
    ("POST", EXCHANGE, exchange.exchange),
    ("GET", r"/apk/v1/package-summaries", packages.list_summaries),
    ("GET", r"/apk/v1/packages", packages.list_packages),
    ("POST", r"/apko/v1/resolve/(?P<id>.+)", packages.resolve),
    ("GET", r"/auth/v1/ok", identity.who_am_i),
    ("GET", r"/iam/v1/groups", groups.list_groups),
    ("GET", r"/registry/v1/buildreports", builds.list_build_reports),
    ("GET", r"/registry/v1/repos", repos.list_repos),
    ("GET", r"/registry/v1/syncstatuses", builds.list_sync_statuses),
    ("GET", r"/registry/v1/tags", tags.list_tags),
    ("GET", r"/registry/v1/repos/(?P<id>.+):syncstatus", builds.sync_status),
    ("POST", r"/registry/v1/repos/(?P<id>.+)", repos.create_repo),
    ("PUT", r"/registry/v1/repos/(?P<id>.+)", repos.update_repo),
    ("GET", r"/iam/v2/groups", groups.page_groups),
    ("GET", r"/registry/v2/repos", repos_v2.page_repos),
    ("GET", r"/registry/v2/tags", tags.page_tags),
    ("GET", r"/registry/v2/repos/(?P<id>.+)", repos_v2.get_repo),
    ("PATCH", r"/registry/v2/repos/(?P<id>.+)", repos_v2.patch_repo),
    ("POST", r"/registry/v2/repos/(?P<id>.+)", repos_v2.create_repo),
)


def raw_path(environ: dict[str, object]) -> str:
    """Return the path as the client sent it; servers that keep only the decoded path give that."""
    uri = environ.get("REQUEST_URI") or environ.get("RAW_URI")
    if not uri:
        # WSGI hands over bytes dressed as Latin-1.
        return str(environ.get("PATH_INFO", "")).encode("latin-1", "replace").decode("utf-8", "replace")
    text = str(uri)
    return text.partition("?")[0] if text.startswith("/") else urlsplit(text).path


def writes(method: str, path: str) -> bool:
    """Say whether a request changes something: two of those that are sent by POST do not."""
    return method in ("PATCH", "POST", "PUT") and path != EXCHANGE and not path.startswith("/apko/")


def is_v2(path: str) -> bool:
    """Say whether a path is one of the second generation."""
    return re.match(r"/[a-z]+/v2/", path) is not None


def find(method: str, path: str) -> tuple[Call, str]:
    """Return the call for a request and the id in its path ("" when the route has none)."""
    known = False
    for verb, pattern, call in _ROUTES:
        match = re.fullmatch(pattern, path)
        if match is None:
            continue
        if verb == method:
            return call, _identifier(match.groupdict().get("id") or "")
        known = True
    if known:
        raise ApiError(Code.UNIMPLEMENTED, "Method Not Allowed")
    raise not_found("Not Found")


def _identifier(raw: str) -> str:
    parts = [unquote(part) for part in raw.split("/")]
    if any("/" in part for part in parts):
        raise not_found("Not Found")
    return "/".join(parts)
