"""Overlays bound to tags: seen by every plan, respected by it, and explained where the API refuses something."""

import json

import pytest

from reconciler.api.writer import WriteClient
from reconciler.emulator import EmulatorSettings, Fault, Status
from tests.support.program import Program, write_manifest

ONE = """\
organization: example.com
repositories:
  custom-go: {packages: [curl]}
"""
RESET = "organization: example.com\nrepositories: {custom-go: {reset: true}}\n"
BINDINGS = "/registry/v2beta1/overlayBindings"


def bind(program: Program, overlay: str, to: str, tags: str | list[str] = "all") -> None:
    with program.emulator() as emulator:
        emulator.bind(overlay, to, tags)


def reset_repository(program: Program, name: str) -> None:
    with program.emulator() as emulator:
        emulator.edit(name, {}, replace=True)


def test_a_repository_with_bindings_is_blocked_with_the_names(program: Program) -> None:
    write_manifest(ONE)
    reset_repository(program, "custom-go")
    bind(program, "typer", "custom-go", ["1.25", "1.25-dev"])
    bind(program, "debug-tools", "custom-go", "dev")
    result = program.run("plan")
    assert result.code == 1
    assert "uses Overlays" in result.out
    assert "typer (1.25, 1.25-dev)" in result.out + result.err
    assert "debug-tools (dev)" in result.err
    assert result.err.startswith('error: manifests/web.yaml:3:3: "custom-go" uses Overlays')
    assert "[repository-has-bindings]" in result.err
    document = json.loads(program.run("plan", "--json").out)
    (step,) = document["steps"]
    assert (step["action"], step["reason_code"]) == ("blocked", "has-bindings")
    assert document["bindings"]["known"] is True


def test_nothing_of_a_blocked_plan_is_written(program: Program) -> None:
    write_manifest(ONE)
    reset_repository(program, "custom-go")
    bind(program, "typer", "custom-go")
    assert program.run("apply", "--yes").code == 1
    with program.emulator() as emulator:
        assert not (emulator.repository("custom-go")["customOverlay"] or {}).get("contents")


def test_a_binding_for_all_repositories_is_a_warning(program: Program) -> None:
    write_manifest(ONE)
    bind(program, "corp-ca", "example.com/")
    result = program.run("plan")
    assert result.code == 0
    assert "warning: manifests/web.yaml:3:3: custom-go: a standard customization switches off" in result.err
    assert "corp-ca (all)" in result.err
    assert program.run("apply", "--yes", "--no-wait").code == 0
    assert "bindings" not in program.run("plan").err


def test_the_bindings_of_another_folder_are_nobodys_business(program: Program) -> None:
    write_manifest(ONE)
    bind(program, "corp-ca", "example.com/team-a/")
    assert "bindings" not in program.run("plan").err


def test_a_reset_says_which_bindings_begin_to_apply(program: Program) -> None:
    write_manifest(RESET)
    bind(program, "corp-ca", "example.com/", "dev")
    result = program.run("plan")
    assert result.code == 0
    assert "[bindings-switched-on]" in result.err
    assert "without the standard customization, the binding corp-ca (dev) will apply" in result.err


@pytest.mark.parametrize("status", [404, 501])
def test_an_api_without_overlays_is_planned_as_ever(status: int, program: Program) -> None:
    write_manifest(ONE)
    program.settings = EmulatorSettings(overlays=status)  # type: ignore[arg-type]
    result = program.run("plan", "--json")
    assert (result.code, result.err) == (0, "")
    assert json.loads(result.out)["bindings"]["known"] is False


def test_a_refused_read_is_not_called_empty(program: Program) -> None:
    write_manifest(ONE)
    program.settings = EmulatorSettings(overlays=403)
    result = program.run("plan")
    assert result.code == 0
    assert "[bindings-unknown]" in result.err
    assert "registry.overlays.list" in result.err or "may not" in result.err


def test_one_list_for_each_plan_however_many_bindings(program: Program) -> None:
    write_manifest(ONE)
    for name in ("custom-nginx", "orders-api", "custom-python"):
        reset_repository(program, name)
        bind(program, f"overlay of {name}", name)
    with program.emulator() as emulator:
        emulator.faults.add()
    result = program.run("plan", "--no-check", "--debug")
    assert "requests: 5 reads, 0 writes" in result.err


def test_what_the_server_refuses_names_the_overlays(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    write_manifest(ONE)
    assert program.run("plan", "-o", "p.plan").code == 0
    reset_repository(program, "custom-go")
    program.run("plan", "-o", "p.plan")
    bind(program, "typer", "custom-go", ["1.25"])
    monkeypatch.setattr(WriteClient, "read_bindings", lambda *_: ())  # bound just after they were read
    result = program.run("apply", "p.plan")
    assert result.code == 3
    assert "uses Overlays: typer (1.25)" in result.out
    assert "repository custom overlay and overlay binding not allowed" in result.out


@pytest.mark.parametrize(
    ("status", "code", "message", "says"),
    [
        (400, 9, "Precondition failed: this organization is not enrolled in custom-repos. Contact us.", "custom-repos"),
        (403, 7, "using custom_overlay.guarded_entrypoint is not allowed", "Guarded Entrypoint"),
    ],
)
def test_a_feature_that_the_organization_does_not_have(
    status: int, code: int, message: str, says: str, program: Program
) -> None:
    write_manifest(ONE)
    fault = Status(status=status, code=code, message=message)
    program.play(*(Fault(effect=fault, method=method, times=None) for method in ("PUT", "PATCH")))
    result = program.run("apply", "--yes")
    assert result.code == 3
    assert f"this organization is not enrolled in {says}" in result.out
    assert message[:40] in result.out


def test_guarded_entrypoint_of_an_organization_that_is_not_enrolled(program: Program) -> None:
    write_manifest("organization: example.com\nrepositories: {custom-go: {guarded_entrypoint: true}}\n")
    program.settings = EmulatorSettings(not_enrolled=frozenset({"guarded_entrypoint"}))
    result = program.run("apply", "--yes")
    assert result.code == 3
    assert "this organization is not enrolled in Guarded Entrypoint" in result.out
    assert "using custom_overlay.guarded_entrypoint is not allowed" in result.out
    assert "account team" in result.out


def test_a_precondition_of_another_kind_keeps_its_message(program: Program) -> None:
    write_manifest(ONE)
    fault = Status(status=400, code=9, message="Precondition failed: the moon is full")
    program.play(*(Fault(effect=fault, method=method, times=None) for method in ("PUT", "PATCH")))
    result = program.run("apply", "--yes")
    assert "rejected by the API" in result.out
    assert "the moon is full" in result.out


def test_repos_shows_bindings(program: Program) -> None:
    bind(program, "corp-ca", "example.com/")
    reset_repository(program, "custom-go")
    bind(program, "typer", "custom-go", ["1.25"])
    result = program.run("repos", "custom-go", "--org", "example.com")
    assert "inherited corp-ca (all), typer (1.25)" in result.out
    found = json.loads(program.run("repos", "custom-go", "--org", "example.com", "--json").out)
    assert [
        (one["overlay"], one["selector"], one["all_repositories"]) for one in found["repositories"][0]["bindings"]
    ] == [
        ("corp-ca", "all", True),
        ("typer", "1.25", False),
    ]


def test_explain_shows_bindings_where_the_api_answers(program: Program) -> None:
    write_manifest(ONE)
    bind(program, "corp-ca", "example.com/")
    result = program.run("explain", "custom-go")
    assert result.out.endswith(
        "Bound overlays: inherited corp-ca (all)\nNot managed: " + result.out.rpartition("Not managed: ")[2]
    )
    assert json.loads(program.run("explain", "custom-go", "--json").out)["bindings"][0]["overlay"] == "corp-ca"


def test_snapshots_and_saved_plans_carry_what_was_known(program: Program) -> None:
    write_manifest(ONE)
    reset_repository(program, "custom-go")
    bind(program, "typer", "custom-go")
    program.run("snapshot", "-o", "s.snapshot", "--org", "example.com")
    result = program.run("plan", "--against", "s.snapshot", "-o", "p.plan")
    assert "[repository-has-bindings]" in result.err
    shown = json.loads(program.run("show", "p.plan", "--json").out)
    assert shown["steps"][0]["reason_code"] == "has-bindings"
    assert shown["bindings"]["known"] is True


@pytest.mark.parametrize(
    ("standard", "bound", "model"),
    [(True, False, "standard"), (True, True, "both"), (False, True, "overlays"), (False, False, "none")],
)
def test_doctor_tells_the_model(standard: bool, bound: bool, model: str, program: Program) -> None:  # noqa: FBT001
    if not standard:
        with program.emulator() as emulator:
            listed = json.loads(program.run("repos", "--org", "example.com", "--json").out)
            for one in listed["repositories"]:
                emulator.edit(one["id"], {}, replace=True)
    if bound:
        bind(program, "corp-ca", "example.com/")
    found = json.loads(program.run("doctor", "--org", "example.com", "--json").out)
    assert found["model"] == model
    assert found["features"] == {"repositories v2": True, "overlays": True, "overlay bindings": True}


def test_doctor_tells_what_does_not_answer(program: Program) -> None:
    program.settings = EmulatorSettings(overlays=404)
    result = program.run("doctor", "--org", "example.com")
    assert result.code == 0
    assert "no answer: overlays, overlay bindings" in result.out
    assert json.loads(program.run("doctor", "--org", "example.com", "--json").out)["model"] is None


def test_a_revert_respects_bindings(program: Program) -> None:
    write_manifest(RESET)
    assert program.run("apply", "--yes", "--no-wait").code == 0
    bind(program, "typer", "custom-go")
    run = json.loads(program.run("history", "--json").out)["runs"][0]["id"]
    result = program.run("revert", run, "--yes")
    assert result.code == 1
    assert "uses Overlays" in result.out


def test_a_saved_plan_writes_no_repository_that_has_bindings_by_now(program: Program) -> None:
    write_manifest(
        "organization: example.com\nrepositories:\n  custom-nginx: {packages: [git]}\n  orders-api: {packages: [git]}\n"
    )
    reset_repository(program, "custom-nginx")
    assert program.run("plan", "-o", "p.plan").code == 0
    bind(program, "typer", "custom-nginx")
    result = program.run("apply", "p.plan", "--no-wait")
    assert result.code == 3
    assert '"custom-nginx" uses Overlays and cannot have a standard customization' in result.err
    assert result.out.splitlines()[-1].startswith(
        "Apply finished with errors: 1 updated, 1 not attempted (custom-nginx)"
    )
