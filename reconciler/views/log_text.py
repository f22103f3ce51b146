"""Build logs as text: whole, or their last lines. Colours and redrawn lines of the build's own output are taken out."""

import re

from reconciler.views.style import Style

_STEERING = re.compile(r"\x1b(?:\[[0-9;:?<=>]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\^_])")


def render(log: str, *, style: Style, tail: int | None = None) -> str:
    """The log, or its last `tail` lines, made safe line by line."""
    return _safe(_last(lines(log), tail), style)


class LogTail:
    """A log that grows: what of it has been shown, so that only what is new is shown next."""

    def __init__(self, *, style: Style, tail: int | None = None) -> None:
        self._style = style
        self._tail = tail
        self._shown: list[str] = []

    def more(self, log: str, *, whole: bool) -> str:
        """What is new since the last call; a last line that may still grow waits until the log is `whole`."""
        found = lines(log)
        if not whole and found and not log.endswith(("\n", "\r")):
            found.pop()
        # A log that is not the earlier one with more to it was replaced: then all of it is new.
        begun = self._shown == found[: len(self._shown)]
        new = found[len(self._shown) :] if begun else found
        if new:
            self._shown = found
            new, self._tail = _last(new, self._tail), None
        return _safe(new, self._style)


def _last(found: list[str], tail: int | None) -> list[str]:
    return found if tail is None else found[-tail:]


def _safe(found: list[str], style: Style) -> str:
    return "".join(clean(line, style) + "\n" for line in found)


def lines(log: str) -> list[str]:
    """The lines of a log, without the empty ones at its end; not yet made safe."""
    found = log.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    while found and not found[-1].strip():
        found.pop()
    return found


def clean(line: str, style: Style) -> str:
    """One line without sequences that steer a terminal, and with everything else that is unsafe as an escape."""
    return style.plain(_STEERING.sub("", line).expandtabs().rstrip())
