"""Recording from several threads: an intent is on the disk before its write, and no failure is another's."""

import os
import threading
from pathlib import Path

import pytest

from reconciler.core.runs import Failed, FailureKind, RecordFailed, Unchanged
from reconciler.diagnostics import Diagnostic
from reconciler.journal import open_journal, read_journal
from tests.journal.test_journal import HEADER, now, plan, step

STEPS = [step(f"r{number:02}") for number in range(12)]


def test_an_intent_waits_for_the_disk_and_an_outcome_does_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_journal(tmp_path, now=now) as journal:
        record = journal.begin(HEADER, plan(*STEPS))
        synced: list[str] = []
        fsync = os.fsync

        def watched(descriptor: int) -> None:
            synced.append(Path(f"/proc/self/fd/{descriptor}").resolve().name)
            fsync(descriptor)

        monkeypatch.setattr("os.fsync", watched)
        record.about_to_write(STEPS[0], repository_id=None, since=1.0)
        intent, synced[:] = list(synced), []
        record.finished(Unchanged(step=STEPS[0]))
        assert (intent, synced) == (["journal.db-wal"], [])


def test_an_intent_is_there_for_every_reader_when_it_returns(tmp_path: Path) -> None:
    with open_journal(tmp_path, now=now) as journal:
        record = journal.begin(HEADER, plan(*STEPS))
        for one in STEPS:
            record.about_to_write(one, repository_id=one.id, since=1.0)
            with read_journal(tmp_path) as reader:
                kept = {step.step.label: step.intended_at for step in reader.run(None).steps}
            assert kept[one.repository] == now()


def test_a_record_that_fails_is_nobody_elses_failure(tmp_path: Path) -> None:
    long = Failed(step=STEPS[0], kind=FailureKind.OTHER, problem=Diagnostic(code="no", summary="x" * 200_000))
    with open_journal(tmp_path, now=now) as journal:
        record = journal.begin(HEADER, plan(*STEPS))
        assert journal._connection is not None
        (pages,) = journal._connection.execute("PRAGMA page_count").fetchone()
        journal._connection.execute(f"PRAGMA max_page_count = {pages + 2}")
        threads = [threading.Thread(target=record.finished, args=(one,)) for one in (long, Unchanged(step=STEPS[1]))]
        for one in threads:
            one.start()
        for one in threads:
            one.join(timeout=20)
        assert record.problem is not None
        assert record.problem.code == "journal-full"
        kept = {one.step.label: one.outcome for one in journal.run(None).steps}
    assert (kept["r00"], kept["r01"]) == (None, Unchanged(step=STEPS[1]))


def test_an_intent_that_fails_leaves_the_journal_usable(tmp_path: Path) -> None:
    with open_journal(tmp_path, now=now) as journal:
        record = journal.begin(HEADER, plan(*STEPS))
        assert journal._connection is not None
        journal._connection.execute("PRAGMA query_only = 1")
        with pytest.raises(RecordFailed):
            record.about_to_write(STEPS[0], repository_id=None, since=1.0)
        journal._connection.execute("PRAGMA query_only = 0")
        record.about_to_write(STEPS[0], repository_id=None, since=1.0)
        assert not journal._connection.in_transaction
