"""One request as a value, and an answer as a value; nothing here sends anything or knows the HTTP library."""

from collections.abc import Mapping
from dataclasses import dataclass, field

Parameters = tuple[tuple[str, str], ...]

ONE_SECONDS = 60.0
LIST_SECONDS = 120.0
# Where a POST only asks: the one path that a client that only reads may POST to.
RESOLVE = "/apko/v1/resolve/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request to the API.

    `doing` completes "could not …" in a message; `capability` is what the token needs for it; `patience` is how many
    seconds the server may stay silent. What is `dispensable` is given up sooner when the API does not answer.
    """

    doing: str
    capability: str
    path: str
    method: str = "GET"
    parameters: Parameters = ()
    body: bytes | None = field(default=None, repr=False)
    patience: float = ONE_SECONDS
    only_asks: bool = False
    dispensable: bool = False

    @property
    def writes(self) -> bool:
        """Whether the request may change something; `only_asks` marks a POST that does not."""
        return self.method != "GET" and not self.only_asks


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What came over the line: status, headers with lower-case names, and the whole body."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes | bytearray = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A successful answer, decoded; `server_time` is the server's clock, in seconds since the epoch."""

    document: dict[str, object] = field(repr=False)
    server_time: float
