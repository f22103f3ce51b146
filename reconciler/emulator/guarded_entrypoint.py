"""Guarded Entrypoint: what the API refuses of it, what an image shows of it, and which images are not wrapped.

The refusals are worded as the API words them (its published table of errors, October 2026).
"""

import json
import re

from reconciler.emulator import packages, solver
from reconciler.emulator.errors import invalid
from reconciler.emulator.store import Json

WRAPPER = "guarded-entrypoint"
PROGRAM = f"/usr/bin/{WRAPPER}"
LARGEST_PREFLIGHT = 32
_DEPENDENT = {
    "preflight": "preflight",
    "commandOverride": "command_override",
    "failMode": "fail_mode",
    "truststore": "truststore",
}
_MODES = ("UNSPECIFIED", "DEFAULT", "PREPEND", "OVERRIDE")
_FAIL_MODES = ("UNSPECIFIED", "CLOSED", "OPEN")
_NUMBER = r"(?:\d+\.?\d*|\.\d+)"
_DURATION = re.compile(rf"[-+]?(?:0|(?:{_NUMBER}(?:ns|us|\u00b5s|\u03bcs|ms|s|m|h))+)", re.ASCII)
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_OFF = ("", "0", "false", "no", "off")  # of GUARDED_DISABLE


def check(overlay: Json, prefix: str) -> None:
    """Refuse what is not a usable configuration of the wrapper; `prefix` is what the API calls the overlay."""
    if not overlay.get("guardedEntrypoint"):
        dependent = next((name for key, name in _DEPENDENT.items() if key in overlay), None)
        if dependent:
            raise invalid(f"{prefix}.{dependent} requires guarded_entrypoint")
    entries = overlay.get("preflight", [])
    if len(entries) > LARGEST_PREFLIGHT:
        raise invalid(f"{prefix}.preflight: at most {LARGEST_PREFLIGHT} entries")
    for position, entry in enumerate(entries):
        _refuse(f"{prefix}.preflight[{position}]", _wrong_in_preflight(entry))
    _refuse(f"{prefix}.command_override", _wrong_in_command(overlay.get("commandOverride", {})))
    mode = overlay.get("failMode", _FAIL_MODES[0])
    if mode not in _FAIL_MODES:
        raise invalid(f'{prefix}.fail_mode must be one of "closed" or "open", got "{mode}"')


def _refuse(place: str, problem: str) -> None:
    if problem:
        raise invalid(f"{place}: rpc error: code = InvalidArgument desc = {problem}")


def _wrong_in_preflight(entry: Json) -> str:
    """Return what is wrong with a check, "" when nothing is."""
    targets = [key for key in ("tcp", "path") if entry.get(key)]
    if len(targets) != 1:
        return "exactly one of tcp or path is required"
    for key in ("timeout", "interval"):
        text = entry.get(key, "")
        if text and _DURATION.fullmatch(text) is None:
            return f'{key} "{text}": time: invalid duration "{text}"'
        if text.startswith("-") and re.search(r"[1-9]", text):
            return f'{key} "{text}" must be non-negative'
    target = targets[0]
    if re.search(r"[,=]", entry[target]):
        return f"{target} \"{entry[target]}\" must not contain ',' or '='"
    return ""


def _wrong_in_command(override: Json) -> str:
    """Return what is wrong with a command and its mode, "" when nothing is."""
    mode, command = override.get("mode", _MODES[0]), override.get("command", [])
    if mode not in _MODES:
        return f'mode "{mode}" must be "default", "prepend", or "override"'
    if mode in ("PREPEND", "OVERRIDE") and not command:
        return f'mode "{mode.lower()}" requires a non-empty command'
    problems = ((position, _wrong_in_argument(text)) for position, text in enumerate(command))
    return next((f"command[{position}] {problem}" for position, problem in problems if problem), "")


def _wrong_in_argument(text: str) -> str:
    if "\0" in text:
        return "contains a NUL byte"
    for reference in re.finditer(r"\$\$|\$\{([^}]*)(\}?)", text):
        if reference.group() == "$$":
            continue
        if not reference[2]:
            return "has an unterminated ${ reference"
        if _VARIABLE.fullmatch(reference[1]) is None:
            return "has an invalid variable name in a ${...} reference"
    return ""


def variables(overlay: Json) -> dict[str, str]:
    """Return the variables that an image shows of an overlay, none where it is not wrapped."""
    if not overlay.get("guardedEntrypoint"):
        return {}
    found = {"GUARDED_FAIL_MODE": "open"} if overlay.get("failMode") == "OPEN" else {}
    for position, entry in enumerate(overlay.get("preflight", [])):
        found[f"GUARDED_PREFLIGHT_{position}"] = _flat(entry)
    override = overlay.get("commandOverride")
    if override is not None:
        mode = override.get("mode", _MODES[0])
        found["GUARDED_COMMAND_MODE"] = "default" if mode == _MODES[0] else mode.lower()
        if override.get("command"):
            found["GUARDED_COMMAND"] = json.dumps(override["command"], separators=(",", ":"), ensure_ascii=False)
    return found


def _flat(entry: Json) -> str:
    spelled = {**entry, "on_failure": entry.get("onFailure", "").lower()}
    names = ("tcp", "path", "timeout", "interval", "on_failure")
    return ",".join(f"{name}={spelled[name]}" for name in names if spelled.get(name))


def refusal(overlay: Json) -> tuple[str, str]:
    """Return reason and detail for which images with an overlay are not rebuilt; both "" where they can be wrapped."""
    if not overlay.get("guardedEntrypoint"):
        return "", ""
    if overlay.get("environment", {}).get("GUARDED_DISABLE", "").strip().lower() not in _OFF:
        return "the environment sets GUARDED_DISABLE", "set in the custom overlay's environment"
    for asked in _wrappers(overlay):
        newest = packages.all_packages()[asked.name].versions[0]
        if not asked.allows(newest):
            detail = f"{asked.name} {newest} is the first release that reads them all"
            return "the listed wrapper version does not read every GUARDED_* setting", detail
    return "", ""


def listed(overlay: Json) -> tuple[str, ...]:
    """Return the package that brings the wrapper into an image, unless the overlay lists it itself."""
    return (WRAPPER,) if overlay.get("guardedEntrypoint") and not _wrappers(overlay) else ()


def _wrappers(overlay: Json) -> list[solver.PackageConstraint]:
    asked = map(solver.constraint, overlay.get("contents", {}).get("packages", []))
    return [each for each in asked if each and each.name in (WRAPPER, f"{WRAPPER}-fips")]
