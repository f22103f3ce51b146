"""Rules of the API for overlays beyond types, and the wrapper that the Guarded Entrypoint puts into an image.

Each check takes an overlay in stored form and raises the gateway's refusal (code 3, or 7 for what the organization is
not enrolled in), worded as the API words it (for the wrapper its published table of errors, October 2026). Whether
packages exist is not checked: that shows in the build.
"""

import base64
import binascii
import ipaddress
import json
import re
from collections import Counter
from collections.abc import Iterable
from urllib.parse import urlsplit

import yaml

from reconciler.emulator import packages, solver, timestamps
from reconciler.emulator.errors import RpcCode, RpcError, invalid
from reconciler.emulator.store import Json

GUARDED_PREFIX = "GUARDED_"
RESERVED_ENVIRONMENT = ("CHAINGUARD_", GUARDED_PREFIX)
RESERVED_ANNOTATIONS = ("dev.chainguard.", "org.opencontainers.")
RESERVED_KEYS = ("chainguard", "wolfi")
KEYRING_LIMIT = 512 * 1024
CERTIFICATES_LIMIT = 50 * 1024
TEMPLATE = re.compile(r"\{\{[^{}]*\}\}")
TEMPLATES = ("{{major}}", "{{minor}}")

_LOCAL_HOST = re.compile(r"(?:.*\.)?(?:localhost|internal|local|svc\.cluster\.local)\.?", re.IGNORECASE)
_PEM_LINE = re.compile(r"-----(BEGIN|END) ([^\n]*)-----")
_FILE_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*")  # what apko makes files of
_RSA_ALGORITHM = bytes.fromhex("06092a864886f70d010101")
_VALIDITY = re.compile(rb"\x17\x0d\d{12}Z(?:\x17\x0d(?P<short>\d{12})Z|\x18\x0f(?P<long>\d{14})Z)", re.DOTALL)


def check_overlay(overlay: Json, now: int, *, guarded: bool, prefix: str = "custom_overlay") -> None:
    """Refuse an overlay that the API does not take; `now` decides which certificates have expired.

    `guarded` says whether the organization is enrolled in Guarded Entrypoint, `prefix` what messages call the overlay.
    """
    if overlay.get("guardedEntrypoint") and not guarded:
        raise RpcError(RpcCode.PERMISSION_DENIED, f"using {prefix}.guarded_entrypoint is not allowed")
    _check_wrapper(overlay, prefix)
    _check_environment(overlay.get("environment", {}))
    _check_annotations(overlay.get("annotations", {}), prefix)
    _check_users(overlay.get("accounts", {}).get("users", []), prefix)
    contents = overlay.get("contents", {})
    _check_packages(contents.get("packages", []), prefix)
    _check_repositories(contents.get("runtimeRepositories", []), prefix)
    _check_keyring(contents.get("runtimeKeyring", []), prefix)
    _check_certificates(overlay.get("certificates", {}).get("additional", []), now, prefix)


def check_apko_overlay(text: str) -> None:
    """Refuse reserved variables in the apko configuration that version 1 takes in addition to the overlay."""
    try:
        configuration = yaml.safe_load(text)
    except yaml.YAMLError:
        return  # what it holds is the business of the build
    environment = configuration.get("environment") if isinstance(configuration, dict) else None
    for key in environment if isinstance(environment, dict) else ():
        if str(key).startswith(GUARDED_PREFIX):
            place = "sync_config.apko_overlay.environment"
            raise invalid(f"{place}: variable \"{key}\" uses reserved prefix '{GUARDED_PREFIX}'")


def _check_environment(environment: Iterable[str]) -> None:
    for key in environment:
        prefix = next((each for each in RESERVED_ENVIRONMENT if key.startswith(each)), None)
        if prefix:
            raise invalid(f"environment variable \"{key}\" uses reserved prefix '{prefix}'")


def _check_annotations(annotations: Iterable[str], prefix: str) -> None:
    for key in annotations:
        reserved = next((each for each in RESERVED_ANNOTATIONS if key.startswith(each)), None)
        if reserved:
            raise invalid(f'{prefix}.annotations: "{key}" uses the reserved prefix {reserved}')


def _check_packages(packages: Iterable[str], prefix: str) -> None:
    for text in packages:
        template = next((each for each in TEMPLATE.findall(text) if each not in TEMPLATES), None)
        if template:
            raise invalid(f'{prefix}.contents.packages: package "{text}" uses the unsupported template {template}')


def _check_users(users: list[Json], prefix: str) -> None:
    for user in users:
        if not user.get("uid"):
            name = user.get("userName", "")
            raise invalid(f'{prefix}.accounts.users: user "{name}" has uid 0; to run as root, use run_as: 0')


def _check_repositories(repositories: list[str], prefix: str) -> None:
    field = f"{prefix}.contents.runtime_repositories"
    for url in repositories:
        try:
            parts = urlsplit(url)
            host = parts.hostname or ""
        except ValueError as error:
            raise invalid(f'{field}: "{url}" is not a URL') from error
        if parts.scheme != "https" or not host:
            raise invalid(f'{field}: "{url}" must be an https URL')
        if _is_local(host):
            raise invalid(f'{field}: "{url}" is not a public host')
    _check_unique(field, repositories)


def _is_local(host: str) -> bool:
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return _LOCAL_HOST.fullmatch(host) is not None


def _check_keyring(keys: list[Json], prefix: str) -> None:
    field = f"{prefix}.contents.runtime_keyring"
    for key in keys:
        name = key.get("name", "")
        if _FILE_NAME.fullmatch(name) is None or name.startswith(RESERVED_KEYS):
            raise invalid(f'{field}: "{name}" is not a usable key file name')
        if not key.get("content", "").lstrip().startswith("-----BEGIN "):
            raise invalid(f"{field}: {name}: text before the PEM block is not allowed")
        if _RSA_ALGORITHM not in _der(f"{field}: {name}", key.get("content", ""), "PUBLIC KEY"):
            raise invalid(f"{field}: {name}: only RSA public keys are supported")
    _check_unique(field, [key["name"] for key in keys])
    _check_size(field, keys, KEYRING_LIMIT)


def _check_certificates(certificates: list[Json], now: int, prefix: str) -> None:
    field = f"{prefix}.certificates.additional"
    for item in certificates:
        name = item.get("name", "")
        if _FILE_NAME.fullmatch(name) is None:
            raise invalid(f'{field}: "{name}" is not a usable certificate name')
        end = _VALIDITY.search(_der(f"{field}: {name}", item.get("content", ""), "CERTIFICATE"))
        if end is None:
            raise invalid(f"{field}: {name}: not an X.509 certificate")
        if _end_of_validity(end, field) < now:
            raise invalid(f"{field}: {name}: the certificate has expired")
    _check_unique(field, [item.get("name", "") for item in certificates])
    _check_size(field, certificates, CERTIFICATES_LIMIT)


def _end_of_validity(match: re.Match[bytes], field: str) -> int:
    # X.509 writes years up to 2049 with two digits; 50 and above are of the last century.
    century = b"19" if match["short"] and match["short"] >= b"50" else b"20"
    digits = (match["long"] or century + match["short"]).decode()
    date = f"{digits[:4]}-{digits[4:6]}-{digits[6:8]}"
    try:
        return timestamps.from_text(f"{date}T{digits[8:10]}:{digits[10:12]}:{digits[12:14]}Z")
    except ValueError as error:
        raise invalid(f"{field}: not an X.509 certificate") from error


def _der(place: str, content: str, label: str) -> bytes:
    """Return the bytes of the one PEM block that the text must hold, as Go reads it; text before it is allowed."""
    if "PRIVATE KEY-----" in content:
        raise invalid(f"{place}: private keys are not allowed")
    blocks = _pem_blocks(content)
    if len(blocks) != 1 or blocks[0][0] != label:
        raise invalid(f"{place}: expected exactly one PEM block of type {label}")
    try:
        return base64.b64decode("".join(blocks[0][1].split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise invalid(f"{place}: the PEM block is not valid base64") from error


def _pem_blocks(content: str) -> list[tuple[str, str]]:
    """Return label and text of each block; a BEGIN or END that is not alone on its line is text."""
    blocks: list[tuple[str, str]] = []
    label = ""
    lines: list[str] = []
    for line in content.split("\n"):
        mark = _PEM_LINE.fullmatch(line.rstrip(" \t\r"))
        if mark and mark[1] == "BEGIN" and not label:
            label, lines = mark[2], []
        elif mark and mark[1] == "END" and mark[2] == label:
            blocks.append((label, "".join(lines)))
            label = ""
        else:
            lines.append(line)
    return blocks


def _check_unique(field: str, values: list[str]) -> None:
    twice = next((value for value, count in Counter(values).items() if count > 1), None)
    if twice is not None:
        raise invalid(f'{field}: "{twice}" is listed more than once')


def _check_size(field: str, items: list[Json], limit: int) -> None:
    if sum(len(item.get("content", "").encode()) for item in items) > limit:
        raise invalid(f"{field}: more than {limit // 1024} KB together")


WRAPPER = "guarded-entrypoint"
WRAPPER_PROGRAM = f"/usr/bin/{WRAPPER}"
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
_NOT_DISABLED = ("", "0", "false", "no", "off")  # of GUARDED_DISABLE


def _check_wrapper(overlay: Json, prefix: str) -> None:
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


def wrapper_variables(overlay: Json) -> dict[str, str]:
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


def wrapper_refusal(overlay: Json) -> tuple[str, str]:
    """Return reason and detail for which images with an overlay are not rebuilt; both "" where they can be wrapped."""
    if not overlay.get("guardedEntrypoint"):
        return "", ""
    if overlay.get("environment", {}).get("GUARDED_DISABLE", "").strip().lower() not in _NOT_DISABLED:
        return "the environment sets GUARDED_DISABLE", "set in the custom overlay's environment"
    for asked in _wrappers(overlay):
        newest = packages.all_packages()[asked.name].versions[0]
        if not asked.allows(newest):
            detail = f"{asked.name} {newest} is the first release that reads them all"
            return "the listed wrapper version does not read every GUARDED_* setting", detail
    return "", ""


def wrapper_packages(overlay: Json) -> tuple[str, ...]:
    """Return the package that brings the wrapper into an image, unless the overlay lists it itself."""
    return (WRAPPER,) if overlay.get("guardedEntrypoint") and not _wrappers(overlay) else ()


def _wrappers(overlay: Json) -> list[solver.PackageConstraint]:
    asked = map(solver.constraint, overlay.get("contents", {}).get("packages", []))
    return [each for each in asked if each and each.name in (WRAPPER, f"{WRAPPER}-fips")]
