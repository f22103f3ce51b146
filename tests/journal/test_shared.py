"""The shared journal: locks of owners, one file of many writers, and a storage that fails, on a folder and on S3."""

import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.core.runs import (
    Applied,
    NotAttempted,
    Outcome,
    RecordFailed,
    RunState,
    RunStep,
    Skip,
    Unchanged,
    is_in_flight,
)
from reconciler.diagnostics import Diagnostic
from reconciler.journal import Journal, JournalBusy, JournalError, RunRecord, open_journal
from reconciler.journal.owner_lock import LEASE, Holder, _visible_processes
from reconciler.journal.shared import SharedJournal, WorkingCopy
from reconciler.journal.storage import Storage
from tests.journal.test_journal import HEADER, WANTED, followed, plan, step
from tests.support.buckets import S3
from tests.support.clock import FakeClock

ONE, TWO = step("one"), step("two")


class Machine:
    """A machine with a folder and a clock of its own; `told` are the problems that it was notified of."""

    def __init__(self, url: str, folder: Path) -> None:
        self.clock = FakeClock()
        self.told: list[Diagnostic] = []
        self.journal = SharedJournal(url, folder, now=self.clock.now, notify=self.told.append, interval=3600)
        self.folder = folder


@pytest.fixture
def machine(place: str, tmp_path: Path) -> Callable[[str], Machine]:
    return lambda name: Machine(place, tmp_path / name)


def intend(record: RunRecord, *steps: str) -> None:
    for name in steps:
        record.about_to_write(step(name), repository_id="r", since=12.5)


def finish(record: RunRecord, *names: str) -> None:
    """Write them as an apply does."""
    for name in names:
        intend(record, name)
        record.finished(Applied(step=step(name), repository_id="r", since=12.5))
    record.end(exit_code=0, interrupted=False)


def publisher(journal: Journal) -> WorkingCopy:
    assert journal._writer is not None
    assert isinstance(journal._writer.publisher, WorkingCopy)
    return journal._writer.publisher


def seen_by(machine: Machine) -> dict[str, RunStep]:
    """The steps of the newest run, as another machine sees them."""
    with machine.journal.reading() as journal:
        return {one.step.key: one for one in journal.run(None).steps}


def test_a_run_is_seen_from_another_machine(machine: Callable[[str], Machine]) -> None:
    with machine("a").journal.locked() as journal:
        record = journal.begin(HEADER, plan(ONE))
        with machine("b").journal.reading() as other:
            assert [(run.id, run.state) for run in other.runs()] == [(record.id, RunState.RUNNING)]
        finish(record, "one")
        assert record.problem is None
    with machine("b").journal.reading() as other:
        (run,) = other.runs()
    assert (run.id, run.state, run.exit_code) == (record.id, RunState.ENDED, 0)
    assert isinstance(run.steps[0].outcome, Applied)


def test_an_empty_storage_is_an_empty_journal(machine: Callable[[str], Machine]) -> None:
    with machine("a").journal.reading() as journal:
        assert journal.runs() == ()
        assert journal.latest() is None


def test_runs_of_one_owner_exclude_each_other_on_all_machines(machine: Callable[[str], Machine]) -> None:
    first, second = machine("a"), machine("b")
    with first.journal.locked(), pytest.raises(JournalBusy, match=r"process .* last renewed"), second.journal.locked():
        pytest.fail("two at once")
    with second.journal.locked():
        assert [lock.holder.owner for lock in first.journal.locks()] == ["default"]
    assert first.journal.locks() == ()


def test_runs_of_two_owners_go_side_by_side_into_one_history(machine: Callable[[str], Machine]) -> None:
    a, b = machine("a"), machine("b")
    with a.journal.locked(["team-a"]) as ours, b.journal.locked(["Team B/√"]) as theirs:
        first, second = ours.begin(HEADER, plan(ONE)), theirs.begin(HEADER, plan(TWO))
        assert {lock.holder.owner for lock in a.journal.locks()} == {"team-a", "Team B/√"}
        finish(first, "one")
        finish(second, "two")
        assert (first.problem, second.problem) == (None, None)
    with machine("c").journal.reading() as journal:
        assert [run.id for run in journal.runs()] == [second.id, first.id]
        assert all(isinstance(one.outcome, Applied) for run in journal.runs() for one in run.steps)


def test_a_run_of_several_owners_excludes_those_of_each(machine: Callable[[str], Machine]) -> None:
    a, b = machine("a"), machine("b")
    with a.journal.locked({"x", "y"}) as journal:
        for owners in (["x"], ["y"], ["y", "z"]):
            with pytest.raises(JournalBusy), b.journal.locked(owners):
                pytest.fail("two at once")
        with b.journal.locked(["z"]), b.journal.locked():
            finish(journal.begin(HEADER, plan(ONE)), "one")
    assert b.journal.locks() == ()


def test_many_owners_at_once_lose_nothing(machine: Callable[[str], Machine]) -> None:
    machines = [machine(f"m{number}") for number in range(4)]
    together, ids, problems = threading.Barrier(4, timeout=20), [], []

    def work(number: int) -> None:
        with machines[number].journal.locked([f"owner-{number}"]) as journal:
            together.wait()
            record = journal.begin(HEADER, plan(step(f"r{number}")))
            finish(record, f"r{number}")
            ids.append(record.id)
            problems.append(record.problem)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(timeout=30)
    assert problems == [None] * 4
    with machine("reader").journal.reading() as journal:
        assert {run.id for run in journal.runs()} == set(ids)
        assert {run.exit_code for run in journal.runs()} == {0}


def test_of_many_machines_one_at_a_time_writes_for_an_owner(machine: Callable[[str], Machine]) -> None:
    machines = [machine(f"m{number}") for number in range(3)]
    writing, together, ids, refused = threading.Lock(), threading.Barrier(3, timeout=20), [], []

    def work(one: Machine) -> None:
        together.wait()
        while True:
            try:
                with one.journal.locked() as journal:
                    assert writing.acquire(blocking=False)
                    record = journal.begin(HEADER, plan(ONE))
                    finish(record, "one")
                    ids.append((record.id, record.problem))
                    writing.release()
                    return
            except JournalBusy:
                refused.append(one)

    threads = [threading.Thread(target=work, args=(one,)) for one in machines]
    for one in threads:
        one.start()
    for one in threads:
        one.join(timeout=60)
    with machine("reader").journal.reading() as journal:
        assert {(run.id, None) for run in journal.runs()} == set(ids)
        assert [run.exit_code for run in journal.runs()] == [0, 0, 0]
    assert refused


def test_before_the_first_write_every_step_is_reported_as_intended(machine: Callable[[str], Machine]) -> None:
    """Nobody else knows which of them a runner that dies now has written."""
    with machine("a").journal.locked() as journal:
        record = journal.begin(HEADER, plan(ONE, TWO))
        assert [is_in_flight(one) for one in seen_by(machine("b")).values()] == [True, True]
        assert [one.since for one in seen_by(machine("b")).values()] == [None, None]
        intend(record, "one")
        record.finished(Unchanged(step=ONE))
        record.end(exit_code=130, interrupted=True)
    seen = seen_by(machine("b"))
    assert isinstance(seen["one"].outcome, Unchanged)
    assert not is_in_flight(seen["two"])


def test_tags_are_followed_and_never_reported_as_intended(machine: Callable[[str], Machine]) -> None:
    whole = followed(ONE)
    tags = replace(whole, target=replace(whole.target, tags=("latest",)))
    with machine("a").journal.locked() as journal:
        record = journal.begin(HEADER, plan(ONE))
        record.seen([whole, tags])
        copy = publisher(journal)
        copy.keep_up(lambda problem: pytest.fail(problem.summary))
        with machine("b").journal.reading() as other:
            assert other.run(None).followed == (tags,)
            assert other.summaries()[0].outcomes.get("unknown") == 1
        later = replace(tags, changed=99.0, target=replace(tags.target, before=WANTED))
        record.seen([later])
        copy.keep_up(lambda problem: pytest.fail(problem.summary))
        with machine("b").journal.reading() as other:
            assert other.run(None).followed == (later,)


def test_a_run_that_is_not_renewed_for_long_has_crashed(machine: Callable[[str], Machine]) -> None:
    a, b = machine("a"), machine("b")
    with a.journal.locked() as journal:
        journal.begin(HEADER, plan(ONE))
        b.clock.time += LEASE + 1
        with b.journal.reading() as other:
            assert other.run(None).state is RunState.CRASHED
        (lock,) = b.journal.locks()
        assert lock.holder.is_dead(b.clock.now())


def test_a_process_that_is_gone_from_this_machine_is_dead_at_once() -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    ours = Holder(pid=os.getpid(), processes=_visible_processes(), renewed=100.0)
    gone = replace(ours, pid=ended.pid)
    elsewhere = replace(gone, processes="another boot")
    unknown = replace(gone, processes="")
    assert [one.is_dead(101.0) for one in (ours, gone, elsewhere, unknown)] == [
        False,
        bool(ours.processes),
        False,
        False,
    ]
    assert all(one.is_dead(101.0 + LEASE) for one in (ours, gone, elsewhere, unknown))


def test_a_broken_lock_stops_writes_and_keeps_the_record(machine: Callable[[str], Machine]) -> None:
    a, b = machine("a"), machine("b")
    with a.journal.locked() as journal:
        record = journal.begin(HEADER, plan(ONE, TWO))
        intend(record, "one")
        (lock,) = b.journal.locks()
        b.journal.unlock(lock)
        with b.journal.locked() as theirs:
            a.clock.time += LEASE + 1
            with pytest.raises(RecordFailed, match="was broken"):
                intend(record, "two")
            record.finished(Applied(step=ONE, repository_id="r", since=12.5))
            record.finished(NotAttempted(step=TWO, reason=Skip.NOT_RECORDED))
            record.end(exit_code=3, interrupted=False)
            finish(theirs.begin(HEADER, plan(TWO)), "two")
        assert record.problem is not None
        assert record.problem.code == "journal-lock-lost"
    with machine("c").journal.reading() as reader:
        found = {run.id: (run.exit_code, [type(one.outcome) for one in run.steps]) for run in reader.runs()}
    assert found[record.id] == (3, [Applied, NotAttempted])
    assert len(found) == 2


def test_a_broken_lock_is_found_out_before_the_first_write(machine: Callable[[str], Machine]) -> None:
    a, b = machine("a"), machine("b")
    with a.journal.locked() as journal:
        b.journal.unlock(*b.journal.locks())
        with pytest.raises(JournalBusy, match="was broken"):
            journal.begin(HEADER, plan(ONE))
    with b.journal.locked():
        pass


def test_only_the_lock_that_was_shown_is_broken(machine: Callable[[str], Machine]) -> None:
    a, b = machine("a"), machine("b")
    with a.journal.locked():
        (shown,) = b.journal.locks()
    with a.journal.locked(), pytest.raises(JournalError, match="renewed or taken"):
        b.journal.unlock(shown)


def test_a_lock_object_that_cannot_be_read_is_held_by_nobody_known(
    machine: Callable[[str], Machine], place: str
) -> None:
    Storage(place).write("locks/default.json", b"nonsense", None)
    a = machine("a")
    with pytest.raises(JournalBusy, match="process 0 of"), a.journal.locked():
        pytest.fail("it is held")
    (lock,) = a.journal.locks()
    assert lock.holder.is_dead(a.clock.now())
    a.journal.unlock(lock)
    with a.journal.locked():
        pass


def test_what_is_recorded_is_shared_at_intervals(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, machine: Callable[[str], Machine]
) -> None:
    told: list[Diagnostic] = []
    journal = SharedJournal(place, tmp_path / "a", now=FakeClock().now, notify=told.append, interval=0.01)
    shared, write = threading.Event(), Storage.write

    def noted(storage: Storage, key: str, *values: object) -> object:
        answer = write(storage, key, *values)  # type: ignore[arg-type]
        if key == "journal.db":
            shared.set()
        return answer

    monkeypatch.setattr(Storage, "write", noted)
    with journal.locked() as ours:
        record = ours.begin(HEADER, plan(ONE))
        for happens in (
            lambda: record.finished(Applied(step=ONE, repository_id="r", since=12.5)),
            lambda: record.seen([followed(ONE)]),
        ):
            shared.clear()
            happens()  # type: ignore[no-untyped-call]
            assert shared.wait(timeout=20)
        assert seen_by(machine("b"))["one"].progress == followed(ONE)
    assert told == []


def test_a_wait_elsewhere_records_what_became_of_a_crashed_run(machine: Callable[[str], Machine]) -> None:
    a, b = machine("a"), machine("b")
    with a.journal.locked() as journal:
        died = journal.begin(HEADER, plan(ONE, TWO))
        b.clock.time += LEASE + 1
        with b.journal.reading() as other:
            run = other.run(died.id)
        with b.journal.recording() as other:
            record = other.resume(run)
            record.finished(Applied(step=ONE, repository_id="r", since=12.5, read_back=True))
            record.seen([followed(ONE)])
            record.end(exit_code=7, interrupted=False)
            assert record.problem is None
        seen = seen_by(machine("c"))
        assert seen["one"].outcome == Applied(step=ONE, repository_id="r", since=12.5, read_back=True)
        assert seen["one"].progress == followed(ONE)
        # It was not dead after all, and knows better.
        finish(died, "one", "two")
    seen = seen_by(machine("c"))
    assert seen["one"].outcome == Applied(step=ONE, repository_id="r", since=12.5)
    assert seen["one"].progress == followed(ONE)
    assert isinstance(seen["two"].outcome, Applied)


def test_the_later_look_at_builds_is_kept(machine: Callable[[str], Machine]) -> None:
    a, b = machine("a"), machine("b")
    later = replace(followed(ONE), changed=99.0)
    with a.journal.locked() as journal:
        record = journal.begin(HEADER, plan(ONE))
        record.seen([followed(ONE)])
        b.clock.time += LEASE + 1
        with b.journal.reading() as other:
            run = other.run(None)
        with b.journal.recording() as other:
            seen = other.resume(run)
            seen.seen([later])
            seen.end(exit_code=0, interrupted=False)
        finish(record, "one")
    assert seen_by(b)["one"].progress == later


def outcome_of(machine: Machine, name: str) -> Outcome | None:
    return seen_by(machine)[name].outcome


def fail(s3: S3, kind: str, method: str, key: str, times: int = 1000) -> None:
    """Let requests of a method for an object fail."""
    left = [times]

    def fault(asked: str, path: str) -> str | None:
        if asked != method or not path.endswith(key) or not left[0]:
            return None
        left[0] -= 1
        return kind

    s3.fault = fault


@pytest.fixture
def bucket(s3: S3, tmp_path: Path) -> Callable[[str], Machine]:
    url = s3.bucket()
    return lambda name: Machine(url, tmp_path / name)


@pytest.mark.parametrize(("method", "key"), [("GET", ".json"), ("PUT", ".json"), ("GET", "journal.db")])
def test_a_storage_that_is_down_refuses_a_run_before_it_begins(
    s3: S3, bucket: Callable[[str], Machine], method: str, key: str
) -> None:
    fail(s3, "down", method, key)
    with pytest.raises(JournalError, match="cannot use the shared journal"), bucket("a").journal.locked():
        pytest.fail("it cannot be recorded")
    s3.fault = lambda _method, _path: None
    with bucket("a").journal.locked():
        pass


def test_a_run_that_cannot_be_shared_writes_nothing(s3: S3, bucket: Callable[[str], Machine]) -> None:
    a = bucket("a")
    with a.journal.locked() as journal:
        fail(s3, "down", "PUT", "journal.db")
        with pytest.raises(JournalError, match="cannot use the shared journal"):
            journal.begin(HEADER, plan(ONE))
    s3.fault = lambda _method, _path: None
    (pushed,) = a.journal.push()
    with bucket("b").journal.reading() as reader:
        run = reader.run(pushed)
    assert (run.state, run.exit_code) == (RunState.ENDED, 1)
    assert not is_in_flight(run.steps[0])


def test_a_storage_that_goes_down_later_does_not_end_the_run(s3: S3, bucket: Callable[[str], Machine]) -> None:
    a, b = bucket("a"), bucket("b")
    with a.journal.locked() as journal:
        record = journal.begin(HEADER, plan(ONE))
        fail(s3, "down", "PUT", "")
        finish(record, "one")
        assert record.problem is not None
        assert record.problem.code == "journal-not-shared"
        assert "reconciler journal push" in record.problem.hint
    s3.fault = lambda _method, _path: None
    assert outcome_of(b, "one") is None
    assert isinstance(outcome_of(a, "one"), Applied)  # its own machine knows
    assert a.journal.push() == (record.id,)
    assert a.journal.push() == ()
    assert isinstance(outcome_of(b, "one"), Applied)


def test_what_one_run_could_not_share_the_next_one_does(s3: S3, bucket: Callable[[str], Machine]) -> None:
    a, b = bucket("a"), bucket("b")
    with a.journal.locked() as journal:
        record = journal.begin(HEADER, plan(ONE))
        fail(s3, "down", "PUT", "journal.db")
        finish(record, "one")
    s3.fault = lambda _method, _path: None
    with a.journal.locked():
        assert isinstance(outcome_of(b, "one"), Applied)


def test_a_failure_is_reported_once_until_it_ends(s3: S3, bucket: Callable[[str], Machine]) -> None:
    a = bucket("a")
    with a.journal.locked() as journal:
        record = journal.begin(HEADER, plan(ONE))
        record.finished(Unchanged(step=ONE))
        copy = publisher(journal)
        for down in (True, True, False, True):
            fail(s3, "down" if down else "", "PUT", "")
            copy.keep_up(a.told.append)
        assert [one.code for one in a.told] == ["journal-not-shared"] * 2
        s3.fault = lambda _method, _path: None
        assert isinstance(outcome_of(bucket("b"), "one"), Unchanged)


@pytest.mark.parametrize("key", [".json", "journal.db"])
def test_a_write_whose_answer_is_lost_is_recognized(s3: S3, bucket: Callable[[str], Machine], key: str) -> None:
    fail(s3, "lost", "PUT", key, times=1)
    with bucket("a").journal.locked() as journal:
        record = journal.begin(HEADER, plan(ONE))
        fail(s3, "lost", "PUT", key, times=1)
        finish(record, "one")
        assert record.problem is None
    with bucket("b").journal.reading() as reader:
        assert len(reader.runs()) == 1
    with bucket("b").journal.locked():
        pass


def test_a_journal_that_is_damaged_or_of_another_program_is_refused_by_its_name(
    machine: Callable[[str], Machine], place: str, tmp_path: Path
) -> None:
    storage = Storage(place)
    damaged = storage.write("journal.db", b"nonsense" * 1000, None)
    with pytest.raises(JournalError, match=f"{place}/journal.db"), machine("a").journal.reading():
        pytest.fail("it is damaged")
    with sqlite3.connect(tmp_path / "other.db") as other:
        other.execute("CREATE TABLE x (y)")
    storage.write("journal.db", (tmp_path / "other.db").read_bytes(), damaged)
    with pytest.raises(JournalError, match="another program"), machine("a").journal.locked():
        pytest.fail("it is not a journal")


def test_every_column_is_taken_over(tmp_path: Path) -> None:
    """A column that is added to the tables belongs into the statements, too."""
    with open_journal(tmp_path / "a", now=lambda: 100.0) as journal:
        record = journal.begin(HEADER, plan(ONE))
        record.seen([followed(ONE)])
        finish(record, "one")
    with open_journal(tmp_path / "b", now=lambda: 200.0) as copy:
        assert copy.take_over(tmp_path / "a" / "journal.db", [record.id], writing=True)
        assert not copy.take_over(tmp_path / "a" / "journal.db", [record.id], writing=True)
    rows = []
    for name in ("a", "b"):
        with sqlite3.connect(tmp_path / name / "journal.db") as connection:
            rows.append([connection.execute(asked).fetchall() for asked in ("SELECT * FROM run", "SELECT * FROM step")])
    assert rows[0] == rows[1]


def test_copies_are_for_their_owner_alone(machine: Callable[[str], Machine]) -> None:
    a = machine("a")
    with a.journal.locked() as journal:
        journal.begin(HEADER, plan(ONE))
        (marker,) = a.folder.rglob("unpushed")
        files = [path for path in marker.parent.iterdir() if path.is_file()]
        assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
        assert marker.parent.stat().st_mode & 0o777 == 0o700
