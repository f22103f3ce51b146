"""Errors of saved plans and snapshots, and their diagnostics."""

from pathlib import Path

from reconciler.diagnostics import Diagnostic

_AGAIN = {
    "plan": "make it again with `reconciler plan -o FILE`",
    "snapshot": "make it again with `reconciler snapshot -o FILE`",
}


class PlanFileError(Exception):
    """A file that cannot be read or written, or that must not be used; the diagnostic says why."""

    def __init__(self, diagnostic: Diagnostic) -> None:
        super().__init__(diagnostic.summary)
        self.diagnostic = diagnostic


class Malformed(Exception):  # noqa: N818 - it reads as what the content is
    """A sealed item that does not have the form that the format says."""


def foreign(path: Path, wanted: str, found: str) -> PlanFileError:
    """The file is of another kind."""
    return _refused(
        f"not-a-{wanted}",
        f"{path} is no {_NAMES[wanted]}",
        detail=f"it is {found}" if found else "",
        hint=_AGAIN[wanted],
    )


def newer(path: Path, kind: str, version: int, known: int) -> PlanFileError:
    """The file was written by a later version of this program."""
    return _refused(
        f"{kind}-of-newer-format",
        f"{path} has version {version} of the format, and this program reads up to version {known}",
        hint="use the version of reconciler that wrote it, or a later one",
    )


def cut(path: Path, kind: str) -> PlanFileError:
    """The end of the file is missing."""
    return _refused(
        f"{kind}-cut", f"{path} is not whole: its end is missing", detail="nothing of it was used", hint=_AGAIN[kind]
    )


def damaged(path: Path, kind: str) -> PlanFileError:
    """The content is not what was saved."""
    return _refused(
        f"{kind}-changed",
        f"{path} is not as it was saved: it was damaged or edited",
        detail="its seal does not fit its content; nothing of it was used",
        hint=_AGAIN[kind],
    )


def malformed(path: Path, kind: str, problem: str) -> PlanFileError:
    """The seal fits, and the content makes no sense all the same."""
    return _refused(
        f"{kind}-not-understood",
        f"{path} is sealed and was not understood: {problem}",
        detail="it was not written by this program, or not by a version that works as it should",
        hint=_AGAIN[kind],
    )


def unreadable(path: Path, error: OSError) -> PlanFileError:
    """The file system did not give the file."""
    return _refused("file-not-read", f"{path} cannot be read: {error.strerror or error}", hint="")


def not_regular(path: Path) -> PlanFileError:
    """The name is that of a pipe or a device."""
    return _refused("file-not-read", f"{path} cannot be read: it is not a regular file", hint="")


def unwritable(path: Path, reason: str) -> PlanFileError:
    """The file system did not take the file."""
    return _refused("output-not-written", f"{path} cannot be written: {reason}", hint="give -o another file")


_NAMES = {"plan": "saved plan", "snapshot": "snapshot"}


def _refused(code: str, summary: str, *, detail: str = "", hint: str) -> PlanFileError:
    return PlanFileError(Diagnostic(code=code, summary=summary, detail=detail, hint=hint))
