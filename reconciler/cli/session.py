"""A connection to the API that the options name: a server, or the built-in emulator in this process."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from reconciler.api.client import ReadClient, WriteClient, connect, connect_writer
from reconciler.api.defaults import API_URL
from reconciler.api.token import Token, find_token
from reconciler.cli.arguments import Options
from reconciler.cli.emulation import in_process
from reconciler.cli.surroundings import Surroundings

EMULATOR = "emulator"
# Only the form of an address: nothing is sent over the network to the emulator in this process.
_EMULATOR_URL = "http://localhost"


def api_name(options: Options, world: Surroundings) -> str:
    """The address of the API, or `emulator`: `--api`, then RECONCILER_API, then the real service."""
    return options.api or world.environ.get("RECONCILER_API") or API_URL


@contextmanager
def reading(options: Options, world: Surroundings) -> Iterator[ReadClient]:
    """A client that cannot send a write, closed at the end."""
    with ExitStack() as stack:
        client = stack.enter_context(connect(*_address(options, world), **_world(options, world, stack)))
        try:
            yield client
        finally:
            _tell_sent(client, options, world)


@contextmanager
def writing(options: Options, world: Surroundings) -> Iterator[WriteClient]:
    """A client for `apply`, closed at the end."""
    with ExitStack() as stack:
        client = stack.enter_context(connect_writer(*_address(options, world), **_world(options, world, stack)))
        try:
            yield client
        finally:
            _tell_sent(client, options, world)


def _address(options: Options, world: Surroundings) -> tuple[str, Token]:
    name = api_name(options, world)
    if name == EMULATOR:
        return _EMULATOR_URL, Token(EMULATOR, source="the built-in emulator")
    return name, find_token(world.environ, api_url=name)


def _world(options: Options, world: Surroundings, stack: ExitStack) -> dict[str, Any]:
    """The clock, and the emulator where it is asked for, as arguments of `connect`."""
    if api_name(options, world) != EMULATOR:
        return {"now": world.clock.now}
    return {"now": world.clock.now, "wsgi_app": stack.enter_context(in_process(world))}


def _tell_sent(client: ReadClient, options: Options, world: Surroundings) -> None:
    if options.debug:
        world.stderr.write(f"requests: {client.sent.reads} reads, {client.sent.writes} writes\n")
