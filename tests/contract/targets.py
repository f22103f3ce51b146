"""Where the product is pointed: the emulator in this process, the emulator on a port, the real API.

The one place that knows how a client is made.
"""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

import pytest

from reconciler.api import API_URL, ApiVersion
from reconciler.api.auth.provider import Credentials, fixed
from reconciler.api.auth.sources import find
from reconciler.api.auth.token import Token
from reconciler.api.client import ReadClient, connect
from reconciler.api.retry import Retrier, Timing
from reconciler.api.writer import WriteClient, connect_writer
from reconciler.emulator.server import Server
from tests.support.emulated import World

# Read when this is imported, because the tests themselves run without them.
REAL_API = os.environ.get("RECONCILER_CONTRACT_API", "") or API_URL
REAL_ORGANIZATION = os.environ.get("RECONCILER_CONTRACT_ORG", "")
REAL_IS_GIVEN = bool(os.environ.get("CHAINGUARD_TOKEN") and REAL_ORGANIZATION)
_REAL_CREDENTIALS = find(dict(os.environ), api_url=REAL_API) if REAL_IS_GIVEN else None

IN_PROCESS, ON_A_PORT, REAL = "in-process", "on a port", "real"
EMULATED = (IN_PROCESS, ON_A_PORT)
needs_real = pytest.mark.skipif(
    not REAL_IS_GIVEN, reason="CHAINGUARD_TOKEN and RECONCILER_CONTRACT_ORG are not both set: the real API is not asked"
)
# A name that is allowed is looked up, so that there is none where the real API is not asked.
REACHABLE = ["127.0.0.1", "::1", *([urlsplit(REAL_API).hostname or ""] if REAL_IS_GIVEN else [])]


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """An API to hold to the documents; `world` is None where it is the real one."""

    url: str
    organization: str
    world: World | None
    credentials: Credentials
    in_process: bool

    def reader(self, version: ApiVersion) -> ReadClient:
        """A client that cannot write."""
        app = self.world.emulator if self.world and self.in_process else None
        return connect(self.url, self.credentials, wsgi_app=app, retrier=self._repeater(), api_version=version)

    def writer(self, version: ApiVersion, who: str = "owner") -> WriteClient:
        """A client that writes, to an emulator alone."""
        assert self.world is not None
        app = self.world.emulator if self.in_process else None
        return connect_writer(self.url, secret(who), wsgi_app=app, retrier=self._repeater(), api_version=version)

    def _repeater(self) -> Retrier | None:
        clock = self.world and self.world.clock
        return Retrier(timing=Timing(now=clock, sleep=clock.advance), jitter=lambda: 1.0) if clock else None


def secret(token: str) -> Credentials:
    """Credentials that are one token."""
    return fixed(Token(token, source="TOK"))


@contextmanager
def opened(name: str, world: World) -> Iterator[Target]:
    """A target by its name; `world` is what an emulated one shows."""
    if name == REAL:
        assert _REAL_CREDENTIALS is not None
        yield Target(
            url=REAL_API,
            organization=REAL_ORGANIZATION,
            world=None,
            credentials=_REAL_CREDENTIALS,
            in_process=False,
        )
    elif name == IN_PROCESS:
        yield _emulated("http://localhost", world, in_process=True)
    else:
        with _serving(world) as port:
            yield _emulated(f"http://127.0.0.1:{port}", world, in_process=False)


def _emulated(url: str, world: World, *, in_process: bool) -> Target:
    return Target(url=url, organization="example.com", world=world, credentials=secret("owner"), in_process=in_process)


@contextmanager
def _serving(world: World) -> Iterator[int]:
    server = Server(world.emulator, "127.0.0.1", 0)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        yield server.port
    finally:
        server.stop()
        thread.join()
