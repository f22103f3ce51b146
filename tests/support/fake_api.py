"""An API in memory for tests of the engine: repositories, builds and a script of what goes wrong."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from reconciler.api.errors import ApiError, NotFound, ServerFault
from reconciler.core.bindings import Bindings
from reconciler.core.builds import Build, Sync
from reconciler.core.overlay import Overlay
from reconciler.core.packages import PackageVersion
from reconciler.core.state import Live, LiveRepository, Organization, RepositoryVersion
from reconciler.diagnostics import Diagnostic
from tests.support.clock import FakeClock

ORGANIZATION = Organization(id="a" * 40, name="example.com")


class FakeApi:
    """Satisfies `WriteApi`. `before_read` and `on_write` let a test change the world or raise."""

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

    def find_organization(self, written: str) -> Organization:
        return ORGANIZATION

    def read_live(self, organization: Organization) -> Live:
        self.lives += 1
        return Live(organization=organization, repositories=tuple(self.repositories.values()))

    def read_bindings(self, organization: Organization) -> Bindings:
        return ()

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
