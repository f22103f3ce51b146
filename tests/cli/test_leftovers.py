"""What an apply says of removed items that new images still contain, and of what else changed."""

import json
from pathlib import Path
from typing import Any

from reconciler.api.errors import PermissionDenied
from reconciler.cli.planning import earlier_builds
from reconciler.core.builds import Build, Target
from reconciler.core.overlay import EMPTY
from reconciler.core.progress import begin
from reconciler.core.state import Organization
from reconciler.diagnostics import Diagnostic
from tests.support.program import Program, write_manifest

HEAD = "organization: example.com\nrepositories:\n"


def write(program: Program, packages: str) -> None:
    write_manifest(f"{HEAD}  custom-nginx: {{packages: [{packages}]}}\n")
    assert program.run("apply", "--yes").code == 0
    program.clock.time += 3600


def summary(out: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(out.splitlines()[-1])
    return document["builds"]  # type: ignore[no-any-return]


def test_a_removed_package_of_the_base_image_is_a_warning_of_its_own(program: Program) -> None:
    write(program, "jq, tzdata")
    write_manifest(f"{HEAD}  custom-nginx: {{packages: [jq]}}\n")
    result = program.run("apply", "--yes", "--format", "text", "--format", "json=run.json")
    assert result.code == 0
    lines = result.out.splitlines()
    (told,) = [line for line in lines if "tzdata" in line and "is still in" in line]
    assert told.startswith("warning: tzdata is still in ")
    assert told.endswith("new images of custom-nginx: the base image brings it")
    assert lines[-1].startswith("Apply complete: ")
    assert "tzdata" not in lines[-1]
    (found,) = summary(Path("run.json").read_text(encoding="utf-8"))["still_there"]
    assert (found["repository"], found["key"], found["cause"]) == ("custom-nginx", "tzdata", "base_image")
    assert found["images"] == found["of"]
    assert told in program.run("wait").out


def test_nothing_is_reported_where_it_is_gone(program: Program) -> None:
    write(program, "jq, vim")
    write_manifest(f"{HEAD}  custom-nginx: {{packages: [jq]}}\n")
    result = program.run("apply", "--yes", "-v")
    assert "is still in" not in result.out
    assert "custom-nginx since the last image: - ncurses " in result.out


def test_a_saved_plan_is_compared_with_the_images_before_as_well(program: Program) -> None:
    write(program, "jq, vim")
    write_manifest(f"{HEAD}  custom-nginx: {{packages: [jq]}}\n")
    assert program.run("plan", "-o", "p.plan").code == 0
    (change,) = summary(program.run("apply", "p.plan", "--format", "json").out)["other_changes"]
    assert change["repository"] == "custom-nginx"
    assert [one["name"] for one in change["removed"]] == ["ncurses", "ncurses-terminfo-base"]


class Refusing:
    """An API that lists no builds."""

    def sample_builds(self, organization: Organization, *, since: float) -> tuple[Build, ...]:
        """Refuse."""
        del organization, since
        raise PermissionDenied(Diagnostic(code="denied", summary="no"), capability="build_report.list")

    def server_now(self) -> float:
        """Return any time."""
        return 0.0


def test_images_that_cannot_be_compared_stop_nothing() -> None:
    target = Target(repository="web", id="o/web", before=EMPTY, after=EMPTY, since=0)
    progress = (begin(target, now=0),)
    assert earlier_builds(progress, Refusing(), Organization(id="o", name="example.com")) == ()
