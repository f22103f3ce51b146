"""The Guarded Entrypoint: dependencies between its sections, and allowed settings that are probably mistakes.

The wrapper resolves secret references, runs checks and then starts the program. All its settings need
`guarded_entrypoint` in the same overlay.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import compress
from typing import Final

from reconciler.core.diff import Field, Item, Value
from reconciler.core.overlay import CommandOverride, Overlay, Preflight, package_name, package_spec
from reconciler.core.secrets import is_secret_reference, looks_secret
from reconciler.diagnostics import Diagnostic, Place, Severity

# Finds where an item of the overlay was written; None if the manifest does not write it.
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


_NANOSECONDS: Final = {
    "ns": 1,
    "us": 10**3,
    "µs": 10**3,
    "μs": 10**3,
    "ms": 10**6,
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3600 * 10**9,
}
_UNITS: Final = "|".join(_NANOSECONDS)
_DURATION: Final = re.compile(rf"[+-]?(?:0|(?:(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:{_UNITS}))+)")
_DURATION_PART: Final = re.compile(rf"([0-9]*\.?[0-9]*)({_UNITS})")
_TIMEOUT: Final = 30 * 10**9
_INTERVAL: Final = 500 * 10**6


def nanoseconds(duration: str) -> float | None:
    """Return the length of a Go duration such as `1m30s`; None if it is not one."""
    if not _DURATION.fullmatch(duration):
        return None
    total = sum(float(number) * _NANOSECONDS[unit] for number, unit in _DURATION_PART.findall(duration))
    return -total if duration.startswith("-") else total


def wrapper_items(environment: Mapping[str, str], entrypoint: str) -> tuple[Item, ...]:
    """Return the wrapper items in the configuration of an image; none if it has no wrapper."""
    shown = {name: value for name, value in environment.items() if name.startswith("GUARDED_") and name != _DISABLE}
    if not shown and "guarded-entrypoint" not in entrypoint.partition(" ")[0]:
        return ()
    mode = shown.get("GUARDED_COMMAND_MODE", "default")
    checks = tuple(_check(shown[name]) for name in sorted(shown, key=_number) if name.startswith(_PREFLIGHT))
    return (
        Item(Field.GUARDED_ENTRYPOINT, "", value=True),
        Item(Field.FAIL_MODE, "", shown.get("GUARDED_FAIL_MODE", "closed")),
        Item(Field.PREFLIGHT, "", checks),
        Item(Field.COMMAND_OVERRIDE, "", CommandOverride(mode=mode, command=_command(shown.get("GUARDED_COMMAND")))),
    )


_PREFLIGHT: Final = "GUARDED_PREFLIGHT_"


def _number(variable: str) -> int:
    digits = variable.removeprefix(_PREFLIGHT)
    return int(digits) if digits.isascii() and digits.isdigit() else 0


def _check(text: str) -> Preflight:
    """Read `tcp=db:5432,timeout=30s`."""
    given = dict(part.partition("=")[::2] for part in text.split(","))
    known = {name: given[name] for name in Preflight.__slots__ if name in given}
    return Preflight(**known)


def _command(text: str | None) -> tuple[str, ...]:
    try:
        found = json.loads(text or "[]")
    except ValueError:
        return ()
    return tuple(map(str, found)) if isinstance(found, list) else ()


def wrapper_serves(found: Value, wanted: Value) -> bool:
    """Return whether a wrapper setting of an image satisfies the wanted one; an image may run more checks."""
    match wanted, found:
        case CommandOverride(), CommandOverride():
            return (found.mode or "default", found.command) == (wanted.mode or "default", wanted.command)
        case tuple(), tuple():
            rest = iter([_effective(check) for check in found])
            return all(_effective(check) in rest for check in wanted)
        case _:
            return found == wanted


def _effective(check: object) -> tuple[object, ...]:
    """Return the effective settings of a check, with defaults filled in."""
    if not isinstance(check, Preflight):
        return (check,)
    timeout, interval = nanoseconds(check.timeout), nanoseconds(check.interval)
    return (
        check.tcp,
        check.path,
        timeout or _TIMEOUT,
        _INTERVAL if interval is None else interval,
        check.on_failure or "fail",
    )


def has_guarded_settings(overlay: Overlay) -> bool:
    """Return whether anything here concerns the Guarded Entrypoint."""
    held = overlay.guarded_entrypoint or overlay.fail_mode or overlay.preflight or overlay.truststore
    return bool(held) or overlay.command_override is not None or any(map(_concerns_wrapper, overlay.environment))


def _concerns_wrapper(variable: tuple[str, str]) -> bool:
    return variable[1].startswith("cg+") or variable[0] == _DISABLE


def reference_problem(value: str) -> str:
    """Return the problem of a value that begins with `cg+`, "" if there is none."""
    backend, mark, reference = value.removeprefix("cg+").partition("://")
    if not mark:
        return "a secret reference is written `cg+BACKEND://REFERENCE`"
    form = _REFERENCE_FORMS.get(backend)
    if form is None:
        return f'unknown backend "{backend[:40]}" (supported: {", ".join(_REFERENCE_FORMS)})'
    return "" if form[0].fullmatch(reference) else f"the form for this backend is `{form[1]}`"


def guarded_errors(overlay: Overlay, place_of: PlaceOf, fallback: Place | None) -> Iterator[Diagnostic]:
    """Yield an error for each wrapper setting in an overlay that does not turn the wrapper on.

    `fallback` is the place of the entry.
    """
    if overlay.guarded_entrypoint:
        return
    for field in _wrapped_fields(overlay):
        written = place_of(field, "")
        hint = f"write `guarded_entrypoint: true`, or remove `{field}`"
        if written is None:
            hint = f"the live overlay holds it: write {_emptied(field)} to remove it, or keep the wrapper on"
        yield Diagnostic(
            code="guarded-entrypoint-required",
            summary=f"`{field}` requires `guarded_entrypoint: true`",
            hint=hint,
            place=written or place_of(Field.GUARDED_ENTRYPOINT, "") or fallback,
        )


def _wrapped_fields(overlay: Overlay) -> Iterator[Field]:
    held = (overlay.fail_mode, overlay.preflight, overlay.command_override, overlay.truststore)
    return compress(WRAPPED, held)


def _emptied(field: Field) -> str:
    """Return how a manifest removes a setting."""
    empty = {Field.FAIL_MODE: '""', Field.PREFLIGHT: "[]", Field.COMMAND_OVERRIDE: "null", Field.TRUSTSTORE: "{}"}
    return f"`{field}: {empty[field]}`"


def unmanaged_warnings(overlay: Overlay, place_of: PlaceOf) -> Iterator[Diagnostic]:
    """Yield a warning for each wrapper setting in a manifest that does not manage whether the wrapper is on."""
    for field in _wrapped_fields(overlay):
        yield Diagnostic(
            code="guarded-entrypoint-unmanaged",
            summary=f"`{field}` is managed and `guarded_entrypoint` is not",
            hint="write `guarded_entrypoint: true` next to it: the API rejects it while the wrapper is off",
            severity=Severity.WARNING,
            place=place_of(field, ""),
        )


def guarded_warnings(overlay: Overlay, place_of: PlaceOf) -> Iterator[Diagnostic]:
    """Yield warnings about wrapper settings that the API accepts and that are probably mistakes."""
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
                summary=f'`{key}` has the unknown value "{name[:40]}", which is sent unchanged',
                hint=f"use one of the known values: {', '.join(f'`{one}`' for one in known)}",
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
                summary=f'with `fail_mode: open`, the container starts even if the secret "{name}" cannot be resolved',
                hint="write `fail_mode: closed` unless the program works without it",
                severity=Severity.WARNING,
                place=place_of(Field.FAIL_MODE, "") or place,
            )


def guarded_disable(place: Place | None) -> Diagnostic:
    """Return the warning about settings that bypass the wrapper."""
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
