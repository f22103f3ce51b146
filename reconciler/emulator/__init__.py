"""The Chainguard API as a WSGI application, with simulated builds and scripted faults.

The room's public surface: everything that others may import. It shares no code with the rest of the program, so that
a misreading of the API has to be made twice to go unnoticed.
"""

from collections.abc import Callable

from reconciler.emulator.app import Emulator, reset
from reconciler.emulator.errors import ConnectionDropped, FaultsError, StateError
from reconciler.emulator.faults import (
    Delay,
    Drop,
    Edit,
    Effect,
    Fault,
    Garble,
    Header,
    Lag,
    NoReports,
    Omit,
    Respond,
    Result,
    Status,
    When,
    load_faults,
)
from reconciler.emulator.settings import Settings

__all__ = [
    "ConnectionDropped",
    "Delay",
    "Drop",
    "Edit",
    "Effect",
    "Emulator",
    "Fault",
    "FaultsError",
    "Garble",
    "Header",
    "Lag",
    "NoReports",
    "Omit",
    "Respond",
    "Result",
    "Settings",
    "StateError",
    "Status",
    "When",
    "load_faults",
    "reset",
    "serve",
]


def serve(emulator: Emulator, host: str, port: int, on_ready: Callable[[int], None]) -> None:
    """Serve an emulator on a loopback port until SIGINT or SIGTERM; `on_ready` is told the real port.

    ValueError when the host is no loopback address, OSError when the port is taken.
    """
    from reconciler.emulator import server  # waitress is needed for serving alone

    server.serve(emulator, host, port, on_ready)
