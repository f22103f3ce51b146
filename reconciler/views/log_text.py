"""Build logs as text: whole, or their last lines. Colours and redrawn lines of the build's own output are taken out."""

import re

from reconciler.views.style import Style

_STEERING = re.compile(r"\x1b(?:\[[0-9;:?<=>]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\^_])")


def render(log: str, *, style: Style) -> str:
    """The whole log, made safe line by line."""
    return "".join(clean(line, style) + "\n" for line in lines(log))


def lines(log: str) -> list[str]:
    """The lines of a log, without the empty ones at its end; not yet made safe."""
    found = log.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    while found and not found[-1].strip():
        found.pop()
    return found


def clean(line: str, style: Style) -> str:
    """One line without sequences that steer a terminal, and with everything else that is unsafe as an escape."""
    return style.plain(_STEERING.sub("", line).expandtabs().rstrip())
