"""`import`: live state to manifests that plan to no change, and into manifests that people keep."""

import os
from pathlib import Path

import pytest

from tests.support.program import Program, Result, write_manifest
from tests.support.wsgi import call

ORG = ("--org", "example.com")


def imported(program: Program, *argv: str, code: int = 0) -> Result:
    result = program.run("import", *argv)
    assert result.code == code, result.err
    return result


def plans_empty(program: Program, folder: str) -> None:
    result = program.run("plan", folder, "--detailed-exitcode")
    assert result.code == 0, result.out + result.err


def test_the_whole_organization(program: Program) -> None:
    result = imported(program, *ORG, "-o", "m")
    assert result.out.endswith("Imported 13 repositories into m. A plan shows no changes.\n")
    assert "data-pipeline is not imported" in result.err
    assert "hardeningProfile" in result.err
    text = Path("m/example.com.yaml").read_text()
    assert "data-pipeline" not in text
    assert "team-a/custom-node:" in text
    assert "custom-nginx" not in text
    assert "BEGIN" not in text
    assert sorted(path.name for path in Path("m/certs").iterdir()) == [
        "corp-proxy.pem",
        "corp-root.pem",
        "example-apk.rsa.pub.pem",
    ]
    assert {path.stat().st_mode & 0o777 for path in (*Path("m").glob("*.yaml"), *Path("m/certs").iterdir())} == {0o644}
    plans_empty(program, "m")
    assert program.run("fmt", "m", "--check").code == 0
    with program.emulator() as emulator:
        assert emulator.writes == 0


@pytest.mark.parametrize(
    ("split", "files"),
    [
        ("folder", ["example.com.yaml", "team-a.yaml", "team-b.yaml"]),
        ("repository", ["custom-base.yaml", "custom-go.yaml", "custom-jre.yaml"]),
    ],
)
def test_split(program: Program, split: str, files: list[str]) -> None:
    imported(program, *ORG, "-o", "m", "--split", split)
    assert sorted(path.name for path in Path("m").glob("*.yaml"))[:3] == files
    plans_empty(program, "m")


def test_what_is_named_is_taken_whether_customised_or_not(program: Program) -> None:
    imported(program, "custom-node*", "/custom-node", "custom-nginx", *ORG, "-o", "m")
    assert Path("m/example.com.yaml").read_text() == (
        "organization: example.com\n\nrepositories:\n  /custom-node: {}\n\n  custom-nginx: {}\n\n"
        "  team-a/custom-node:\n    packages: [git]\n    environment:\n      NODE_ENV: development\n"
    )
    plans_empty(program, "m")


def test_what_many_share_goes_into_profiles(program: Program) -> None:
    names = ["custom-nginx", "orders-api", "build-agent", "checkout-api", "batch-runner"]
    shared = "{packages: [bash, curl, jq, openssh-client], environment: {JAVA_TOOL_OPTIONS: '-XX:MaxRAMPercentage=75'}}"
    write_manifest("organization: example.com\nrepositories:\n" + "".join(f"  {name}: {shared}\n" for name in names))
    assert program.run("apply", "--yes", "--no-wait").code == 0
    imported(program, *ORG, "-o", "one")
    text = Path("one/example.com.yaml").read_text()
    assert text.count("curl, jq, openssh-client") == 1
    assert text.count("profiles: [") == 5
    plans_empty(program, "one")
    imported(program, *ORG, "-o", "m", "--split", "repository")
    assert "openssh-client" in Path("m/profiles.yaml").read_text()
    plans_empty(program, "m")
    assert program.run("fmt", "m", "--check").code == 0


MANIFEST = """\
# ours
organization: example.com

profiles:
  memory:
    environment: {REDIS_MAXMEMORY: 1mb}

repositories:
  # the cache
  custom-redis:
    profiles: [memory]   # for all caches
    annotations:
      com.example.team: somebody   # us

  # scripts
  custom-ruby:
    packages:
    - yaml
    - nodejs-22   # for assets
    - git

  custom-go: {packages: [git]}   # not ours to change today
"""


def test_drift_is_accepted_into_a_manifest(program: Program) -> None:
    path = write_manifest(MANIFEST)
    assert program.run("plan", "--detailed-exitcode").code == 2
    result = imported(program, "custom-redis", "custom-ruby", "-o", "manifests")
    assert path.read_text() == MANIFEST.replace(
        "somebody   # us\n",
        'platform   # us\n      com.example.cost-centre: "4711"\n    environment:\n      REDIS_MAXMEMORY: 256mb\n',
    ).replace("    - nodejs-22   # for assets\n    - git\n", "    - git\n    - bash\n    - tmux\n")
    assert "-    - nodejs-22   # for assets\n" in result.out
    assert "custom-go" not in [line.lstrip("+-") for line in result.out.splitlines() if line[:1] in "+-"]
    assert "layer-overridden" in result.err
    assert "manifests/web.yaml:6:19" in result.err
    # What the manifest does not manage stays so.
    assert "RAILS_ENV" not in path.read_text()
    changed = program.run("plan", "--format", "json")
    assert '"update": 1' in changed.out


def test_importing_again_changes_nothing(program: Program) -> None:
    path = write_manifest(MANIFEST)
    imported(program, "custom-redis", "custom-ruby", "-o", "manifests")
    before = path.read_text()
    result = imported(program, "custom-redis", "custom-ruby", "-o", "manifests")
    assert path.read_text() == before
    assert result.out.endswith(" already in manifests. A plan shows no changes.\n")
    assert "@@" not in result.out


def test_only_what_is_written_is_counted_as_imported(program: Program) -> None:
    imported(program, *ORG, "-o", "m")
    with program.emulator() as emulator:
        emulator.edit("custom-go", {"contents": {"packages": ["vim"]}})
    result = imported(program, "custom-go", "custom-ruby", "custom-redis", "custom-nginx", "-o", "m")
    assert result.out.endswith(
        "Imported 2 repositories into m; 2 repositories already there. A plan shows no changes.\n"
    )
    result = imported(program, "custom-go", "-o", "m")
    assert result.out == "1 repository already in m. A plan shows no changes.\n"


def test_a_named_repository_that_cannot_be_imported_is_an_error(program: Program) -> None:
    result = imported(program, "data-pipeline", *ORG, "-o", "m", code=1)
    assert result.err.startswith("error: data-pipeline is not imported")
    assert result.out == "Nothing to import.\n"
    assert imported(program, *ORG, "-o", "m").err.startswith("warning: data-pipeline is not imported")


def test_without_a_name_only_what_has_no_entry_yet_is_added(program: Program) -> None:
    path = write_manifest(MANIFEST)
    imported(program, "-o", "manifests")
    text = path.read_text()
    assert text.startswith(MANIFEST)
    assert "\n  payments-api:\n" in text
    assert program.run("plan", "--format", "json").out.count('"action": "update"') == 3


def test_a_profile_that_gives_what_is_not_live_is_written_out(program: Program) -> None:
    path = write_manifest(
        "organization: example.com\n"
        "profiles: {tools: {packages: [git, strace]}, more: {packages: [bash]}}\n"
        "repositories: {custom-ruby: {profiles: [tools, more], packages: [yaml]}}\n"
    )
    result = imported(program, "custom-ruby", "-o", "manifests")
    assert "layers-written-out" in result.err
    assert "profiles: [more]" in path.read_text()
    plans_empty(program, "manifests")


def test_defaults_that_give_what_is_not_live_are_in_the_way(program: Program) -> None:
    text = "organization: example.com\ndefaults: {packages: [strace]}\nrepositories: {custom-ruby: {}}\n"
    path = write_manifest(text)
    result = imported(program, "custom-ruby", "-o", "manifests", code=1)
    assert "manifests/web.yaml:2:" in result.err
    assert "strace" in result.err
    assert path.read_text() == text


def test_a_reset_that_was_overtaken(program: Program) -> None:
    entries = "  legacy-php: {reset: true}  # away\n  custom-nginx: {reset: true}\n"
    path = write_manifest(f"organization: example.com\nrepositories:\n{entries}")
    imported(program, "legacy-php", "custom-nginx", "-o", "manifests")
    assert "APP_ENV: legacy" in path.read_text()
    assert "custom-nginx: {reset: true}\n" in path.read_text()
    plans_empty(program, "manifests")


def test_certificates_that_are_there_stay_where_they_are(program: Program) -> None:
    imported(program, "custom-jre", *ORG, "-o", "m")
    path = Path("m/example.com.yaml")
    os.rename("m/certs/corp-root.pem", "m/certs/root.pem")  # noqa: PTH104 - short
    path.write_text(path.read_text().replace("certs/corp-root.pem", "certs/root.pem").replace("[curl]", "[curl, git]"))
    imported(program, "custom-jre", "payments-api", "-o", "m")
    text = path.read_text()
    assert text.count("certs/root.pem") == 1
    assert text.count("certs/corp-root.pem") == 1
    assert "[curl]" in text
    plans_empty(program, "m")


def test_secrets_are_written_and_not_shown(program: Program) -> None:
    entry = "custom-nginx: {environment: {DB_PASSWORD: first-one}}"
    path = write_manifest(f"organization: example.com\nrepositories:\n  {entry}\n")
    assert program.run("apply", "--yes", "--no-wait").code == 0
    path.write_text(path.read_text().replace("first-one", "other-one"))
    result = imported(program, "custom-nginx", "-o", "manifests")
    assert "first-one" in path.read_text()
    assert "first-one" not in result.out + result.err
    assert "other-one" not in result.out + result.err
    assert "(old sensitive value)" in result.out
    assert "(new sensitive value)" in result.out
    assert "DB_PASSWORD" in result.err


@pytest.mark.parametrize("text", ["a: [\n", "organization: example.com\nrepositories: {a: {pakages: [b]}}\n"])
def test_files_with_mistakes_are_not_touched(program: Program, text: str) -> None:
    path = write_manifest(text)
    result = imported(program, *ORG, "-o", "manifests", code=1)
    assert "manifests/web.yaml:" in result.err
    assert path.read_text() == text
    assert os.listdir("manifests") == ["web.yaml"]  # noqa: PTH208 - names alone


def test_what_was_named_and_cannot_be_taken_is_a_failure(program: Program) -> None:
    result = imported(program, "data-pipeline", "custom-go", *ORG, "-o", "m", code=1)
    assert "data-pipeline is not imported" in result.err
    assert "custom-go:" in Path("m/example.com.yaml").read_text()


def test_what_a_manifest_cannot_say_is_left_out_whole(program: Program) -> None:
    with program.emulator() as emulator:
        repository = emulator.repository("custom-go")
        overlay = {"contents": {"packages": ["curl=1", "curl=2"]}}
        body = {**repository, "customOverlay": overlay}
        assert call(emulator, "PUT", f"/registry/v1/repos/{repository['id']}", body=body).status == 200
    result = imported(program, *ORG, "-o", "m")
    assert "custom-go is not imported" in result.err
    assert "and `curl=2`" in result.err
    assert "custom-go" not in Path("m/example.com.yaml").read_text()
    plans_empty(program, "m")


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["-o", "m"], "--org"),
        ([*ORG, "-o", "m", "custom-ngin"], "custom-nginx"),
        ([*ORG, "-o", "file"], "file"),
        ([*ORG, "-o", "file/below"], "file/below"),
    ],
)
def test_what_cannot_be(program: Program, argv: list[str], words: str) -> None:
    Path("file").write_text("x")
    result = program.run("import", *argv)
    assert result.code == 1
    assert words in result.err
    assert "internal-error" not in result.err
    assert not Path("m").exists()


def test_usage(program: Program) -> None:
    assert program.run("import", *ORG).code == 64
    assert program.run("import", *ORG, "-o", "m", "--split", "team").code == 64
