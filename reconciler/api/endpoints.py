"""Every call of this program: path, parameters, required capability, and the action for messages."""

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from reconciler.api import schema_errors
from reconciler.api.answers import Listing
from reconciler.api.build_reports import Window
from reconciler.api.errors import Rejected
from reconciler.api.http import RESOLVE, Call, Connection, Parameters
from reconciler.core.state import LiveOverlay, LiveRepository, Organization

M = TypeVar("M", bound=BaseModel)
T = TypeVar("T")

_REPOSITORIES = "/registry/v1/repos"
_REPOSITORIES_V2 = "/registry/v2/repos"
_OVERLAYS = "/registry/v2beta1/overlays"
_BINDINGS = "/registry/v2beta1/overlayBindings"
_READ_OVERLAYS, _EDIT_OVERLAYS = "registry.overlays.list", "registry.overlays.edit"
_REPORTS = "/registry/v1/buildreports"
_PAGE_SIZE = "pageSize"
# Page sizes of build reports, and of repositories or packages: the server returns no more.
_REPORTS_PAGE = ((_PAGE_SIZE, "5000"),)
_PAGE = ((_PAGE_SIZE, "200"),)
# At 200 items a page no organization has more pages; a server that returns more never ends.
MOST_PAGES = 2000
_ATTEMPTS = 2
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Tags for people: without those of dates, package epochs and signatures.
_PLAIN_TAGS: Parameters = (("excludeReferrers", "true"), ("excludeDates", "true"), ("excludeEpochs", "true"))


def read(connection: Connection, call: Call, model: type[M]) -> M:
    """Send a call and return its parsed response; raises `ApiError`, also if an item of a list is malformed.

    A call with a page size that is rejected is sent again without it.
    """
    without_size = tuple(one for one in call.parameters if one[0] != _PAGE_SIZE)
    if without_size == call.parameters:
        return _read_once(connection, call, model)
    try:
        return _read_once(connection, call, model)
    except Rejected:
        return _read_once(connection, replace(call, parameters=without_size), model)


def read_items(connection: Connection, call: Call, model: type[Listing[T]]) -> list[T]:
    """Send a call for an unpaginated list and return its items; raises `ApiError`, also if the list is truncated."""
    listing = read(connection, call, model)
    if listing.next_page_token:
        problem = "the response is incomplete: it names a next page, which this call does not support"
        raise connection.incomplete(call, problem)
    return listing.items or []


def read_pages(connection: Connection, call: Call, model: type[Listing[T]]) -> Iterator[Listing[T]]:
    """Yield the pages of a list, one call each; raises `ApiError`, also for endless pages."""
    seen: set[str] = set()
    page_call = call
    for _ in range(MOST_PAGES):
        page = read(connection, page_call, model)
        yield page
        token = page.next_page_token
        if not token:
            return
        if token in seen:
            raise connection.incomplete(call, "its pages repeat")
        seen.add(token)
        page_call = replace(call, parameters=(*call.parameters, ("pageToken", token)))
    raise connection.incomplete(call, f"it does not end after {MOST_PAGES} pages")


def read_all(connection: Connection, call: Call, model: type[Listing[T]], identify: Callable[[T], str]) -> list[T]:
    """Read every page. A list shorter than the server's count may have changed meanwhile and is read again."""
    problem = ""
    for _ in range(_ATTEMPTS):
        found: list[T] = []
        total = None
        for page in read_pages(connection, call, model):
            total = page.total
            found += page.items or ()
        listed = len({identify(one) for one in found})
        if total is None or listed >= total:
            return found
        problem = f"the server counts {total} and listed {listed}"
    raise connection.incomplete(call, problem)


def _read_once(connection: Connection, call: Call, model: type[M]) -> M:
    reply = connection.reply(call)
    try:
        return model.model_validate_json(reply.content)
    except ValidationError as error:
        problem = None if schema_errors.is_no_object(error) else schema_errors.problem(error)
    raise connection.no_object(call, reply) if problem is None else connection.incomplete(call, problem)


def identity() -> Call:
    """Return the call for the token's identity, which needs no capability."""
    return Call(action="look up the identity of the token", capability="any", path="/auth/v1/ok")


def groups(action: str, parameters: Parameters) -> Call:
    """Return the call for organizations and folders."""
    return Call(action=action, capability="groups.list", path="/iam/v1/groups", parameters=parameters)


def folders(organization: Organization) -> Call:
    """Return the call for the folders below an organization."""
    return groups(f'list the folders of "{organization.name}"', (("uidp.descendantsOf", organization.id),))


def repositories(organization: Organization) -> Call:
    """Return the call for every repository below an organization, in one response."""
    return Call(
        action=f'list the repositories of "{organization.name}"',
        capability="repo.list",
        path=_REPOSITORIES,
        parameters=(("uidp.descendantsOf", organization.id),),
        large=True,
    )


def repository(id_: str) -> Call:
    """Return the call for one repository, as a list of it alone: v1 has no other read."""
    return Call(
        action=f"read the repository {id_}", capability="repo.list", path=_REPOSITORIES, parameters=(("id", id_),)
    )


def repositories_page(organization: Organization) -> Call:
    """Return the call for the first page of repositories below an organization, without readmes."""
    return Call(
        action=f'list the repositories of "{organization.name}"',
        capability="repo.list",
        path=_REPOSITORIES_V2,
        parameters=(("uidp.descendantsOf", organization.id), *_PAGE),
    )


def repository_v2(id_: str) -> Call:
    """Return the call for one repository by v2."""
    return Call(action=f"read the repository {id_}", capability="repo.list", path=f"{_REPOSITORIES_V2}/{id_}")


def bindings(scope: Organization | str) -> Call:
    """Return the call for the first page of bindings, of a repository (its UIDP) or of a whole organization.

    Bindings for all repositories are stored below the organization or folder that they apply to.
    """
    call = Call(
        action=f"list the overlay bindings of {scope}",
        capability=_READ_OVERLAYS,
        path=_BINDINGS,
        parameters=(("uidp.childrenOf", str(scope)), *_PAGE),
        large=True,
        optional=True,
    )
    if isinstance(scope, str):
        return call
    below = (("uidp.descendantsOf", scope.id.partition("/")[0]), *_PAGE)
    return replace(call, action=f'list the overlay bindings of "{scope.name}"', parameters=below)


def overlays(organization: Organization) -> Call:
    """Return the call for the first page of overlays of an organization and its folders."""
    return Call(
        action=f'list the overlays of "{organization.name}"',
        capability=_READ_OVERLAYS,
        path=_OVERLAYS,
        parameters=(("uidp.descendantsOf", organization.id.partition("/")[0]), *_PAGE),
        large=True,
        optional=True,
    )


def overlay(id_: str) -> Call:
    """Return the call for one overlay with its configuration."""
    return Call(action=f"read the overlay {id_}", capability=_READ_OVERLAYS, path=f"{_OVERLAYS}/{id_}")


def overlays_named(name: str, root: str) -> Call:
    """Return the call for the overlays of a name in the organization of a UIDP and in its folders."""
    return Call(
        action=f'look up the overlay "{name}"',
        capability=_READ_OVERLAYS,
        path=_OVERLAYS,
        parameters=(("uidp.descendantsOf", root), ("name", name), *_PAGE),
    )


def create_overlay(name: str, root: str, body: bytes) -> Call:
    """Create an overlay in an organization, which refuses a name that it has already."""
    action = f'create the overlay "{name}"'
    return Call(method="POST", action=action, capability=_EDIT_OVERLAYS, path=f"{_OVERLAYS}/{root}", body=body)


def update_overlay(target: LiveOverlay, body: bytes) -> Call:
    """Replace the configuration of an overlay, whole; a mask of its parts is refused."""
    return Call(
        method="PATCH",
        action=f'update the overlay "{target.name}" ({target.id})',
        capability=_EDIT_OVERLAYS,
        path=f"{_OVERLAYS}/{target.id}",
        parameters=(("updateMask", "config"),),
        body=body,
    )


def delete_overlay(id_: str, name: str) -> Call:
    """Return the call that deletes an overlay, which is refused while it is bound."""
    action = f'delete the overlay "{name}" ({id_})'
    return Call(method="DELETE", action=action, capability=_EDIT_OVERLAYS, path=f"{_OVERLAYS}/{id_}")


def binding(id_: str) -> Call:
    """Return the call for one binding with its overlay."""
    return Call(action=f"read the binding {id_}", capability=_READ_OVERLAYS, path=f"{_BINDINGS}/{id_}")


def bindings_of_overlay(overlay_id: str, root: str) -> Call:
    """Return the call for the bindings of one overlay in an organization, including those for all repositories."""
    return Call(
        action=f"list the bindings of the overlay {overlay_id}",
        capability=_READ_OVERLAYS,
        path=_BINDINGS,
        parameters=(("uidp.descendantsOf", root), ("overlay", overlay_id), *_PAGE),
        large=True,
    )


def create_binding(scope: str, what: str, body: bytes) -> Call:
    """Return the call that binds an overlay to a repository or, for all repositories, an organization or folder."""
    return Call(method="POST", action=f"bind {what}", capability=_EDIT_OVERLAYS, path=f"{_BINDINGS}/{scope}", body=body)


def update_binding(id_: str, what: str, body: bytes) -> Call:
    """Replace the selector of a binding, which is all of it that can change."""
    return Call(
        method="PATCH",
        action=f"change the tags of {what} ({id_})",
        capability=_EDIT_OVERLAYS,
        path=f"{_BINDINGS}/{id_}",
        parameters=(("updateMask", "tag_selector"),),
        body=body,
    )


def delete_binding(id_: str, what: str) -> Call:
    """Return the call that removes a binding."""
    action = f"unbind {what} ({id_})"
    return Call(method="DELETE", action=action, capability=_EDIT_OVERLAYS, path=f"{_BINDINGS}/{id_}")


def update_v2(target: LiveRepository, body: bytes) -> Call:
    """Return the call that replaces only a repository's overlay; the mask makes missing fields be removed."""
    return Call(
        method="PATCH",
        action=f'update the repository "{target.name}" ({target.id})',
        capability="repo.update",
        path=f"{_REPOSITORIES_V2}/{target.id}",
        parameters=(("updateMask", "custom_overlay"),),
        body=body,
    )


def update(target: LiveRepository, body: bytes) -> Call:
    """Return the call that replaces a whole repository."""
    return Call(
        method="PUT",
        action=f'update the repository "{target.name}" ({target.id})',
        capability="repo.update",
        path=f"{_REPOSITORIES}/{target.id}",
        body=body,
    )


def create(name: str, parent: str, where: str, body: bytes) -> Call:
    """Return the call that creates a repository in a group and fails if it exists; `where` is the group's name."""
    return Call(
        method="POST",
        action=f'create the repository "{name}" in "{where}"',
        capability="repo.create",
        path=f"{_REPOSITORIES}/{parent}",
        parameters=(("preventExisting", "true"),),
        body=body,
    )


def reports(organization: Organization, window: Window) -> Call:
    """Return the call for build reports of an organization or repository in a time span, without the large logs."""
    span = (("startedSince", _timestamp(window.since)),)
    before = () if window.before is None else (("startedBefore", _timestamp(window.before)),)
    return Call(
        action=f'list the builds of "{organization.name}"',
        capability="build_report.list",
        path=_REPORTS,
        parameters=(
            ("uidp.descendantsOf", window.repository or organization.id),
            *span,
            *before,
            ("excludeLogs", "true"),
            *_REPORTS_PAGE,
        ),
        large=True,
    )


def report(id_: str) -> Call:
    """Return the call for one build report with its log; without a time the API searches only the last day."""
    return Call(
        action=f"read the build report {id_}",
        capability="build_report.list",
        path=_REPORTS,
        parameters=(("uidp.ids", id_), ("startedSince", _timestamp(0))),
        large=True,
    )


def queue(organization: Organization) -> Call:
    """Return the call for the work queue of an organization; it does not accept folders."""
    return Call(
        action=f'read the work queue of "{organization.name}"',
        capability="repo.list",
        path="/registry/v1/syncstatuses",
        parameters=(("registryId", organization.id.partition("/")[0]),),
        large=True,
    )


def tags(scope: Organization | str) -> Call:
    """Return the call for the tags of a repository (its UIDP) or of everything below an organization."""
    call = Call(
        action=f"list the tags of {scope}",
        capability="tag.list",
        path="/registry/v1/tags",
        parameters=(("uidp.childrenOf", str(scope)), *_PLAIN_TAGS),
        large=True,
    )
    if isinstance(scope, str):
        return call
    parameters = (("uidp.descendantsOf", scope.id), *_PLAIN_TAGS)
    return replace(call, action=f'list the tags of "{scope.name}"', parameters=parameters)


def packages(organization: Organization, parameters: Parameters) -> Call:
    """Return the call for packages that an organization may install, one item for each version and architecture."""
    return Call(
        action=f'look up packages of "{organization.name}"',
        capability="apk.list",
        path="/apk/v1/packages",
        parameters=(("uidp.descendantsOf", organization.id.partition("/")[0]), *parameters),
        large=True,
        optional=True,
    )


def catalog_packages(name: str) -> Call:
    """Return the call for packages of a name that the token can see, for any organization."""
    return Call(
        action=f'look up package "{name}" in the catalog',
        capability="apk.list",
        path="/apk/v1/packages",
        parameters=(("packageName", name), ("mostRecentlyUpdated", "true")),
        optional=True,
    )


def package_summaries(organization: Organization, token: str, prefix: str) -> Call:
    """Return the call for one page of package summaries with a name prefix, the latest version of each."""
    return Call(
        action=f'list the packages of "{organization.name}"',
        capability="apk.list",
        path="/apk/v1/package-summaries",
        parameters=(
            ("uidp.descendantsOf", organization.id.partition("/")[0]),
            *_PAGE,
            *_given(("query", prefix), ("pageToken", token)),
        ),
        large=True,
        optional=True,
    )


def resolve(repository_id: str, body: bytes) -> Call:
    """Return the call that locks a configuration as a build would, without building; a POST without effects."""
    return Call(
        method="POST",
        without_effects=True,
        action="check that packages resolve",
        capability="apk.list",
        path=f"{RESOLVE}{repository_id}",
        body=body,
        large=True,
        optional=True,
    )


def _given(*parameters: tuple[str, str]) -> Parameters:
    return tuple((name, value) for name, value in parameters if value)


def _timestamp(seconds: float) -> str:
    """Return an RFC 3339 timestamp at or just before a time; the epoch for earlier times."""
    microseconds = max(0, math.floor(seconds * 1_000_000))
    return (_EPOCH + timedelta(microseconds=microseconds)).isoformat().replace("+00:00", "Z")
