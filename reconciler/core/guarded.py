"""The Guarded Entrypoint: what its sections need of each other, and what is allowed and looks like a mistake.

The wrapper resolves secret references, runs checks and then starts the program. All its settings need
`guarded_entrypoint` in the same overlay.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from reconciler.core.diff import Field, Item, items_of
from reconciler.core.overlay import Overlay, package_name, package_spec
from reconciler.core.secrets import is_secret_reference, looks_secret
from reconciler.diagnostics import Diagnostic, Place, Severity

# Finds where an item of the overlay was written; None where the manifest does not write it.
PlaceOf = Callable[[Field, str], Place | None]

# Settings of the wrapper, which the API refuses without it.
WRAPPED: Final = (Field.FAIL_MODE, Field.PREFLIGHT, Field.COMMAND_OVERRIDE, Field.TRUSTSTORE)

GUARDED: Final = (Field.GUARDED_ENTRYPOINT, *WRAPPED)

FAIL_MODES: Final = ("closed", "open")
ON_FAILURES: Final = ("fail", "continue")
MODES: Final = ("default", "prepend", "override")

_WRAPPERS: Final = frozenset({"guarded-entrypoint", "guarded-entrypoint-fips"})
_DISABLE: Final = "GUARDED_DISABLE"
_REFERENCE_FORMS: Final = {
    "vault": (re.compile(r"[^\s?#]+(?:\?version=[0-9]+)?#[^\s#]+"), "cg+vault://PATH#KEY"),
    "consul": (re.compile(r"[^\s?#]+"), "cg+consul://KEY"),
    "gsm": (
        re.compile(r"projects/[^\s/]+/secrets/[^\s/]+/versions/[^\s/]+"),
        "cg+gsm://projects/PROJECT/secrets/SECRET/versions/VERSION",
    ),
}


def has_guarded_settings(overlay: Overlay) -> bool:
    """Return whether anything here concerns the Guarded Entrypoint."""
    held = overlay.guarded_entrypoint or overlay.fail_mode or overlay.preflight or overlay.truststore
    return bool(held) or overlay.command_override is not None or any(map(_concerns_wrapper, overlay.environment))


def _concerns_wrapper(variable: tuple[str, str]) -> bool:
    return variable[1].startswith("cg+") or variable[0] == _DISABLE


def reference_problem(value: str) -> str:
    """Return what is wrong with a value that begins with `cg+`, "" for nothing."""
    backend, mark, reference = value.removeprefix("cg+").partition("://")
    if not mark:
        return "a secret reference is written `cg+BACKEND://REFERENCE`"
    form = _REFERENCE_FORMS.get(backend)
    if form is None:
        return f'the backend "{backend[:40]}" is not known (known: {", ".join(_REFERENCE_FORMS)})'
    return "" if form[0].fullmatch(reference) else f"a reference of this backend is written `{form[1]}`"


def guarded_errors(overlay: Overlay, place_of: PlaceOf, fallback: Place | None) -> Iterator[Diagnostic]:
    """Yield each setting of the wrapper in an overlay that does not turn it on; `fallback` is the entry's place."""
    if overlay.guarded_entrypoint:
        return
    for item in _wrapped_items(overlay):
        written = place_of(item.field, item.key)
        hint = f"write `guarded_entrypoint: true`, or remove `{item.field}`"
        if written is None:
            hint = f"the live overlay holds it: write {_emptied(item.field)} to remove it, or keep the wrapper on"
        yield Diagnostic(
            code="guarded-entrypoint-required",
            summary=f"`{item.field}` requires `guarded_entrypoint: true`",
            hint=hint,
            place=written or place_of(Field.GUARDED_ENTRYPOINT, "") or fallback,
        )


def _wrapped_items(overlay: Overlay) -> Iterator[Item]:
    return (item for item in items_of(overlay) if item.field in WRAPPED)


def _emptied(field: Field) -> str:
    """Return how a manifest takes a setting away."""
    empty = {Field.FAIL_MODE: '""', Field.PREFLIGHT: "[]", Field.COMMAND_OVERRIDE: "null", Field.TRUSTSTORE: "{}"}
    return f"`{field}: {empty[field]}`"


def unmanaged_warnings(overlay: Overlay, place_of: PlaceOf) -> Iterator[Diagnostic]:
    """Yield each setting of the wrapper in a manifest that does not manage whether it is on."""
    for item in _wrapped_items(overlay):
        yield Diagnostic(
            code="guarded-entrypoint-unmanaged",
            summary=f"`{item.field}` is managed and `guarded_entrypoint` is not",
            hint="write `guarded_entrypoint: true` beside it: the API refuses it where the wrapper is off",
            severity=Severity.WARNING,
            place=place_of(item.field, item.key),
        )


def guarded_warnings(overlay: Overlay, place_of: PlaceOf) -> Iterator[Diagnostic]:
    """Yield what the API accepts of an overlay and what looks like a mistake."""
    if not has_guarded_settings(overlay):
        return
    yield from _unknown_names(overlay, place_of)
    yield from _variables(overlay, place_of)
    if overlay.guarded_entrypoint:
        yield from _pins(overlay, place_of)
    if overlay.truststore:
        yield Diagnostic(
            code="passed-through",
            summary="`truststore` is passed through: its fields are not published, so they are not checked",
            severity=Severity.NOTE,
            place=place_of(Field.TRUSTSTORE, ""),
        )


def _unknown_names(overlay: Overlay, place_of: PlaceOf) -> Iterator[Diagnostic]:
    command = overlay.command_override
    used: list[tuple[Field, str, str, Sequence[str]]] = [(Field.FAIL_MODE, "fail_mode", overlay.fail_mode, FAIL_MODES)]
    used += [(Field.PREFLIGHT, "on_failure", check.on_failure, ON_FAILURES) for check in overlay.preflight]
    used += [(Field.COMMAND_OVERRIDE, "mode", command.mode, MODES)] if command else []
    for field, key, name, known in used:
        if name and name not in known:
            yield Diagnostic(
                code="unknown-enum-name",
                summary=f'`{key}` has the unknown value "{name[:40]}", which is sent as it is',
                hint=f"known values: {', '.join(f'`{one}`' for one in known)}",
                severity=Severity.WARNING,
                place=place_of(field, ""),
            )


def _variables(overlay: Overlay, place_of: PlaceOf) -> Iterator[Diagnostic]:
    for name, value in overlay.environment:
        place = place_of(Field.ENVIRONMENT, name)
        if name == _DISABLE:
            yield guarded_disable(place)
        reference = value.startswith("cg+")
        if reference and not overlay.guarded_entrypoint:
            yield Diagnostic(
                code="reference-without-wrapper",
                summary=f'"{name}" is a secret reference, and `guarded_entrypoint` is not on: '
                "the container gets the reference as text",
                hint="write `guarded_entrypoint: true`, or remove the variable",
                severity=Severity.WARNING,
                place=place,
            )
        if overlay.fail_mode == "open" and (is_secret_reference(value) or looks_secret(name, value)):
            yield Diagnostic(
                code="fail-open-with-secret",
                summary=f'with `fail_mode: open`, the container starts even where the secret "{name}" '
                "cannot be resolved",
                hint="write `fail_mode: closed` unless the program works without it",
                severity=Severity.WARNING,
                place=place_of(Field.FAIL_MODE, "") or place,
            )


def guarded_disable(place: Place | None) -> Diagnostic:
    """Return the warning about what bypasses the wrapper."""
    return Diagnostic(
        code="guarded-disable",
        summary=f"`{_DISABLE}` bypasses the Guarded Entrypoint, and builds of images that set it are refused",
        hint="remove it, or write `guarded_entrypoint: false`",
        severity=Severity.WARNING,
        place=place,
    )


def _pins(overlay: Overlay, place_of: PlaceOf) -> Iterator[Diagnostic]:
    for spec in overlay.packages:
        name = package_name(spec)
        if name in _WRAPPERS and package_spec(spec) != name:
            yield Diagnostic(
                code="pinned-wrapper",
                summary=f"`{spec}` fixes the version of the wrapper",
                hint="remove the package: builds are refused where this version does not know every setting",
                severity=Severity.WARNING,
                place=place_of(Field.PACKAGES, name),
            )
