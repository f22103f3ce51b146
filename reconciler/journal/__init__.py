"""The journal: intents, outcomes and builds of every run, in SQLite in the working folder.

It survives the death of its process at any moment. This package stores and restores runs; `core.runs` evaluates them.
It does not know the API, and never receives a token.
"""

from reconciler.journal.errors import JournalBusy, JournalError
from reconciler.journal.recorder import RunRecord
from reconciler.journal.store import Journal, open_journal, read_journal

__all__ = ["Journal", "JournalBusy", "JournalError", "RunRecord", "open_journal", "read_journal"]
