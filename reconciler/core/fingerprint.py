"""A short name for an overlay's exact meaning: equal overlays have equal ones, on every machine and for ever."""

import hashlib
import json
from typing import Any

from reconciler.core.model import Overlay

_NOT_MEANING = frozenset({"text"})


def fingerprint(overlay: Overlay) -> str:
    """`sha256:` and the digest of the overlay's canonical JSON."""
    return "sha256:" + hashlib.sha256(_ENCODER.encode(overlay).encode("ascii")).hexdigest()


def _plain(value: Any) -> dict[str, Any]:
    return {name: getattr(value, name) for name in value.__slots__ if name not in _NOT_MEANING}


_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True, default=_plain)
