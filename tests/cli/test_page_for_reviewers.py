"""What the HTML page of a plan says of where it comes from, and what only the formats for reviews hold."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reconciler.cli.ci import provenance
from tests.support.program import Program

SHA = "0123456789abcdef0123456789abcdef01234567"
GITHUB = {
    "GITHUB_SERVER_URL": "https://github.example.com",
    "GITHUB_REPOSITORY": "team/images",
    "GITHUB_SHA": SHA,
    "GITHUB_RUN_ID": "42",
}
GITLAB = {
    "CI_PROJECT_URL": "https://gitlab.example.com/group/team/images",
    "CI_COMMIT_SHA": SHA,
    "CI_JOB_URL": "https://gitlab.example.com/group/team/images/-/jobs/7",
}
MANIFEST = """
organization: example.com
repositories:
  custom-nginx:
    packages: [git]
"""


@pytest.fixture(autouse=True)
def manifest(program: Program) -> None:
    Path("manifests").mkdir()
    Path("manifests/web.yaml").write_text(MANIFEST, encoding="utf-8")


def page(program: Program, *arguments: str) -> str:
    result = program.run("plan", "--format", "html", *arguments)
    assert result.code == 0, result.err
    return result.out


def test_github_s_variables_give_links_to_lines_commit_and_job(program: Program) -> None:
    program.environ.update(GITHUB)
    drawn = page(program)
    base = "https://github.example.com/team/images"
    assert f'<a class="place" href="{base}/blob/{SHA}/manifests/web.yaml#L4">manifests/web.yaml:4:3</a>' in drawn
    assert f'<a href="{base}/commit/{SHA}"><code>{SHA[:12]}</code></a>' in drawn
    assert f'<a href="{base}/actions/runs/42">' in drawn


def test_gitlab_s_variables_do_too(program: Program) -> None:
    program.environ.update(GITLAB)
    drawn = page(program)
    base = "https://gitlab.example.com/group/team/images/-"
    assert f'href="{base}/blob/{SHA}/manifests/web.yaml#L4"' in drawn
    assert f'href="{base}/commit/{SHA}"' in drawn
    assert f'href="{base}/jobs/7"' in drawn


def test_a_checkout_above_the_current_folder_is_the_root_of_the_links(program: Program) -> None:
    inside = Path.cwd()
    program.environ.update(GITHUB, GITHUB_WORKSPACE=str(inside.parent))
    assert f'/blob/{SHA}/{inside.name}/manifests/web.yaml#L4"' in page(program)


def test_a_file_outside_the_checkout_has_no_link(program: Program) -> None:
    Path("checkout").mkdir()
    program.environ.update(GITHUB, GITHUB_WORKSPACE=str(Path("checkout").absolute()))
    drawn = page(program)
    assert "/blob/" not in drawn
    assert '<span class="place">manifests/web.yaml:4:3</span>' in drawn


def test_without_variables_the_page_says_when_it_was_made_and_links_nowhere(program: Program) -> None:
    drawn = page(program)
    assert "https://github" not in drawn
    assert 'Made <time datetime="' in drawn
    assert "from commit" not in drawn


@pytest.mark.parametrize("name", ["BITBUCKET_COMMIT", "BUILD_SOURCEVERSION", "CIRCLE_SHA1", "GIT_COMMIT"])
def test_other_systems_give_the_commit(name: str) -> None:
    found = provenance({name: SHA}, 0.0)
    assert (found.commit, found.commit_url, found.file_url("manifests/web.yaml", 4)) == (SHA, "", "")


@pytest.mark.parametrize(
    "wrong",
    [
        {"GITHUB_SERVER_URL": "javascript:alert(1)//"},
        {"GITHUB_SERVER_URL": "https://user:secret@github.example.com"},
        {"GITHUB_SERVER_URL": 'https://github.example.com"><script>'},
        {"GITHUB_REPOSITORY": "team/images/../../other"},
        {"GITHUB_SHA": "main; rm"},
        {"GITHUB_SHA": ""},
    ],
)
def test_variables_that_are_no_address_give_no_link(wrong: dict[str, str]) -> None:
    found = provenance({**GITHUB, **wrong}, 0.0)
    assert (found.commit_url, found.job_url, found.file_url("manifests/web.yaml", 4)) == ("", "", "")


def test_a_name_is_quoted_in_the_address_of_its_file() -> None:
    found = provenance(GITHUB, 0.0)
    assert found.file_url('a "b"/#c.yaml', 1).endswith("/a%20%22b%22/%23c.yaml#L1")


def test_the_page_of_a_saved_plan_claims_no_commit(program: Program) -> None:
    program.environ.update(GITHUB)
    assert program.run("plan", "-o", "saved.plan").code == 0
    result = program.run("show", "saved.plan", "--format", "html")
    assert "Full overlay, before and after" in result.out
    assert SHA[:12] not in result.out


def steps(value: Any) -> Iterator[dict[str, Any]]:
    yield from value["steps"]


def test_json_holds_whole_overlays_and_active_tags(program: Program) -> None:
    document = json.loads(program.run("plan", "--json").out)
    (step,) = (step for step in steps(document) if step["repository"] == "custom-nginx")
    added = {"part": "contents.packages", "key": "git", "kind": "add", "before": [], "after": ["git"], "masked": False}
    assert added in step["overlay"]
    assert step["active_tags"]
