"""Plan and apply Chainguard Custom Assembly from one manifest.

`load_manifest`, `Client` and `plan` are for other programs, with the values that they take and return: see
`docs/library.md`. The types of these names are in `__init__.pyi`.
"""

import importlib

__version__ = "0.1.0"
__all__ = [
    "ApiError",
    "Change",
    "Client",
    "Diagnostic",
    "Live",
    "Manifest",
    "ManifestError",
    "Plan",
    "Step",
    "__version__",
    "load_manifest",
    "plan",
]


def __getattr__(name: str) -> object:
    # By name, when it is used: every start of the program imports this package first, and `--help` needs none of it.
    if name in __all__:
        return getattr(importlib.import_module("reconciler.library"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__]
