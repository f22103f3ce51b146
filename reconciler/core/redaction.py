"""Keyed hashes that replace possibly secret values, so that only equality can be compared.

Names stay as they are: those of packages, variables, annotations, accounts, certificates, overlays and tags. A hash
depends on the salt of its snapshot, the field and the key, but not on the repository.
"""

import hashlib
import hmac
import json
import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from reconciler.core.diff import Field, Value
from reconciler.core.overlay import CommandOverride, Overlay, PemFile, Preflight, make_certificates, make_pem_file
from reconciler.core.state import Desired, DesiredRepository, Live, LiveOverlay, LiveRepository, Unreadable

_MARK: Final = "redacted-sha256:"
_REDACTED: Final = re.compile(rf'\s*"?{_MARK}[0-9a-f]{{64}}"?\s*')


def is_redacted(value: Value | Preflight | None) -> bool:
    """Return whether a value of an overlay, or a part of it, is a hash of this module."""
    match value:
        case str():
            return _REDACTED.fullmatch(value) is not None
        case tuple():
            return any(map(is_redacted, value))
        case PemFile(pem=pem):
            return is_redacted(pem)
        case CommandOverride(command=command):
            return is_redacted(command)
        case Preflight(tcp=tcp, path=path):
            return is_redacted(tcp) or is_redacted(path)
        case _:
            return False


class _Redactor:
    def __init__(self, salt: str) -> None:
        self._salt = salt.encode()

    def text(self, field: Field, key: str, value: str) -> str:
        """Return the hash of a value; "", which says that there is none, stays."""
        message = f"{field}\0{key}\0{value}".encode("utf-8", "surrogatepass")
        return _MARK + hmac.new(self._salt, message, hashlib.sha256).hexdigest() if value else value

    def overlay(self, overlay: Overlay) -> Overlay:
        command = overlay.command_override
        return replace(
            overlay,
            runtime_repositories=tuple(
                self.text(Field.RUNTIME_REPOSITORIES, "", one) for one in overlay.runtime_repositories
            ),
            runtime_keyring=self._files(Field.RUNTIME_KEYRING, overlay.runtime_keyring),
            environment=self._pairs(Field.ENVIRONMENT, overlay.environment),
            annotations=self._pairs(Field.ANNOTATIONS, overlay.annotations),
            certificates=make_certificates(
                additional=self._files(Field.CERTIFICATES, overlay.certificates.additional),
                providers=overlay.certificates.providers,
            ),
            preflight=tuple(map(self._check, overlay.preflight)),
            command_override=command and replace(command, command=tuple(map(self._argument, command.command))),
            truststore=self._json(Field.TRUSTSTORE, "", overlay.truststore),
            unrecognized=tuple(
                (path, self._json(Field.UNRECOGNIZED, path, text)) for path, text in overlay.unrecognized
            ),
        )

    def _pairs(self, field: Field, pairs: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
        return tuple((key, self.text(field, key, value)) for key, value in pairs)

    def _files(self, field: Field, files: Iterable[PemFile]) -> tuple[PemFile, ...]:
        return tuple(make_pem_file(one.name, self.text(field, one.name, one.pem)) for one in files)

    def _check(self, check: Preflight) -> Preflight:
        tcp, path = (self.text(Field.PREFLIGHT, "", one) for one in (check.tcp, check.path))
        return replace(check, tcp=tcp, path=path)

    def _argument(self, argument: str) -> str:
        return self.text(Field.COMMAND_OVERRIDE, "", argument)

    def _json(self, field: Field, key: str, text: str) -> str:
        """Return JSON text that holds nothing but the hash of other JSON text."""
        return json.dumps(self.text(field, key, text)) if text else text


def redact_live(live: Live, salt: str) -> Live:
    """Return the live state without values; `salt` is kept in it."""
    redact = _Redactor(salt).overlay

    def overlay_of(one: LiveRepository | LiveOverlay) -> Overlay | Unreadable:
        # The description of what cannot be parsed may quote it.
        return Unreadable(problem="redacted") if isinstance(one.overlay, Unreadable) else redact(one.overlay)

    overlays = live.overlays
    if isinstance(overlays, tuple):
        overlays = tuple(replace(one, overlay=overlay_of(one)) for one in overlays)
    repositories = tuple(replace(one, overlay=overlay_of(one)) for one in live.repositories)
    return replace(live, repositories=repositories, overlays=overlays, salt=salt)


def redact_desired(
    desired: Desired, entries: Iterable[DesiredRepository], salt: str
) -> tuple[Desired, tuple[DesiredRepository, ...]]:
    """Return a manifest and its resolved entries with the values that compare with those of a redacted snapshot."""
    redact = _Redactor(salt).overlay
    overlays = tuple(replace(one, overlay=redact(one.overlay)) for one in desired.overlays)
    return replace(desired, overlays=overlays), tuple(replace(one, overlay=redact(one.overlay)) for one in entries)
