"""Interfaces of the engine: a clock, a stop flag, the API, a record; and the thread pool."""

import queue
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from enum import StrEnum
from typing import Protocol, TypeVar

from reconciler.core.bindings import Binding, Bindings
from reconciler.core.builds import Build, Progress, Sync
from reconciler.core.overlay import Overlay
from reconciler.core.packages import PackageVersion
from reconciler.core.runs import Outcome
from reconciler.core.state import Live, LiveRepository, Organization, Overlays, OverlayVersion, RepositoryVersion
from reconciler.core.steps import AnyStep, BindingStep, Scope


class Stop(Protocol):
    """A flag set by an interruption: start nothing more, finish work in progress."""

    def is_set(self) -> bool:
        """Return whether to stop."""
        ...

    def wait(self, timeout: float) -> bool:
        """Wait for `timeout` seconds or until the flag is set; return whether it is."""
        ...


class Clock(Protocol):
    """The engine's clock."""

    def now(self) -> float:
        """Return seconds since the epoch."""
        ...

    def monotonic(self) -> float:
        """Return seconds on a monotonic clock."""
        ...

    def wait(self, seconds: float, stop: Stop) -> None:
        """Wait for `seconds`, or until `stop` is set."""
        ...


class ReadApi(Protocol):
    """The reads of planning and following builds; every method raises `ApiError` without a complete response."""

    def limit(self, seconds: float | None) -> None:
        """Set a deadline for all further calls together, in seconds from now; None for no limit."""
        ...

    def find_organization(self, written: str) -> Organization:
        """Return the organization or folder of a name, a path of names or a UIDP."""
        ...

    def read_live(self, organization: Organization) -> Live:
        """Return every repository below the organization, in a constant number of calls."""
        ...

    def read_bindings(self, organization: Organization) -> Bindings:
        """Return the overlay bindings of the whole organization; raises only `TokenRejected`, else they are unknown."""
        ...

    def read_overlays(self, organization: Organization) -> Overlays:
        """Return the overlays of the whole organization; raises `TokenRejected` alone, else they are unknown."""
        ...

    def read_folders(self, organization: Organization) -> tuple[tuple[str, str], ...]:
        """Return the path from the organization and the UIDP of each folder below it."""
        ...

    def list_builds(self, organization: Organization, *, since: float) -> tuple[Build, ...]:
        """Return the build reports of the organization started at or after `since`, without logs."""
        ...

    def sync_states(self, organization: Organization) -> Mapping[str, Sync]:
        """Return the work queue: state by repository UIDP; a repository that is not queued is absent."""
        ...

    def list_tags(self, scope: Organization | str) -> Mapping[str, tuple[str, ...]]:
        """Return the tags by digest, of the whole organization or of one repository by its UIDP."""
        ...

    def list_packages(self, organization: Organization) -> tuple[PackageVersion, ...]:
        """Return the latest version of every installable package, with its provided names."""
        ...

    def build_log(self, build_id: str) -> str:
        """Return the log of one build report."""
        ...


class OverlayApi(Protocol):
    """The reads and writes of overlays and bindings, which have neither etags nor answers to rely on.

    A write raises `AnswerLost` when it is not known whether it took effect.
    """

    def server_before(self) -> float:
        """Return a time on the clock that stamps build reports, just before now."""
        ...

    def read_overlay(self, overlay_id: str) -> OverlayVersion | None:
        """Return one overlay as it is now; None when it does not exist any more."""
        ...

    def find_overlay(self, organization: Organization, name: str) -> OverlayVersion | None:
        """Return the overlay of a name that the organization itself owns; None where it has none."""
        ...

    def create_overlay(self, organization: Organization, name: str, wanted: Overlay) -> None:
        """Create a named overlay."""
        ...

    def update_overlay(self, reading: OverlayVersion, wanted: Overlay) -> None:
        """Replace the configuration of an overlay that was just read."""
        ...

    def delete_overlay(self, reading: OverlayVersion) -> None:
        """Delete an overlay that was just read."""
        ...

    def read_binding(self, binding_id: str) -> Binding | None:
        """Return one binding as it is now; None when it does not exist any more."""
        ...

    def find_binding(self, scope: Scope, overlay_id: str) -> Binding | None:
        """Return the binding of an overlay to a scope; None where there is none."""
        ...

    def create_binding(self, step: BindingStep, overlay_id: str) -> None:
        """Bind the overlay of a UIDP as a step says."""
        ...

    def update_binding(self, step: BindingStep, binding_id: str) -> None:
        """Give the binding of a UIDP the selector of a step."""
        ...

    def delete_binding(self, step: BindingStep, binding_id: str) -> None:
        """Remove the binding of a UIDP."""
        ...


class WriteApi(ReadApi, OverlayApi, Protocol):
    """The calls of applying: reads and writes."""

    def read_repository(self, repository_id: str, organization: Organization) -> RepositoryVersion | None:
        """Return the current state of one repository; None if it does not exist."""
        ...

    def write_overlay(self, reading: RepositoryVersion, wanted: Overlay) -> LiveRepository:
        """Replace the overlay of a repository that was just read; return the new state from the response.

        Raises `AnswerLost` if it is unknown whether the write took effect.
        """
        ...

    def create_repository(
        self, source: RepositoryVersion, *, name: str, folder: str, wanted: Overlay, organization: Organization
    ) -> LiveRepository:
        """Create a repository that syncs from the same source as another one; raises as `write_overlay` does."""
        ...


class Record(Protocol):
    """Record of a run; called from several threads at once."""

    def about_to_write(self, step: AnyStep, *, repository_id: str | None, since: float) -> None:
        """Record durably what is about to be sent; raises `RecordFailed` on failure, and nothing is sent."""
        ...

    def finished(self, outcome: Outcome) -> None:
        """Record a step's outcome; never raises."""
        ...

    def seen(self, progress: Sequence[Progress]) -> None:
        """Record what a poll of the builds has changed; never raises."""
        ...


class OnError(StrEnum):
    """Effect of a failed write on the steps that have not begun."""

    CONTINUE = "continue"
    STOP = "stop"


Item = TypeVar("Item")
Message = TypeVar("Message")


class _Done:
    """End of a worker."""


def stream(items: Iterable[Item], work: Callable[[Item], Iterable[Message]], *, workers: int) -> Iterator[Message]:
    """Run `work` on every item with at most `workers` threads; yield all messages in the caller's thread.

    A defect in `work` is raised here, after which no further item is started. The threads are daemons, so that an abort
    does not wait for them.
    """
    pending = iter(items)
    lock = threading.Lock()
    abandoned = threading.Event()
    messages: queue.SimpleQueue[Message | BaseException | _Done] = queue.SimpleQueue()

    def run() -> None:
        try:
            while not abandoned.is_set():
                with lock:
                    item = next(pending, _Done)
                if isinstance(item, type):
                    return
                for message in work(item):
                    messages.put(message)
        except BaseException as error:  # noqa: BLE001 - passed to the caller's thread, which raises it
            messages.put(error)
        finally:
            messages.put(_Done())

    for number in range(workers):
        threading.Thread(target=run, name=f"worker-{number}", daemon=True).start()
    try:
        yield from _until_done(messages, workers)
    finally:
        abandoned.set()


def _until_done(messages: "queue.SimpleQueue[Message | BaseException | _Done]", workers: int) -> Iterator[Message]:
    running = workers
    while running:
        message = messages.get()
        if isinstance(message, _Done):
            running -= 1
        elif isinstance(message, BaseException):
            raise message
        else:
            yield message


def refresh(api: ReadApi, organization: str) -> Live:
    """Return the complete live state of an organization or folder; raises `ApiError`."""
    return api.read_live(api.find_organization(organization))


def with_overlays(live: Live, api: ReadApi) -> Live:
    """Return the live state with the overlays of the organization and their bindings; unknown if they cannot be read.

    Raises `TokenRejected`.
    """
    organization = live.organization
    return replace(live, bindings=api.read_bindings(organization), overlays=api.read_overlays(organization))
