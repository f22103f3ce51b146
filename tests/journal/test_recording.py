"""Changes of several threads in one transaction: none overtakes its record, and none suffers for another's fault."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from reconciler.core.runs import Failed, FailureKind, Outcome, RecordFailed, Unchanged
from reconciler.diagnostics import Diagnostic
from reconciler.journal import open_journal, read_journal
from reconciler.journal.recording import RunRecord, Writer, _Change
from tests.journal.test_journal import HEADER, now, plan, step

STEPS = [step(f"r{number:02}") for number in range(12)]


class _Waiting(list[_Change]):
    """The changes that wait, which tells of each that comes."""

    def __init__(self) -> None:
        super().__init__()
        self.come = threading.Semaphore(0)

    def append(self, change: _Change) -> None:
        super().append(change)
        self.come.release()


@pytest.fixture
def record(tmp_path: Path) -> Iterator[RunRecord]:
    with open_journal(tmp_path, now=now) as journal:
        yield journal.begin(HEADER, plan(*STEPS))


@contextmanager
def _while_another_commits(writer: Writer, work: Callable[[int], None], last: str = "") -> Iterator[list[str]]:
    """Twelve threads that come while a transaction is under way; what the database is told from its end on.

    `last` is what the transaction does when they have come.
    """
    waiting = writer._waiting = _Waiting()
    told: list[str] = []
    threads = [threading.Thread(target=work, args=(number,), daemon=True) for number in range(12)]
    with writer.transaction(durable=False) as connection:
        for one in threads:
            one.start()
        for _ in threads:
            assert waiting.come.acquire(timeout=20)
        connection.execute(last)
        connection.set_trace_callback(told.append)
    for one in threads:
        one.join(timeout=20)
    connection.set_trace_callback(None)
    assert not waiting
    assert told.pop(0) == "COMMIT"
    yield told


def _about_to_write(record: RunRecord, number: int) -> None:
    record.about_to_write(STEPS[number], repository_id=None, since=1.0)


def test_intents_that_come_together_are_made_durable_together(record: RunRecord, tmp_path: Path) -> None:
    seen: dict[int, float | None] = {}

    def work(number: int) -> None:
        _about_to_write(record, number)
        with read_journal(tmp_path) as reader:
            seen[number] = reader.run(record.id).steps[number].intended_at

    with _while_another_commits(record._writer, work) as told:
        assert told.count("COMMIT") == 1
        assert "PRAGMA synchronous = FULL" in told
    assert seen == dict.fromkeys(range(12), now())


def test_outcomes_wait_for_nobody_and_come_with_the_next_transaction(record: RunRecord, tmp_path: Path) -> None:
    handed = threading.Barrier(13, timeout=20)

    def work(number: int) -> None:
        record.finished(Unchanged(step=STEPS[number]))
        handed.wait()

    writer = record._writer
    threads = [threading.Thread(target=work, args=(number,), daemon=True) for number in range(12)]
    told: list[str] = []
    with writer.transaction(durable=False) as connection:
        for one in threads:
            one.start()
        handed.wait()  # all have gone on, with the transaction still under way
        connection.set_trace_callback(told.append)
    connection.set_trace_callback(None)
    assert told.count("COMMIT") == 2
    assert "PRAGMA synchronous = FULL" not in told
    with read_journal(tmp_path) as reader:
        assert [one.outcome for one in reader.run(record.id).steps] == [Unchanged(step=one) for one in STEPS]


def test_what_is_demanded_is_left_to_whoever_demands_it(record: RunRecord) -> None:
    writer = record._writer
    told: list[str] = []
    writer._leave(_Change("UPDATE run SET source = ?", [("x",)], durable=True))  # of a thread that is about to go on
    writer._connection.set_trace_callback(told.append)
    record.finished(Unchanged(step=STEPS[0]))
    assert told == []
    _about_to_write(record, 1)
    assert told.count("COMMIT") == 1
    assert sum("UPDATE" in one for one in told) == 3


def test_nothing_waits_when_the_journal_is_closed(tmp_path: Path) -> None:
    with open_journal(tmp_path, now=now) as journal:
        record = journal.begin(HEADER, plan(*STEPS))
        record._writer._leave(_Change("UPDATE run SET source = ?", [("x",)], durable=False))
    with read_journal(tmp_path) as reader:
        assert reader.run(None).header.source == "x"


def test_one_that_cannot_be_recorded_takes_no_other_with_it(record: RunRecord, tmp_path: Path) -> None:
    connection = record._writer._connection
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {pages}")
    long = Diagnostic(code="no", summary="x" * 1_000_000)

    def work(number: int) -> None:
        if number == 5:
            record.finished(Failed(step=STEPS[5], kind=FailureKind.OTHER, problem=long))
        else:
            record.finished(Unchanged(step=STEPS[number]))

    with _while_another_commits(record._writer, work):
        pass
    assert record.problem is not None
    assert record.problem.code == "journal-full"
    kept: list[Outcome | None] = [Unchanged(step=one) for one in STEPS]
    kept[5] = None
    with read_journal(tmp_path) as reader:
        assert [one.outcome for one in reader.run(record.id).steps] == kept


def test_none_is_sent_when_none_can_be_recorded(record: RunRecord) -> None:
    refused: list[int] = []

    def work(number: int) -> None:
        with pytest.raises(RecordFailed, match="readonly"):
            _about_to_write(record, number)
        refused.append(number)

    with _while_another_commits(record._writer, work, "PRAGMA query_only = ON"):
        pass
    assert sorted(refused) == list(range(12))


def test_an_interruption_leaves_what_waits_to_the_next_one(
    record: RunRecord, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(record._writer, "_commit", interrupted)
        with pytest.raises(KeyboardInterrupt):
            _about_to_write(record, 0)
    _about_to_write(record, 1)
    with read_journal(tmp_path) as reader:
        assert [one.intended_at for one in reader.run(record.id).steps[:3]] == [now(), now(), None]
