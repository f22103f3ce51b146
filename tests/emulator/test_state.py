"""The state file: shared, versioned, never somebody else's."""

import os
import sqlite3
import stat
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from reconciler.emulator import Emulator, EmulatorSettings, StateError, reset
from reconciler.emulator.store import StateFile
from tests.support.emulated import GROUPS, REPORTS, REPOS, Ticks, World, packages
from tests.support.wsgi import call


def put_packages(emulator: Emulator, name: str, *names: str) -> int:
    repo = emulator.repository(name)
    return call(emulator, "PUT", f"{REPOS}/{repo['id']}", body={**repo, "customOverlay": packages(*names)}).status


def live(emulator: Emulator, name: str) -> list[str] | None:
    overlay = emulator.repository(name)["customOverlay"]
    found: list[str] | None = overlay and overlay["contents"]["packages"]
    return found


def test_memory_is_private() -> None:
    first, second = Emulator(), Emulator()
    put_packages(first, "orders-api", "jq")
    assert live(first, "orders-api") == ["jq"]
    assert live(second, "orders-api") is None


def test_the_next_command_sees_what_the_last_one_did(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "state.db"
    clock = Ticks()
    with Emulator(path, clock=clock) as first:
        put_packages(first, "orders-api", "jq")
    clock.advance(2)
    with Emulator(path, clock=clock) as second:
        assert live(second, "orders-api") == ["jq"]
        status = call(second, "GET", f"{REPOS}/{second.repository('orders-api')['id']}:syncstatus")
        assert status.json["status"] == "IN_PROGRESS"
        assert second.requests[0][0] == "GET"
        assert second.writes == 0


def test_overlays_bindings_and_their_builds_are_kept(tmp_path: Path) -> None:
    clock = Ticks()
    with Emulator(tmp_path / "s.db", clock=clock) as first:
        first.bind("tools", "orders-api", "dev", {"environment": {"TOOLS": "1"}})
    clock.advance(2)
    with Emulator(tmp_path / "s.db", clock=clock) as second:
        repo = second.repository("orders-api")["id"]
        (binding,) = call(second, "GET", "/registry/v2beta1/overlayBindings").json["overlayBindings"]
        assert (binding["overlay"]["name"], binding["repo"]) == ("tools", repo)
        assert call(second, "GET", f"{REPOS}/{repo}:syncstatus").json["status"] == "IN_PROGRESS"
        second.bind("tools", "orders-api", None)
    with Emulator(tmp_path / "s.db", clock=clock) as third:
        assert call(third, "GET", "/registry/v2beta1/overlayBindings").json["overlayBindings"] == []


def test_two_emulators_on_one_file_see_the_same_world(tmp_path: Path) -> None:
    clock = Ticks()
    with Emulator(tmp_path / "s.db", clock=clock) as first, Emulator(tmp_path / "s.db", clock=clock) as second:
        put_packages(first, "orders-api", "jq")
        put_packages(second, "custom-nginx", "curl")
        clock.advance(3600)
        for path in (REPOS, REPORTS, "/registry/v1/tags"):
            assert call(first, "GET", path).body == call(second, "GET", path).body
        assert live(first, "custom-nginx") == ["curl"]


@pytest.mark.parametrize("shared", [True, False])
def test_writes_at_the_same_time_lose_nothing(tmp_path: Path, *, shared: bool) -> None:
    database = tmp_path / "s.db"
    settings = EmulatorSettings(automatic_rebuilds=False)
    emulators = [Emulator(database, settings=settings) for _ in range(1 if shared else 4)]
    organization = emulators[0].repository("orders-api")["id"].partition("/")[0]
    listed = call(emulators[0], "GET", REPOS, params=[("uidp.descendantsOf", organization)]).json["items"]
    names = [repo["id"] for repo in listed][:20]

    def write(position: int) -> int:
        return put_packages(emulators[position % len(emulators)], names[position], "jq", f"package-{position}")

    with ThreadPoolExecutor(20) as pool:
        statuses = list(pool.map(write, range(20)))
    assert statuses == [200] * 20
    for position, name in enumerate(names):
        assert live(emulators[-1], name) == ["jq", f"package-{position}"]
    assert sum(emulator.writes for emulator in emulators) == 20
    for emulator in emulators:
        emulator.close()


def test_emulators_may_start_on_a_new_file_at_the_same_time(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        emulators = list(pool.map(lambda _: Emulator(tmp_path / "s.db"), range(8)))
    answers = {call(emulator, "GET", REPOS).body for emulator in emulators}
    assert len(answers) == 1
    for emulator in emulators:
        emulator.close()


def test_processes_share_the_file(tmp_path: Path) -> None:
    program = (
        "import sys, pathlib; from reconciler.emulator import Emulator\n"
        "with Emulator(pathlib.Path(sys.argv[1])) as emulator:\n"
        "    emulator.edit(sys.argv[2], {'environment': {'FROM': sys.argv[2]}})\n"
    )
    names = ("orders-api", "custom-nginx", "edge-proxy")
    running = [subprocess.Popen([sys.executable, "-c", program, tmp_path / "s.db", name]) for name in names]
    assert [process.wait(60) for process in running] == [0, 0, 0]
    with Emulator(tmp_path / "s.db") as emulator:
        for name in names:
            assert emulator.repository(name)["customOverlay"]["environment"] == {"FROM": name}


def test_reset_goes_back_to_the_seed(tmp_path: Path) -> None:
    clock = Ticks()
    path = tmp_path / "s.db"
    with Emulator(path, clock=clock) as untouched:
        seeded = [call(untouched, "GET", each).body for each in (REPOS, REPORTS, GROUPS)]
        put_packages(untouched, "orders-api", "jq")
        reset(path, clock=clock)
        # The emulator that was open all the while sees the new world, too.
        assert [call(untouched, "GET", each).body for each in (REPOS, REPORTS, GROUPS)] == seeded


def test_reset_makes_a_file(tmp_path: Path) -> None:
    reset(tmp_path / "new" / "s.db")
    with Emulator(tmp_path / "new" / "s.db") as emulator:
        assert live(emulator, "orders-api") is None


def set_version(path: Path, version: int) -> None:
    db = sqlite3.connect(path)
    db.execute(f"PRAGMA user_version = {version}")
    db.close()


def test_a_newer_layout_is_refused_and_can_be_reset(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    Emulator(path).close()
    set_version(path, 99)
    with pytest.raises(StateError, match=r"version 99 .*`emulator reset`") as caught:
        Emulator(path)
    assert "\n" not in str(caught.value)
    reset(path)
    with Emulator(path) as emulator:
        assert live(emulator, "custom-python") == ["curl", "jq"]


def test_a_database_of_another_program_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE accounts (id INTEGER)")
    db.commit()
    db.close()
    for attempt in (Emulator, reset):
        with pytest.raises(StateError, match="another program"):
            attempt(path)
    db = sqlite3.connect(path)
    assert db.execute("SELECT name FROM sqlite_master").fetchall() == [("accounts",)]
    db.close()


def test_a_file_that_is_not_a_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("not a database, but quite long enough to look like the beginning of one\n" * 20)
    before = path.read_text()
    for attempt in (Emulator, reset):
        with pytest.raises(StateError, match="cannot use the state file"):
            attempt(path)
    assert path.read_text() == before


def test_a_place_that_cannot_hold_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StateError, match="cannot create the folder"):
        Emulator(tmp_path / "file" / "s.db")
    with pytest.raises(StateError, match="cannot use the state file"):
        Emulator(tmp_path)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_nobody_else_reads_the_state(tmp_path: Path) -> None:
    """Entry 27: whatever was there before, also beside the file itself."""
    path = tmp_path / ".reconciler" / "s.db"
    path.parent.mkdir(mode=0o777)
    path.touch(0o666)
    with Emulator(path) as emulator:
        put_packages(emulator, "orders-api", "jq")
        assert mode(path.parent) == 0o700
        assert {mode(each) for each in path.parent.iterdir()} == {0o600}
        assert len(list(path.parent.iterdir())) > 1


def test_links_and_what_is_not_a_file_are_not_followed(tmp_path: Path) -> None:
    """Entries 27 and B25."""
    (tmp_path / "real.db").touch()
    (tmp_path / "link.db").symlink_to(tmp_path / "real.db")
    os.mkfifo(tmp_path / "pipe.db")
    for name, problem in (("link.db", "symbolic link"), ("pipe.db", "not a regular file")):
        for attempt in (Emulator, reset):
            with pytest.raises(StateError, match=problem):
                attempt(tmp_path / name)
    assert (tmp_path / "real.db").read_bytes() == b""


def test_a_failed_write_leaves_no_trace() -> None:
    world = World()
    before = world.get(REPOS).body
    with pytest.raises(LookupError):
        world.emulator.edit("nowhere", {})
    assert world.put("orders-api", {"customOverlay": {"environment": {"CHAINGUARD_X": ""}}}).status == 400
    assert world.get(REPOS).body == before


def test_a_state_file_that_breaks_is_an_internal_error(tmp_path: Path) -> None:
    with Emulator(tmp_path / "s.db") as emulator:
        db = sqlite3.connect(tmp_path / "s.db")
        db.execute("DROP TABLE repos")
        db.close()
        reply = call(emulator, "GET", REPOS)
    assert (reply.status, reply.json["code"]) == (500, 13)
    assert "repos" in reply.json["message"]


def test_a_closed_emulator_is_not_to_be_asked() -> None:
    world = World()
    world.emulator.close()
    with pytest.raises(sqlite3.ProgrammingError):
        world.get(GROUPS)


def test_the_file_is_closed_between_transactions(tmp_path: Path) -> None:
    state = StateFile(tmp_path / "emulator.db")
    inside, done = threading.Event(), threading.Event()

    def read() -> None:
        with state.reading() as db:
            inside.set()
            done.wait(10)
            assert db.execute("SELECT 1").fetchone()[0] == 1

    reader, closer = threading.Thread(target=read), threading.Thread(target=state.close)
    reader.start()
    assert inside.wait(10)
    closer.start()
    assert closer.is_alive()
    done.set()
    reader.join()
    closer.join()
