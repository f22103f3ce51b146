"""Errors of saved plans and snapshots, and their diagnostics."""

from pathlib import Path

from reconciler.diagnostics import Diagnostic

_AGAIN = {
    "plan": "create it again with `reconciler plan -o FILE`",
    "snapshot": "create it again with `reconciler snapshot -o FILE`",
}


class PlanFileError(Exception):
    """A file that cannot be read or written, or that must not be used; the diagnostic says why."""

    def __init__(self, diagnostic: Diagnostic) -> None:
        super().__init__(diagnostic.summary)
        self.diagnostic = diagnostic


class Malformed(Exception):  # noqa: N818 - it reads as what the content is
    """Content that does not match the format, although its checksum matches."""


def foreign(path: Path, wanted: str, found: str) -> PlanFileError:
    """The file is of another kind."""
    return _refused(
        f"not-a-{wanted}",
        f"{path} is not a {_NAMES[wanted]}",
        detail=f"it is {found}" if found else "",
        hint=_AGAIN[wanted],
    )


def newer(path: Path, kind: str, version: int, known: int) -> PlanFileError:
    """The file was written by a later version of this program."""
    return _refused(
        f"{kind}-of-newer-format",
        f"{path} has format version {version}; this version of reconciler supports up to {known}",
        hint="use the version of reconciler that wrote it, or a later one",
    )


def cut(path: Path, kind: str) -> PlanFileError:
    """The end of the file is missing."""
    return _refused(f"{kind}-cut", f"{path} is truncated", detail="nothing was read from it", hint=_AGAIN[kind])


def damaged(path: Path, kind: str) -> PlanFileError:
    """The content is not what was saved."""
    return _refused(
        f"{kind}-changed",
        f"{path} was damaged or edited after it was saved",
        detail="its checksum does not match its content; nothing was read from it",
        hint=_AGAIN[kind],
    )


def malformed(path: Path, kind: str, problem: str) -> PlanFileError:
    """The seal fits, and the content makes no sense all the same."""
    return _refused(
        f"{kind}-not-understood",
        f"cannot parse {path}: {problem}",
        detail="its checksum matches, so it was not written by reconciler, or by a faulty version",
        hint=_AGAIN[kind],
    )


def unreadable(path: Path, error: OSError) -> PlanFileError:
    """The file system did not give the file."""
    return _refused("file-not-read", f"cannot read {path}: {error.strerror or error}", hint="")


def not_regular(path: Path) -> PlanFileError:
    """The name is that of a pipe or a device."""
    return _refused("file-not-read", f"cannot read {path}: not a regular file", hint="")


def unwritable(path: Path, reason: str) -> PlanFileError:
    """The file system did not take the file."""
    return _refused("output-not-written", f"cannot write {path}: {reason}", hint="choose another file with -o")


_NAMES = {"plan": "saved plan", "snapshot": "snapshot"}


def _refused(code: str, summary: str, *, detail: str = "", hint: str) -> PlanFileError:
    return PlanFileError(Diagnostic(code=code, summary=summary, detail=detail, hint=hint))
