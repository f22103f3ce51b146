"""Packages that overlays bring to tags are looked up and resolved before anything is written."""

import json

import pytest

from reconciler.core.image_checks import block_overlays, image_steps
from reconciler.core.plan import Plan
from reconciler.core.resolution import partly_resolving
from reconciler.core.state import Organization
from reconciler.core.steps import Action, OverlayStep, Reach, Reason, ReasonCode, TagEffect
from tests.support.overlays import overlay
from tests.support.program import Program, write_manifest

MANIFEST = """\
organization: example.com
overlays:
  tools: {packages: [PACKAGE]}
repositories:
  custom-nginx: {overlays: {tools: all}}
"""


@pytest.mark.parametrize("package", ["no-such-package", "curl=0.0.1-r0"])
def test_an_overlay_with_a_package_that_cannot_be_had_is_not_written(program: Program, package: str) -> None:
    write_manifest(MANIFEST.replace("PACKAGE", package))
    result = program.run("apply", "--yes", "--format", "json")
    assert result.code == 1
    plan = json.loads(result.out.splitlines()[1])["plan"]
    assert not plan["applyable"]
    assert "manifests/web.yaml:5" in result.err
    with program.emulator() as emulator:
        assert emulator.writes == 0


def test_without_checks_the_builds_tell(program: Program) -> None:
    write_manifest(MANIFEST.replace("PACKAGE", "no-such-package"))
    assert program.run("plan", "--no-check", "--detailed-exitcode").code == 2


def test_what_can_be_had_is_planned_without_a_word(program: Program) -> None:
    write_manifest(MANIFEST.replace("PACKAGE", "curl"))
    result = program.run("plan", "--detailed-exitcode")
    assert (result.code, result.err) == (2, "")


def test_an_error_blocks_what_reaches_the_repository_and_a_warning_does_not() -> None:
    effect = TagEffect(
        repository="web", id="o/1", tags=("1", "1-dev"), before=overlay({}), after=overlay({"packages": ["x"]})
    )
    steps = tuple(
        OverlayStep(
            name=name,
            id=None,
            action=Action.UPDATE,
            reason=Reason(code=ReasonCode.DIFFERS),
            place=None,
            reaches=Reach(repositories=(repository,), tags=2),
        )
        for name, repository in (("here", "web"), ("elsewhere", "api"))
    )
    plan = Plan(organization=Organization(id="o", name="o"), steps=(), overlay_steps=steps, effects=(effect,))
    (image,) = image_steps(plan)
    assert image.repository == "web:1, 1-dev"
    warned = block_overlays(plan, [image], [partly_resolving(image, "no", 1, 2)])
    assert [step.action for step in warned.overlay_steps] == [Action.UPDATE, Action.UPDATE]
    assert "in 1 of 2 images" in warned.diagnostics[0].summary
