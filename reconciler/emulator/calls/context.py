"""What a call is given. Nothing of HTTP belongs here but the body, which a call reads as protobuf JSON."""

from dataclasses import dataclass

from reconciler.emulator import instants, uidp
from reconciler.emulator import query as parameters
from reconciler.emulator.access import Caller
from reconciler.emulator.faults import Effect, Lag
from reconciler.emulator.query import Query, Selection
from reconciler.emulator.settings import Settings
from reconciler.emulator.state import State


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """One authenticated request: `identifier` is the id of the path as it came, "" when the path has none."""

    state: State
    settings: Settings
    caller: Caller
    now: int
    identifier: str
    query: Query
    body: bytes
    effects: tuple[Effect, ...] = ()

    @property
    def seen(self) -> int:
        """The instant whose repositories a read shows: now, or earlier where reads lag."""
        lag = max((effect.seconds for effect in self.effects if isinstance(effect, Lag)), default=0.0)
        return self.now - round(lag * instants.SECOND)

    def uidp(self) -> str:
        """Return the id of the path, or refuse it when it is no UIDP."""
        return uidp.checked(self.identifier, "id")

    def selection(self, capability: str) -> Selection:
        """Return what the filters of a list ask for; what the caller lacks the capability for is refused or unseen."""
        chosen = parameters.selection(self.query, lambda record: self.caller.may(capability, record))
        for scope in chosen.scopes:
            self.caller.demand(capability, scope)
        return chosen
