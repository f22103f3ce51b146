"""Times in the files of this room: RFC 3339 in UTC, to the second."""

from datetime import UTC, datetime

from reconciler.planfile.fields import Malformed


def to_text(seconds: float) -> str:
    """Seconds since the epoch as `2026-11-23T09:12:04Z`."""
    return datetime.fromtimestamp(int(seconds), UTC).isoformat().replace("+00:00", "Z")


def from_text(text: str) -> float:
    """Seconds since the epoch; raises `Malformed`."""
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        raise Malformed(f"{text!r} is no time") from None
