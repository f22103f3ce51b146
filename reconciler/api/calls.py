"""Every call that this program makes: its path, its parameters, what the token needs for it, and how to speak of it."""

from dataclasses import replace
from typing import TYPE_CHECKING

from reconciler.api import instants
from reconciler.api.http import RESOLVE, Call, Parameters
from reconciler.core.state import LiveRepository, Organization

if TYPE_CHECKING:
    from reconciler.api.narrowing import Window

_REPOSITORIES = "/registry/v1/repos"
_REPOSITORIES_V2 = "/registry/v2/repos"
# As many build reports as one answer is asked to hold; an answer that holds as many may have been cut.
REPORTS_PAGE = 5000

_REPORTS = "/registry/v1/buildreports"
_BEGINNING = instants.to_text(0)
# Tags for people: not those of single days, of package epochs or of signatures.
_PLAIN_TAGS: Parameters = (("excludeReferrers", "true"), ("excludeDates", "true"), ("excludeEpochs", "true"))


def identity() -> Call:
    """Who the token belongs to; every token may ask that of itself."""
    return Call(action="ask whose token it is", capability="any", path="/auth/v1/ok")


def groups(doing: str, parameters: Parameters) -> Call:
    """Organisations and folders."""
    return Call(action=doing, capability="groups.list", path="/iam/v1/groups", parameters=parameters)


def folders(organization: Organization) -> Call:
    """The folders below an organisation."""
    return groups(f'list the folders of "{organization.name}"', (("uidp.descendantsOf", organization.id),))


def repositories(organization: Organization) -> Call:
    """Every repository below an organisation, in one answer."""
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


def repositories_page(organization: Organization, place: Parameters) -> Call:
    """One page of the repositories below an organisation, without their readmes; `place` says which page."""
    return Call(
        action=f'list the repositories of "{organization.name}"',
        capability="repo.list",
        path=_REPOSITORIES_V2,
        parameters=(("uidp.descendantsOf", organization.id), *place),
    )


def repository_v2(id_: str) -> Call:
    """One repository."""
    return Call(action=f"read the repository {id_}", capability="repo.list", path=f"{_REPOSITORIES_V2}/{id_}")


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


def reports(organization: Organization, window: "Window") -> Call:
    """The build reports of a whole organisation in a span of time, without their logs, which are large and slow."""
    span: Parameters = (("startedSince", instants.to_text(window.since)),)
    if window.before is not None:
        span = (*span, ("startedBefore", instants.to_text(window.before)))
    return Call(
        action=f'list the builds of "{organization.name}"',
        capability="build_report.list",
        path=_REPORTS,
        parameters=(
            ("uidp.descendantsOf", organization.id),
            *span,
            ("excludeLogs", "true"),
            ("pageSize", str(REPORTS_PAGE)),
        ),
        large=True,
    )


def report(id_: str) -> Call:
    """One build report with its log; without a time the API looks at the last day alone."""
    return Call(
        action=f"read the build report {id_}",
        capability="build_report.list",
        path=_REPORTS,
        parameters=(("uidp.ids", id_), ("startedSince", _BEGINNING)),
        large=True,
    )


def queue(organization: Organization) -> Call:
    """The work queue. It is kept by organisation, so that the id of a folder in it means nothing."""
    return Call(
        action=f'read the work queue of "{organization.name}"',
        capability="repo.list",
        path="/registry/v1/syncstatuses",
        parameters=(("registryId", organization.id.partition("/")[0]),),
        large=True,
    )


def tags(scope: Organization | str) -> Call:
    """The tags of a repository (its UIDP) or of everything below an organisation."""
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


SUMMARIES_PAGE = 200


def packages(organization: Organization, parameters: Parameters) -> Call:
    """The packages that an organisation may install, each version and architecture by itself."""
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
    """One page of the packages that an organisation may install and that begin so, the latest version of each."""
    given = (("query", prefix), ("pageToken", token))
    return Call(
        action=f'list the packages of "{organization.name}"',
        capability="apk.list",
        path="/apk/v1/package-summaries",
        parameters=(
            ("uidp.descendantsOf", organization.id.partition("/")[0]),
            ("pageSize", str(SUMMARIES_PAGE)),
            *((name, value) for name, value in given if value),
        ),
        large=True,
        optional=True,
    )


def resolve(repository_id: str, body: bytes) -> Call:
    """Lock a configuration as a build of a repository would, without building it; a POST that only asks."""
    return Call(
        method="POST",
        only_asks=True,
        action="ask whether packages resolve",
        capability="apk.list",
        path=f"{RESOLVE}{repository_id}",
        body=body,
        large=True,
        optional=True,
    )
