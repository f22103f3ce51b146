"""`--journal URL`: runners killed at every step, two at once, storages that fail, and what another runner then sees."""

import json
import re
import shutil
import signal
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from reconciler.api.writer import WriteClient
from reconciler.cli import main
from reconciler.emulator import EmulatorSettings
from reconciler.journal.owner_lock import LEASE
from reconciler.journal.storage import Storage
from tests.support.buckets import S3, SECRET
from tests.support.crashing import MOMENTS, WRITES, note_writes, run_until
from tests.support.program import Program, Result, without_run, write_manifest

NAMES = ("custom-nginx", "orders-api")
MANIFEST = "organization: example.com\nrepositories:\n" + "".join(f"  {name}: {{packages: [curl]}}\n" for name in NAMES)
# Everything that an apply of two repositories does to the storage, the journal and the API; in a folder, each object is
# read again before it is replaced.
MOMENTS_OF = {"folder": 23, "s3": 34}


def apply_until(moment: int, kind: str, url: str, s3: S3) -> int | None:
    """An apply on a machine that dies at the moment; on S3 it shares everything at once, as if time went by."""
    argv = ["apply", "--yes", "--parallelism", "1", "--journal", url]
    return run_until(moment, argv, s3.environment(), sharing=kind == "s3")


def another_machine(program: Program) -> None:
    """Leave nothing of what the machine knew but the API."""
    shutil.rmtree(".reconciler/shared", ignore_errors=True)
    program.clock.time += 10_000


def history(program: Program, url: str) -> list[dict[str, Any]]:
    result = program.run("history", "--format", "json", "--journal", url)
    assert result.code == 0, result.err
    runs: list[dict[str, Any]] = json.loads(result.out)["runs"]
    return runs


def packages(program: Program) -> list[Any]:
    with program.emulator() as emulator:
        overlays = [emulator.repository(name)["customOverlay"] for name in NAMES]
    return [(one or {}).get("contents", {}).get("packages") for one in overlays]


@pytest.fixture
def shared(program: Program, place: str) -> Program:
    """A program whose environment names a shared journal."""
    write_manifest(MANIFEST)
    program.environ["RECONCILER_JOURNAL"] = place
    program.settings = EmulatorSettings(automatic_rebuilds=False, stagger=0.0)
    return program


@pytest.mark.parametrize("kind", MOMENTS_OF)
def test_the_moments_are_those_of_a_whole_apply(program: Program, kind: str, s3: S3) -> None:
    write_manifest(MANIFEST)
    url = "file:storage" if kind == "folder" else s3.bucket()
    assert apply_until(MOMENTS_OF[kind], kind, url, s3) == 0
    assert len(MOMENTS.read_text(encoding="utf-8").splitlines()) == MOMENTS_OF[kind]


# All but the last of its five looks at the builds, which are the same.
KILLED = {"folder": (*range(15), *range(18, 23)), "s3": (*range(19), *range(31, 34))}

BEFORE_FIRST_WRITE = 8


@pytest.mark.parametrize(("kind", "moment"), [(kind, moment) for kind, all_ in KILLED.items() for moment in all_])
def test_the_next_runner_continues_after_a_kill(
    program: Program, kind: str, moment: int, s3: S3, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_manifest(MANIFEST)
    url = "file:storage" if kind == "folder" else s3.bucket()
    assert apply_until(moment, kind, url, s3) == -signal.SIGKILL
    another_machine(program)
    died = history(program, url)
    for run in died:
        _check_true(run)
    assert program.run("unlock", "--yes", "--journal", url).code == 0
    note_writes(monkeypatch.setattr)
    applied = program.run("apply", "--yes", "--no-wait", "--journal", url)
    assert applied.code == 0, applied.err
    assert all("curl" in (found or []) for found in packages(program))
    assert Counter(WRITES.read_text(encoding="utf-8").split()) == dict.fromkeys(NAMES, 1)
    second, *others = history(program, url)
    assert (second["state"], second["exit_code"], others) == ("ended", 0, died)
    if died:
        assert program.run("wait", died[0]["id"], "--journal", url).code in (0, 3)
        settled = history(program, url)[-1]
        assert (settled["id"], settled["counts"]["unknown"]) == (died[0]["id"], 0)
        assert settled["counts"]["applied"] + second["counts"]["applied"] == len(NAMES)
    else:
        assert second["counts"]["applied"] == len(NAMES)


def _check_true(run: dict[str, Any]) -> None:
    """Whatever was written is told as applied or as unknown, and nothing is told as applied that was not written."""
    arrived = len(WRITES.read_text(encoding="utf-8").split()) if WRITES.exists() else 0
    counts = run["counts"]
    assert run["state"] in ("crashed", "ended")
    assert counts["applied"] <= arrived <= counts["applied"] + counts["unknown"]
    if run["state"] == "ended":
        assert (run["exit_code"], counts["applied"]) == (0, len(NAMES))


class Asking:
    """A person at the question, who looks at something else before the answer."""

    def __init__(self, look: Any, answer: str = "no\n") -> None:
        self._look = look
        self._answer = answer

    def isatty(self) -> bool:
        return True

    def readline(self) -> str:
        self._look()
        return self._answer


def at_the_question(program: Program, look: Any, answer: str = "no\n", path: str = "manifests") -> tuple[int, str]:
    """Run an apply and look at something while it asks."""
    ctx = program.world(answer="")
    ctx.stdin = Asking(look, answer)  # type: ignore[assignment]
    return main(["apply", path], ctx), ctx.stderr.getvalue()  # type: ignore[attr-defined]


def test_a_second_runner_is_refused_and_the_first_is_named(
    shared: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Result] = []

    def look() -> None:
        (tmp_path / "other").mkdir()
        with monkeypatch.context() as elsewhere:
            elsewhere.chdir(tmp_path / "other")
            write_manifest(MANIFEST)
            seen.extend([shared.run("apply", "--yes"), shared.run("unlock", "--yes")])

    assert at_the_question(shared, look)[0] == 5
    refused, unlock = seen
    assert refused.code == 5
    assert "another run holds the lock of the shared journal" in refused.err
    assert "wait for it to finish" in refused.err
    assert "Apply refused" in refused.err
    assert unlock.code == 5
    assert "its run may still be writing" in unlock.err
    assert shared.run("apply", "--yes", "--no-wait").code == 0


def test_owners_apply_side_by_side(shared: Program) -> None:
    for name, owner in zip(NAMES, ("team-a", "team-b"), strict=True):
        text = f"organization: example.com\nowner: {owner}\nrepositories: {{{name}: {{packages: [curl]}}}}\n"
        write_manifest(text, f"both/{owner}.yaml")
    seen: list[Result] = []

    def look() -> None:
        paths = (["both"], ["both", "--owner", "team-a"], ["both/team-b.yaml"])
        seen.extend(shared.run("apply", *words, "--yes", "--no-wait") for words in paths)

    assert at_the_question(shared, look, "yes\n", "both/team-a.yaml")[0] == 0
    assert [result.code for result in seen] == [5, 5, 0]
    assert all("curl" in (found or []) for found in packages(shared))
    assert [run["counts"]["applied"] for run in history(shared, shared.environ["RECONCILER_JOURNAL"])] == [1, 1]


def test_a_run_is_known_to_every_command_on_another_machine(shared: Program) -> None:
    assert shared.run("apply", "--yes", "--no-wait").code == 0
    another_machine(shared)
    assert not Path(".reconciler/journal.db").exists()
    (known,) = history(shared, shared.environ["RECONCILER_JOURNAL"])
    assert "No drift" in shared.run("drift").out
    waited = shared.run("wait")
    assert waited.code == 0, waited.err
    assert "Wait complete" in waited.out
    (settled,) = history(shared, shared.environ["RECONCILER_JOURNAL"])
    assert settled["builds"]["success"] > 0
    reverted = shared.run("revert", known["id"], "--yes", "--no-wait")
    assert reverted.code == 0, reverted.err
    another_machine(shared)
    assert [one["kind"] for one in history(shared, shared.environ["RECONCILER_JOURNAL"])] == ["revert", "apply"]
    assert "reverted; an apply writes it again" in shared.run("plan").err


def test_a_paused_run_is_resumed_on_another_machine(shared: Program) -> None:
    paused = shared.run("apply", "--yes", "--batch", "1,rest", "--pause-after", "1")
    assert [("curl" in str(found)) for found in packages(shared)] == [True, False], paused.err
    another_machine(shared)
    resumed = shared.run("resume")
    assert resumed.code == 0, resumed.err
    assert all("curl" in str(found) for found in packages(shared))
    another_machine(shared)
    second, first = history(shared, shared.environ["RECONCILER_JOURNAL"])
    assert (first["counts"]["applied"], second["counts"]["applied"]) == (1, 1)


def test_a_write_that_never_arrived_is_resumed_on_a_third_machine(
    program: Program, s3: S3, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first one is killed between the intent and the write, and the second one finds that nothing arrived."""
    write_manifest(MANIFEST)
    url = "file:storage"
    assert apply_until(BEFORE_FIRST_WRITE, "folder", url, s3) == -signal.SIGKILL
    assert MOMENTS.read_text(encoding="utf-8").splitlines()[-1] == "before write_overlay"
    another_machine(program)
    assert program.run("unlock", "--yes", "--journal", url).code == 0
    assert program.run("wait", "--journal", url).code == 3
    another_machine(program)
    note_writes(monkeypatch.setattr)
    resumed = program.run("resume", "--journal", url)
    assert resumed.code == 0, resumed.err
    assert Counter(WRITES.read_text(encoding="utf-8").split()) == dict.fromkeys(NAMES, 1)


def test_unlock_breaks_the_lock_of_a_killed_runner_after_asking(program: Program, s3: S3) -> None:
    write_manifest(MANIFEST)
    assert apply_until(8, "folder", "file:storage", s3) == -signal.SIGKILL
    program.environ["RECONCILER_JOURNAL"] = "file:storage"
    (died,) = history(program, "file:storage")
    assert died["state"] == "crashed"  # seen at once on its own machine
    assert "reconciler unlock" in program.run("apply", "--yes").err
    assert program.run("unlock").code == 5
    canceled = program.run("unlock", answer="y\n")
    assert (canceled.code, canceled.out) == (5, "")
    assert "Unlock canceled" in canceled.err
    unlocked = program.run("unlock", answer="yes\n")
    assert unlocked.code == 0
    assert without_run(unlocked.out) == "Lock broken. To find out what its run came to: reconciler wait RUN\n"
    assert program.run("unlock").out == "No lock is held.\n"
    assert program.run("apply", "--yes", "--no-wait").code == 0


def test_a_broken_lock_stops_the_run_before_its_first_write(shared: Program) -> None:
    def unlock() -> None:
        shared.clock.time += LEASE + 1
        assert shared.run("unlock", "--yes").code == 0

    code, err = at_the_question(shared, unlock, "yes\n")
    assert code == 5
    assert "was broken by another process" in err
    assert "curl" not in str(packages(shared))


def test_a_lock_that_is_broken_between_two_writes_stops_the_second(
    shared: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = WriteClient.write_overlay

    def then_unlocked(client: WriteClient, *args: Any) -> Any:
        answer = write(client, *args)
        shared.clock.time += LEASE + 1
        assert shared.run("unlock", "--yes").code == 0
        return answer

    monkeypatch.setattr(WriteClient, "write_overlay", then_unlocked)
    result = shared.run("apply", "--yes", "--no-wait", "--parallelism", "1")
    assert result.code == 3
    assert "was broken by another process" in result.err
    assert "1 not attempted (orders-api)" in result.out
    assert "curl" not in str(packages(shared)[1])
    another_machine(shared)
    (run,) = history(shared, shared.environ["RECONCILER_JOURNAL"])
    assert (run["exit_code"], run["counts"]["applied"], run["counts"]["not_attempted"]) == (3, 1, 1)


@pytest.fixture
def bucket(program: Program, s3: S3) -> Program:
    """As `shared`, on S3 alone."""
    write_manifest(MANIFEST)
    program.environ["RECONCILER_JOURNAL"] = s3.bucket()
    program.settings = EmulatorSettings(automatic_rebuilds=False, stagger=0.0)
    return program


@pytest.mark.parametrize("command", [("apply", "--yes"), ("history",), ("wait",), ("revert", "x"), ("unlock",)])
def test_a_storage_that_is_down_is_an_error_before_anything_is_written(
    bucket: Program, s3: S3, command: tuple[str, ...]
) -> None:
    s3.fault = lambda _method, _path: "down"
    result = bucket.run(*command)
    assert result.code == 1
    assert "cannot use the shared journal s3://" in result.err
    assert SECRET not in result.out + result.err
    assert "curl" not in str(packages(bucket))


def test_a_plan_needs_no_storage(bucket: Program, s3: S3) -> None:
    s3.fault = lambda _method, _path: "down"
    result = bucket.run("plan")
    assert result.code == 0
    assert result.err.startswith("warning: cannot use the shared journal")


def test_a_storage_that_goes_down_after_the_question_refuses_the_writes(bucket: Program, s3: S3) -> None:
    def go_down() -> None:
        s3.fault = lambda method, path: "down" if method == "PUT" else None

    code, err = at_the_question(bucket, go_down, "yes\n")
    assert code == 1
    assert "cannot use the shared journal" in err
    assert "curl" not in str(packages(bucket))


def test_a_run_outlives_its_storage_and_is_pushed_later(
    bucket: Program, s3: S3, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The storage goes down after the first write."""
    note_writes(monkeypatch.setattr)
    s3.fault = lambda method, _path: "down" if method == "PUT" and WRITES.exists() else None
    applied = bucket.run("apply", "--yes")
    assert applied.code == 0, applied.err
    assert "Apply complete" in applied.out
    assert "journal-not-shared" in applied.err
    assert "reconciler journal push" in applied.err
    assert all("curl" in (found or []) for found in packages(bucket))
    s3.fault = lambda _method, _path: None
    bucket.clock.time += 10_000
    (pushed,) = history(bucket, bucket.environ["RECONCILER_JOURNAL"])
    assert (pushed["exit_code"], pushed["counts"]["applied"]) == (0, 2)  # of this folder
    assert bucket.run("journal", "push").out == f"Pushed run {pushed['id']}.\n"
    assert "Nothing to push" in bucket.run("journal", "push").out
    another_machine(bucket)
    assert history(bucket, bucket.environ["RECONCILER_JOURNAL"]) == [pushed]


def test_a_wait_says_what_it_could_not_record(bucket: Program, s3: S3) -> None:
    assert bucket.run("apply", "--yes", "--no-wait").code == 0
    s3.fault = lambda method, _path: "down" if method == "PUT" else None
    waited = bucket.run("wait")
    assert waited.code == 0
    assert "not recorded" in waited.err


def test_flag_environment_and_settings_file_name_the_journal(program: Program) -> None:
    write_manifest(MANIFEST)
    Path("reconciler.toml").write_text('journal = "file:of-the-file"\n', encoding="utf-8")
    for name in ("file", "environment", "flag"):
        Path(f"of-the-{name}").mkdir()
    assert "file:of-the-file" in program.run("history").out
    program.environ["RECONCILER_JOURNAL"] = "file:of-the-environment"
    assert "file:of-the-environment" in program.run("history").out
    assert "file:of-the-flag" in program.run("history", "--journal", "file:of-the-flag").out
    assert "file:of-the-flag" in program.run("--journal", "file:of-the-flag", "history").out


@pytest.mark.parametrize(
    "command", [("history",), ("wait",), ("resume",), ("revert", "5f3a"), ("drift",), ("unlock",), ("journal", "push")]
)
def test_a_missing_folder_does_not_read_as_an_empty_journal(program: Program, command: tuple[str, ...]) -> None:
    write_manifest(MANIFEST)
    result = program.run(*command, "--journal", "file:mistyped")
    assert (result.code, result.out) == (1, "")
    assert "cannot use the shared journal file:mistyped: the folder does not exist [journal-not-found]" in result.err
    assert not Path("mistyped").exists()


def test_a_plan_warns_of_a_missing_folder_and_the_first_apply_creates_it(program: Program) -> None:
    write_manifest(MANIFEST)
    program.environ["RECONCILER_JOURNAL"] = "file:storage"
    planned = program.run("plan")
    assert planned.code == 0
    assert "warning: cannot use the shared journal file:storage: the folder does not exist" in planned.err
    assert not Path("storage").exists()
    assert re.search(r"^warning +journal ", program.run("doctor").out, re.MULTILINE)
    applied = program.run("apply", "--yes")
    assert applied.code == 0
    assert "note: created the folder of the shared journal file:storage: it holds no earlier runs" in applied.err
    assert Path("storage").stat().st_mode & 0o777 == 0o700  # it holds values in clear text
    assert "[journal-created]" not in program.run("apply", "--yes").err
    assert len(history(program, "file:storage")) == 2


@pytest.mark.parametrize("command", [("unlock",), ("journal", "push")])
def test_commands_of_a_shared_journal_need_its_url(program: Program, command: tuple[str, ...]) -> None:
    result = program.run(*command)
    assert result.code == 64
    assert "RECONCILER_JOURNAL" in result.err


def test_credentials_in_a_url_are_refused_and_never_shown(program: Program) -> None:
    write_manifest(MANIFEST)
    program.environ["RECONCILER_JOURNAL"] = f"s3://key:{SECRET}@bucket/team?sig={SECRET}"
    for command in (("apply", "--yes"), ("plan",), ("history",), ("unlock",), ("doctor",), ("doctor", "--json")):
        result = program.run(*command, "--debug")
        assert SECRET not in result.out + result.err
    assert "s3://bucket/team" in program.run("doctor").out


def test_doctor_reads_the_journal_and_shows_its_lock(bucket: Program, s3: S3) -> None:
    url = bucket.environ["RECONCILER_JOURNAL"]

    def found() -> dict[str, Any]:
        result = bucket.run("doctor", "--org", "example.com", "--json")
        (finding,) = [one for one in json.loads(result.out)["findings"] if one["subject"] == "journal"]
        return {**finding, "code": result.code}

    assert (found()["level"], found()["summary"]) == ("ok", f"{url} can be read; no lock is held")
    seen: list[dict[str, Any]] = []
    at_the_question(bucket, lambda: seen.append(found()))
    assert (seen[0]["level"], seen[0]["hint"], seen[0]["code"]) == ("warning", "", 0)
    assert "process" in seen[0]["detail"]
    s3.fault = lambda _method, _path: "down"
    assert (found()["level"], found()["code"]) == ("error", 1)


def test_the_lock_tells_who_holds_it(shared: Program) -> None:
    found: list[dict[str, Any]] = []

    def look() -> None:
        stored = Storage(shared.environ["RECONCILER_JOURNAL"]).read("locks/default.json")
        assert stored is not None
        found.append(json.loads(stored.data))

    at_the_question(shared, look)
    assert found[0]["owner"] == "default"
    assert found[0]["since"] == found[0]["renewed"] == shared.clock.time
    assert {"user", "host", "pid"} <= found[0].keys()
