"""What a source of tokens is, and the closed set of its answers. What each source does is in its own module."""

from dataclasses import dataclass
from typing import Protocol

from reconciler.api.token import Token


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A token."""

    token: Token


@dataclass(frozen=True, slots=True, kw_only=True)
class Absent:
    """The source has nothing to offer, and the next one is asked; `why` is fit for a message."""

    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """The source is set up and does not work. No other is asked: it could act as somebody else than was meant.

    `code`, `summary`, `why` and `hint` are fit for a diagnostic.
    """

    code: str
    summary: str
    why: str
    hint: str


Fetched = Found | Absent | Failed


class Source(Protocol):
    """One place that tokens come from. No method raises."""

    @property
    def name(self) -> str:
        """How messages call the place."""
        ...

    @property
    def renews(self) -> bool:
        """Whether asking again can give another token."""
        ...

    @property
    def advice(self) -> str:
        """What to type when the API rejects a token from here."""
        ...

    def fetch(self, rejected: Token | None = None) -> Fetched:
        """A token, another one than `rejected` where the source has the choice."""
        ...
