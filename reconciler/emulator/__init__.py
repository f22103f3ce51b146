"""The Chainguard API as a WSGI application, with simulated builds and scripted faults.

The package's public surface: everything that others may import. It shares no code with the rest of the program, so
that a misreading of the API has to be made twice to go unnoticed.
"""

from reconciler.emulator.app import Emulator, reset
from reconciler.emulator.effects import (
    Bind,
    Delay,
    Drop,
    Edit,
    Effect,
    Garble,
    Header,
    Lag,
    LateConflicts,
    NoReports,
    NotEnrolled,
    Omit,
    ParsedConfigs,
    ReportedResult,
    Respond,
    Status,
    When,
)
from reconciler.emulator.errors import ConnectionDropped, FaultsError, StateError
from reconciler.emulator.faults import Fault, load_faults
from reconciler.emulator.server import serve
from reconciler.emulator.settings import EmulatorSettings

__all__ = [
    "Bind",
    "ConnectionDropped",
    "Delay",
    "Drop",
    "Edit",
    "Effect",
    "Emulator",
    "EmulatorSettings",
    "Fault",
    "FaultsError",
    "Garble",
    "Header",
    "Lag",
    "LateConflicts",
    "NoReports",
    "NotEnrolled",
    "Omit",
    "ParsedConfigs",
    "ReportedResult",
    "Respond",
    "StateError",
    "Status",
    "When",
    "load_faults",
    "reset",
    "serve",
]
