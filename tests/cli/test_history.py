"""`history`: what was recorded, as a table, in detail and as JSON, without network and token."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.core.overlay import EMPTY
from reconciler.core.runs import RunState
from reconciler.journal import open_journal, read_journal
from reconciler.views import history
from reconciler.views.text import Style
from tests.journal.test_journal import HEADER, followed, now, outcomes, plan, step
from tests.support.program import Program


def record(folder: Path) -> str:
    steps = [step("custom-nginx"), step("b"), step("c")]
    with open_journal(folder / ".reconciler", now=now) as journal:
        run = journal.begin(HEADER, plan(*steps))
        for one in steps[:2]:
            run.about_to_write(one, repository_id=None, since=1.0)
        run.finished(outcomes(steps[0], EMPTY)[0])
        run.seen([followed(steps[0])])
        return run.id


def test_no_runs_are_reported_and_nothing_is_created(program: Program) -> None:
    result = program.run("history")
    assert (result.code, result.out) == (0, "No runs are recorded in .reconciler/.\n")
    assert not Path(".reconciler").exists()
    assert json.loads(program.run("history", "--format", "json").out)["runs"] == []


def test_the_json_tells_the_truth_about_a_run_that_died(program: Program) -> None:
    id_ = record(Path())
    (run,) = json.loads(program.run("history", "--format", "json").out)["runs"]
    assert (run["id"], run["state"], run["exit_code"], run["ended"]) == (id_, "crashed", None, None)
    assert {name: count for name, count in run["counts"].items() if count} == {
        "applied": 1,
        "not_attempted": 1,
        "unknown": 1,
    }
    assert run["builds"] == {"success": 1, "failure": 0, "running": 1}
    assert [one["outcome"] for one in run["steps"]] == ["applied", "unknown", "not_attempted"]
    assert [one["id"] for one in run["steps"][0]["builds"]] == ["b1", "b2"]


def test_one_run_is_shown_in_detail(program: Program) -> None:
    id_ = record(Path())
    result = program.run("history", id_[:12])
    assert result.code == 0
    assert "the write may or may not have taken effect" in result.out
    assert id_ in result.out


def test_a_run_that_is_not_there_is_an_error_with_a_hint(program: Program) -> None:
    record(Path())
    result = program.run("history", "nope")
    assert result.code == 1
    assert 'no run "nope"' in result.err


@pytest.mark.parametrize("width", [80, 120])
def test_the_tables_fit(program: Program, width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    id_ = record(Path())
    monkeypatch.setenv("COLUMNS", str(width))
    from reconciler.journal import read_journal
    from reconciler.views import history
    from reconciler.views.text import Style

    with read_journal(Path(".reconciler")) as journal:
        run = journal.run(id_)
    style = Style(color=False, unicode=True)
    for text in (
        history.render([run], where="", style=style, width=width),
        history.render_run(run, style=style, width=width),
    ):
        assert max(map(len, text.splitlines())) <= width
    assert id_ in history.render([run], where="", style=style, width=width)


@pytest.mark.parametrize("columns", [80, 120])
@pytest.mark.usefixtures("program")
def test_when_a_run_started_is_never_left_out(columns: int) -> None:
    record(Path())
    with read_journal(Path(".reconciler")) as journal:
        (found,) = journal.summaries()
    crowded = replace(found, state=RunState.INTERRUPTED, header=replace(found.header, user="u" * 40, host="h" * 40))
    heading, line = history.render(
        [crowded], where="", style=Style(color=False, unicode=True), width=columns
    ).splitlines()
    assert len(line) <= columns
    for title, cell in {"STARTED": "2", "STATE": "interrupted", "EXIT": "-", "OUTCOMES": "1 applied"}.items():
        assert title in heading
        assert line[heading.index(title) :].startswith(cell)
