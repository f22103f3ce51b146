"""What is wrong with an overlay that layers come to together, worded for the person who edits the manifest.

Found when a manifest is read, or when it is planned because only then is it known which repositories a glob means. What
is wrong within one block belongs to `manifest`.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from reconciler.core.layers import Conflict, Layer, Merged, merge
from reconciler.core.model import Overlay, PemFile
from reconciler.core.parts import KEYED, Part
from reconciler.diagnostics import Diagnostic, Place, Severity

KEYS_LIMIT = 512 * 1024
CERTIFICATES_LIMIT = 50 * 1024

_MOST_NAMES = 3
_LONGEST = 60


def errors(overlay: Overlay, conflicts: Iterable[Conflict], place: Place) -> list[Diagnostic]:
    """What keeps a repository from being customised; `place` is that of its strongest layer."""
    keys, certificates = overlay.runtime_keyring, overlay.certificates.additional
    found = [_conflict(one) for one in conflicts]
    if keys:
        found += _too_large("keyring-too-large", "keys", keys, KEYS_LIMIT, place)
    if certificates:
        found += _too_large("certificates-too-large", "certificates", certificates, CERTIFICATES_LIMIT, place)
    return found


def warnings(overlay: Overlay, layers: Sequence[Layer]) -> list[Diagnostic]:
    """What is allowed and looks like a mistake."""
    run_as = overlay.accounts.run_as
    if not run_as or run_as.isdigit() or run_as in {user.username for user in overlay.accounts.users}:
        return []
    claims = (claim for claim in merge(layers).winners if claim.entry and claim.entry.part is Part.RUN_AS)
    claim = next(claims, None)
    return [
        Diagnostic(
            code="unknown-run-as",
            summary=f'`run-as` names "{_short(run_as)}", which is no user of this overlay',
            hint="add the user below `accounts.users`, or write its UID; "
            "nothing is wrong if the image itself has the user",
            severity=Severity.WARNING,
            place=claim.place(Part.RUN_AS, "") if claim else None,
        )
    ]


def problems(merged: Merged, layers: Sequence[Layer], place: Place) -> list[Diagnostic]:
    """Errors and warnings of one repository."""
    return [*errors(merged.overlay, merged.conflicts, place), *warnings(merged.overlay, layers)]


def gather(found: Iterable[tuple[str, Diagnostic]]) -> Iterator[Diagnostic]:
    """Problems of many repositories, the same ones in one that names where they show."""
    grouped: dict[Diagnostic, list[str]] = {}
    for repository, problem in found:
        grouped.setdefault(problem, []).append(repository)
    for problem, names in grouped.items():
        yield replace(problem, detail="; ".join(filter(None, (problem.detail, _shows_in(names)))))


def _shows_in(names: Sequence[str]) -> str:
    more = len(names) - _MOST_NAMES
    return "in " + ", ".join(names[:_MOST_NAMES]) + (f" and {more} more" if more > 0 else "")


def _conflict(conflict: Conflict) -> Diagnostic:
    part, key = conflict.part, conflict.key
    first, second = (one.place(part, key) for one in (conflict.first, conflict.second))
    if part is Part.PACKAGES and conflict.first.entry and conflict.second.entry:
        return Diagnostic(
            code="conflicting-packages",
            summary=f'the package "{_short(key)}" is asked for twice and differently: '
            f"`{_short(str(conflict.first.entry.value))}` and `{_short(str(conflict.second.entry.value))}`",
            detail=f"first at {first}",
            hint="keep one of the two",
            place=second,
        )
    return Diagnostic(
        code="conflicting-layers",
        summary=f"two places of the same strength disagree about `{_short(_path(part, key))}`",
        detail=f"first at {first}",
        hint="make the two agree, or say it in the repository's own entry, which is stronger than both",
        place=second,
    )


def both_reset_and_customised(first: Place, second: Place) -> Diagnostic:
    """A glob asks for a reset, and something else for content."""
    return Diagnostic(
        code="conflicting-reset",
        summary="a glob resets this repository, and another entry customises it",
        detail=f"reset at {first}",
        hint="write `reset: true` into the repository's own entry, or make the glob match less",
        place=second,
    )


def _path(part: Part, key: str) -> str:
    return f"{part}.{key}" if part in KEYED else str(part)


def _too_large(code: str, noun: str, files: Sequence[PemFile], limit: int, place: Place) -> Iterator[Diagnostic]:
    size = sum(len((file.text or file.pem).encode("utf-8", "surrogatepass")) for file in files)
    if size > limit:
        yield Diagnostic(
            code=code,
            summary=f"the {noun} of one repository come to {size:,} bytes; {limit // 1024} KB is the most",
            hint=f"take {noun} away that it does not need; text before a PEM block counts, too",
            place=place,
        )


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"
