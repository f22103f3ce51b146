"""Every call that this program makes: its path, its parameters, what the token needs for it, and how to speak of it."""

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
# As many build reports as one answer is asked to hold, and repositories or packages a page: more are not given.
_REPORTS_PAGE = ((_PAGE_SIZE, "5000"),)
_PAGE = ((_PAGE_SIZE, "200"),)
# 200 items a page: more pages than this are no organization's, but a server that never comes to an end.
MOST_PAGES = 2000
_ATTEMPTS = 2
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Tags for people: not those of single days, of package epochs or of signatures.
_PLAIN_TAGS: Parameters = (("excludeReferrers", "true"), ("excludeDates", "true"), ("excludeEpochs", "true"))


def read(connection: Connection, call: Call, model: type[M]) -> M:
    """Send a call and return its answer; raises `ApiError`, also where one item of a list cannot be read.

    A call that asks for a size of pages and is refused is sent again without it.
    """
    without_size = tuple(one for one in call.parameters if one[0] != _PAGE_SIZE)
    if without_size == call.parameters:
        return _read_once(connection, call, model)
    try:
        return _read_once(connection, call, model)
    except Rejected:
        return _read_once(connection, replace(call, parameters=without_size), model)


def read_items(connection: Connection, call: Call, model: type[Listing[T]]) -> list[T]:
    """Send a call that answers with a whole list and return its items; raises `ApiError`, also where there is more."""
    listing = read(connection, call, model)
    if listing.next_page_token:
        problem = "the response is incomplete: it names a next page, which this call does not support"
        raise connection.incomplete(call, problem)
    return listing.items or []


def read_pages(connection: Connection, call: Call, model: type[Listing[T]]) -> Iterator[Listing[T]]:
    """Send a call for each page of a list; raises `ApiError`, also for pages that come to no end."""
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
    """Read every page. A list that is shorter than the server counts may have changed meanwhile: it is read again."""
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
    """Who the token belongs to; every token may ask that of itself."""
    return Call(action="look up the identity of the token", capability="any", path="/auth/v1/ok")


def groups(action: str, parameters: Parameters) -> Call:
    """Organizations and folders."""
    return Call(action=action, capability="groups.list", path="/iam/v1/groups", parameters=parameters)


def folders(organization: Organization) -> Call:
    """The folders below an organization."""
    return groups(f'list the folders of "{organization.name}"', (("uidp.descendantsOf", organization.id),))


def repositories(organization: Organization) -> Call:
    """Every repository below an organization, in one answer."""
    return Call(
        action=f'list the repositories of "{organization.name}"',
        capability="repo.list",
        path=_REPOSITORIES,
        parameters=(("uidp.descendantsOf", organization.id),),
        large=True,
    )


def repository(id_: str) -> Call:
    """One repository, as a list of it alone: the API has no other way to read one."""
    return Call(
        action=f"read the repository {id_}", capability="repo.list", path=_REPOSITORIES, parameters=(("id", id_),)
    )


def repositories_page(organization: Organization) -> Call:
    """The first page of the repositories below an organization, without their readmes."""
    return Call(
        action=f'list the repositories of "{organization.name}"',
        capability="repo.list",
        path=_REPOSITORIES_V2,
        parameters=(("uidp.descendantsOf", organization.id), *_PAGE),
    )


def repository_v2(id_: str) -> Call:
    """One repository."""
    return Call(action=f"read the repository {id_}", capability="repo.list", path=f"{_REPOSITORIES_V2}/{id_}")


def bindings(scope: Organization | str) -> Call:
    """The first page of the bindings of a repository (its UIDP), or of the whole organization that a scope is in.

    Bindings for all repositories lie below the organization or folder that they are for.
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
    """The first page of the overlays that an organization and its folders own."""
    return Call(
        action=f'list the overlays of "{organization.name}"',
        capability=_READ_OVERLAYS,
        path=_OVERLAYS,
        parameters=(("uidp.descendantsOf", organization.id.partition("/")[0]), *_PAGE),
        large=True,
        optional=True,
    )


def overlay(id_: str) -> Call:
    """One overlay with its configuration."""
    return Call(action=f"read the overlay {id_}", capability=_READ_OVERLAYS, path=f"{_OVERLAYS}/{id_}")


def overlays_named(name: str, root: str) -> Call:
    """The overlays of a name in the organization of a UIDP and in its folders."""
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
    """Delete an overlay, which is refused while it is bound."""
    action = f'delete the overlay "{name}" ({id_})'
    return Call(method="DELETE", action=action, capability=_EDIT_OVERLAYS, path=f"{_OVERLAYS}/{id_}")


def binding(id_: str) -> Call:
    """One binding with its overlay."""
    return Call(action=f"read the binding {id_}", capability=_READ_OVERLAYS, path=f"{_BINDINGS}/{id_}")


def bindings_of_overlay(overlay_id: str, root: str) -> Call:
    """The bindings of one overlay in the organization of a UIDP: also those for all repositories."""
    return Call(
        action=f"list the bindings of the overlay {overlay_id}",
        capability=_READ_OVERLAYS,
        path=_BINDINGS,
        parameters=(("uidp.descendantsOf", root), ("overlay", overlay_id), *_PAGE),
        large=True,
    )


def create_binding(scope: str, what: str, body: bytes) -> Call:
    """Bind an overlay to a repository or, for all repositories, to an organization or folder, by its UIDP."""
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
    """Unbind an overlay."""
    action = f"unbind {what} ({id_})"
    return Call(method="DELETE", action=action, capability=_EDIT_OVERLAYS, path=f"{_BINDINGS}/{id_}")


def update_v2(target: LiveRepository, body: bytes) -> Call:
    """Replace the overlay of a repository and nothing else: without the mask, what the body lacks would be kept."""
    return Call(
        method="PATCH",
        action=f'update the repository "{target.name}" ({target.id})',
        capability="repo.update",
        path=f"{_REPOSITORIES_V2}/{target.id}",
        parameters=(("updateMask", "custom_overlay"),),
        body=body,
    )


def update(target: LiveRepository, body: bytes) -> Call:
    """Replace a whole repository."""
    return Call(
        method="PUT",
        action=f'update the repository "{target.name}" ({target.id})',
        capability="repo.update",
        path=f"{_REPOSITORIES}/{target.id}",
        body=body,
    )


def create(name: str, parent: str, where: str, body: bytes) -> Call:
    """Create a repository under a group, or fail where one of that name exists; `where` is the group's name."""
    return Call(
        method="POST",
        action=f'create the repository "{name}" in "{where}"',
        capability="repo.create",
        path=f"{_REPOSITORIES}/{parent}",
        parameters=(("preventExisting", "true"),),
        body=body,
    )


def reports(organization: Organization, window: Window) -> Call:
    """The build reports of an organization or of one repository in a span of time, without logs, which are large."""
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
    """One build report with its log; without a time the API looks at the last day alone."""
    return Call(
        action=f"read the build report {id_}",
        capability="build_report.list",
        path=_REPORTS,
        parameters=(("uidp.ids", id_), ("startedSince", _timestamp(0))),
        large=True,
    )


def queue(organization: Organization) -> Call:
    """The work queue. It is kept by organization, so that the id of a folder in it means nothing."""
    return Call(
        action=f'read the work queue of "{organization.name}"',
        capability="repo.list",
        path="/registry/v1/syncstatuses",
        parameters=(("registryId", organization.id.partition("/")[0]),),
        large=True,
    )


def tags(scope: Organization | str) -> Call:
    """The tags of a repository (its UIDP) or of everything below an organization."""
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
    """The packages that an organization may install, each version and architecture by itself."""
    return Call(
        action=f'look up packages of "{organization.name}"',
        capability="apk.list",
        path="/apk/v1/packages",
        parameters=(("uidp.descendantsOf", organization.id.partition("/")[0]), *parameters),
        large=True,
        optional=True,
    )


def catalog_packages(name: str) -> Call:
    """The packages of a name that the token sees anywhere, for whichever organization."""
    return Call(
        action=f'look up package "{name}" in the catalog',
        capability="apk.list",
        path="/apk/v1/packages",
        parameters=(("packageName", name), ("mostRecentlyUpdated", "true")),
        optional=True,
    )


def package_summaries(organization: Organization, token: str, prefix: str) -> Call:
    """One page of the packages that an organization may install and that begin so, the latest version of each."""
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
    """Lock a configuration as a build of a repository would, without building it; a POST that only asks."""
    return Call(
        method="POST",
        only_asks=True,
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
    """The timestamp of a time as RFC 3339 writes it, never later than it; the epoch for anything before."""
    microseconds = max(0, math.floor(seconds * 1_000_000))
    return (_EPOCH + timedelta(microseconds=microseconds)).isoformat().replace("+00:00", "Z")
