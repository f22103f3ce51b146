"""An API in memory for tests of the engine: repositories, builds and a script of what goes wrong."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

from reconciler.api.errors import ApiError, NotFound, Rejected, ServerFault
from reconciler.core.bindings import Binding, Bindings, TagSelector, UnknownBindings
from reconciler.core.builds import Build, Sync
from reconciler.core.overlay import Overlay
from reconciler.core.packages import PackageVersion
from reconciler.core.state import Live, LiveOverlay, LiveRepository, Organization, OverlayVersion, RepositoryVersion
from reconciler.core.steps import BindingStep, Scope, ScopeKind
from reconciler.diagnostics import Diagnostic
from tests.support.clock import FakeClock

ORGANIZATION = Organization(id="a" * 40, name="example.com")


def conflict() -> Rejected:
    """What the API answers where it has a thing of that name already."""
    error = Rejected(Diagnostic(code="already-exists", summary="it exists already"))
    error.status = 409
    return error


class FakeApi:
    """Satisfies `WriteApi`. `before_read` and `on_write` let a test change the world or raise.

    Writes of overlays and bindings go through `before_overlay_write`, which gets what is written, such as `bind typer
    on a`, and through `after_overlay_write`, when it has taken effect.
    """

    def __init__(self, clock: FakeClock, repositories: Mapping[str, Overlay]) -> None:
        self.clock = clock
        self.repositories = {
            f"{ORGANIZATION.id}/{name}": LiveRepository(id=f"{ORGANIZATION.id}/{name}", name=name, overlay=overlay)
            for name, overlay in repositories.items()
        }
        self.builds: list[Build] = []
        self.queue: dict[str, Sync] = {}
        self.queue_problem: ApiError | None = None
        self.logs: dict[str, str] = {}
        self.limits: list[float | None] = []
        self.writes: list[str] = []
        self.looks = 0
        self.lives = 0
        self.tags: dict[str, tuple[str, ...]] = {}
        self.tag_lists = 0
        self.packages: tuple[PackageVersion, ...] | None = ()
        self.package_lists = 0
        self.before_read: Callable[[str], None] = lambda _: None
        self.on_write: Callable[[str, Overlay], LiveRepository | None] = lambda *_: None
        self.on_look: Callable[[int], None] = lambda _: None
        self.overlays: dict[str, LiveOverlay] = {}
        self.bindings: dict[str, Binding] = {}
        self.before_overlay_write: Callable[[str], None] = lambda _: None
        self.after_overlay_write: Callable[[str], None] = lambda _: None
        self._made = 0

    def find_organization(self, written: str) -> Organization:
        return ORGANIZATION

    def read_live(self, organization: Organization) -> Live:
        self.lives += 1
        return Live(organization=organization, repositories=tuple(self.repositories.values()))

    def read_bindings(self, organization: Organization) -> Bindings:
        return tuple(sorted(self.bindings.values(), key=lambda one: (one.overlay, one.id)))

    def read_overlays(self, organization: Organization) -> tuple[LiveOverlay, ...] | UnknownBindings:
        return tuple(sorted(self.overlays.values(), key=lambda one: one.name))

    def read_folders(self, organization: Organization) -> tuple[tuple[str, str], ...]:
        return ()

    def server_before(self) -> float:
        return self.clock.now()

    def add_overlay(self, name: str, overlay: Overlay) -> str:
        self._made += 1
        id_ = f"{ORGANIZATION.id}/overlay-{self._made}"
        self.overlays[id_] = LiveOverlay(id=id_, name=name, overlay=overlay)
        return id_

    def add_binding(self, scope: Scope, overlay_id: str, selector: TagSelector) -> str:
        self._made += 1
        id_ = f"{scope.id}/binding-{self._made}"
        self.bindings[id_] = Binding(
            id=id_,
            overlay_id=overlay_id,
            overlay=self.overlays[overlay_id].name,
            selector=selector,
            repository=scope.id if scope.kind is ScopeKind.REPOSITORY else "",
        )
        return id_

    def read_overlay(self, overlay_id: str) -> OverlayVersion | None:
        self.before_read(overlay_id)
        found = self.overlays.get(overlay_id)
        return None if found is None else OverlayVersion(overlay=found, document={})

    def find_overlay(self, organization: Organization, name: str) -> OverlayVersion | None:
        self.before_read(name)
        found = next((one for one in self.overlays.values() if one.name == name), None)
        return None if found is None else OverlayVersion(overlay=found, document={})

    def create_overlay(self, organization: Organization, name: str, wanted: Overlay) -> None:
        with self._overlay_write(f"create {name}"):
            if any(one.name == name for one in self.overlays.values()):
                raise conflict()
            self.add_overlay(name, wanted)

    def update_overlay(self, reading: OverlayVersion, wanted: Overlay) -> None:
        with self._overlay_write(f"update {reading.overlay.name}"):
            self.overlays[reading.overlay.id] = replace(reading.overlay, overlay=wanted)

    def delete_overlay(self, reading: OverlayVersion) -> None:
        with self._overlay_write(f"delete {reading.overlay.name}"):
            del self.overlays[reading.overlay.id]

    def read_binding(self, binding_id: str) -> Binding | None:
        self.before_read(binding_id)
        return self.bindings.get(binding_id)

    def find_binding(self, scope: Scope, overlay_id: str) -> Binding | None:
        self.before_read(scope.id)
        same = (one for one in self.bindings.values() if (one.scope, one.overlay_id) == (scope.id, overlay_id))
        return next(same, None)

    def create_binding(self, step: BindingStep, overlay_id: str) -> None:
        assert step.after is not None
        with self._overlay_write(f"bind {step.label}"):
            if self.find_binding(step.scope, overlay_id) is not None:
                raise conflict()
            self.add_binding(step.scope, overlay_id, step.after)

    def update_binding(self, step: BindingStep, binding_id: str) -> None:
        assert step.after is not None
        with self._overlay_write(f"select {step.label}"):
            self.bindings[binding_id] = replace(self.bindings[binding_id], selector=step.after)

    def delete_binding(self, step: BindingStep, binding_id: str) -> None:
        with self._overlay_write(f"unbind {step.label}"):
            del self.bindings[binding_id]

    @contextmanager
    def _overlay_write(self, what: str) -> Iterator[None]:
        self.writes.append(what)
        self.before_overlay_write(what)
        yield
        self.after_overlay_write(what)

    def read_repository(self, repository_id: str, organization: Organization) -> RepositoryVersion | None:
        self.before_read(repository_id)
        found = self.repositories.get(repository_id)
        if found is None:
            return None
        return RepositoryVersion(repository=found, document={}, server_time=self.clock.now())

    def write_overlay(self, reading: RepositoryVersion, wanted: Overlay) -> LiveRepository:
        self.writes.append(reading.repository.name)
        answer = self.on_write(reading.repository.id, wanted)
        if answer is not None:
            return answer
        return self.put(reading.repository.id, wanted)

    def put(self, repository_id: str, overlay: Overlay) -> LiveRepository:
        self.repositories[repository_id] = replace(self.repositories[repository_id], overlay=overlay)
        return self.repositories[repository_id]

    def create_repository(
        self, source: RepositoryVersion, *, name: str, folder: str, wanted: Overlay, organization: Organization
    ) -> LiveRepository:
        self.writes.append(name)
        id_ = f"{organization.id}/{name}"
        self.repositories[id_] = LiveRepository(id=id_, name=name, folder=folder, overlay=wanted)
        return self.repositories[id_]

    def limit(self, seconds: float | None) -> None:
        self.limits.append(seconds)

    def list_builds(self, organization: Organization, *, since: float) -> tuple[Build, ...]:
        self.looks += 1
        self.on_look(self.looks)
        return tuple(build for build in self.builds if build.started is None or build.started >= since)

    def sync_states(self, organization: Organization) -> Mapping[str, Sync]:
        if self.queue_problem is not None:
            raise self.queue_problem
        return dict(self.queue)

    def list_tags(self, scope: Organization | str) -> Mapping[str, tuple[str, ...]]:
        self.tag_lists += 1
        return dict(self.tags)

    def list_packages(self, organization: Organization) -> tuple[PackageVersion, ...]:
        self.package_lists += 1
        if self.packages is None:
            raise ServerFault(Diagnostic(code="unavailable", summary="no list of packages"))
        return self.packages

    def build_log(self, build_id: str) -> str:
        if build_id not in self.logs:
            raise NotFound(Diagnostic(code="not-found", summary="no such build"))
        return self.logs[build_id]
