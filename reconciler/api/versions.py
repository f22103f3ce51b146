"""Repositories by v1 and v2 of the API: listing them, reading one, writing its overlay.

Everything else exists once: builds, logs and the queue only in v1, which also serves organizations and folders. A
repository is always created by v1, because only v1 can fail if the name exists.

Differences between the versions: v1's update replaces the whole repository, v2's the overlay alone; v1 distinguishes a
user without gid from gid 0 and supports ids from 2^31, v2 neither.
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
from reconciler.api.schema import V1_SPELLING, V2_SPELLING
from reconciler.core.overlay import EMPTY, Json, Overlay
from reconciler.core.state import LiveRepository, Organization, RepositoryVersion, Unreadable

_INT32 = 2**31
# Statuses of a v2 that is forbidden, missing or unimplemented. Other statuses do not concern v2 itself.
_WITHOUT = frozenset({403, 404, 405, 501})
# The gateway's message about an unknown field.
_UNKNOWN_FIELD = "could not find field"


class Repositories(Protocol):
    """Repositories by one version of the API; every method raises `ApiError`. Folders are not included."""

    @property
    def description(self) -> str:
        """Return which version is used, with the reason if it was detected; for people."""
        ...

    def list_repositories(self, organization: Organization) -> Sequence[LiveRepository]:
        """Return every repository below the organization; never a part of them."""
        ...

    def read_repository(self, repository_id: str) -> RepositoryVersion | None:
        """Read one repository for writing; None if it does not exist."""
        ...

    def write_overlay(self, read: RepositoryVersion, wanted: Overlay) -> LiveRepository:
        """Replace the overlay of a repository that was read; return the new state from the response."""
        ...


def choose(version: ApiVersion, connection: Connection) -> Repositories:
    """Return the repositories by the requested version."""
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
    """A list in one response, one repository as a list of it alone, an update that replaces the whole repository."""

    description = "v1"

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def list_repositories(self, organization: Organization) -> Sequence[LiveRepository]:
        """Return every repository below the organization, in one call."""
        call = endpoints.repositories(organization)
        found = endpoints.read_items(self._connection, call, answers.RepositoryListing)
        return [one.to_core() for one in found]

    def read_repository(self, repository_id: str) -> RepositoryVersion | None:
        """Return one repository for writing; None if it does not exist."""
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
            is_expected=lambda id_: id_ == target.id,
            read_back=lambda _: self._seen(target.id),
        )

    def _seen(self, repository_id: str) -> LiveRepository | None:
        read = self.read_repository(repository_id)
        return None if read is None else read.repository


class V2:
    """A list in pages, one repository by its id, an update of the overlay alone.

    v2 drops details of accounts: a repository with accounts is read by v1, and values without a v2 spelling are written
    by v1.
    """

    description = "v2"

    def __init__(self, connection: Connection, v1: V1) -> None:
        self._connection = connection
        self._v1 = v1

    def list_repositories(self, organization: Organization) -> Sequence[LiveRepository]:
        """Return every repository below the organization, page by page; with accounts, one more call by v1."""
        call = endpoints.repositories_page(organization)
        found = endpoints.read_all(self._connection, call, RepositoryPage, lambda one: one.id)
        listed = [one.to_core() for one in found]
        if not any(map(_is_uncertain, listed)):
            return listed
        certain = {one.id: one for one in self._v1.list_repositories(organization)}
        unknown = Unreadable(problem="v2 does not return its accounts reliably, and v1 does not list it")
        return [certain.get(one.id, replace(one, overlay=unknown)) if _is_uncertain(one) else one for one in listed]

    def read_repository(self, repository_id: str) -> RepositoryVersion | None:
        """Return one repository for writing; None if it does not exist."""
        read = self.read_document(repository_id)
        if read is None or not _is_uncertain(read.repository):
            return read
        certain = self._v1.read_repository(repository_id)
        return certain and replace(read, repository=certain.repository)

    def read_document(self, repository_id: str) -> RepositoryVersion | None:
        """Return one repository by v2; None if it does not exist, or v2 does not."""
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
        """Send an overlay that v2 can represent."""
        target = read.repository
        # The published document requires the name in every update; the mask excludes it.
        document: Json = {"name": target.name, "customOverlay": read.document.get("customOverlay")}
        call = endpoints.update_v2(target, update_body(document, target, wanted, V2_SPELLING))
        return written(
            self._connection,
            call,
            endpoints.read(self._connection, call, WriteAnswer),
            folder=target.folder,
            is_expected=lambda id_: id_ == target.id,
            read_back=lambda _: self._seen(target.id),
        )

    def _seen(self, repository_id: str) -> LiveRepository | None:
        read = self.read_repository(repository_id)
        return None if read is None else read.repository


class Auto:
    """Reads by v1, which is complete; writes by v2's mask, which affects only the overlay, if the server has v2.

    A v2 that is missing, forbidden or unimplemented is remembered, and v1 writes from then on.
    """

    def __init__(self, v1: V1, v2: V2) -> None:
        self._v1 = v1
        self._v2 = v2
        self._why_v1 = ""

    @property
    def description(self) -> str:
        """Return which version is used, and why it is v1 alone if that was detected."""
        return f"v1, because v2 {self._why_v1}" if self._why_v1 else "auto"

    def list_repositories(self, organization: Organization) -> Sequence[LiveRepository]:
        """Return every repository below the organization, in one call."""
        return self._v1.list_repositories(organization)

    def read_repository(self, repository_id: str) -> RepositoryVersion | None:
        """Return one repository for writing; None if it does not exist."""
        return self._v1.read_repository(repository_id)

    def write_overlay(self, read: RepositoryVersion, wanted: Overlay) -> LiveRepository:
        """Write through v2 if possible, else through v1."""
        why = ""
        if not self._why_v1 and can_say(wanted) and _preserves_unknown(read.repository.overlay, wanted):
            try:
                masked = self._v2.read_document(read.repository.id)
                if masked is not None and not isinstance(masked.repository.overlay, Unreadable):
                    # v2 may spell unknown fields differently, and stores them in its own way.
                    unknown = masked.repository.overlay.unrecognized if wanted != EMPTY else ()
                    masked = replace(masked, repository=read.repository)
                    return self._v2.write_masked(masked, replace(wanted, unrecognized=unknown))
                why = "answered HTTP 404" if masked is None else ""
            except AnswerLost as error:
                why = _why_without(error)
                now = self._v1.read_repository(read.repository.id) if why else None
                # A refusal by a proxy alone: the state by v1 decides whether the write took effect.
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
        # Only after v1 has shown that the repository exists and the token may write.
        self._why_v1 = self._why_v1 or why
        return answer


def can_say(overlay: Overlay) -> bool:
    """Return whether v2 can represent this overlay: its ids are signed 32-bit, and gid 0 is the same as none."""
    users, groups = overlay.accounts.users, overlay.accounts.groups
    return all(one.gid and max(one.uid, one.gid) < _INT32 for one in users) and all(one.gid < _INT32 for one in groups)


def written(
    connection: Connection,
    call: Call,
    answer: WriteAnswer,
    *,
    folder: str,
    is_expected: Callable[[str], bool],
    read_back: Callable[[str], LiveRepository | None],
) -> LiveRepository:
    """Return the repository after a write; a response without its id, name or overlay is followed by a read.

    Raises `AnswerLost` if the response is about something else, or nothing could be read.
    """
    if answer.id and not is_expected(answer.id):
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
    """Return the items of a list to be sent back: raw, and each of them a repository."""
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


def _preserves_unknown(overlay: Overlay | Unreadable, wanted: Overlay) -> bool:
    """Return whether unknown fields are kept or removed; only v1 can restore what v1 has sent."""
    return not wanted.unrecognized or (isinstance(overlay, Overlay) and wanted.unrecognized == overlay.unrecognized)


def _same_known(one: Overlay | Unreadable, other: Overlay | Unreadable) -> bool:
    """Return whether both versions agree on the known fields; they may spell the rest differently."""
    if isinstance(one, Unreadable) or isinstance(other, Unreadable):
        return False
    return replace(one, unrecognized=()) == replace(other, unrecognized=())


def _is_uncertain(repository: LiveRepository) -> bool:
    """Return whether v2 may have lost details: an absent gid reads as 0, and ids from 2^31 are undefined."""
    overlay = repository.overlay
    return isinstance(overlay, Unreadable) or bool(overlay.accounts.users or overlay.accounts.groups)


def _why_without(error: ApiError) -> str:
    """Return why v2 is unavailable, as "v2 …"; "" for an unrelated failure."""
    if error.status in _WITHOUT:
        return f"answered HTTP {error.status}"
    if isinstance(error, Rejected) and _UNKNOWN_FIELD in error.message:
        return "does not know a field of the overlay"
    return "does not respond like an API" if isinstance(error, NotUnderstood) else ""
