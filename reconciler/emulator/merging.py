"""Merging JSON as RFC 7396 has it: objects merge, null removes, everything else replaces."""

from typing import Any


def merged(target: Any, patch: Any) -> Any:
    """Return the target with a patch laid over it; neither is changed."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), value)
    return result
