"""The page of all codes of problems, docs/diagnostics.md; `make diagnostics` writes it."""

import sys
from collections.abc import Iterator
from typing import Final

from reconciler.core.availability import PACKAGE_CODES
from reconciler.core.binding_rules import BINDING_CODES
from reconciler.core.overlay_problems import OVERLAY_CODES
from reconciler.core.resolution import RESOLUTION_CODES
from reconciler.core.step_problems import PLAN_CODES
from reconciler.manifest.codes import WARNINGS, Code

_NOTES: Final = frozenset({Code.MORE_PROBLEMS, Code.PASSED_THROUGH})
_HEAD: Final = """\
# Diagnostics of the manifest

Written by `make diagnostics`; do not edit. Every problem has a stable code, a place in a file where there is one, and a
hint. Errors stop a command, warnings do not. One run reports all of them.
"""
_SECTIONS: Final = {
    Code.MANIFEST_NOT_FOUND: "Files",
    Code.YAML_SYNTAX: "YAML",
    Code.UNKNOWN_KEY: "The form of a manifest",
    Code.RESET_WITH_SECTIONS: "References and conflicts",
    Code.RESERVED_ENVIRONMENT: "Rules of the API",
}
_TABLE: Final = ("", "| code | | means |", "| --- | --- | --- |")


def page() -> str:
    """Return the page of all codes: `python -m tools.diagnostics > docs/diagnostics.md`."""
    return "\n".join([*_HEAD.splitlines(), *_codes(), *_planning()]) + "\n"


def _codes() -> Iterator[str]:
    for code in Code:
        if code in _SECTIONS:
            yield from ("", f"## {_SECTIONS[code]}", *_TABLE)
        severity = "note" if code in _NOTES else "warning" if code in WARNINGS else "error"
        yield f"| `{code}` | {severity} | {code.meaning} |"


def _planning() -> Iterator[str]:
    yield from ("", "## Found when planning", *_TABLE)
    yield from (
        f"| `{code}` | {severity} | {meaning} |"
        for code, (severity, meaning) in {**PLAN_CODES, **BINDING_CODES, **OVERLAY_CODES}.items()
    )
    yield from ("", "## Found when checking packages", *_TABLE)
    for code, (severity, meaning) in {**PACKAGE_CODES, **RESOLUTION_CODES}.items():
        yield f"| `{code}` | {severity} | {meaning} |"


if __name__ == "__main__":
    sys.stdout.write(page())
