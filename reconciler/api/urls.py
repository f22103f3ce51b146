"""The URL of a call, made from that of the API without taking it apart again.

httpx reads every URL anew with regular expressions, character by character, and copies of it no less. That is a fifth
of what a request costs the processor, and only the end differs from call to call. Tests hold this to what httpx reads.
"""

from urllib.parse import unquote

import httpx


class Url(httpx.URL):
    """The URL of the API with a path behind it, which is ASCII, escaped, and may have a query."""

    def __init__(self, root: httpx.URL, behind: str) -> None:
        super().__init__(root)
        self._target = root.raw_path.rstrip(b"/") + behind.encode("ascii")

    @property
    def raw_path(self) -> bytes:
        """Path and query as they are sent."""
        return self._target

    @property
    def path(self) -> str:
        """The path as it is meant."""
        return unquote(self._target.partition(b"?")[0].decode("ascii"))

    @property
    def query(self) -> bytes:
        """The query as it is sent."""
        return self._target.partition(b"?")[2]

    def __str__(self) -> str:
        """The whole URL."""
        return f"{self.scheme}://{self.netloc.decode('ascii')}{self._target.decode('ascii')}"
