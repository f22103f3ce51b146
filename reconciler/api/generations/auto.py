"""v2 where the server has it and lets this token use it, else v1: found out once, by the first page of a list."""

import threading
from collections.abc import Sequence

from reconciler.api.errors import ApiError
from reconciler.api.generations.paging import Page
from reconciler.api.generations.v1 import V1
from reconciler.api.generations.v2 import V2
from reconciler.api.values import Reading
from reconciler.core.overlay import Overlay
from reconciler.core.state import LiveRepository, Organization

# Not there, not for this token, not built yet. Anything else is a fault, which says nothing about what there is.
_WITHOUT = frozenset({403, 404, 501})


class Auto:
    """One of the two generations, the same one from the first answer to the end of the run."""

    def __init__(self, v1: V1, v2: V2) -> None:
        self._v1 = v1
        self._v2 = v2
        self._lock = threading.Lock()
        self._chosen: V1 | V2 | None = None
        self._told = "not decided yet"

    @property
    def told(self) -> str:
        """Which generation is used, and why where it is v1; for people."""
        return self._told

    def list_repositories(self, organization: Organization) -> Sequence[LiveRepository]:
        """Every repository below the organisation. A page after the first that fails makes the whole list fail."""
        chosen, first = self._decide(organization)
        if first is None:
            return chosen.list_repositories(organization)
        return self._v2.rest_of_list(organization, first)

    def read_repository(self, repository_id: str, organization: Organization) -> Reading | None:
        """One repository for writing. A 404 of one says nothing about v2, so an undecided run asks for a list first."""
        chosen, _ = self._decide(organization)
        return chosen.read_repository(repository_id, organization)

    def write_overlay(self, reading: Reading, wanted: Overlay) -> LiveRepository:
        """Replace the overlay of a repository that was read here."""
        assert self._chosen is not None
        return self._chosen.write_overlay(reading, wanted)

    def _decide(self, organization: Organization) -> tuple[V1 | V2, Page | None]:
        """The generation, and the first page of its list where that was just read to find out."""
        # Held while asking: whoever comes second has to wait for the answer anyway.
        with self._lock:
            if self._chosen is not None:
                return self._chosen, None
            try:
                first = self._v2.first_page(organization)
            except ApiError as error:
                if error.status not in _WITHOUT:
                    raise
                self._chosen, self._told = self._v1, f"v1, because v2 answered HTTP {error.status}"
                return self._v1, None
            self._chosen, self._told = self._v2, "v2"
            return self._v2, first
