"""Timestamps as whole nanoseconds since the epoch, and their text forms on the wire."""

import re
from datetime import UTC, datetime, timedelta

SECOND = 1_000_000_000
DAY = 86_400 * SECOND

_REACH = 2**63
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_RFC3339 = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:[Zz]|([+-])(\d\d):(\d\d))",
    re.ASCII,
)
_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def from_seconds(seconds: float) -> int:
    """Return the instant of a clock reading in epoch seconds."""
    whole = int(seconds // 1)
    return whole * SECOND + round((seconds - whole) * SECOND)  # apart: the product would lose the last digits


def storable(instant: int) -> int:
    """Return the nearest instant that the state file can compare with: from the year 1677 to 2262."""
    return max(-_REACH, min(instant, _REACH - 1))


def to_text(instant: int) -> str:
    """Return RFC 3339 in UTC with 0, 3, 6 or 9 fractional digits, as protobuf's JSON form prints it."""
    seconds, nanos = divmod(instant, SECOND)
    text = (_EPOCH + timedelta(seconds=seconds)).replace(tzinfo=None).isoformat()  # strftime drops zeros of early years
    fraction = f"{nanos:09d}"
    while fraction.endswith("000"):
        fraction = fraction[:-3]
    return f"{text}.{fraction}Z" if fraction else f"{text}Z"


def from_text(text: str) -> int:
    """Return the instant of an RFC 3339 text; ValueError when it is none."""
    match = _RFC3339.fullmatch(text)
    if match is None:
        raise ValueError(f"not an RFC 3339 timestamp: {text!r}")
    year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
    fraction, sign, hours, minutes = match.groups()[6:]
    moment = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    if sign:
        offset = timedelta(hours=int(hours), minutes=int(minutes))
        moment = moment - offset if sign == "+" else moment + offset
    return (moment - _EPOCH) // timedelta(seconds=1) * SECOND + int((fraction or "").ljust(9, "0"))


def to_http_date(instant: int) -> str:
    """Return the form of the `Date` header: whole seconds, GMT, English names whatever the locale is."""
    moment = _EPOCH + timedelta(seconds=instant // SECOND)
    day = f"{_WEEKDAYS[moment.weekday()]}, {moment.day:02d} {_MONTHS[moment.month - 1]} {moment.year:04d}"
    return f"{day} {moment:%H:%M:%S} GMT"
