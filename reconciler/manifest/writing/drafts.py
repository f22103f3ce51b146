"""What is asked of an import, and what one attempt at it comes to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from reconciler.core.overlay import EMPTY, Overlay
from reconciler.core.state import Live, LiveRepository
from reconciler.diagnostics import Diagnostic, Severity
from reconciler.manifest.writing.documents import Split
from reconciler.manifest.writing.proof import Load


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is to be imported: `picked` where repositories were named, everything customised where none was (None)."""

    live: Live
    folder: Path
    organization: str
    load: Load
    picked: Sequence[LiveRepository] | None = None
    split: Split | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """The manifests and the files beside them as they would be, and the repositories that could not be written."""

    texts: Mapping[str, str]
    refused: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[Diagnostic, ...] = ()


def overlay_of(repository: LiveRepository) -> Overlay:
    """The overlay of a repository that was chosen, which is always one that was understood."""
    return repository.overlay if isinstance(repository.overlay, Overlay) else EMPTY


def warning(code: str, summary: str, hint: str = "", detail: str = "") -> Diagnostic:
    """Something that the person who imports should know."""
    return Diagnostic(code=code, summary=summary, hint=hint, detail=detail, severity=Severity.WARNING)
