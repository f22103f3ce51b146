"""A connection to the API that the options name: a server, or the built-in emulator in this process."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, TypeVar

from reconciler.api.auth.provider import Credentials, fixed
from reconciler.api.auth.sources import find
from reconciler.api.auth.token import Token
from reconciler.api.client import ReadClient, WriteClient, connect, connect_writer
from reconciler.api.defaults import API_URL
from reconciler.api.url import parse_address
from reconciler.cli.arguments import Options
from reconciler.cli.retries import retrier, timing
from reconciler.cli.surroundings import Surroundings

Client = TypeVar("Client", bound=ReadClient)

EMULATOR = "emulator"
# Only the form of an address: nothing is sent over the network to the emulator in this process.
_EMULATOR_URL = "http://localhost"


def api_name(options: Options, world: Surroundings) -> str:
    """The address of the API, or `emulator`: `--api`, then RECONCILER_API, then the real service."""
    return options.api or world.environ.get("RECONCILER_API") or API_URL


def api_identity(options: Options, world: Surroundings) -> str:
    """The API in one spelling, which saved plans are compared by. Raises `BadAddress`."""
    name = api_name(options, world)
    return name if name == EMULATOR else parse_address(name).root


@contextmanager
def reading(options: Options, world: Surroundings) -> Iterator[ReadClient]:
    """A client that cannot send a write, closed at the end."""
    with _opened(connect, options, world) as client:
        yield client


@contextmanager
def writing(options: Options, world: Surroundings) -> Iterator[WriteClient]:
    """A client for `apply`, closed at the end."""
    with _opened(connect_writer, options, world) as client:
        yield client


@contextmanager
def _opened(make: Callable[..., Client], options: Options, world: Surroundings) -> Iterator[Client]:
    with ExitStack() as stack:
        client = make(*address(options, world), api_version=options.api_version, **_world(options, world, stack))
        stack.enter_context(client)
        try:
            yield client
        finally:
            _tell_sent(client, options, world)


def address(options: Options, world: Surroundings) -> tuple[str, Credentials]:
    """The URL of the API and the credentials for it; no token is looked for yet. Raises `BadAddress`."""
    name = api_name(options, world)
    if name == EMULATOR:
        return _EMULATOR_URL, fixed(Token(EMULATOR, source="the built-in emulator"))
    return name, find(world.environ, api_url=name, home=world.home(), run=world.run, timing=timing(world))


def _world(options: Options, world: Surroundings, stack: ExitStack) -> dict[str, Any]:
    """What waits and repeats, and the emulator where it is asked for, as arguments of `connect`."""
    if api_name(options, world) != EMULATOR:
        return {"retrier": retrier(options, world)}
    from reconciler.cli.emulation import in_process

    return {"retrier": retrier(options, world), "wsgi_app": stack.enter_context(in_process(world))}


def _tell_sent(client: ReadClient, options: Options, world: Surroundings) -> None:
    if options.api_version == "auto" and (options.verbose or options.debug):
        world.stderr.write(f"API version: {client.generation}\n")
    if options.debug:
        world.stderr.write(f"requests: {client.sent.reads} reads, {client.sent.writes} writes\n")
