"""Live state without values: only equality can be told."""

import json
from dataclasses import replace

from hypothesis import given, settings

from reconciler.core.diff import diff, items_of
from reconciler.core.overlay import Overlay, Section
from reconciler.core.planner import plan
from reconciler.core.redaction import is_redacted, redact_live
from reconciler.core.state import Address, Desired, DesiredRepository, Live, LiveRepository, Organization, Unreadable
from reconciler.diagnostics import Place
from reconciler.planfile.overlays import encode_overlay
from tests.support.overlays import overlay
from tests.support.overlays import overlays as any_overlay

SECRETS = {
    "environment": {"PASSWORD": "secret-1", "EMPTY": ""},
    "annotations": {"com.example.a": "secret-2"},
    "runtime_repositories": ["https://user:secret-3@apk.example.com"],
    "command_override": {"command": ["run", "--token=secret-4"]},
    "preflight": [{"tcp": "secret-5:5432"}],
    "truststore": {"a": "secret-6"},
    "unrecognised": [("later", '"secret-7"')],
    "certificates": {"additional": [{"name": "corp", "text": "secret-8"}]},
}


def live(content: Overlay | Unreadable) -> Live:
    repository = LiveRepository(id="o/web", name="web", overlay=content)
    return Live(organization=Organization(id="o", name="example.com"), repositories=(repository,))


def redacted(content: Overlay, salt: str = "s") -> Overlay:
    (found,) = redact_live(live(content), salt).repositories
    assert isinstance(found.overlay, Overlay)
    return found.overlay


@settings(max_examples=40)
@given(before=any_overlay(), after=any_overlay())
def test_differences_are_at_the_same_places(before: Overlay, after: Overlay) -> None:
    places = [(one.path, one.kind) for one in diff(before, after)]
    assert [(one.path, one.kind) for one in diff(redacted(before), redacted(after))] == places


def test_no_value_is_left_and_names_are() -> None:
    text = json.dumps(encode_overlay(redacted(overlay(SECRETS))))
    assert "secret-" not in text
    assert all(name in text for name in ("PASSWORD", "EMPTY", "com.example.a"))


def test_a_hash_depends_on_salt_and_key() -> None:
    one = overlay({"environment": {"A": "x", "B": "x"}})
    values = {value for salt in ("s", "t") for _, value in redacted(one, salt).environment}
    assert len(values) == 4
    assert all(map(is_redacted, values))
    assert not is_redacted("redacted-sha256:abc")


def test_what_cannot_be_read_is_not_quoted() -> None:
    (found,) = redact_live(live(Unreadable(problem="`secret-1` is not an object")), "s").repositories
    assert found.overlay == Unreadable(problem="redacted")


def test_a_plan_compares_the_values_of_the_manifest_with_the_hashes() -> None:
    wanted = overlay({"environment": {"PASSWORD": "secret-1", "MODE": "new"}})
    entry = DesiredRepository(
        address=Address(name="web"), place=Place(file="m"), overlay=wanted, managed=frozenset({Section.ENVIRONMENT})
    )
    before = redact_live(live(overlay({"environment": {"PASSWORD": "secret-1", "MODE": "old"}})), "s")
    (step,) = plan(Desired(repositories=(entry,)), before).steps
    assert [change.path for change in step.changes] == ["environment.MODE"]
    assert all(is_redacted(item.value) for item in items_of(step.after or wanted))
    same = replace(entry, overlay=overlay({"environment": {"PASSWORD": "secret-1", "MODE": "old"}}))
    assert not plan(Desired(repositories=(same,)), before).writes
