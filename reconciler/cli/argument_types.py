"""What the value of one option may be: text in, a value out, or a message that says how to write it."""

import argparse
import re

_DURATION = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s?)?")
_SHARE = re.compile(r"(\d{1,3}(?:\.\d+)?) ?%")
_HIGHEST_PORT = 65535


def duration(text: str) -> float:
    """Seconds from `90`, `90s`, `5m`, `1h30m`."""
    match = _DURATION.fullmatch(text.strip())
    if match is None or not any(match.groups()):
        raise argparse.ArgumentTypeError(f'"{text}" is no duration; write it like 90s, 20m or 1h30m')
    hours, minutes, seconds = (int(group or 0) for group in match.groups())
    return float(hours * 3600 + minutes * 60 + seconds)


def positive(text: str) -> int:
    """A whole number from 1 upwards."""
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f'"{text}" is not a whole number from 1 upwards')
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
