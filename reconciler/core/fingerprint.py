"""A short name for an overlay's exact meaning: equal overlays have equal ones, on every machine and for ever."""

import hashlib
import json
from dataclasses import fields, is_dataclass

from reconciler.core.model import Overlay

_NOT_MEANING = frozenset({"text"})


def fingerprint(overlay: Overlay) -> str:
    """`sha256:` and the digest of the overlay's canonical JSON."""
    text = json.dumps(_plain(overlay), sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return "sha256:" + hashlib.sha256(text.encode("ascii")).hexdigest()


def _plain(value: object) -> object:
    if is_dataclass(value):
        return {item.name: _plain(getattr(value, item.name)) for item in fields(value) if item.name not in _NOT_MEANING}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value
