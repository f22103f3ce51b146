"""Diagnostics as the public documents hold them. How they are printed is the business of `diagnostics_text`."""

from typing import Any

from reconciler.diagnostics import Diagnostic


def diagnostic_document(diagnostic: Diagnostic) -> dict[str, Any]:
    """One problem; file, line and column are null where it has no place."""
    place = diagnostic.place
    return {
        "severity": str(diagnostic.severity),
        "code": diagnostic.code,
        "summary": diagnostic.summary,
        "detail": diagnostic.detail,
        "hint": diagnostic.hint,
        "file": place.file if place else None,
        "line": place.line if place else None,
        "column": place.column if place else None,
    }
