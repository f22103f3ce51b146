"""What `plan` and `apply` know of packages before anything is written."""

import json
import re
from pathlib import Path

import pytest

from reconciler.emulator import Drop, Effect, EmulatorSettings, Fault, Garble, ReportedResult, Respond, Status
from tests.support.program import Program, write_manifest

HEAD = "organization: example.com\nrepositories:\n"


def test_a_misspelled_package_is_an_error_at_its_place(program: Program) -> None:
    write_manifest(f"{HEAD}  custom-nginx: {{packages: [crul]}}\n")
    result = program.run("plan")
    assert result.code == 1
    assert 'manifests/web.yaml:3:29: package "crul" does not exist; did you mean "curl"?' in result.err


def test_an_unmet_constraint_names_the_versions(program: Program) -> None:
    write_manifest(f'{HEAD}  custom-nginx: {{packages: ["git=9.9"]}}\n')
    result = program.run("plan")
    assert result.code == 1
    assert 'no version of package "git" satisfies "git=9.9"; available: 2.51.0-r2, 2.50.1-r3' in result.err


@pytest.mark.parametrize("spec", ["git~2.51", "git=2.50.1-r3", "git>2.40", "cmd:git", "curl"])
def test_what_there_is_passes(program: Program, spec: str) -> None:
    write_manifest(f'{HEAD}  custom-nginx: {{packages: ["{spec}"]}}\n')
    result = program.run("plan")
    assert (result.code, result.err) == (0, "")


def test_nothing_is_asked_where_nothing_changes_or_nobody_wants_it(program: Program) -> None:
    write_manifest(f"{HEAD}  custom-nginx: {{packages: [crul]}}\n")
    assert program.run("plan", "--no-check").code == 0
    write_manifest(f"{HEAD}  custom-nginx: {{}}\n")
    result = program.run("plan", "--resolve", "--debug")
    assert "checked" not in result.err
    assert not list(Path(".reconciler").glob("packages-*"))


def test_the_cache_spares_look_ups_and_a_broken_one_is_none(program: Program) -> None:
    write_manifest(f"{HEAD}  custom-nginx: {{packages: [curl]}}\n")
    assert "checked 1 packages in 1 look-ups (0 from cache)" in program.run("plan", "--debug").err
    assert "checked 1 packages in 0 look-ups (1 from cache)" in program.run("plan", "--debug").err
    (file,) = Path(".reconciler").glob("packages-*")
    file.write_text("{", encoding="utf-8")
    told = program.run("plan", "--debug").err
    assert "checked 1 packages in 1 look-ups (0 from cache)" in told
    assert "the cache could not be used" in told


def test_many_names_are_looked_up_in_pages(program: Program) -> None:
    names = "curl, git, jq, bash, gdb, acl, bc, bison, brotli, bzip2"
    write_manifest(f"{HEAD}  custom-nginx: {{packages: [{names}]}}\n")
    (count,) = re.findall(r"checked 10 packages in (\d+) look-ups", program.run("plan", "--debug").err)
    assert int(count) <= 2


def test_resolve_tells_what_comes_along(program: Program) -> None:
    write_manifest(f"{HEAD}  custom-nginx: {{packages: [helm, jq]}}\n")
    formats = [word for name in ("text", "markdown", "html") for word in ("--format", f"{name}=plan.{name}")]
    result = program.run("plan", "--resolve", "--format", "json", *formats, "-v")
    assert result.code == 0, result.err
    document = json.loads(result.out)
    (step,) = document["steps"]
    added = {one["name"]: one["version"] for one in step["resolved"]["added"]}
    assert {"helm", "jq", "oniguruma"} <= added.keys()
    assert (document["checked"]["packages"], document["checked"]["repositories"]) == (2, 1)
    line = f"+ oniguruma {added['oniguruma']}"
    assert f"custom-nginx resolved: + helm {added['helm']}" in Path("plan.text").read_text(encoding="utf-8")
    assert f"\n{line}\n" in Path("plan.markdown").read_text(encoding="utf-8")
    assert f'<li class="add">{line}</li>' in Path("plan.html").read_text(encoding="utf-8")


def test_an_apply_shows_what_comes_along_too(program: Program) -> None:
    write_manifest(f"{HEAD}  custom-nginx: {{packages: [helm]}}\n")
    result = program.run("apply", "--resolve", "-v", "--yes", "--no-wait")
    assert result.code == 0, result.err
    assert "custom-nginx resolved: + helm " in result.out


def test_what_does_not_go_together_is_an_error(program: Program) -> None:
    write_manifest(f"{HEAD}  custom-nginx: {{packages: [curl, curl-rustls, busybox-full, 'git=9.9']}}\n")
    result = program.run("plan", "--no-check", "--resolve")
    assert result.code == 1
    assert 'manifests/web.yaml:3:62: package "git" cannot be installed in custom-nginx [does-not-resolve]' in result.err
    before = program.run("apply", "--yes", "--no-wait", "--no-check", "--resolve")
    assert before.code == 1


def test_required_resolution_refuses(program: Program) -> None:
    write_manifest(f"settings: {{require_resolve: true}}\n{HEAD}  custom-nginx: {{packages: ['git=9.9']}}\n")
    assert program.run("apply", "--yes", "--no-wait", "--no-check").code == 5
    write_manifest(f"settings: {{require_resolve: true}}\n{HEAD}  custom-nginx: {{packages: [helm]}}\n")
    assert program.run("plan", "--no-check").code == 0


def test_what_is_not_known_to_resolve_is_refused_where_that_is_required(program: Program) -> None:
    write_manifest(f"settings: {{require_resolve: true}}\n{HEAD}  custom-nginx: {{packages: [helm]}}\n")
    assert program.run("snapshot", "-o", "live.json").code == 0
    program.play(Fault(effect=Status(status=403), path="/apko/v1/resolve/", times=None))
    result = program.run("plan", "--no-check", "--format", "json", "-o", "p")
    assert (result.code, json.loads(result.out)["applyable"]) == (0, False)
    assert "(`require_resolve` is set)" in result.err
    assert program.run("apply", "p").code == 5
    assert program.run("apply", "--yes", "--no-wait").code == 5
    against = program.run("plan", "--against", "live.json", "--format", "json", "-o", "q")
    assert (against.code, json.loads(against.out)["applyable"]) == (0, False)
    assert program.run("apply", "q").code == 5


def test_against_a_snapshot_its_own_packages_are_looked_up_and_nothing_is_resolved(program: Program) -> None:
    program.run("snapshot", "-o", "live.json", "--org", "example.com")
    write_manifest(f'{HEAD}  custom-nginx: {{packages: ["git=2.50.1-r3", "cmd:jq", tzdata]}}\n')
    result = program.run("plan", "--against", "live.json")
    assert (result.code, result.err.count("warning:")) == (0, 0)
    assert 'package "tzdata" is already in the image' in result.err
    required = program.run("plan", "--against", "live.json", "--resolve")
    assert "[resolution-not-checked]" in required.err
    write_manifest(f"{HEAD}  custom-nginx: {{packages: [crul, 'git=9.9']}}\n")
    wrong = program.run("plan", "--against", "live.json")
    assert wrong.code == 1
    assert 'manifests/web.yaml:3:29: package "crul" does not exist; did you mean "curl"?' in wrong.err
    assert 'no version of package "git" satisfies "git=9.9"; available: 2.51.0-r2, 2.50.1-r3' in wrong.err
    assert not list(Path(".reconciler").glob("packages-*"))


def test_a_snapshot_that_knows_only_the_latest_versions_says_what_it_cannot_tell(program: Program) -> None:
    answer = Respond(body={"items": [{"packageName": "git", "version": "2.51.0-r2", "architecture": "x86_64"}]})
    program.play(
        Fault(effect=Status(status=403), path="/apk/v1/packages", times=1),
        Fault(effect=answer, path="/apk/v1/packages", times=None),
    )
    assert program.run("snapshot", "-o", "live.json", "--org", "example.com").code == 0
    write_manifest(f'{HEAD}  custom-nginx: {{packages: ["git=2.50.1-r3"]}}\n')
    result = program.run("plan", "--against", "live.json")
    assert (result.code, "[packages-not-checked]" in result.err) == (0, True)


def test_a_snapshot_without_packages_is_one_all_the_same(program: Program) -> None:
    for path in ("/apk/v1/packages", "buildreports"):
        program.play(Fault(effect=Status(status=403), path=path, times=None))
    taken = program.run("snapshot", "-o", "live.json", "--org", "example.com")
    assert (taken.code, "[snapshot-without-packages]" in taken.err) == (0, True)
    write_manifest(f"{HEAD}  custom-nginx: {{packages: [crul]}}\n")
    assert program.run("plan", "--against", "live.json").code == 0
    asked = program.run("plan", "--against", "live.json", "--resolve")
    assert "[resolution-not-checked]" in asked.err


def test_what_does_not_resolve_fails_the_plan_whoever_asks(program: Program) -> None:
    write_manifest(f"settings: {{require_resolve: true}}\n{HEAD}  custom-nginx: {{packages: ['git=9.9']}}\n")
    assert program.run("plan", "--no-check").code == 1


def test_a_package_that_is_not_there_is_reported_once(program: Program) -> None:
    write_manifest(f"{HEAD}  custom-nginx: {{packages: [crul]}}\n")
    result = program.run("plan", "--resolve", "--debug")
    assert result.code == 1
    assert result.err.count("error:") == 1
    assert "0 questions for 0 repositories" in result.err


def test_a_package_is_reported_where_it_is_written(program: Program) -> None:
    write_manifest("contents:\n  packages:\n    - ovlx\n", "manifests/files/o.yaml")
    write_manifest(
        "profiles:\n  debug: {packages: [profx]}\n" + HEAD + '  "custom-nginx*": {packages: [globx]}\n'
        "  custom-nginx:\n    profiles: [debug]\n    overlay: files/o.yaml\n    contents: {packages: [entx]}\n"
        "  new:\n    source: custom-base\n    packages:\n      - newx\n"
    )
    told = program.run("plan").err
    places = re.findall(r"manifests/(\S+): package \"(\w+)\" does not exist", told)
    assert places == [
        ("files/o.yaml:3:7", "ovlx"),
        ("web.yaml:2:22", "profx"),
        ("web.yaml:5:32", "globx"),
        ("web.yaml:9:27", "entx"),
        ("web.yaml:13:9", "newx"),
    ]


def test_an_image_that_was_not_built_lately_is_known_by_older_builds(program: Program) -> None:
    program.settings = EmulatorSettings(automatic_rebuilds=False)
    write_manifest(f"{HEAD}  custom-nginx: {{packages: [helm]}}\n")
    program.run("plan")
    program.clock.time += 10 * 86400
    result = program.run("plan", "--resolve", "-v")
    assert "custom-nginx resolved: + helm " in result.out
    program.clock.time += 30 * 86400
    late = program.run("plan", "--resolve")
    assert late.code == 0
    assert "the repository has no successful build in the last 30 days" in late.err


def test_reports_that_cannot_be_read_leave_resolution_unchecked(program: Program) -> None:
    write_manifest(f"{HEAD}  custom-nginx: {{packages: [helm]}}\n  orders-api: {{packages: [helm]}}\n")
    program.play(Fault(effect=Status(status=403), path="buildreports", times=None))
    result = program.run("plan", "--resolve", "--debug")
    assert result.code == 0
    assert "could not check that the packages of custom-nginx, orders-api can be installed together" in result.err
    assert "0 questions for 0 repositories" in result.err


def test_a_plain_plan_tells_what_the_image_has_and_costs_no_call_more(program: Program) -> None:
    write_manifest(f"{HEAD}  custom-nginx: {{packages: [tzdata]}}\n")
    result = program.run("plan", "--debug")
    assert 'note: manifests/web.yaml:3:29: package "tzdata" is already in the image' in result.err
    (with_check,) = re.findall(r"requests: (\d+) reads", result.err)
    (without,) = re.findall(r"requests: (\d+) reads", program.run("plan", "--debug", "--no-check").err)
    assert int(with_check) == int(without) + 1


def test_an_added_package_of_the_image_is_a_note(program: Program) -> None:
    write_manifest(f"{HEAD}  custom-nginx: {{packages: [tzdata]}}\n")
    result = program.run("plan", "--resolve")
    assert result.code == 0
    assert 'note: manifests/web.yaml:3:29: package "tzdata" is already in the image' in result.err


@pytest.mark.parametrize("status", [403, 404])
def test_a_refused_question_is_a_warning_and_the_plan_continues(program: Program, status: int) -> None:
    write_manifest(f"{HEAD}  custom-nginx: {{packages: [helm]}}\n")
    for path in ("/apk/v1/packages", "/apko/v1/resolve/"):
        program.play(Fault(effect=Status(status=status), path=path, times=None))
    result = program.run("plan", "--resolve")
    assert result.code == 0
    assert "[packages-not-checked]" in result.err
    assert "[resolution-not-checked]" in result.err


def will_build(program: Program, *options: str) -> dict[str, str]:
    """What a plan says of each repository."""
    document = json.loads(program.run("plan", "--format", "json", *options).out)
    return {step["repository"]: step["will_build"] for step in document["steps"]}


def test_a_plan_tells_whether_each_changed_repository_will_build(program: Program) -> None:
    write_manifest(
        f"{HEAD}  custom-nginx: {{packages: [curl, curl-rustls]}}\n  orders-api: {{packages: [jq]}}\n"
        "  new: {source: custom-base, packages: [curl, curl-rustls]}\n  custom-ruby: {}\n"
    )
    assert will_build(program) == {
        "custom-nginx": "would_break",
        "custom-ruby": "unknown",
        "new": "no",
        "orders-api": "yes",
    }
    text = program.run("plan").out
    assert re.search(r"custom-nginx .*builds would break", text)
    assert re.search(r"orders-api .*will build", text)
    assert will_build(program, "--no-resolve")["orders-api"] == "unknown"


def test_builds_that_fail_already_are_distinguished_from_those_that_a_change_fixes(program: Program) -> None:
    write_manifest(f"{HEAD}  custom-nginx: {{packages: [curl, curl-rustls]}}\n")
    assert program.run("apply", "--no-check", "--yes", "--no-wait").code == 0
    program.clock.time += 3600
    write_manifest(f"{HEAD}  custom-nginx: {{packages: [curl, curl-rustls], environment: {{A: b}}}}\n")
    assert will_build(program) == {"custom-nginx": "fails_already"}
    kept = program.run("plan")
    assert (kept.code, kept.err.count("error:")) == (0, 0)
    assert "the builds of custom-nginx fail already, and would fail with this change" in kept.err
    text = f"{HEAD}  custom-nginx: {{packages: [curl, curl-rustls], environment: {{A: b}}}}\n"
    write_manifest(f"settings: {{require_resolve: true}}\n{text}")
    assert program.run("plan", "--detailed-exitcode").code == 1
    write_manifest(f"{HEAD}  custom-nginx: {{packages: [curl]}}\n")
    pages = [word for name in ("markdown", "html") for word in ("--format", f"{name}=plan.{name}")]
    assert will_build(program, *pages, "-o", "p.plan") == {"custom-nginx": "would_fix"}
    for page in ("plan.markdown", "plan.html"):
        assert "builds would be fixed" in Path(page).read_text(encoding="utf-8")
    assert "builds would be fixed" in program.run("show", "p.plan").out


def test_builds_that_fail_for_another_reason_are_not_reported_to_be_fixed(program: Program) -> None:
    write_manifest(f"{HEAD}  custom-nginx: {{environment: {{A: b}}}}\n")
    program.play(Fault(effect=ReportedResult(result="Failure"), path="buildreports", times=None))
    assert will_build(program) == {"custom-nginx": "fails_already"}


def test_what_a_recent_build_was_made_from_is_not_asked_about(program: Program) -> None:
    write_manifest(f"{HEAD}  custom-nginx: {{environment: {{A: b}}}}\n")
    result = program.run("plan", "--debug")
    assert "0 questions for 1 repositories" in result.err
    assert will_build(program) == {"custom-nginx": "yes"}


def test_an_api_that_refuses_to_resolve_is_one_warning(program: Program) -> None:
    write_manifest(f"{HEAD}  custom-nginx: {{packages: [helm]}}\n  orders-api: {{packages: [jq]}}\n")
    program.play(Fault(effect=Status(status=403), path="/apko/v1/resolve/", times=None))
    result = program.run("plan")
    assert (result.code, result.err.count("warning:")) == (0, 1)
    assert "could not check that the packages of custom-nginx, orders-api can be installed together" in result.err


def test_a_template_that_no_build_has_had_yet_is_resolved(program: Program) -> None:
    write_manifest(f"{HEAD}  custom-python: {{packages: ['python-{{{{major}}}}.{{{{minor}}}}-dev']}}\n")
    (step,) = json.loads(program.run("plan", "--format", "json").out)["steps"]
    assert step["will_build"] == "yes"
    assert [name for name in step["resolved"]["packages"] if name.startswith("python-3.") and "-dev=" in name]


@pytest.mark.parametrize("effect", [Drop(when="before"), Status(status=500), Status(status=503, html=True), Garble()])
def test_an_api_that_fails_to_resolve_stops_neither_plan_nor_apply(program: Program, effect: Effect) -> None:
    write_manifest(f"{HEAD}  custom-nginx: {{packages: [helm]}}\n  orders-api: {{packages: [jq]}}\n")
    program.play(Fault(effect=effect, path="/apko/v1/resolve/", times=None))
    planned = program.run("plan")
    assert (planned.code, planned.err.count("[resolution-not-checked]")) == (0, 1)
    applied = program.run("apply", "--yes", "--no-wait")
    assert (applied.code, applied.err.count("[resolution-not-checked]")) == (0, 1)
