"""`reconciler comment`: one comment for each manifest, updated and never doubled; job summaries, pages of an apply."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.code_host import CodeHostServer, code_host
from tests.support.program import Program, write_manifest

MANIFEST = """\
organization: example.com
repositories:
  custom-nginx: {packages: [curl]}
"""


@pytest.fixture
def host() -> Iterator[CodeHostServer]:
    with code_host() as found:
        yield found


def on_github(program: Program, host: CodeHostServer) -> None:
    program.environ |= {
        "GITHUB_API_URL": host.url,
        "GITHUB_REPOSITORY": "acme/images",
        "GITHUB_REF": "refs/pull/7/merge",
        "GITHUB_TOKEN": "ghs_secret",
    }


def planned(program: Program, manifest: str = MANIFEST, path: str = "manifests/web.yaml") -> None:
    write_manifest(manifest, path)
    assert program.run("plan", str(Path(path).parent), "--format", "json=plan.json").code == 0


def test_a_plan_is_posted_once_and_then_updated(program: Program, host: CodeHostServer) -> None:
    on_github(program, host)
    planned(program)
    first = program.run("comment", "plan.json")
    assert (first.code, first.out) == (0, "Comment created.\n")
    assert program.run("comment", "plan.json").out == "Comment unchanged.\n"
    planned(program, MANIFEST.replace("curl", "curl, jq"))
    assert program.run("comment", "plan.json").out == "Comment updated.\n"
    (text,) = host.comments.values()
    assert text.startswith("<!-- reconciler:plan:")
    assert "### Plan for `example.com`" in text
    assert {path for _, path, _ in host.requests} == {
        "/repos/acme/images/issues/7/comments",
        "/repos/acme/images/issues/comments/1",
    }
    assert {token for _, _, token in host.requests} == {"Bearer ghs_secret"}
    assert "ghs_secret" not in first.out + first.err


def test_a_merge_request_of_gitlab(program: Program, host: CodeHostServer) -> None:
    program.environ |= {
        "CI_API_V4_URL": host.url,
        "CI_PROJECT_ID": "42",
        "CI_MERGE_REQUEST_IID": "7",
        "GITLAB_TOKEN": "glpat-secret",
    }
    planned(program)
    assert program.run("comment", "plan.json").out == "Comment created.\n"
    assert host.requests[-1] == ("POST", "/projects/42/merge_requests/7/notes", "glpat-secret")
    planned(program, MANIFEST.replace("curl", "curl, jq"))
    assert program.run("comment", "plan.json").out == "Comment updated.\n"
    assert host.requests[-1][:2] == ("PUT", "/projects/42/merge_requests/7/notes/1")


@pytest.mark.parametrize("owned", [True, False])
def test_two_teams_have_a_comment_each(program: Program, host: CodeHostServer, *, owned: bool) -> None:
    on_github(program, host)
    for team in ("team-a", "team-b"):
        owner = f"owner: {team}\n" if owned else ""
        planned(program, owner + MANIFEST, f"{team}/web.yaml")
        assert program.run("comment", "plan.json").out == "Comment created.\n"
    assert len(host.comments) == 2


def test_the_comment_is_found_behind_hundreds_of_others(program: Program, host: CodeHostServer) -> None:
    on_github(program, host)
    host.comments = dict.fromkeys(range(1, 251), "looks good")
    planned(program)
    program.run("comment", "plan.json")
    assert program.run("comment", "plan.json").out == "Comment unchanged.\n"
    assert len(host.comments) == 251


def test_the_result_of_an_apply(program: Program, host: CodeHostServer) -> None:
    on_github(program, host)
    write_manifest(MANIFEST)
    assert program.run("apply", "--yes", "--format", "json=report.json").code == 0
    assert program.run("comment", "report.json").out == "Comment created.\n"
    (text,) = host.comments.values()
    assert "**`Apply complete: 1 repository updated, 4 builds succeeded.`**" in text
    assert "- `custom-nginx`" in text


@pytest.mark.parametrize("failures", [[500, 502], [429, 429], [503]])
def test_a_failure_that_passes_is_repeated(program: Program, host: CodeHostServer, failures: list[int]) -> None:
    on_github(program, host)
    planned(program)
    host.failures = failures
    assert program.run("comment", "plan.json").out == "Comment created.\n"


@pytest.mark.parametrize("failures", [[403], [404], [500] * 9])
def test_a_failure_to_post_is_a_warning_unless_strict(
    program: Program, host: CodeHostServer, failures: list[int]
) -> None:
    on_github(program, host)
    planned(program)
    for options, code in (((), 0), (("--strict",), 1)):
        host.failures = list(failures)
        result = program.run("comment", "plan.json", *options)
        assert result.code == code
        assert "[comment-not-posted]" in result.err
        assert "ghs_secret" not in result.err


@pytest.mark.parametrize(
    ("missing", "said"),
    [("GITHUB_REF", "does not belong to a pull request"), ("GITHUB_TOKEN", "no token for the code host")],
)
def test_what_the_ci_system_does_not_tell(program: Program, host: CodeHostServer, missing: str, said: str) -> None:
    on_github(program, host)
    del program.environ[missing]
    planned(program)
    assert said in program.run("comment", "plan.json", "--strict").err
    assert host.requests == []


def test_a_token_is_not_sent_without_encryption(program: Program, host: CodeHostServer) -> None:
    on_github(program, host)
    program.environ["GITHUB_API_URL"] = "http://code.example.com"
    planned(program)
    assert "not https" in program.run("comment", "plan.json", "--strict").err


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"type": "summary"}', "not JSON", '{"type": "version"}\n{"type": "plan", "plan": {}}']
)
def test_what_is_not_a_result(program: Program, text: str) -> None:
    Path("plan.json").write_text(text, encoding="utf-8")
    result = program.run("comment", "plan.json")
    assert (result.code, "[not-a-result]" in result.err) == (1, True)


@pytest.mark.parametrize("system", ["github", "gitlab"])
def test_drift_is_one_issue_that_is_updated_and_closed(program: Program, host: CodeHostServer, system: str) -> None:
    on_github(program, host)
    if system == "gitlab":
        program.environ |= {"CI_API_V4_URL": host.url, "CI_PROJECT_ID": "42", "GITLAB_TOKEN": "glpat-secret"}

    def ticket() -> str:
        program.run("drift", "--format", "json=drift.json")
        return program.run("comment", "drift.json", "--strict").out

    write_manifest(MANIFEST)
    assert program.run("apply", "--yes", "--no-wait").code == 0
    assert ticket() == "Issue not open.\n"
    for packages, said in ((["vim"], "created"), (["vim"], "unchanged"), (["vim", "nano"], "updated")):
        with program.emulator() as emulator:
            emulator.edit("custom-nginx", {"contents": {"packages": packages}})
        assert ticket() == f"Issue {said}.\n"
    assert program.run("apply", "--yes", "--no-wait").code == 0
    assert ticket() == "Issue closed.\n"
    assert (len(host.issues), host.closed) == (1, {1})


def test_a_job_of_github_has_a_summary(program: Program) -> None:
    program.environ["GITHUB_STEP_SUMMARY"] = "summary.md"
    write_manifest(MANIFEST)
    program.run("plan")
    program.run("apply", "--yes")
    text = Path("summary.md").read_text(encoding="utf-8")
    assert "### Plan for `example.com`" in text
    assert "### Apply to `example.com`" in text


def test_a_summary_that_cannot_be_written_is_a_warning(program: Program) -> None:
    program.environ["GITHUB_STEP_SUMMARY"] = "missing/summary.md"
    write_manifest(MANIFEST)
    result = program.run("apply", "--yes", "--no-wait")
    assert (result.code, "[job-summary-not-written]" in result.err) == (0, True)


def test_the_report_of_an_apply_as_markdown_and_as_a_page(program: Program) -> None:
    write_manifest(MANIFEST)
    result = program.run("apply", "--yes", "--format", "markdown=report.md", "--format", "html=report.html")
    assert result.code == 0
    markdown, page = (Path(name).read_text(encoding="utf-8") for name in ("report.md", "report.html"))
    assert "Apply complete: 1 repository updated" in markdown
    assert '<h2 id="result">Result</h2>' in page
    assert "Apply complete: 1 repository updated" in page
