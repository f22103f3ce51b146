"""The looks of text on a terminal: a few colours by meaning, and symbols with their ASCII stand-ins.

Our own SGR sequences and nothing else, because a library for this takes hundreds of times as long as writing the text.
Where words stand and where lines break belongs to `layout`.
"""

from dataclasses import dataclass
from enum import Enum

from reconciler.views import safe_text


class Role(Enum):
    """What a piece of text means; the value is the SGR code that it is painted with."""

    PLAIN = ""
    ADD = "32"
    REMOVE = "31"
    CHANGE = "33"
    DIM = "2"
    BOLD = "1"
    ERROR = "1;31"
    WARNING = "1;33"


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """Whether the output may hold colours, and characters beyond ASCII, and from how many columns on a value is cut."""

    color: bool
    unicode: bool
    value_limit: int = 200

    def paint(self, text: str, role: Role) -> str:
        """Safe text in the colour of its role."""
        if not self.color or role is Role.PLAIN or not text:
            return text
        return f"\x1b[{role.value}m{text}\x1b[0m"

    def plain(self, text: str, *, lines: bool = False) -> str:
        """Untrusted text made safe, with escapes for what this output cannot show."""
        return safe_text.plain(text, lines=lines, ascii_only=not self.unicode)

    def shorten(self, text: str, columns: int) -> str:
        """Safe text cut at its end to so many columns."""
        return safe_text.shorten(text, columns, ellipsis=self.ellipsis)

    @property
    def arrow(self) -> str:
        """Between the old and the new value."""
        return "→" if self.unicode else "->"

    @property
    def ellipsis(self) -> str:
        """Where something was cut."""
        return safe_text.ELLIPSIS if self.unicode else "..."

    @property
    def bar(self) -> str:
        """In front of a quoted line of a log."""
        return "│" if self.unicode else "|"
