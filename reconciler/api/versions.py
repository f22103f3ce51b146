"""Repositories by the two versions of the API: listing them, reading one, writing its overlay.

Everything else has one form: builds, logs and the queue exist in v1 alone, and organizations and folders are read there
as well. A repository is created through v1 whatever version is used, because v1 alone can be told not to change one of
that name that is there already.

What is certain of each version: v1's update replaces the whole repository, v2's the overlay alone; v1 tells a user
without gid from one with gid 0 and knows ids from 2^31, v2 does neither.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol, assert_never

from pydantic import ValidationError

from reconciler.api import ApiVersion, answers, endpoints, schema, schema_errors
from reconciler.api.answers import RepositoryAnswer, RepositoryAnswerV2, RepositoryPage, WriteAnswer
from reconciler.api.errors import AnswerLost, ApiError, NotFound, NotUnderstood, Rejected
from reconciler.api.http import Call, Connection
from reconciler.api.overlay_update import update_body
from reconciler.api.schema import V1_SPELLING, V2_SPELLING, Json
from reconciler.core.overlay import EMPTY, Overlay
from reconciler.core.state import LiveRepository, Organization, RepositoryVersion, Unreadable

_INT32 = 2**31
# Not for this token, not there, not in this way, not built yet. Anything else says nothing about what there is.
_WITHOUT = frozenset({403, 404, 405, 501})
# How the gateway refuses a field that it does not know.
_UNKNOWN_FIELD = "could not find field"


class Repositories(Protocol):
    """Repositories by a version of the API; every method raises `ApiError`. Folders are not told here."""

    @property
    def description(self) -> str:
        """Which version is used, and why where that was found out on the way; for people."""
        ...

    def list_repositories(self, organization: Organization) -> Sequence[LiveRepository]:
        """Return every repository below the organization, or raise: never a part of them."""
        ...

    def read_repository(self, repository_id: str) -> RepositoryVersion | None:
        """Read one repository for writing; None when it does not exist any more."""
        ...

    def write_overlay(self, read: RepositoryVersion, wanted: Overlay) -> LiveRepository:
        """Replace the overlay of a repository that was read here; returns what the server says that it holds now."""
        ...


def choose(version: ApiVersion, connection: Connection) -> Repositories:
    """Return the repositories by the version that was asked for."""
    v1 = V1(connection)
    match version:
        case "v1":
            return v1
        case "v2":
            return V2(connection, v1)
        case "auto":
            return Auto(v1, V2(connection, v1))
        case _:
            assert_never(version)


class V1:
    """A list in one answer, one repository as a list of it alone, an update that replaces the whole repository."""

    description = "v1"

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def list_repositories(self, organization: Organization) -> Sequence[LiveRepository]:
        """Every repository below the organization, in one call."""
        call = endpoints.repositories(organization)
        found = endpoints.read_items(self._connection, call, answers.RepositoryListing)
        return [one.to_core() for one in found]

    def read_repository(self, repository_id: str) -> RepositoryVersion | None:
        """One repository for writing; None when it does not exist any more."""
        call = endpoints.repository(repository_id)
        try:
            answer = self._connection.answer(call)
        except NotFound:
            return None
        for document in _documents(self._connection, call, answer.document):
            if document.get("id") == repository_id:
                return _version(self._connection, call, document, answer.server_time, RepositoryAnswer)
        return None

    def write_overlay(self, read: RepositoryVersion, wanted: Overlay) -> LiveRepository:
        """Send the whole repository back as it was read, with another overlay."""
        target = read.repository
        call = endpoints.update(target, update_body(read.document, target, wanted, V1_SPELLING))
        return written(
            self._connection,
            call,
            endpoints.read(self._connection, call, WriteAnswer),
            folder=target.folder,
            is_meant=lambda id_: id_ == target.id,
            read_back=lambda _: self._seen(target.id),
        )

    def _seen(self, repository_id: str) -> LiveRepository | None:
        read = self.read_repository(repository_id)
        return None if read is None else read.repository


class V2:
    """A list in pages, one repository by its id, an update of the overlay alone.

    Of accounts v2 does not tell everything: the truth about a repository that has some is v1's, and what v2 cannot say
    is written through v1.
    """

    description = "v2"

    def __init__(self, connection: Connection, v1: V1) -> None:
        self._connection = connection
        self._v1 = v1

    def list_repositories(self, organization: Organization) -> Sequence[LiveRepository]:
        """Every repository below the organization, page by page; one call of v1 more where there are accounts."""
        call = endpoints.repositories_page(organization)
        found = endpoints.read_all(self._connection, call, RepositoryPage, lambda one: one.id)
        listed = [one.to_core() for one in found]
        if not any(map(_is_uncertain, listed)):
            return listed
        certain = {one.id: one for one in self._v1.list_repositories(organization)}
        unknown = Unreadable(problem="v2 does not return its accounts reliably, and v1 does not list it")
        return [certain.get(one.id, replace(one, overlay=unknown)) if _is_uncertain(one) else one for one in listed]

    def read_repository(self, repository_id: str) -> RepositoryVersion | None:
        """One repository for writing; None when it does not exist any more."""
        read = self.read_document(repository_id)
        if read is None or not _is_uncertain(read.repository):
            return read
        certain = self._v1.read_repository(repository_id)
        return certain and replace(read, repository=certain.repository)

    def read_document(self, repository_id: str) -> RepositoryVersion | None:
        """One repository as v2 tells it; None where there is none, for which having no v2 looks the same."""
        call = endpoints.repository_v2(repository_id)
        try:
            answer = self._connection.answer(call)
        except NotFound:
            return None
        read = _version(self._connection, call, answer.document, answer.server_time, RepositoryAnswerV2)
        if read.repository.id != repository_id:
            raise self._connection.incomplete(call, f"it describes another repository, {read.repository.id}")
        return read

    def write_overlay(self, read: RepositoryVersion, wanted: Overlay) -> LiveRepository:
        """Send the overlay with the mask that names it, so that no other field can change."""
        if can_say(wanted) and not isinstance(schema.overlay_from_wire(read.document.get("customOverlay")), Unreadable):
            return self.write_masked(read, wanted)
        whole = self._v1.read_repository(read.repository.id)
        if whole is None or not _same_known(whole.repository.overlay, read.repository.overlay):
            raise self._connection.incomplete(
                endpoints.repository(read.repository.id), "v1 and v2 return different overlays; plan again"
            )
        return self._v1.write_overlay(whole, wanted)

    def write_masked(self, read: RepositoryVersion, wanted: Overlay) -> LiveRepository:
        """Send an overlay that v2 can say."""
        target = read.repository
        # The name is there because the published document requires it of every update; the mask leaves it out.
        document: Json = {"name": target.name, "customOverlay": read.document.get("customOverlay")}
        call = endpoints.update_v2(target, update_body(document, target, wanted, V2_SPELLING))
        return written(
            self._connection,
            call,
            endpoints.read(self._connection, call, WriteAnswer),
            folder=target.folder,
            is_meant=lambda id_: id_ == target.id,
            read_back=lambda _: self._seen(target.id),
        )

    def _seen(self, repository_id: str) -> LiveRepository | None:
        read = self.read_repository(repository_id)
        return None if read is None else read.repository


class Auto:
    """Reads by v1, which tells all; writes by v2's mask, which can lose only the overlay, where the server has it.

    A v2 that is not there, not for this token or not built yet is remembered, and v1 writes from then on.
    """

    def __init__(self, v1: V1, v2: V2) -> None:
        self._v1 = v1
        self._v2 = v2
        self._why_v1 = ""

    @property
    def description(self) -> str:
        """Which version is used, and why it is v1 alone where that was found out."""
        return f"v1, because v2 {self._why_v1}" if self._why_v1 else "auto"

    def list_repositories(self, organization: Organization) -> Sequence[LiveRepository]:
        """Every repository below the organization, in one call."""
        return self._v1.list_repositories(organization)

    def read_repository(self, repository_id: str) -> RepositoryVersion | None:
        """One repository for writing; None when it does not exist any more."""
        return self._v1.read_repository(repository_id)

    def write_overlay(self, read: RepositoryVersion, wanted: Overlay) -> LiveRepository:
        """Write through v2 where that is possible, else through v1."""
        why = ""
        if not self._why_v1 and can_say(wanted) and _keeps_unknown(read.repository.overlay, wanted):
            try:
                masked = self._v2.read_document(read.repository.id)
                if masked is not None and not isinstance(masked.repository.overlay, Unreadable):
                    # v2 may spell what is not known in another way, and goes on as it does.
                    unknown = masked.repository.overlay.unrecognized if wanted != EMPTY else ()
                    masked = replace(masked, repository=read.repository)
                    return self._v2.write_masked(masked, replace(wanted, unrecognized=unknown))
                why = "answered HTTP 404" if masked is None else ""
            except AnswerLost as error:
                why = _why_without(error)
                now = self._v1.read_repository(read.repository.id) if why else None
                # A refusal by a proxy alone: what v1 shows decides whether something was written.
                if now is None or now.repository.overlay not in (read.repository.overlay, wanted):
                    raise
                if now.repository.overlay == wanted:
                    return now.repository
                read = replace(now, repository=read.repository)
            except ApiError as error:
                why = _why_without(error)
                if not why:
                    raise
        answer = self._v1.write_overlay(read, wanted)
        # Not before v1 has shown that the repository is there and that the token may write.
        self._why_v1 = self._why_v1 or why
        return answer


def can_say(overlay: Overlay) -> bool:
    """Whether v2 can say this overlay: its ids are signed and of 32 bits, and a gid of 0 is the same as none."""
    users, groups = overlay.accounts.users, overlay.accounts.groups
    return all(one.gid and max(one.uid, one.gid) < _INT32 for one in users) and all(one.gid < _INT32 for one in groups)


def written(
    connection: Connection,
    call: Call,
    answer: WriteAnswer,
    *,
    folder: str,
    is_meant: Callable[[str], bool],
    read_back: Callable[[str], LiveRepository | None],
) -> LiveRepository:
    """Return the repository that a write has left; an answer without its id, name or overlay is followed by a read.

    Raises `AnswerLost` where the answer speaks of something else, or where nothing could be read.
    """
    if answer.id and not is_meant(answer.id):
        raise connection.incomplete(call, f"it describes another repository, {answer.id}")
    if answer.id and answer.name and answer.overlay is not None:
        return LiveRepository(
            id=answer.id, name=answer.name, folder=folder, overlay=answer.overlay, active_tags=answer.active_tags
        )
    try:
        found = read_back(answer.id)
    except ApiError as error:
        raise connection.incomplete(call, f"the response does not contain the repository, and {error}") from None
    if found is None:
        raise connection.incomplete(
            call, "the response does not contain the repository, and the repository was not found"
        )
    return replace(found, folder=folder)


def _documents(connection: Connection, call: Call, document: Json) -> Sequence[Json]:
    """The items of a list that is read to be given back: as they came, and each of them a repository."""
    try:
        listing = answers.RepositoryListing.model_validate(document)
    except ValidationError as error:
        problem = schema_errors.problem(error)
    else:
        if not listing.next_page_token:
            items = document.get("items")
            return items if isinstance(items, list) else []
        problem = "the response is incomplete: it names a next page, which this call does not support"
    raise connection.incomplete(call, problem)


def _version(
    connection: Connection, call: Call, document: Json, server_time: float, model: type[RepositoryAnswer]
) -> RepositoryVersion:
    try:
        repository = model.model_validate(document).to_core()
    except ValidationError as error:
        problem = schema_errors.problem(error)
    else:
        return RepositoryVersion(repository=repository, document=document, server_time=server_time)
    raise connection.incomplete(call, problem)


def _keeps_unknown(overlay: Overlay | Unreadable, wanted: Overlay) -> bool:
    """Whether what is not known stays as it is, or goes; what v1 has told can be put back through v1 alone."""
    return not wanted.unrecognized or (isinstance(overlay, Overlay) and wanted.unrecognized == overlay.unrecognized)


def _same_known(one: Overlay | Unreadable, other: Overlay | Unreadable) -> bool:
    """Whether both versions tell the same of what is known; they may spell the rest differently."""
    if isinstance(one, Unreadable) or isinstance(other, Unreadable):
        return False
    return replace(one, unrecognized=()) == replace(other, unrecognized=())


def _is_uncertain(repository: LiveRepository) -> bool:
    """Whether v2 may not have told everything: an absent gid reads as 0, and ids from 2^31 as anything."""
    overlay = repository.overlay
    return isinstance(overlay, Unreadable) or bool(overlay.accounts.users or overlay.accounts.groups)


def _why_without(error: ApiError) -> str:
    """Why v2 is not to be had, as "v2 …"; "" for a failure that says nothing about that."""
    if error.status in _WITHOUT:
        return f"answered HTTP {error.status}"
    if isinstance(error, Rejected) and _UNKNOWN_FIELD in error.message:
        return "does not know a field of the overlay"
    return "does not respond like an API" if isinstance(error, NotUnderstood) else ""
