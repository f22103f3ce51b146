"""What the value of one option may be: text in, a value out, or a message that says how to write it."""

from __future__ import annotations

import argparse
import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

_DURATION = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s?)?")
_SHARE = re.compile(r"(\d{1,3}(?:\.\d+)?) ?%")
_DATE = re.compile(r"[0-9]{4}-")
_HIGHEST_PORT = 65535


def path(text: str) -> Path:
    """A file or folder."""
    from pathlib import Path  # what every command needs, and no help

    return Path(text)


def duration(text: str) -> float:
    """Seconds from `90`, `90s`, `5m`, `1h30m`."""
    match = _DURATION.fullmatch(text.strip())
    if match is None or not any(match.groups()):
        raise argparse.ArgumentTypeError(f'"{text}" is no duration; write it like 90s, 20m or 1h30m')
    hours, minutes, seconds = (int(group or 0) for group in match.groups())
    return float(hours * 3600 + minutes * 60 + seconds)


def since(text: str) -> float | datetime:
    """How long ago in seconds, or a point in time: a date or an RFC 3339 time, in UTC where it names no zone."""
    if _DATE.match(text.strip()) is None:
        return duration(text)
    from datetime import UTC, datetime

    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        wrong = f'"{text}" is no time; write it like 24h, 2026-11-20 or 2026-11-20T09:30:00Z'
        raise argparse.ArgumentTypeError(wrong) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def positive(text: str) -> int:
    """A whole number from 1 upwards."""
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f'"{text}" is not a whole number from 1 upwards')
    return int(text)


def count(text: str) -> int:
    """A whole number from 0 upwards."""
    if not text.isascii() or not text.isdigit():
        raise argparse.ArgumentTypeError(f'"{text}" is not a whole number from 0 upwards')
    return int(text)


def rate(text: str) -> float:
    """A finite number above 0."""
    try:
        found = float(text)
    except ValueError:
        found = 0.0
    if not 0 < found < float("inf"):
        raise argparse.ArgumentTypeError(f'"{text}" is not a rate; write a number above 0, such as 5 or 0.5')
    return found


def port(text: str) -> int:
    """A port to listen on; 0 takes any free one."""
    if not text.isascii() or not text.isdigit() or int(text) > _HIGHEST_PORT:
        raise argparse.ArgumentTypeError(f'"{text}" is not a port (0 to {_HIGHEST_PORT}; 0 takes any free one)')
    return int(text)


def share(text: str) -> float:
    """A share from 0 to 1, written in per cent."""
    match = _SHARE.fullmatch(text.strip())
    if match is None or float(match[1]) > 100:  # noqa: PLR2004 - all of it
        raise argparse.ArgumentTypeError(f'"{text}" is no share; write it in per cent, such as 30%')
    return float(match[1]) / 100
