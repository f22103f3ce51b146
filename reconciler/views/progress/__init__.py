"""Progress while writing and while builds run: listeners to the engine's events, each for one kind of reader.

A sink writes to the stream that it was given and nothing else; the times that it tells are those of the events.
Workers may call a sink from their own threads.
"""

from reconciler.views.progress.json_lines import JsonProgress
from reconciler.views.progress.live import LiveProgress
from reconciler.views.progress.plain import PlainProgress

__all__ = ["JsonProgress", "LiveProgress", "PlainProgress"]
