import io
import json
from dataclasses import replace

import pytest
from rich.cells import cell_len as width

from reconciler.core.builds import Stage
from reconciler.core.events import BuildsSeen, RepositoryDone, WaitStarted
from reconciler.views.console import draw
from reconciler.views.events import JsonProgress
from reconciler.views.live import Board, LiveProgress
from reconciler.views.progress import PlainProgress
from reconciler.views.text import Style
from tests.support import golden
from tests.views import runs, samples
from tests.views.hostile_text import unsafe
from tests.views.samples import T0

PLAIN = Style(color=False, unicode=True)


class Broken(io.StringIO):
    """A stream whose reader has gone away."""

    def write(self, text: str) -> int:
        raise BrokenPipeError

    def flush(self) -> None:
        raise BrokenPipeError


def test_the_log_is_as_in_its_golden_file() -> None:
    out = io.StringIO()
    sink = PlainProgress(out, style=PLAIN)
    for event in runs.events():
        sink(event)
    golden.check(samples.GOLDEN / "progress.txt", out.getvalue())


def test_the_log_holds_nothing_that_steers_a_terminal() -> None:
    out = io.StringIO()
    sink = PlainProgress(out, style=PLAIN)
    for event in runs.events():
        sink(event)
    assert not unsafe(out.getvalue())


def test_a_sign_of_life_comes_at_most_every_thirty_seconds() -> None:
    out = io.StringIO()
    sink = PlainProgress(out, style=PLAIN)
    sink(WaitStarted(at=T0, repositories=("a",)))
    for second in range(0, 121, 10):
        sink(BuildsSeen(at=T0 + second, progress=tuple(runs.followed())))
    beats = [line for line in out.getvalue().splitlines() if line.startswith("builds:")]
    assert beats == [
        f"builds: 11 of 12 ended, 1 running, 1 repository waiting ({told})"
        for told in ("30s", "1m00s", "1m30s", "2m00s")
    ]


def test_the_json_lines_are_as_in_their_golden_file() -> None:
    out = io.StringIO()
    sink = JsonProgress(out, tool_version="1.2.3")
    for event in runs.events():
        sink(event)
    golden.check(samples.GOLDEN / "progress.jsonl", out.getvalue())


def test_every_json_line_is_an_object_with_its_type_and_time() -> None:
    out = io.StringIO()
    sink = JsonProgress(out)
    for event in runs.events():
        sink(event)
    version, *lines = [json.loads(line) for line in out.getvalue().splitlines()]
    assert (version["type"], version["format_version"]) == ("version", "1.0")
    assert len(lines) == len(runs.events())
    assert {line["type"] for line in lines} == {
        "apply_started",
        "step_started",
        "step_finished",
        "wait_started",
        "builds_seen",
        "build_ended",
        "repository_done",
        "look_failed",
    }
    assert lines[0]["at"] == "2026-09-21T14:13:20.000Z"
    assert out.getvalue().isascii()


def _board(until: float = T0 + 1000) -> Board:
    board = Board()
    for event in runs.events():
        if event.at <= until:
            board.take(event)
    return board


def _lines(board: Board, *, width: int, height: int, now: float | None = None) -> list[str]:
    drawn = board.draw(style=PLAIN, width=width, height=height, now=now)
    return draw([drawn], style=PLAIN, width=width).splitlines()


@pytest.mark.parametrize(("until", "name"), [(T0 + 8.2, "writing"), (T0 + 60, "building"), (T0 + 120, "end")])
def test_the_table_is_as_in_its_golden_file(until: float, name: str) -> None:
    lines = _lines(_board(until), width=79, height=20)
    golden.check(samples.GOLDEN / f"live-{name}.txt", "\n".join(lines) + "\n")


@pytest.mark.parametrize("height", [4, 6, 24])
@pytest.mark.parametrize("columns", [40, 60, 120])
def test_the_table_stays_within_the_terminal(columns: int, height: int) -> None:
    lines = _lines(_board(), width=columns, height=height)
    assert len(lines) <= height
    assert all(width(line) <= columns for line in lines)


def test_what_failed_and_what_runs_is_shown_when_not_everything_fits() -> None:
    lines = _lines(_board(), width=79, height=6)
    assert [line.split()[0] for line in lines[1:]] == ["app-04", "app-09", "app-08", "app-05", "…"]
    assert lines[-1] == "  … and 8 more"


def test_times_continue_between_events_only_for_what_is_not_over() -> None:
    board = _board(T0 + 60)
    lines = _lines(board, width=79, height=30, now=T0 + 200)
    assert lines[0].endswith(", 3m00s")
    assert next(line for line in lines if "app-05" in line).split()[2] == "3m00s"
    assert next(line for line in lines if "app-00" in line).split()[2] == "40s"


def _live(stream: io.StringIO, style: Style = PLAIN) -> LiveProgress:
    return LiveProgress(stream, style=style, size=(80, 10))


def test_the_live_table_draws_in_place_with_failures_above_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    out = io.StringIO()
    with _live(out) as sink:
        for event in runs.events():
            sink(event)
    drawn = out.getvalue()
    assert "app-09: failed: the API refused the update" in drawn
    assert "app-04: build 0000000000000029 failed after 2m03s" in drawn
    assert r"[red]Bad\x1b[0m Gateway[/red]" in drawn
    assert "… and " in drawn
    assert "app-00: written" not in drawn
    assert drawn.startswith("\x1b[?25l")
    assert "\x1b[?25h" in drawn


def test_the_live_table_without_color_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    colored, plain = io.StringIO(), io.StringIO()
    for out, style in ((colored, Style(color=True, unicode=True)), (plain, PLAIN)):
        with _live(out, style) as sink:
            for event in runs.events():
                sink(event)
    assert "\x1b[1;31mfailed" in colored.getvalue()
    assert "\x1b[1;31m" not in plain.getvalue()


def test_a_broken_pipe_is_a_broken_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    event = runs.events()[2]
    with pytest.raises(BrokenPipeError):
        PlainProgress(Broken(), style=PLAIN)(event)
    with pytest.raises(BrokenPipeError):
        JsonProgress(Broken())
    with _live(Broken()) as sink:
        for _ in range(2):
            with pytest.raises(BrokenPipeError):
                sink(event)


def test_an_error_inside_the_live_table_goes_through_and_leaves_a_clean_terminal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    out = io.StringIO()
    with pytest.raises(KeyError), _live(out):
        raise KeyError
    assert out.getvalue().rstrip().endswith("\x1b[2K")


def test_every_stage_and_every_outcome_has_its_row() -> None:
    """Entry 15: a repository of which no report ever came is a stage like the others."""
    watched = next(event for event in reversed(runs.events()) if isinstance(event, RepositoryDone)).progress
    for stage in Stage:
        board = Board()
        board.take(RepositoryDone(at=T0, progress=replace(watched, stage=stage)))
        (line,) = _lines(board, width=79, height=20)[1:]
        assert watched.target.repository in line


def test_an_announcement_stands_above_the_table_until_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    out = io.StringIO()
    notice = "Interrupted: finishing the writes in progress. Press Ctrl-C again to abort."
    with _live(out) as sink:
        sink(runs.events()[0])
        sink.announce(f"{notice}\n")
        for event in runs.events()[1:]:
            before = out.tell()
            sink(event)
            drawn = out.getvalue()[before:]
            assert notice in drawn
            assert drawn.index(notice) < drawn.rindex("done, "), "above the heading"


@pytest.mark.parametrize("height", [5, 24])
def test_a_table_with_a_notice_stays_within_the_terminal(height: int) -> None:
    board = _board()
    drawn = draw([board.draw(style=PLAIN, width=60, height=height, notice="n" * 200)], style=PLAIN, width=60)
    lines = drawn.splitlines()
    assert len(lines) <= height
    assert all(width(line) <= 60 for line in lines)
    assert lines[0].startswith("nnn")


def test_the_cursor_rests_on_an_empty_line_below_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal echoes ^C where the cursor is: at the end of a full line it would push the table down."""
    monkeypatch.setenv("TERM", "xterm-256color")
    out = io.StringIO()
    with _live(out) as sink:
        for event in runs.events():
            sink(event)
            assert out.getvalue().endswith("\n")
            assert len(out.getvalue().rpartition("\x1b[2K")[2].splitlines()) <= 9, "one line stays free of ten"


@pytest.mark.parametrize("columns", [80, 120])
def test_long_lists_of_tags_take_no_room_from_the_names(columns: int) -> None:
    found = tuple(runs.followed())
    many = tuple(f"a-long-tag-{number}" for number in range(20))
    board = _board(T0 + 60)
    board.take(
        BuildsSeen(at=T0 + 60, progress=found, tags={build.digest: many for one in found for build in one.ended})
    )
    lines = [line for line in _lines(board, width=columns, height=30) if "a-long-tag-0" in line]
    assert lines
    names = {one.target.repository for one in found}
    for line in lines:
        assert line.split()[0] in names
        assert line.endswith("…")
        assert width(line) <= columns
