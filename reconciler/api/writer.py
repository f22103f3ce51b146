"""The API client for applying: it reads, and writes repositories, overlays and bindings."""

from dataclasses import replace
from wsgiref.types import WSGIApplication

from reconciler.api import API_VERSION, ApiVersion, endpoints, json_text, organizations, overlays
from reconciler.api.answers import WriteAnswer
from reconciler.api.auth.provider import Credentials
from reconciler.api.client import ReadClient, make_connection
from reconciler.api.errors import Rejected, SourceDropped, clean
from reconciler.api.overlay_update import merge_overlay
from reconciler.api.retry import Retrier
from reconciler.api.versions import choose, written
from reconciler.core.bindings import Binding
from reconciler.core.overlay import Overlay
from reconciler.core.state import LiveRepository, Organization, OverlayVersion, RepositoryVersion
from reconciler.core.steps import BindingStep, Scope
from reconciler.diagnostics import Diagnostic


def connect_writer(
    url: str,
    credentials: Credentials | None,
    *,
    wsgi_app: WSGIApplication | None = None,
    retrier: Retrier | None = None,
    api_version: ApiVersion = API_VERSION,
) -> "WriteClient":
    """Return a client that reads and writes; parameters as in `connect`."""
    connection = make_connection(url, credentials, writes=True, wsgi_app=wsgi_app, retrier=retrier)
    return WriteClient(connection, choose(api_version, connection))


class WriteClient(ReadClient):
    """The calls of applying: reads and writes."""

    def read_repository(self, repository_id: str, organization: Organization) -> RepositoryVersion | None:
        """Return the current state of one repository; None if it does not exist."""
        read = self._repositories.read_repository(repository_id)
        if read is None:
            return None
        repository = read.repository
        if "/" in repository.id.removeprefix(f"{organization.id}/"):
            repository = organizations.placed(repository, organization, self._folder_names(organization))
        return replace(read, repository=repository)

    def write_overlay(self, reading: RepositoryVersion, wanted: Overlay) -> LiveRepository:
        """Replace the overlay of a repository that was just read; return the new state from the response.

        Raises `AnswerLost` if it is unknown whether the write took effect.
        """
        try:
            return self._repositories.write_overlay(reading, wanted)
        except Rejected as error:
            raise overlays.refused_for_bindings(self._connection, error, reading.repository) from None

    def create_repository(
        self, source: RepositoryVersion, *, name: str, folder: str, wanted: Overlay, organization: Organization
    ) -> LiveRepository:
        """Create a repository that syncs from the same source as another one; raises as `write_overlay` does.

        Always uses v1: v2 may overwrite an existing repository of that name.
        """
        parent = organizations.folder_id(folder, organization, self._folder_names(organization) if folder else {})
        catalog = _catalog_source(source)
        body: dict[str, object] = {
            "name": name,
            "sync_config": {"source": catalog},
            "customOverlay": merge_overlay(None, wanted),
        }
        where = f"{organization.name}/{folder}" if folder else organization.name
        call = endpoints.create(name, parent, where, json_text.encode(body))
        answer = endpoints.read(self._connection, call, WriteAnswer)
        created = written(
            self._connection,
            call,
            answer,
            folder=folder,
            is_expected=lambda id_: id_.rpartition("/")[0] == parent,
            read_back=self._repository_or_none,
        )
        if answer.sync_config is None or answer.sync_config.source != catalog:
            self._check_source(created, catalog)
        return created

    def server_before(self) -> float:
        """Return a time on the clock that stamps build reports, just before now: builds of a write start later."""
        return self._connection.server_before()

    def read_overlay(self, overlay_id: str) -> OverlayVersion | None:
        """Return one overlay as it is now; None when it does not exist any more."""
        return overlays.read_overlay(self._connection, overlay_id)

    def find_overlay(self, organization: Organization, name: str) -> OverlayVersion | None:
        """Return the overlay of a name that the organization itself owns; None where it has none."""
        return overlays.find_overlay(self._connection, organization, name)

    def create_overlay(self, organization: Organization, name: str, wanted: Overlay) -> None:
        """Create a named overlay; raises `AnswerLost` when it is not known whether the write took effect, as all do."""
        overlays.create_overlay(self._connection, organization, name, wanted)

    def update_overlay(self, reading: OverlayVersion, wanted: Overlay) -> None:
        """Replace the configuration of an overlay that was just read."""
        overlays.update_overlay(self._connection, reading, wanted)

    def delete_overlay(self, reading: OverlayVersion) -> None:
        """Delete an overlay that was just read."""
        overlays.delete_overlay(self._connection, reading)

    def read_binding(self, binding_id: str) -> Binding | None:
        """Return one binding as it is now; None when it does not exist any more."""
        return overlays.read_binding(self._connection, binding_id)

    def find_binding(self, scope: Scope, overlay_id: str) -> Binding | None:
        """Return the binding of an overlay to a scope; None where there is none."""
        return overlays.find_binding(self._connection, scope, overlay_id)

    def create_binding(self, step: BindingStep, overlay_id: str) -> None:
        """Bind the overlay of a UIDP as a step says."""
        assert step.after is not None
        overlays.create_binding(self._connection, step.scope, overlay_id, step.label, step.after)

    def update_binding(self, step: BindingStep, binding_id: str) -> None:
        """Give the binding of a UIDP the selector of a step."""
        assert step.after is not None
        overlays.update_binding(self._connection, binding_id, step.label, step.after)

    def delete_binding(self, step: BindingStep, binding_id: str) -> None:
        """Remove the binding of a UIDP."""
        overlays.delete_binding(self._connection, binding_id, step.label)

    def _check_source(self, created: LiveRepository, catalog: str) -> None:
        """Raise `SourceDropped` if the new repository does not sync from the requested source."""
        read = self._repositories.read_repository(created.id)
        found = "" if read is None else _synced_from(read)
        if found == catalog:
            return
        detail = f'syncs from "{clean(found)}" instead' if found else "does not sync"
        raise SourceDropped(
            Diagnostic(
                code="source-dropped",
                summary=f'"{clean(created.name)}" was created, but the API dropped its source: it {detail}',
                hint="delete it in the console and report this to Chainguard; it will not be built",
            )
        )

    def _repository_or_none(self, repository_id: str) -> LiveRepository | None:
        read = self._repositories.read_repository(repository_id) if repository_id else None
        return None if read is None else read.repository


def _catalog_source(source: RepositoryVersion) -> str:
    """Return the catalog repository that another one syncs from, to be the source of a new one."""
    found = _synced_from(source)
    if found:
        return found
    raise Rejected(
        Diagnostic(
            code="no-catalogue-source",
            summary=f'cannot create a repository from "{clean(source.repository.name)}": it does not sync from one',
            hint="use a repository that syncs from the catalog as `source`",
        )
    )


def _synced_from(read: RepositoryVersion) -> str:
    sync = read.document.get("sync_config")
    found = sync.get("source") if isinstance(sync, dict) else None
    return found if isinstance(found, str) else ""
