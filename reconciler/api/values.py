"""Values that the client hands out beside those of `core`. No behaviour, and nothing of the wire but `document`."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from reconciler.core.state import LiveRepository


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One repository read for writing.

    `document` is the whole object as the API sent it, only to be given back; `server_time` is the server's clock at the
    time of reading, in seconds since the epoch.
    """

    repository: LiveRepository
    document: Mapping[str, object] = field(repr=False)
    server_time: float
