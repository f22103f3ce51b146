"""The page of all codes, `docs/diagnostics.md`: `python -m reconciler.manifest.codes_page > docs/diagnostics.md`.

Written from the codes themselves, so that it cannot fall behind them.
"""

import sys
from collections.abc import Iterator
from typing import Final

from reconciler.core.packages import PACKAGE_CODES
from reconciler.core.planner import PLAN_CODES
from reconciler.core.resolution import RESOLUTION_CODES
from reconciler.manifest.codes import WARNINGS, Code

_HEAD: Final = """\
# Diagnostics of the manifest

Written by `make diagnostics`; do not edit. Every problem has a code, which stays what it is, a place that a person can
jump to, and a hint that says what to do. Errors stop a command, warnings do not. One run reports all of them.
"""
_SECTIONS: Final = {
    Code.MANIFEST_NOT_FOUND: "Files",
    Code.YAML_SYNTAX: "YAML",
    Code.UNKNOWN_KEY: "The form of a manifest",
    Code.RESET_WITH_SECTIONS: "What belongs together",
    Code.RESERVED_ENVIRONMENT: "Rules of the API",
}
_TABLE: Final = ("", "| code | | means |", "| --- | --- | --- |")


def page() -> str:
    """The whole page."""
    return "\n".join([*_HEAD.splitlines(), *_codes(), *_planning()]) + "\n"


def _codes() -> Iterator[str]:
    for code in Code:
        if code in _SECTIONS:
            yield from ("", f"## {_SECTIONS[code]}", *_TABLE)
        yield f"| `{code}` | {'warning' if code in WARNINGS else 'error'} | {code.meaning} |"


def _planning() -> Iterator[str]:
    yield from ("", "## Found when planning", *_TABLE)
    for code, meaning in PLAN_CODES.items():
        yield f"| `{code}` | error | {meaning} |"
    yield from ("", "## Found when packages are looked into", *_TABLE)
    for code, (severity, meaning) in {**PACKAGE_CODES, **RESOLUTION_CODES}.items():
        yield f"| `{code}` | {severity} | {meaning} |"


if __name__ == "__main__":
    sys.stdout.write(page())
