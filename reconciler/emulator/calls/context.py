"""What a call is given. Nothing of HTTP belongs here but the body, which a call reads as protobuf JSON."""

from dataclasses import dataclass

from reconciler.emulator import query as parameters
from reconciler.emulator import uidp
from reconciler.emulator.access import Caller
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

    def uidp(self) -> str:
        """Return the id of the path, or refuse it when it is no UIDP."""
        return uidp.checked(self.identifier, "id")

    def selection(self, capability: str) -> Selection:
        """Return what the filters of a list ask for; what the caller lacks the capability for is refused or unseen."""
        chosen = parameters.selection(self.query, lambda record: self.caller.may(capability, record))
        for scope in chosen.scopes:
            self.caller.demand(capability, scope)
        return chosen
