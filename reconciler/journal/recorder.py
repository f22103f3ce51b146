"""Record one run: intents, outcomes and builds, from several threads at once."""

import os
import secrets
import sqlite3
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from reconciler.core.builds import Progress
from reconciler.core.plan import Plan
from reconciler.core.runs import NotAttempted, Outcome, RecordFailed, RunHeader, Skip
from reconciler.core.steps import Action, AnyStep
from reconciler.diagnostics import Diagnostic
from reconciler.journal.codec import dump, effect_of, encode_outcome, encode_progress, tag_rows, tags_key
from reconciler.journal.errors import JournalError, reported
from reconciler.planfile.steps import encode_step

_INTENT = (
    "UPDATE step SET repository_id = ?, since = coalesce(since, ?), intended_at = ? WHERE run = ? AND repository = ?"
)
_OUTCOME = "UPDATE step SET outcome = ? WHERE run = ? AND repository = ?"
_PROGRESS = "UPDATE step SET progress = ? WHERE run = ? AND repository = ?"
# What the tags got may differ from what was planned: then it has no row yet, or one that says something else.
_TAGS = (
    "INSERT INTO step (run, repository, number, body) VALUES (?1, ?2, (SELECT count(*) FROM step WHERE run = ?1), ?3)"
    " ON CONFLICT (run, repository) DO UPDATE SET body = excluded.body WHERE body IS NOT excluded.body"
)
# The table has rows of tags and of what they get besides (`codec.tag_rows`).
STEPS_ONLY = "repository NOT LIKE 'tags:%' AND repository NOT LIKE 'config:%'"
_END = "UPDATE run SET ended = ?, exit_code = ?, interrupted = ? WHERE id = ?"
_FAILED = 1  # exit code of a run that could not be shared before its first write

# Rows of the journal `other`. Outcomes that a run's own process recorded take precedence over those that a `wait`
# elsewhere found, and later looks at builds over earlier ones. While a process writes, its steps without an outcome
# count as intended, as the shared journal is not written before each write; such a step has no `since`.
_TAKE_RUN = """
    INSERT INTO run SELECT * FROM other.run WHERE id = :run
    ON CONFLICT (id) DO UPDATE SET ended = excluded.ended, exit_code = excluded.exit_code,
        interrupted = excluded.interrupted
    WHERE excluded.ended > coalesce(ended, 0)"""
_LATER = "coalesce(json_extract(excluded.progress, '$.changed'), 0) >= coalesce(json_extract(progress, '$.changed'), 0)"
_TAKE_STEPS = f"""
    INSERT INTO step (run, repository, number, body, repository_id, since, intended_at, outcome, progress)
    SELECT run, repository, number, body, repository_id, since,
        iif(:writing AND outcome IS NULL AND {STEPS_ONLY},
            coalesce(intended_at, (SELECT started FROM other.run WHERE id = :run)), intended_at),
        outcome, progress
    FROM other.step WHERE run = :run
    ON CONFLICT (run, repository) DO UPDATE SET repository_id = coalesce(excluded.repository_id, repository_id),
        since = coalesce(excluded.since, since), intended_at = excluded.intended_at,
        outcome = coalesce(excluded.outcome, outcome),
        body = iif({_LATER}, excluded.body, body), progress = iif({_LATER}, excluded.progress, progress)
    WHERE excluded.intended_at IS NOT intended_at OR excluded.since IS NOT since
        OR (excluded.outcome IS NOT NULL AND excluded.outcome IS NOT outcome)
        OR ((excluded.progress IS NOT progress OR excluded.body IS NOT body) AND {_LATER})"""  # noqa: S608 - ours


class Publisher(Protocol):
    """Publishes recorded runs to other machines."""

    def publish_start(self, run: str) -> None:
        """Publish a run before its first write; raises `JournalError`, and then nothing may be written."""
        ...

    def check(self) -> None:
        """Raise `JournalError` if nothing more may be written."""
        ...

    def publish_end(self, run: str) -> None:
        """Publish the end of a run; raises `JournalError`."""
        ...


class Writer:
    """The one writing connection, used by one thread at a time; `problem` is the first unreported failure.

    A commit outlives the process; `sync` makes it outlive the machine. Threads wait for the disk concurrently, outside
    of the lock: syncing many commits takes as long as syncing one.
    """

    def __init__(
        self, connection: sqlite3.Connection, path: Path, now: Callable[[], float], publisher: Publisher | None = None
    ) -> None:
        self._connection = connection
        self._path = path
        self._lock = threading.Lock()
        self._ahead: int | None = None  # descriptor of the write-ahead log, which stays one file while it is open here
        self.problem: Diagnostic | None = None
        self.now = now
        self.publisher = publisher

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Commit the block entirely or not at all; raises `JournalError`."""
        with self._lock, reported(self._path):
            self._connection.execute("BEGIN IMMEDIATE")
            with self._connection:
                yield self._connection

    def sync(self) -> None:
        """Flush everything committed to the disk; raises `JournalError`."""
        with reported(self._path):
            with self._lock:
                if self._ahead is None:
                    ahead = self._path.with_name(f"{self._path.name}-wal")
                    # Where the file system has no write-ahead log, each commit waits for the disk.
                    self._ahead = os.open(ahead, os.O_RDWR) if ahead.exists() else None
            if self._ahead is not None:
                os.fsync(self._ahead)

    def close(self) -> None:
        """Close the file."""
        if self._ahead is not None:
            os.close(self._ahead)
            self._ahead = None

    def write_durable(self, statement: str, row: tuple[Any, ...]) -> None:
        """Update a row and flush it to the disk before returning; raises `JournalError`."""
        with self.transaction() as connection:
            connection.execute(statement, row)
        self.sync()

    def enqueue(self, statement: str, rows: Iterable[tuple[Any, ...]]) -> None:
        """Update rows; a failure is kept in `problem`."""
        try:
            with self.transaction() as connection:
                connection.executemany(statement, rows)
        except JournalError as error:
            self.keep_problem(error)

    def take_over(self, other: Path, runs: Collection[str], *, writing: bool) -> bool:
        """Copy some runs from another journal file; return whether anything was new. Raises `JournalError`."""
        with reported(other):
            # Read-only, as a writing transaction would otherwise lock the other file, too.
            self._connection.execute("ATTACH ? AS other", (f"{other.absolute().as_uri()}?mode=ro",))
        try:
            before = self._connection.total_changes
            with self.transaction() as connection:
                for run in sorted(runs):
                    for statement in (_TAKE_RUN, _TAKE_STEPS):
                        connection.execute(statement, {"run": run, "writing": writing})
            return self._connection.total_changes > before
        finally:
            self._connection.execute("DETACH other")

    def keep_problem(self, error: JournalError) -> None:
        """Keep a failure, unless there is an earlier one."""
        self.problem = self.problem or error.diagnostic


def begin_run(writer: Writer, header: RunHeader, plan: Plan, waves: Iterable[Iterable[AnyStep]] = ()) -> "RunRecord":
    """Record a run with every step that it will attempt, durably; raises `JournalError`."""
    wave_of = {step.key: number for number, wave in enumerate(waves, start=1) for step in wave}
    with writer.transaction() as connection:
        id_ = _insert_run(connection, header, writer.now())
        connection.executemany(
            "INSERT INTO step (run, repository, number, body, outcome) VALUES (?, ?, ?, ?, ?)",
            _rows(id_, plan, wave_of),
        )
        connection.execute("UPDATE holder SET run = ? WHERE pid = ?", (id_, os.getpid()))
    writer.sync()
    try:
        return resume_run(writer, id_)
    except JournalError:
        writer.write_durable(_END, (writer.now(), _FAILED, False, id_))
        raise


def resume_run(writer: Writer, id_: str) -> "RunRecord":
    """Publish a run and continue recording it; raises `JournalError`."""
    if writer.publisher is not None:
        writer.publisher.publish_start(id_)
    return RunRecord(writer, id_)


class RunRecord:
    """The record of one run, written by the engine."""

    def __init__(self, writer: Writer, id_: str) -> None:
        self._writer = writer
        self.id = id_

    @property
    def problem(self) -> Diagnostic | None:
        """Return the first recording failure."""
        return self._writer.problem

    def about_to_write(self, step: AnyStep, *, repository_id: str | None, since: float) -> None:
        """Record durably what is about to be sent; raises `RecordFailed` on failure."""
        try:
            if self._writer.publisher is not None:
                self._writer.publisher.check()
            self._writer.write_durable(_INTENT, (repository_id, since, self._writer.now(), self.id, step.key))
        except JournalError as error:
            self._writer.keep_problem(error)
            raise RecordFailed(error.diagnostic) from None

    def finished(self, outcome: Outcome) -> None:
        """Record a step's outcome; a failure is kept in `problem`."""
        self._writer.enqueue(_OUTCOME, [(dump(encode_outcome(outcome)), self.id, outcome.step.key)])

    def seen(self, progress: Sequence[Progress]) -> None:
        """Record the progress of builds; a failure is kept in `problem`."""
        whole = [one for one in progress if not one.target.tags]
        self._writer.enqueue(_PROGRESS, [(dump(encode_progress(one)), self.id, one.target.repository) for one in whole])
        by_tag = [one for one in progress if one.target.tags]
        if by_tag:
            self._writer.enqueue(_TAGS, [(self.id, *row) for row in tag_rows(effect_of(one.target) for one in by_tag)])
            rows = [(dump(encode_progress(one)), self.id, tags_key(one.target)) for one in by_tag]
            self._writer.enqueue(_PROGRESS, rows)

    def end(self, *, exit_code: int, interrupted: bool) -> None:
        """Record the end of the run; a failure is kept in `problem`."""
        try:
            self._writer.write_durable(_END, (self._writer.now(), int(exit_code), interrupted, self.id))
            if self._writer.publisher is not None:
                self._writer.publisher.publish_end(self.id)
        except JournalError as error:
            self._writer.keep_problem(error)


def _insert_run(connection: sqlite3.Connection, header: RunHeader, started: float) -> str:
    moment = datetime.fromtimestamp(started, UTC)
    id_ = f"{moment:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
    while connection.execute("SELECT 1 FROM run WHERE id = ?", (id_,)).fetchone():
        id_ = f"{moment:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
    organization = header.organization
    who = (header.kind.value, header.user, header.host, header.tool_version, header.api)
    what = (organization.id, organization.name, header.source, header.pid, started)
    connection.execute(
        "INSERT INTO run (id, kind, user, host, tool_version, api, organization_id, organization_name, source, pid,"
        " started) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (id_, *who, *what),
    )
    return id_


def _rows(id_: str, plan: Plan, wave_of: Mapping[str, int]) -> Iterator[tuple[str, str, int, str, str | None]]:
    for number, step in enumerate((*plan.overlay_steps, *plan.steps)):
        if step.writes or step.action is Action.UNKNOWN or (plan.skip_blocked and step.action is Action.BLOCKED):
            wave = {"wave": wave_of[step.key]} if wave_of.get(step.key, 1) > 1 else {}
            yield id_, step.key, number, dump({**encode_step(step), **wave}), _known(step)
    first = len(plan.overlay_steps) + len(plan.steps)
    for number, (key, body) in enumerate(tag_rows(plan.effects), start=first):
        yield id_, key, number, body, None


def _known(step: AnyStep) -> str | None:
    """Return the outcome of a step that could not be planned, known from the start."""
    reason = Skip.BLOCKED if step.action is Action.BLOCKED else Skip.UNREADABLE
    return None if step.writes else dump(encode_outcome(NotAttempted(step=step, reason=reason)))
