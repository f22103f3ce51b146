"""`import` of what the API emits for fields that are not set."""

from pathlib import Path

import pytest

from tests.support.program import Program
from tests.support.wsgi import call

ORG = ("--org", "example.com")


def customize(program: Program, name: str, overlay: dict[str, object]) -> None:
    with program.emulator() as emulator:
        repository = emulator.repository(name)
        body = {**repository, "customOverlay": overlay}
        assert call(emulator, "PUT", f"/registry/v1/repos/{repository['id']}", body=body).status == 200


@pytest.mark.parametrize("version", ["v1", "v2", "auto"])
def test_fields_that_nobody_set_leave_no_repository_out(program: Program, version: str) -> None:
    customize(program, "custom-nginx", {"contents": {"packages": ["curl"]}, "failMode": "FAIL_MODE_UNSPECIFIED"})
    result = program.run("import", "custom-nginx", *ORG, "-o", "m", "--api-version", version)
    assert (result.code, "left out" in result.err) == (0, False), result.err
    assert "curl" in Path("m/example.com.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize("version", ["v1", "v2", "auto"])
def test_a_user_without_group_gets_none(program: Program, version: str) -> None:
    users = [{"userName": "app", "uid": 1000}, {"userName": "web", "uid": 1001, "gid": 1001}]
    customize(program, "custom-nginx", {"accounts": {"users": users, "runAs": "app"}})
    result = program.run("import", "custom-nginx", *ORG, "-o", "m", "--api-version", version)
    assert result.code == 0, result.err
    text = Path("m/example.com.yaml").read_text(encoding="utf-8")
    assert "gid: 0" not in text
    assert text.count("gid:") == 1
    assert program.run("plan", "m", "--detailed-exitcode").code == 0
