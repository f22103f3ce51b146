"""The client that also writes: reading one repository, replacing its overlay, creating one."""

from collections.abc import Callable

from reconciler.api import calls, json_text, organizations, wire
from reconciler.api.call import Call
from reconciler.api.errors import NotFound, NotUnderstood, Rejected
from reconciler.api.listing import items_of
from reconciler.api.mapping import repository_from_wire
from reconciler.api.merging import merge_document, merge_overlay
from reconciler.api.reading import ReadClient
from reconciler.api.values import Reading
from reconciler.api.wording import clean
from reconciler.core.live import LiveRepository, Organization
from reconciler.core.model import Overlay
from reconciler.diagnostics import Diagnostic

Json = dict[str, object]


class WriteClient(ReadClient):
    """What applying needs beside the reads."""

    def read_repository(self, repository_id: str, organization: Organization) -> Reading | None:
        """One repository as it is now; None when it does not exist any more."""
        call = calls.repository(repository_id)
        try:
            answer = self._connection.answer(call)
        except NotFound:
            return None

        def read(item: Json) -> tuple[LiveRepository, Json]:
            return repository_from_wire(item), item

        found = items_of(self._connection, call, answer, read)
        for repository, document in found:
            if repository.id == repository_id:
                placed = self._placed(repository, organization)
                return Reading(repository=placed, document=document, server_time=answer.server_time)
        return None

    def write_overlay(self, reading: Reading, wanted: Overlay) -> LiveRepository:
        """Replace the overlay of a repository that was just read; what the server answered that it holds now.

        Raises `AnswerLost` when it is not known whether the write took effect.
        """
        target = reading.repository
        try:
            body = json_text.encode(merge_document(reading.document, wanted))
        except ValueError as problem:
            unreadable = _unreadable(target, str(problem))
        else:
            return self._written(calls.update(target, body), target.folder, lambda id_: id_ == target.id)
        raise unreadable

    def create_repository(
        self, source: Reading, *, name: str, folder: str, wanted: Overlay, organization: Organization
    ) -> LiveRepository:
        """Create a repository that syncs from the same source as another one; raises as `write_overlay` does."""
        names = self._folder_names(organization) if folder else {}
        parent = organizations.folder_id(folder, organization, names)
        body = json_text.encode(
            {
                "name": name,
                "sync_config": {"source": _catalogue_source(source)},
                "customOverlay": merge_overlay(None, wanted),
            }
        )
        where = f"{organization.name}/{folder}" if folder else organization.name
        call = calls.create(name, parent, where, body)
        return self._written(call, folder, lambda id_: id_.rpartition("/")[0] == parent)

    def _placed(self, repository: LiveRepository, organization: Organization) -> LiveRepository:
        if "/" not in repository.id.removeprefix(f"{organization.id}/"):
            return repository
        return organizations.placed(repository, organization, self._folder_names(organization))

    def _written(self, call: Call, folder: str, is_meant: Callable[[str], bool]) -> LiveRepository:
        document = self._connection.answer(call).document
        try:
            repository = repository_from_wire(document, folder=folder)
        except wire.Malformed as problem:
            raise self._connection.incomplete(call, str(problem)) from None
        if not is_meant(repository.id):
            raise self._connection.incomplete(call, f"it speaks of another repository, {repository.id}")
        return repository


def _catalogue_source(source: Reading) -> str:
    """The repository of the catalogue that another one syncs from, which a new one is made from as well."""
    sync = source.document.get("sync_config")
    found = sync.get("source") if isinstance(sync, dict) else None
    if isinstance(found, str) and found:
        return found
    raise Rejected(
        Diagnostic(
            code="no-catalogue-source",
            summary=f'nothing can be created from "{clean(source.repository.name)}": it syncs from no repository',
            hint="name a repository as `source` that comes from the catalogue",
        )
    )


def _unreadable(target: LiveRepository, problem: str) -> NotUnderstood:
    return NotUnderstood(
        Diagnostic(
            code="unreadable-overlay",
            summary=f'the live overlay of "{clean(target.name)}" was not understood, so nothing was sent',
            detail=clean(problem),
            hint="report this with the output of `reconciler --version`",
        )
    )
