"""Points in time as the API writes them and as this program counts them.

The API writes RFC 3339 in UTC with up to nine digits after the second; the program counts seconds since the epoch.
"""

import math
from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def from_text(value: object) -> float | None:
    """The time that a timestamp names; None where none is set or it cannot be read."""
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
        seconds = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None
    # The zero times of the protocol (1970) and of the server's language (year 1) mean that nothing is set.
    return seconds if seconds > 0 else None


def to_text(seconds: float) -> str:
    """The timestamp of a time, never later than it; the epoch for anything before."""
    microseconds = max(0, math.floor(seconds * 1_000_000))
    moment = _EPOCH + timedelta(microseconds=microseconds)
    return moment.isoformat().replace("+00:00", "Z")
