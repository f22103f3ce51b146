"""The journal: what is recorded comes back as it was, whenever the process dies, and what cannot be used is told."""

import errno
import sqlite3
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconciler.core.bindings import SelectorKind, TagSelector
from reconciler.core.builds import Build, BuildConfig, Progress, Result, Stage, Sync, Target, prove
from reconciler.core.diff import Field, Item, diff, items_of
from reconciler.core.overlay import EMPTY, Overlay
from reconciler.core.plan import Plan
from reconciler.core.progress import begin
from reconciler.core.runs import (
    Applied,
    Drifted,
    Failed,
    FailureKind,
    NotAttempted,
    Outcome,
    RecordFailed,
    RunHeader,
    RunKind,
    RunState,
    Skip,
    Unchanged,
)
from reconciler.core.state import Organization
from reconciler.core.steps import (
    Action,
    BindingStep,
    OverlayStep,
    Reach,
    Reason,
    ReasonCode,
    Scope,
    ScopeKind,
    Step,
    TagEffect,
)
from reconciler.diagnostics import Diagnostic
from reconciler.journal import JournalBusy, JournalError, database, open_journal, read_journal
from tests.support.examples import examples
from tests.support.overlays import overlay, overlays

ORGANIZATION = Organization(id="0" * 40, name="example.com")
HEADER = RunHeader(
    kind=RunKind.APPLY,
    user="ada",
    host="box",
    tool_version="1.0",
    api="emulator",
    organization=ORGANIZATION,
    source="manifests/",
    pid=7,
)
WANTED = overlay({"packages": ["git"], "environment": {"A": "b"}})


def now() -> float:
    return 1_700_000_000.0


def step(name: str = "one", before: Overlay = EMPTY, after: Overlay = WANTED) -> Step:
    return Step(
        repository=name,
        id="0" * 40 + "/1",
        action=Action.UPDATE,
        reason=Reason(code=ReasonCode.DIFFERS),
        place=None,
        changes=diff(before, after),
        before=before,
        after=after,
    )


def plan(*steps: Step) -> Plan:
    return Plan(organization=ORGANIZATION, steps=steps)


def outcomes(about: Step, now_: Overlay) -> list[Outcome]:
    problem = Diagnostic(code="no", summary="it was refused", hint="ask")
    return [
        Applied(step=about, repository_id="r", since=12.5, read_back=True),
        Unchanged(step=about),
        Drifted(step=about, now=now_),
        *(Failed(step=about, kind=kind, problem=problem) for kind in FailureKind),
        *(NotAttempted(step=about, reason=reason) for reason in Skip),
    ]


def followed(about: Step) -> Progress:
    assert about.before is not None
    assert about.after is not None
    config = BuildConfig(entries=frozenset(items_of(about.after)), parts=frozenset(Field))
    first = Build(
        id="b1",
        repository_id="r",
        started=13.0,
        ended=14.0,
        result=Result.SUCCESS,
        config=config,
        digest="sha256:1",
        warnings=("odd",),
    )
    second = Build(id="b2", repository_id="r", started=None, ended=None, result=Result.RUNNING)
    return Progress(
        target=Target(repository=about.repository, id="r", before=about.before, after=about.after, since=12.5),
        stage=Stage.BUILDING,
        builds=(first, second),
        sync=Sync.QUEUED,
        queue_seen=True,
        changed=15.5,
    )


@settings(max_examples=examples(30), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(before=overlays(), after=overlays(), which=st.integers(min_value=0, max_value=30))
def test_what_is_recorded_comes_back(
    tmp_path_factory: pytest.TempPathFactory, before: Overlay, after: Overlay, which: int
) -> None:
    folder = tmp_path_factory.mktemp("journal")
    about = step(before=before, after=after)
    found = outcomes(about, before)
    outcome = found[which % len(found)]
    with open_journal(folder, now=now) as journal:
        record = journal.begin(HEADER, plan(about))
        record.about_to_write(about, repository_id="r", since=12.5)
        record.finished(outcome)
        record.seen([followed(about)])
        record.end(exit_code=4, interrupted=False)
        assert record.problem is None
    with read_journal(folder) as journal:
        (run,) = journal.runs()
    assert (run.header, run.started, run.ended, run.exit_code, run.state) == (HEADER, now(), now(), 4, RunState.ENDED)
    (kept,) = run.steps
    assert (kept.step, kept.outcome, kept.progress) == (about, outcome, followed(about))
    assert (kept.repository_id, kept.since, kept.intended_at) == ("r", 12.5, now())


def test_the_versions_of_asked_packages_are_kept_and_the_rest_of_the_image_is_not(tmp_path: Path) -> None:
    about = step()
    base = frozenset({Item(Field.PACKAGES, "glibc", "glibc=2.40-r0"), Item(Field.PACKAGES, "git", "git=2.47.1-r0")})
    environment = Item(Field.ENVIRONMENT, "A", "b")
    config = BuildConfig(entries=base | {environment}, parts=frozenset({Field.PACKAGES, Field.ENVIRONMENT}))
    build = Build(id="b", repository_id="r", started=1.0, ended=2.0, result=Result.SUCCESS, config=config)
    watch = followed(about).target
    known = Progress(target=watch, stage=Stage.DONE, builds=(build,), sync=Sync.IDLE, queue_seen=False, changed=1.0)
    with open_journal(tmp_path, now=now) as journal:
        journal.begin(HEADER, plan(about)).seen([known])
        progress = journal.run(None).steps[0].progress
    assert progress is not None
    (kept,) = progress.builds
    assert kept.config is not None
    assert {entry.key for entry in kept.config.entries} == {"git", "A"}
    assert prove(kept, watch) == prove(build, watch)


def test_a_step_that_could_not_be_planned_is_recorded_as_not_attempted(tmp_path: Path) -> None:
    unknown = Step(
        repository="x", id=None, action=Action.UNKNOWN, reason=Reason(code=ReasonCode.UNREADABLE), place=None
    )
    with open_journal(tmp_path, now=now) as journal:
        journal.begin(HEADER, plan(step(), unknown))
        found = {one.step.label: one.outcome for one in journal.run(None).steps}
    assert found == {"one": None, "x": NotAttempted(step=unknown, reason=Skip.UNREADABLE)}


_DIES = """
import os, sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from tests.journal.test_journal import HEADER, now, plan, step, outcomes, followed, EMPTY
from reconciler.journal import open_journal
journal = open_journal(Path({folder!r}), now=now)
lock = journal.lock()
lock.__enter__()
record = journal.begin(HEADER, plan(step()))
for todo in (
    lambda: record.about_to_write(step(), repository_id="r", since=12.5),
    lambda: record.finished(outcomes(step(), EMPTY)[0]),
    lambda: record.seen([followed(step())]),
)[:{done}]:
    todo()
os.kill(os.getpid(), 9)
"""


@pytest.mark.parametrize("done", [0, 1, 2, 3])
def test_a_process_that_is_killed_leaves_all_that_it_recorded_and_no_lock(tmp_path: Path, done: int) -> None:
    code = _DIES.format(tests=str(Path(__file__).parents[2]), folder=str(tmp_path), done=done)
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -9
    with read_journal(tmp_path) as journal:
        run = journal.run(None)
    (kept,) = run.steps
    assert run.state is RunState.CRASHED
    assert [kept.intended_at is not None, kept.outcome is not None, kept.progress is not None] == [
        done > number for number in range(3)
    ]
    with open_journal(tmp_path, now=now) as journal, journal.lock():
        assert journal.run(None).state is RunState.CRASHED


def test_the_second_of_two_holders_is_refused_and_the_holder_is_named(tmp_path: Path) -> None:
    with open_journal(tmp_path, now=now) as first, first.lock():
        id_ = first.begin(HEADER, plan(step())).id
        who = r"process \d+ of .* since 2023-11-14 22:13:20Z"
        with open_journal(tmp_path, now=now) as second, pytest.raises(JournalBusy, match=who), second.lock():
            pytest.fail("two at once")
        with read_journal(tmp_path) as reader:
            assert reader.run(id_).state is RunState.RUNNING
    with open_journal(tmp_path, now=now) as third, third.lock():
        assert third.run(id_).state is RunState.CRASHED


def test_many_threads_record_at_once(tmp_path: Path) -> None:
    steps = [step(f"r{number:02}") for number in range(24)]
    with open_journal(tmp_path, now=now) as journal:
        record = journal.begin(HEADER, plan(*steps))

        def work(mine: list[Step]) -> None:
            for one in mine:
                record.about_to_write(one, repository_id=None, since=1.0)
                record.finished(Unchanged(step=one))

        threads = [threading.Thread(target=work, args=(steps[number::4],)) for number in range(4)]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
        assert [one.outcome for one in journal.run(None).steps] == [Unchanged(step=one) for one in steps]
        assert record.problem is None


def test_a_full_disk_stops_the_next_write_and_is_remembered_after_one(tmp_path: Path) -> None:
    steps = [step(f"r{number}") for number in range(5)]
    with open_journal(tmp_path, now=now) as journal:
        record = journal.begin(HEADER, plan(*steps))
        assert journal._connection is not None
        (pages,) = journal._connection.execute("PRAGMA page_count").fetchone()
        journal._connection.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(JournalError, match="the disk is full"):
            journal.begin(HEADER, plan(*(step(f"r{number}") for number in range(500))))
        assert len(journal.runs()) == 1
        long = Diagnostic(code="no", summary="x" * 100_000)
        record.finished(Failed(step=steps[0], kind=FailureKind.OTHER, problem=long))
        assert record.problem is not None
        assert record.problem.code == "journal-full"


def test_an_intent_that_cannot_be_recorded_is_reported(tmp_path: Path) -> None:
    journal = open_journal(tmp_path, now=now)
    record = journal.begin(HEADER, plan(step()))
    journal.close()
    with pytest.raises(RecordFailed, match="cannot use the journal"):
        record.about_to_write(step(), repository_id=None, since=1.0)


def test_a_folder_that_cannot_be_made_or_written_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(JournalError, match="cannot use the journal"):
        open_journal(tmp_path / "file", now=now)
    open_journal(tmp_path / "there", now=now).close()
    connect = sqlite3.connect

    def readonly(path: Path, **options: object) -> sqlite3.Connection:
        return connect(f"{path.as_uri()}?mode=ro", uri=True, isolation_level=None)

    monkeypatch.setattr(database.sqlite3, "connect", readonly)  # type: ignore[attr-defined]
    with pytest.raises(JournalError, match="readonly") as caught:
        open_journal(tmp_path / "there", now=now)
    assert "writable folder" in caught.value.diagnostic.hint


@pytest.mark.parametrize("opened", [read_journal, lambda folder: open_journal(folder, now=now)])
@pytest.mark.parametrize("kind", ["newer", "foreign", "damaged"])
def test_a_file_that_is_not_ours_is_refused_and_left_as_it_is(tmp_path: Path, kind: str, opened: object) -> None:
    path = tmp_path / "journal.db"
    if kind == "damaged":
        path.write_bytes(b"no database at all" * 500)
    else:
        with sqlite3.connect(path) as connection:
            connection.execute("CREATE TABLE t (x)")
            connection.execute("PRAGMA user_version = 99")
            if kind == "newer":
                connection.execute(f"PRAGMA application_id = {database.APPLICATION_ID}")
        connection.close()
    before = path.read_bytes()
    with pytest.raises(JournalError) as caught:
        opened(tmp_path)  # type: ignore[operator]
    assert caught.value.diagnostic.code == f"journal-{kind}"
    assert path.read_bytes() == before


def test_an_older_schema_is_migrated_and_keeps_its_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_journal(tmp_path, now=now) as journal:
        id_ = journal.begin(HEADER, plan(step())).id
    later = (*database.MIGRATIONS, ("ALTER TABLE run ADD COLUMN later TEXT",))
    monkeypatch.setattr(database, "MIGRATIONS", later)
    with open_journal(tmp_path, now=now) as journal:
        assert journal.run(None).id == id_
    monkeypatch.undo()
    with pytest.raises(JournalError, match="schema version 3"):
        open_journal(tmp_path, now=now)


def test_a_missing_journal_is_empty_and_stays_missing(tmp_path: Path) -> None:
    with read_journal(tmp_path / "none") as journal:
        assert journal.runs() == ()
        with pytest.raises(JournalError, match="no runs"):
            journal.run(None)
    assert not (tmp_path / "none").exists()


def test_a_run_is_found_by_the_beginning_of_its_id(tmp_path: Path) -> None:
    with open_journal(tmp_path, now=now) as journal:
        older, newer = (journal.begin(HEADER, plan(step())).id for _ in range(2))
        assert [run.id for run in journal.runs()] == [newer, older]
        assert journal.run(None).id == newer
        assert journal.run(older).id == older
        with pytest.raises(JournalError, match="several run ids"):
            journal.run("2023")
        with pytest.raises(JournalError, match="no run"):
            journal.run("%")


def test_the_file_is_for_its_owner_alone_and_git_leaves_it(tmp_path: Path) -> None:
    with open_journal(tmp_path / "w", now=now) as journal:
        journal.begin(HEADER, plan(step()))
        modes = {one.name: one.stat().st_mode & 0o777 for one in (tmp_path / "w").glob("journal.db*")}
    assert set(modes.values()) == {0o600}
    assert (tmp_path / "w" / ".gitignore").read_text() == "*\n"


def test_a_copy_without_the_shared_files_is_read_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    with open_journal(tmp_path / "w", now=now) as journal:
        id_ = journal.begin(HEADER, plan(step())).id
        for name in ("journal.db", "journal.db-wal"):
            (copy / name).write_bytes((tmp_path / "w" / name).read_bytes())
    checked = database._checked

    def no_shared_memory(path: Path, known_as: Path, how: str) -> sqlite3.Connection:
        if path.parent == copy and how == "mode=ro":
            raise sqlite3.OperationalError("unable to open database file")
        return checked(path, known_as, how)

    monkeypatch.setattr(database, "_checked", no_shared_memory)
    with read_journal(copy) as journal:
        assert journal.run(None).id == id_
    assert sorted(one.name for one in copy.iterdir()) == ["journal.db", "journal.db-wal"]


def test_a_file_whose_maker_died_before_there_was_anything_in_it_is_empty(tmp_path: Path) -> None:
    (tmp_path / "journal.db").touch()
    with read_journal(tmp_path) as journal:
        assert journal.runs() == ()
    with open_journal(tmp_path, now=now) as journal:
        assert journal.latest() is None


def test_a_disk_without_room_for_the_folder_is_full_as_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_room(_: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("reconciler.journal.database.make_private_folder", no_room)
    with pytest.raises(JournalError) as raised:
        open_journal(tmp_path, now=now)
    assert raised.value.diagnostic.code == "journal-full"


def test_the_latest_run_is_the_newest_that_was_to_write(tmp_path: Path) -> None:
    with open_journal(tmp_path, now=now) as journal:
        wrote = journal.begin(HEADER, plan(step()))
        journal.begin(HEADER, plan())
        latest = journal.latest()
        assert latest is not None
        assert latest.id == wrote.id
        assert [one.id for one in journal.later(latest)] == [one.id for one in journal.runs() if one.id != wrote.id]


ALL = TagSelector(kind=SelectorKind.ALL)


def overlay_steps() -> tuple[OverlayStep, BindingStep, BindingStep]:
    reason = Reason(code=ReasonCode.DIFFERS)
    scope = Scope(kind=ScopeKind.REPOSITORY, id=f"{ORGANIZATION.id}/1", label="one")
    bind = BindingStep(
        scope=scope, overlay="one", overlay_id=None, id=None, action=Action.CREATE, reason=reason, place=None, after=ALL
    )
    gone = replace(
        bind, overlay="old", overlay_id="o", id=f"{scope.id}/7", action=Action.DELETE, before=ALL, after=None
    )
    create = OverlayStep(
        name="one",
        id=None,
        action=Action.CREATE,
        reason=reason,
        place=None,
        changes=diff(EMPTY, WANTED),
        after=WANTED,
        reaches=Reach(repositories=("one",), tags=2),
    )
    return create, bind, gone


def test_overlays_bindings_and_the_tags_that_they_change_come_back_as_they_were(tmp_path: Path) -> None:
    """An overlay, a binding and a repository of one name are three steps."""
    create, bind, gone = overlay_steps()
    effect = TagEffect(repository="one", id=f"{ORGANIZATION.id}/1", tags=("1", "2"), before=EMPTY, after=WANTED)
    planned = replace(plan(step()), overlay_steps=(create, bind, gone), effects=(effect,))
    outcomes: tuple[Outcome, ...] = (
        Applied(step=create, repository_id="overlay-id", since=3.0),
        Drifted(step=bind, now=TagSelector(kind=SelectorKind.EXACT, tags=("1",))),
        Drifted(step=gone, now=None),
    )
    other = replace(effect, tags=("1",), after=EMPTY)
    targets = [
        Target(repository="one", id=one.id, before=one.before, after=one.after, since=2.0, tags=one.tags)
        for one in (effect, other)
    ]
    progress = tuple(begin(target, now=4.0) for target in targets)
    with open_journal(tmp_path, now=now) as journal:
        record = journal.begin(HEADER, planned)
        record.about_to_write(create, repository_id=None, since=3.0)
        for outcome in outcomes:
            record.finished(outcome)
        record.seen(progress)
        record.seen((replace(progress[0], stage=Stage.DONE),))
        assert record.problem is None
        run = journal.run(None)
        (summary,) = journal.summaries()
    assert [one.step for one in run.steps] == [create, bind, gone, step()]
    assert [one.outcome for one in run.steps] == [*outcomes, None]
    assert run.effects == (effect, other)
    assert run.followed == (replace(progress[0], stage=Stage.DONE), progress[1])
    assert summary.outcomes == {"applied": 1, "stale": 2, "not_attempted": 1}
