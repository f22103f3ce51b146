import pytest
from rich.cells import cell_len as width

from reconciler.core.builds import Result
from reconciler.core.overlay import EMPTY, Overlay, make_accounts, make_overlay
from reconciler.core.state import LiveRepository, Unreadable
from reconciler.views.console import Column, draw_table
from reconciler.views.listings import BuildRow, RepoRow, builds_document, render_builds, render_repos, repos_document
from reconciler.views.text import Style, indented_json
from tests.support import golden
from tests.views import samples

PLAIN = Style(color=False, unicode=True)


def _repo(name: str, overlay: Overlay | Unreadable, *, named: bool | None) -> RepoRow:
    repository = LiveRepository(id=samples.uidp(len(name)), name=name, overlay=overlay, active_tags=("latest",))
    return RepoRow(repository=repository, label=name, named=named)


def _repos() -> list[RepoRow]:
    many = make_overlay(
        packages=["curl", "git", "jq"],
        runtime_repositories=["https://a", "https://b"],
        environment={"A": "b"},
        accounts=make_accounts(run_as="app"),
    )
    return [
        _repo("nginx", EMPTY, named=False),
        _repo("custom-node", make_overlay(packages=["git"], environment={"A": "b"}), named=True),
        _repo("a-very-long-repository-name-that-needs-room", many, named=True),
        _repo("odd\x1b[2J", Unreadable(problem="x"), named=False),
    ]


def _builds() -> list[BuildRow]:
    done = samples.build(1, Result.SUCCESS, took=62.0)
    return [
        BuildRow(build=samples.build(2, Result.FAILURE, took=5.0), repository="custom-node"),
        BuildRow(build=done, repository="custom-python", tags=("latest", "3.12", "3.12-dev")),
        BuildRow(build=samples.build(3, Result.RUNNING), repository="custom-node"),
    ]


@pytest.mark.parametrize("columns", [60, 80, 140])
def test_tables_are_as_in_their_golden_files(columns: int) -> None:
    golden.check(samples.GOLDEN / f"repos-{columns}.txt", render_repos(_repos(), style=PLAIN, width=columns))
    golden.check(samples.GOLDEN / f"builds-{columns}.txt", render_builds(_builds(), style=PLAIN, width=columns))


def test_the_documents_are_as_in_their_golden_files() -> None:
    golden.check(samples.GOLDEN / "repos.json", indented_json(repos_document(_repos())))
    golden.check(samples.GOLDEN / "builds.json", indented_json(builds_document(_builds())))


def test_without_a_manifest_there_is_no_column_about_it() -> None:
    drawn = render_repos([_repo("nginx", EMPTY, named=None)], style=PLAIN, width=120)
    assert "MANIFEST" not in drawn
    assert repos_document([_repo("nginx", EMPTY, named=None)])["repositories"][0]["named"] is None


def test_nothing_to_show_is_reported() -> None:
    assert render_repos([], style=PLAIN, width=80) == "No repositories.\n"
    assert render_builds([], style=PLAIN, width=80) == "No builds.\n"


def test_the_widest_column_gives_way_and_cells_are_safe() -> None:
    columns = [Column("A"), Column("B", keep="end", least=4)]
    drawn = draw_table(columns, [["short", "x" * 60 + "\x1b"], ["", ""]], style=PLAIN, width=40)
    assert drawn == f"A      B\nshort  …{'x' * 28}\\x1b\n\n"
    assert max(map(width, drawn.splitlines())) == 40
