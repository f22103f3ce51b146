"""The interface that both generations have, and the choice between them."""

from collections.abc import Sequence
from typing import Protocol, assert_never

from reconciler.api.defaults import ApiVersion
from reconciler.api.http import Connection
from reconciler.api.values import Reading
from reconciler.core.overlay import Overlay
from reconciler.core.state import LiveRepository, Organization


class Generation(Protocol):
    """Repositories by one generation of the API; every method raises `ApiError`. Folders are not told here."""

    @property
    def told(self) -> str:
        """Which generation is used, and why where that was found out on the way; for people."""
        ...

    def list_repositories(self, organization: Organization) -> Sequence[LiveRepository]:
        """Every repository below the organisation, or an error: never a part of them."""
        ...

    def read_repository(self, repository_id: str, organization: Organization) -> Reading | None:
        """One repository for writing; None when it does not exist any more."""
        ...

    def write_overlay(self, reading: Reading, wanted: Overlay) -> LiveRepository:
        """Replace the overlay of a repository that this generation has read; what the server says that it holds now."""
        ...


def choose(version: ApiVersion, connection: Connection) -> Generation:
    """The generation that was asked for."""
    from reconciler.api.generations.v1 import V1

    if version == "v1":
        return V1(connection)
    # v2 is the exception, and every start pays for what is imported.
    from reconciler.api.generations.auto import Auto
    from reconciler.api.generations.v2 import V2

    match version:
        case "v2":
            return V2(connection)
        case "auto":
            return Auto(V1(connection), V2(connection))
        case _:
            assert_never(version)
