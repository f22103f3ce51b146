"""The work queue as following needs it: an API that will not tell of it stops nothing, as build reports tell enough."""

from collections.abc import Mapping

from reconciler.api.errors import ApiError, NotFound, NotUnderstood, PermissionDenied, Rejected
from reconciler.core.builds import Progress, Sync
from reconciler.core.events import Listener, QueueUnread
from reconciler.core.state import Organization
from reconciler.engine.ports import Clock, ReadApi

# That the API has no such call or refuses it is the same at the next look; every other failure may pass.
_REFUSALS = (NotFound, NotUnderstood, PermissionDenied, Rejected)


class Queue:
    """Where repositories stand in the queue at the last look, as far as it is known."""

    def __init__(self, api: ReadApi, organization: Organization, *, clock: Clock, listen: Listener) -> None:
        self._api = api
        self._organization = organization
        self._clock = clock
        self._listen = listen
        self._told = False
        self._states: Mapping[str, Sync] | None = None

    def read(self) -> None:
        """Ask for the queue of the whole organisation; raises `ApiError` for what may pass."""
        try:
            self._states = self._api.sync_states(self._organization)
        except _REFUSALS as error:
            self._states = None
            self._tell(error)

    def of(self, progress: Progress) -> Sync:
        """The place of a repository: the last one known where the queue could not be read, never a guess."""
        return progress.sync if self._states is None else self._states.get(progress.target.id, Sync.IDLE)

    def _tell(self, error: ApiError) -> None:
        if not self._told:
            self._listen(QueueUnread(at=self._clock.now(), problem=error.diagnostic))
        self._told = True
