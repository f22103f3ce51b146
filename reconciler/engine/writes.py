"""The reads and the write of one step: what must be live so that the approved write may be sent, and how it is sent."""

from typing import Protocol

from reconciler.api.errors import Rejected
from reconciler.core.bindings import Binding, TagSelector
from reconciler.core.overlay import Overlay, fingerprint
from reconciler.core.runs import Drifted, Failed, Unchanged, failed_step
from reconciler.core.state import Address, LiveRepository, Organization, OverlayVersion, RepositoryVersion, Unreadable
from reconciler.core.steps import Action, AnyStep, BindingStep, OverlayStep, ScopeKind, Step
from reconciler.engine.ports import WriteApi
from reconciler.engine.settle import Seen, noun

# The API's code for something that exists already.
_CONFLICT = 409

WithoutWrite = Unchanged | Drifted | Failed


class Write(Protocol):
    """The write of one step; every method raises `ApiError`."""

    @property
    def since(self) -> float:
        """Return the server's time just before the write."""
        ...

    def recheck(self) -> WithoutWrite | None:
        """Read again; return the outcome without a write, or None if the approved write may be sent."""
        ...

    def send(self) -> Seen | None:
        """Send the write; return the state in the response, None if it must be read."""
        ...

    def seen(self) -> Seen | None:
        """Return the current state, None if it does not exist."""
        ...


class RepositoryWrite:
    """Replaces the overlay of a repository."""

    def __init__(self, step: Step, api: WriteApi, organization: Organization) -> None:
        self._step = step
        self._api = api
        self._organization = organization
        self._reading: RepositoryVersion | None = None

    @property
    def since(self) -> float:
        """Return the server's time of the last read."""
        assert self._reading is not None
        return self._reading.server_time

    def recheck(self) -> WithoutWrite | None:
        """Read again; the repository must be the approved one: same id, folder and name.

        Of the rest only the overlay counts: a change to any other field is no conflict, and is kept by the write.
        """
        step, reading = self._step, self._read()
        self._reading = reading
        if reading is None:
            return failed_step(step, "repository-gone", "the repository no longer exists")
        if not is_approved(step, reading.repository):
            return renamed(step, reading.repository)
        return _compared(step, reading.repository.overlay)

    def send(self) -> Seen | None:
        """Write the repository that was read."""
        assert self._reading is not None
        assert self._step.after is not None
        return seen_repository(self._api.write_overlay(self._reading, self._step.after))

    def seen(self) -> Seen | None:
        """Read the repository."""
        reading = self._read()
        return None if reading is None else seen_repository(reading.repository)

    def _read(self) -> RepositoryVersion | None:
        assert self._step.id is not None
        return self._api.read_repository(self._step.id, self._organization)


class OverlayWrite:
    """Creates, changes or deletes a named overlay."""

    def __init__(self, step: OverlayStep, api: WriteApi, organization: Organization) -> None:
        self._step = step
        self._api = api
        self._organization = organization
        self._reading: OverlayVersion | None = None
        self.since = 0.0

    def recheck(self) -> WithoutWrite | None:
        """Read again: by the id, or by the name of an overlay that is to be created."""
        step, self._reading = self._step, self._read()
        self.since = self._api.server_before()
        if self._reading is None:
            return _absent(step, "overlay-gone")
        overlay = self._reading.overlay
        if step.name.removesuffix(f" ({overlay.id})") != overlay.name:
            return failed_step(step, "overlay-renamed", f'the approved overlay was renamed to "{overlay.name}"')
        return _compared(step, overlay.overlay)

    def send(self) -> Seen | None:
        """Send the write; the response may lack fields, so that only a read confirms it."""
        step = self._step
        if step.after is None:
            assert self._reading is not None
            self._api.delete_overlay(self._reading)
        elif self._reading is None:
            self._api.create_overlay(self._organization, step.name, step.after)
        else:
            self._api.update_overlay(self._reading, step.after)
        return None

    def seen(self) -> Seen | None:
        """Read the overlay."""
        reading = self._read()
        return None if reading is None else Seen(id=reading.overlay.id, content=reading.overlay.overlay)

    def _read(self) -> OverlayVersion | None:
        if self._step.id is None:
            return self._api.find_overlay(self._organization, self._step.name)
        return self._api.read_overlay(self._step.id)


class BindingWrite:
    """Binds an overlay, changes the selector of a binding, or unbinds.

    `reviewed` is the configuration of the overlay in the plan, None if the plan does not hold it: then its fingerprint
    in the step counts.
    """

    def __init__(
        self, step: BindingStep, api: WriteApi, organization: Organization, *, reviewed: Overlay | None
    ) -> None:
        self._step = step
        self._api = api
        self._organization = organization
        self._reviewed = reviewed
        self._overlay_id = step.overlay_id
        self._reading: Binding | None = None
        self.since = 0.0

    def recheck(self) -> WithoutWrite | None:
        """Read again: the repository must be the approved one, the overlay the reviewed one."""
        problem = self._scope_problem() or self._overlay_problem()
        if problem is not None:
            return problem
        self._reading = self._read()
        self.since = self._api.server_before()
        if self._reading is None:
            return _absent(self._step, "binding-gone")
        return _compared(self._step, self._reading.selector)

    def send(self) -> Seen | None:
        """Send the write; the response may lack fields, so that only a read confirms it."""
        step = self._step
        if self._reading is None:
            assert self._overlay_id is not None
            self._api.create_binding(step, self._overlay_id)
        elif step.after is None:
            self._api.delete_binding(step, self._reading.id)
        else:
            self._api.update_binding(step, self._reading.id)
        return None

    def seen(self) -> Seen | None:
        """Read the binding."""
        reading = self._read()
        return None if reading is None else Seen(id=reading.id, content=reading.selector)

    def _read(self) -> Binding | None:
        if self._step.id is not None:
            return self._api.read_binding(self._step.id)
        assert self._overlay_id is not None
        return self._api.find_binding(self._step.scope, self._overlay_id)

    def _scope_problem(self) -> Failed | None:
        """Return why the repository is not the approved one any more."""
        step = self._step
        if step.scope.kind is not ScopeKind.REPOSITORY:
            return None
        reading = self._api.read_repository(step.scope.id, self._organization)
        if reading is None:
            return failed_step(step, "repository-gone", "the repository no longer exists")
        approved, now = Address.parse(step.scope.label), reading.repository
        if now.name == approved.name and approved.folder in (None, now.folder):
            return None
        return renamed(step, now)

    def _overlay_problem(self) -> Failed | None:
        """Return why the overlay to bind is not the reviewed one any more; find it if the same run has created it."""
        step = self._step
        if step.after is None or (self._overlay_id is not None and self._reviewed is None and not step.content):
            return None
        if self._overlay_id is None:
            found = self._api.find_overlay(self._organization, step.overlay)
        else:
            found = self._api.read_overlay(self._overlay_id)
        if found is None:
            return failed_step(step, "overlay-gone", f'the overlay "{step.overlay}" does not exist')
        if not self._is_reviewed(found.overlay.overlay):
            return failed_step(step, "overlay-changed", f'the overlay "{step.overlay}" has changed since the plan')
        self._overlay_id = found.overlay.id
        return None

    def _is_reviewed(self, now: Overlay | Unreadable) -> bool:
        if self._reviewed is not None:
            return now == self._reviewed
        return not self._step.content or (isinstance(now, Overlay) and fingerprint(now) == self._step.content)


def _absent(step: OverlayStep | BindingStep, code: str) -> WithoutWrite | None:
    """Return the outcome without a write where nothing is live."""
    match step.action:
        case Action.CREATE:
            return None
        case Action.DELETE:
            return Unchanged(step=step)
        case _:
            return failed_step(step, code, f"{noun(step)} no longer exists")


def _compared(step: AnyStep, now: Overlay | Unreadable | TagSelector) -> WithoutWrite | None:
    """Return the outcome without a write for what is live, None if it is what the plan was made from."""
    if isinstance(now, Unreadable):
        return failed_step(step, "unreadable-overlay", now.summary)
    if now == step.after:
        return Unchanged(step=step)
    if now == step.before and step.action is not Action.CREATE:
        return None
    return Drifted(step=step, now=now)


def seen_repository(repository: LiveRepository) -> Seen:
    """Return what a repository holds."""
    return Seen(id=repository.id, content=repository.overlay)


def is_approved(step: Step, repository: LiveRepository) -> bool:
    """Return whether a repository has the name and the folder of the plan; earlier plans have only the label."""
    label = step.reason.names[0] if step.action is Action.CREATE and step.reason.names else step.repository
    approved = step.location or Address.parse(label)
    return repository.name == approved.name and approved.folder in (None, repository.folder)


def renamed(step: AnyStep, repository: LiveRepository) -> Failed:
    """Return the failure for a repository that has another name or folder than in the plan."""
    now = f"{repository.folder}/{repository.name}"
    is_source = isinstance(step, Step) and step.action is Action.CREATE
    what = "the source repository" if is_source else "the approved repository"
    return failed_step(step, "repository-renamed", f'{what} was renamed to "{now.removeprefix("/")}"')


def exists_already(error: Rejected) -> bool:
    """Return whether a creation was refused because there is such a thing."""
    return error.status == _CONFLICT
