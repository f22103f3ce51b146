"""Errors of saved plans and snapshots, and their diagnostics."""

from pathlib import Path

from reconciler.diagnostics import Diagnostic

_AGAIN = {
    "plan": "create it again with `reconciler plan -o FILE`",
    "snapshot": "create it again with `reconciler snapshot -o FILE`",
}


class PlanFileError(Exception):
    """A file that cannot be read or written, or must not be used; the diagnostic has the reason."""

    def __init__(self, diagnostic: Diagnostic) -> None:
        super().__init__(diagnostic.summary)
        self.diagnostic = diagnostic


class Malformed(Exception):  # noqa: N818 - named after the state of the content
    """Content that does not match the format, although its checksum matches."""


def foreign(path: Path, wanted: str, found: str) -> PlanFileError:
    """Return the diagnostic for a file of another kind."""
    return _refused(
        f"not-a-{wanted}",
        f"{path} is not a {_NAMES[wanted]}",
        detail=f"it is {found}" if found else "",
        hint=_AGAIN[wanted],
    )


def newer(path: Path, kind: str, version: int, known: int) -> PlanFileError:
    """Return the diagnostic for a file of a later version."""
    return _refused(
        f"{kind}-of-newer-format",
        f"{path} has format version {version}; this version of reconciler supports up to {known}",
        hint="use the version of reconciler that wrote it, or a later one",
    )


def cut(path: Path, kind: str) -> PlanFileError:
    """Return the diagnostic for a truncated file."""
    return _refused(f"{kind}-cut", f"{path} is truncated", detail="nothing was read from it", hint=_AGAIN[kind])


def damaged(path: Path, kind: str) -> PlanFileError:
    """Return the diagnostic for changed content."""
    return _refused(
        f"{kind}-changed",
        f"{path} was damaged or edited after it was saved",
        detail="its checksum does not match its content; nothing was read from it",
        hint=_AGAIN[kind],
    )


def malformed(path: Path, kind: str, problem: str) -> PlanFileError:
    """Return the diagnostic for invalid content with a valid seal."""
    return _refused(
        f"{kind}-not-understood",
        f"cannot parse {path}: {problem}",
        detail="its checksum matches, so it was not written by reconciler, or by a faulty version",
        hint=_AGAIN[kind],
    )


def unreadable(path: Path, error: OSError) -> PlanFileError:
    """Return the diagnostic for a file that cannot be read."""
    return _refused("file-not-read", f"cannot read {path}: {error.strerror or error}", hint="")


def not_regular(path: Path) -> PlanFileError:
    """Return the diagnostic for a pipe or a device."""
    return _refused("file-not-read", f"cannot read {path}: not a regular file", hint="")


def unwritable(path: Path, reason: str) -> PlanFileError:
    """Return the diagnostic for a file that cannot be written."""
    return _refused("output-not-written", f"cannot write {path}: {reason}", hint="choose another file with -o")


_NAMES = {"plan": "saved plan", "snapshot": "snapshot"}


def _refused(code: str, summary: str, *, detail: str = "", hint: str) -> PlanFileError:
    return PlanFileError(Diagnostic(code=code, summary=summary, detail=detail, hint=hint))
