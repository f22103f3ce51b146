"""Repositories by v1: a list in one answer, one repository as a list of it alone, an update that replaces it whole."""

from collections.abc import Sequence

from reconciler.api import calls, overlay_write
from reconciler.api.errors import NotFound
from reconciler.api.http import Connection
from reconciler.api.listing import items_of, read_list
from reconciler.api.mapping import repository_from_wire
from reconciler.api.spelling import V1 as SPELLING
from reconciler.api.values import Reading
from reconciler.core.overlay import Overlay
from reconciler.core.state import LiveRepository, Organization

Json = dict[str, object]


class V1:
    """The first generation."""

    told = "v1"

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def list_repositories(self, organization: Organization) -> Sequence[LiveRepository]:
        """Every repository below the organisation, in one call."""
        return read_list(self._connection, calls.repositories(organization), repository_from_wire)

    def read_repository(self, repository_id: str, organization: Organization) -> Reading | None:  # noqa: ARG002 - of `Generation`
        """One repository for writing; None when it does not exist any more."""
        call = calls.repository(repository_id)
        try:
            answer = self._connection.answer(call)
        except NotFound:
            return None

        def read(item: Json) -> tuple[LiveRepository, Json]:
            return repository_from_wire(item), item

        for repository, document in items_of(self._connection, call, answer, read):
            if repository.id == repository_id:
                return Reading(repository=repository, document=document, server_time=answer.server_time)
        return None

    def write_overlay(self, reading: Reading, wanted: Overlay) -> LiveRepository:
        """Send the whole repository back as it was read, with another overlay."""
        target = reading.repository
        body = overlay_write.body(reading.document, target, wanted, SPELLING)
        return overlay_write.send(
            self._connection, calls.update(target, body), SPELLING, target.folder, lambda id_: id_ == target.id
        )
