"""What the engine needs from its caller: a clock, a stop flag, the API, a record; and the pool of threads."""

import queue
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Protocol, TypeVar

from reconciler.core.bindings import Binding, Bindings
from reconciler.core.builds import Build, Progress, Sync
from reconciler.core.overlay import Overlay
from reconciler.core.packages import PackageVersion
from reconciler.core.runs import Outcome
from reconciler.core.state import Live, LiveRepository, Organization, Overlays, OverlayVersion, RepositoryVersion
from reconciler.core.steps import BindingStep, Scope, Step


class Stop(Protocol):
    """A flag that an interruption sets: start nothing more, finish what is under way."""

    def is_set(self) -> bool:
        """Whether to stop."""
        ...

    def wait(self, timeout: float) -> bool:
        """Return after `timeout` seconds or as soon as the flag is set; whether it is."""
        ...


class Clock(Protocol):
    """Time as the engine sees it."""

    def now(self) -> float:
        """Seconds since the epoch."""
        ...

    def monotonic(self) -> float:
        """Seconds on a clock that nobody sets."""
        ...

    def wait(self, seconds: float, stop: Stop) -> None:
        """Return after `seconds`, or as soon as `stop` is set."""
        ...


class ReadApi(Protocol):
    """The reads that planning and following builds need; every method raises `ApiError` when it has no whole answer."""

    def limit(self, seconds: float | None) -> None:
        """Give all calls from now on so many seconds together; None for no limit."""
        ...

    def find_organization(self, written: str) -> Organization:
        """The organization or folder that a name, a path of names or a UIDP means."""
        ...

    def read_live(self, organization: Organization) -> Live:
        """Every repository below the organization, in a number of calls that does not depend on how many there are."""
        ...

    def read_bindings(self, organization: Organization) -> Bindings:
        """The overlay bindings of the whole organization; raises `TokenRejected` alone, else they are unknown."""
        ...

    def read_overlays(self, organization: Organization) -> Overlays:
        """The overlays of the whole organization; raises `TokenRejected` alone, else they are unknown."""
        ...

    def read_folders(self, organization: Organization) -> tuple[tuple[str, str], ...]:
        """The path from the organization and the UIDP of each folder below it."""
        ...

    def list_builds(self, organization: Organization, *, since: float) -> tuple[Build, ...]:
        """The build reports started at or after `since` in the whole organization, without logs."""
        ...

    def sync_states(self, organization: Organization) -> Mapping[str, Sync]:
        """The work queue: state by repository UIDP; a repository that is not in it is absent."""
        ...

    def list_tags(self, scope: Organization | str) -> Mapping[str, tuple[str, ...]]:
        """The tags by digest, of the whole organization or of one repository by its UIDP."""
        ...

    def list_packages(self, organization: Organization) -> tuple[PackageVersion, ...]:
        """The latest version of every package that the organization may install, with what it provides."""
        ...

    def build_log(self, build_id: str) -> str:
        """The log of one build report."""
        ...


class OverlayApi(Protocol):
    """The reads and writes of overlays and bindings, which have neither etags nor answers to rely on.

    A write raises `AnswerLost` when it is not known whether it took effect.
    """

    def server_before(self) -> float:
        """A time on the clock that stamps build reports, just before now."""
        ...

    def read_overlay(self, overlay_id: str) -> OverlayVersion | None:
        """One overlay as it is now; None when it does not exist any more."""
        ...

    def find_overlay(self, organization: Organization, name: str) -> OverlayVersion | None:
        """The overlay of a name that the organization itself owns; None where it has none."""
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
        """One binding as it is now; None when it does not exist any more."""
        ...

    def find_binding(self, scope: Scope, overlay_id: str) -> Binding | None:
        """The binding of an overlay to a scope; None where there is none."""
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
    """What applying needs beside the reads."""

    def read_repository(self, repository_id: str, organization: Organization) -> RepositoryVersion | None:
        """One repository as it is now; None when it does not exist any more."""
        ...

    def write_overlay(self, reading: RepositoryVersion, wanted: Overlay) -> LiveRepository:
        """Replace the overlay of a repository that was just read; what the server answered that it holds now.

        Raises `AnswerLost` when it is not known whether the write took effect.
        """
        ...

    def create_repository(
        self, source: RepositoryVersion, *, name: str, folder: str, wanted: Overlay, organization: Organization
    ) -> LiveRepository:
        """Create a repository that syncs from the same source as another one; raises as `write_overlay` does."""
        ...


class Record(Protocol):
    """Where a run is put on record; called from several threads at once."""

    def about_to_write(self, step: Step, *, repository_id: str | None, since: float) -> None:
        """Note durably what is about to be sent; raises `RecordFailed` where that fails, and nothing is sent."""
        ...

    def finished(self, outcome: Outcome) -> None:
        """Note a step's outcome; never raises."""
        ...

    def seen(self, progress: Sequence[Progress]) -> None:
        """Note what a look at the builds has changed; never raises."""
        ...


class OnError(StrEnum):
    """What a failed write means for the steps that have not begun."""

    CONTINUE = "continue"
    STOP = "stop"


Item = TypeVar("Item")
Message = TypeVar("Message")


class _Done:
    """A worker has found no further item."""


def stream(items: Iterable[Item], work: Callable[[Item], Iterable[Message]], *, workers: int) -> Iterator[Message]:
    """Run `work` on every item with at most `workers` threads; yield all messages in the caller's thread as they come.

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
        except BaseException as error:  # noqa: BLE001 - carried over to the caller's thread, which raises it
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
    """The live state of an organization or folder; raises `ApiError` rather than answer with a part of it."""
    return api.read_live(api.find_organization(organization))
