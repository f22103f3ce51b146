"""Times and durations as people and programs read them, always in UTC."""

from datetime import UTC, datetime

_LAST = 253402300799.0  # the end of the year 9999, beyond which there is no date to show
_MINUTE = 60
_HOUR = 3600


def utc(seconds: float) -> str:
    """Seconds since the epoch as `2026-11-23 09:12:04Z`."""
    return f"{_moment(seconds):%Y-%m-%d %H:%M:%S}Z"


def rfc3339(seconds: float) -> str:
    """Seconds since the epoch as `2026-11-23T09:12:04.250Z`, for programs."""
    return _moment(seconds).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def duration(seconds: float) -> str:
    """A length of time as `42s`, `1m40s` or `2h05m`."""
    whole = max(int(seconds), 0)
    if whole < _MINUTE:
        return f"{whole}s"
    if whole < _HOUR:
        return f"{whole // _MINUTE}m{whole % _MINUTE:02}s"
    return f"{whole // _HOUR}h{whole % _HOUR // _MINUTE:02}m"


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(min(max(seconds, 0.0), _LAST), UTC)
