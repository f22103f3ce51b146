"""Repositories by v2: a list in pages, one repository by its id, an update of the overlay alone."""

from collections.abc import Sequence
from functools import partial

from reconciler.api import calls, overlay_write
from reconciler.api.errors import NotFound
from reconciler.api.generations import paging
from reconciler.api.generations.paging import Page, Place
from reconciler.api.http import Connection
from reconciler.api.listing import read_page
from reconciler.api.mapping import repository_from_wire
from reconciler.api.spelling import V2 as SPELLING
from reconciler.api.values import Reading
from reconciler.api.wire import Malformed
from reconciler.core.overlay import Overlay
from reconciler.core.state import LiveRepository, Organization


class V2:
    """The second generation."""

    told = "v2"

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def list_repositories(self, organization: Organization) -> Sequence[LiveRepository]:
        """Every repository below the organisation, page by page, several at a time where that is sure to be whole."""
        return self.rest_of_list(organization, self.first_page(organization))

    def first_page(self, organization: Organization) -> Page:
        """The beginning of the list, for `rest_of_list`."""
        return self._page(organization, paging.BEGINNING)

    def rest_of_list(self, organization: Organization, first: Page) -> Sequence[LiveRepository]:
        """The whole list that begins with this page."""
        try:
            return paging.gather(first, partial(self._page, organization))
        except paging.PagingError as error:
            problem = str(error)
        raise self._connection.incomplete(calls.repositories_page(organization, ()), problem)

    def read_repository(self, repository_id: str, organization: Organization) -> Reading | None:  # noqa: ARG002 - of `Generation`
        """One repository for writing; None when it does not exist any more."""
        call = calls.repository_v2(repository_id)
        try:
            answer = self._connection.answer(call)
        except NotFound:
            return None
        try:
            repository = repository_from_wire(answer.document, spelling=SPELLING)
        except Malformed as problem:
            raise self._connection.incomplete(call, str(problem)) from None
        if repository.id != repository_id:
            raise self._connection.incomplete(call, f"it speaks of another repository, {repository.id}")
        return Reading(repository=repository, document=answer.document, server_time=answer.server_time)

    def write_overlay(self, reading: Reading, wanted: Overlay) -> LiveRepository:
        """Send the overlay with the mask that names it, so that no other field can change."""
        target = reading.repository
        # The name is there because the published document requires it of every update; the mask leaves it out.
        document = {"name": target.name, "customOverlay": reading.document.get("customOverlay")}
        body = overlay_write.body(document, target, wanted, SPELLING)
        return overlay_write.send(
            self._connection, calls.update_v2(target, body), SPELLING, target.folder, lambda id_: id_ == target.id
        )

    def _page(self, organization: Organization, place: Place) -> Page:
        call = calls.repositories_page(organization, place.parameters)
        read = partial(repository_from_wire, spelling=SPELLING)
        items, rest = read_page(self._connection, call, read, key="repos")
        try:
            return Page(items=items, next_token=paging.next_token(rest), total=paging.total(rest))
        except Malformed as problem:
            raise self._connection.incomplete(call, str(problem)) from None
