"""The client that also writes: reading one repository, replacing its overlay, creating one."""

from collections.abc import Mapping
from dataclasses import replace

from reconciler.api import calls, json_text, organizations, overlay_write
from reconciler.api.errors import Rejected, SourceDropped, clean
from reconciler.api.generations import v1
from reconciler.api.merging import merge_overlay
from reconciler.api.reading import ReadClient
from reconciler.api.spelling import V1
from reconciler.api.values import Reading
from reconciler.core.overlay import Overlay
from reconciler.core.state import LiveRepository, Organization
from reconciler.diagnostics import Diagnostic


class WriteClient(ReadClient):
    """What applying needs beside the reads."""

    def read_repository(self, repository_id: str, organization: Organization) -> Reading | None:
        """One repository as it is now; None when it does not exist any more."""
        reading = self._generation.read_repository(repository_id, organization)
        if reading is None:
            return None
        return replace(reading, repository=self._placed(reading.repository, organization))

    def write_overlay(self, reading: Reading, wanted: Overlay) -> LiveRepository:
        """Replace the overlay of a repository that was just read; what the server answered that it holds now.

        Raises `AnswerLost` when it is not known whether the write took effect.
        """
        return self._generation.write_overlay(reading, wanted)

    def create_repository(
        self, source: Reading, *, name: str, folder: str, wanted: Overlay, organization: Organization
    ) -> LiveRepository:
        """Create a repository that syncs from the same source as another one; raises as `write_overlay` does.

        Through v1 whatever generation is used: v2 cannot be told to leave one of that name alone.
        """
        names = self._folder_names(organization) if folder else {}
        parent = organizations.folder_id(folder, organization, names)
        catalogue = _catalogue_source(source)
        body = json_text.encode(
            {
                "name": name,
                "sync_config": {"source": catalogue},
                "customOverlay": merge_overlay(None, wanted),
            }
        )
        where = f"{organization.name}/{folder}" if folder else organization.name
        call = calls.create(name, parent, where, body)
        created, document = overlay_write.send_for_document(
            self._connection, call, V1, folder, lambda id_: id_.rpartition("/")[0] == parent
        )
        if _synced_from(document) != catalogue:
            self._check_source(created, catalogue, organization)
        return created

    def _check_source(self, created: LiveRepository, catalogue: str, organization: Organization) -> None:
        """Raise `SourceDropped` where the new repository syncs from something else than was asked for, or nothing."""
        reading = v1.V1(self._connection).read_repository(created.id, organization)
        found = "" if reading is None else _synced_from(reading.document)
        if found != catalogue:
            told = f'syncs from "{clean(found)}" instead' if found else "syncs from nothing"
            raise SourceDropped(
                Diagnostic(
                    code="source-dropped",
                    summary=f'"{clean(created.name)}" was created, and the server dropped its source: it {told}',
                    hint="delete it in the console, and tell the operators of the API; it will not be built like this",
                )
            )

    def _placed(self, repository: LiveRepository, organization: Organization) -> LiveRepository:
        if "/" not in repository.id.removeprefix(f"{organization.id}/"):
            return repository
        return organizations.placed(repository, organization, self._folder_names(organization))


def _catalogue_source(source: Reading) -> str:
    """The repository of the catalogue that another one syncs from, which a new one is made from as well."""
    found = _synced_from(source.document)
    if found:
        return found
    raise Rejected(
        Diagnostic(
            code="no-catalogue-source",
            summary=f'nothing can be created from "{clean(source.repository.name)}": it syncs from no repository',
            hint="name a repository as `source` that comes from the catalogue",
        )
    )


def _synced_from(document: Mapping[str, object]) -> str:
    sync = document.get("sync_config")
    found = sync.get("source") if isinstance(sync, dict) else None
    return found if isinstance(found, str) else ""
