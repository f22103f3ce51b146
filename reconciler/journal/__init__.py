"""The journal: what every run was about to write, what came of it, and its builds, in SQLite in the working folder.

It survives the death of its process at any moment. Here is how that is kept and restored; what it means is in
`core.runs` and `core.recovery`. Nothing here knows the API, and no token ever comes near it.
"""

from reconciler.journal.errors import JournalBusy, JournalError
from reconciler.journal.recorder import RunRecord
from reconciler.journal.store import Journal, open_journal, read_journal

__all__ = ["Journal", "JournalBusy", "JournalError", "RunRecord", "open_journal", "read_journal"]
