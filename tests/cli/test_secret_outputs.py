"""Values that are secret by their form or their name are in no output of any command (entry 30)."""

import json
from pathlib import Path

from tests.support.program import Program, write_manifest

VALUES = {
    "JDBC": "jdbc:postgresql://db/app?user=a&password=hunter2",
    "JAVA_OPTS": "-Xmx1g -Ddb.password=hunter2",
    "AZURE": "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=hunter2==;EndpointSuffix=x",
    "NPM": "//registry.npmjs.org/:_authToken=hunter2",
    "HEADER": "Authorization: Bearer hunter2hunter2",
    "SAS": "https://a.blob.example.com/c?sv=2024&sig=hunter2",
    "DSN_OF_SENTRY": "https://hunter2@sentry.example.com/1",
    "HOOK": "https://hooks.slack.com/services/T0/B0/hunter2",
    "HF": "hf_hunter2hunter2hunter2",
    "DB_PASSWORD": "hunter2",
}
SHOWN = {"MAX_TOKENS": "4096", "VAULT_TOKEN": "cg+vault://team/token", "REQUIRE_AUTH": "yes"}
MANIFEST = "organization: example.com\nrepositories:\n  custom-nginx:\n    environment: {}\n"


def manifest(number: int) -> str:
    values = {**{name: value.replace("hunter2", f"hunter2{number}") for name, value in VALUES.items()}, **SHOWN}
    return MANIFEST.replace("{}", json.dumps(values))


def test_no_output_shows_a_secret(program: Program) -> None:
    commands = [
        ("validate",),
        ("plan",),
        ("plan", "--format", "json"),
        ("plan", "--format", "markdown"),
        ("plan", "--format", "html"),
        ("explain", "custom-nginx"),
        ("apply", "--yes", "--no-wait", "--format", "json"),
        ("plan", "-o", "p.plan"),
        ("history",),
        ("history", "--format", "json"),
        ("repos",),
        ("import", "custom-nginx", "-o", "manifests"),
    ]
    for turn in range(2):
        write_manifest(manifest(turn))
        for command in commands:
            result = program.run(*command)
            assert "hunter2" not in result.out + result.err, (command, result.out + result.err)
            assert "defect" not in result.err
    write_manifest(manifest(2))
    shown = program.run("plan").out
    assert "hunter2" not in shown
    assert shown.count("(sensitive value changed)") >= len(VALUES)


def test_what_is_not_a_secret_is_shown_and_not_warned_about(program: Program) -> None:
    write_manifest(MANIFEST.replace("{}", json.dumps(SHOWN)))
    result = program.run("plan")
    assert "looks like a secret" not in result.err
    assert all(value in result.out for value in SHOWN.values())


def test_the_text_differences_of_an_import_show_none(program: Program) -> None:
    write_manifest(manifest(0))
    assert program.run("apply", "--yes", "--no-wait").code == 0
    write_manifest(manifest(1))
    result = program.run("import", "custom-nginx", "-o", "manifests")
    assert result.code == 0, result.err
    assert "hunter2" not in result.out + result.err
    assert "hunter20" in Path("manifests/web.yaml").read_text(encoding="utf-8")
