import json
import os
import subprocess
import sys
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.diff import ChangeKind
from reconciler.core.overlay import (
    Overlay,
    Section,
    User,
    make_accounts,
    make_certificates,
    make_group,
    make_overlay,
    make_pem_file,
)
from reconciler.core.plan import Plan
from reconciler.core.runs import Skip
from reconciler.core.steps import Reason, ReasonCode
from reconciler.diagnostics import Diagnostic, Place, Severity
from reconciler.views.apply_text import not_attempted
from reconciler.views.document import plan_document
from reconciler.views.steps import reason_sentence
from reconciler.views.text import indented_json
from tests.support import golden
from tests.support.overlays import overlays
from tests.views import samples

ROOT = Path(__file__).parents[2]


def test_the_document_is_as_in_its_golden_file() -> None:
    golden.check(samples.GOLDEN / "every-action.json", indented_json(samples.document(samples.every_action())))


def test_the_public_keys_are_those_that_are_promised() -> None:
    document = samples.document(samples.every_action())
    assert document["format_version"] == "1.0"
    assert (document["tool_version"], document["api"]) == ("1.2.3", samples.API)
    assert document["organization"] == {"id": "45a0" * 10, "name": "example.com"}
    assert (document["complete"], document["applyable"]) == (False, False)
    assert document["counts"] == {"create": 1, "update": 3, "reset": 1, "unchanged": 1, "blocked": 4, "unknown": 1}
    assert document["unlisted"] == {"count": 2, "names": ["nginx", "redis"]}
    assert document["left_out"] == {"count": 1, "names": ["other"]}
    step = next(step for step in document["steps"] if step["repository"] == "custom-jre")
    assert step["action"] == "update"
    assert step["reason_code"] == "differs"
    assert step["unmanaged"] == ["annotations"]
    assert step["changes"] == [
        {
            "path": "contents.packages",
            "section": "contents.packages",
            "part": "contents.packages",
            "key": "curl",
            "kind": "change",
            "before": "curl=8.1",
            "after": "curl=8.2",
            "masked": False,
        }
    ]


def test_an_added_package_is_what_the_interface_shows() -> None:
    document = samples.document(samples.plan(samples.step("custom-node", after=make_overlay(packages=["git"]))))
    (step,) = document["steps"]
    (change,) = step["changes"]
    assert {key: change[key] for key in ("path", "kind", "before", "after")} == {
        "path": "contents.packages",
        "kind": "add",
        "before": None,
        "after": "git",
    }


def test_a_creation_has_a_source_and_no_id_of_its_own() -> None:
    (step,) = samples.document(samples.plan(samples.creation("new", make_overlay(), source="python")))["steps"]
    assert step["id"] is None
    assert step["source"] == {"repository": "python", "id": samples.uidp(9000)}


def test_diagnostics_carry_their_place_or_null() -> None:
    problems = (
        Diagnostic(code="a", summary="s", hint="h", place=Place(file="f.yaml", line=3, column=5)),
        Diagnostic(code="b", summary="t", severity=Severity.WARNING, detail="d"),
    )
    plan = Plan(organization=samples.ORGANIZATION, steps=(), diagnostics=problems)
    assert samples.document(plan)["diagnostics"] == [
        {
            "severity": "error",
            "code": "a",
            "summary": "s",
            "detail": "",
            "hint": "h",
            "file": "f.yaml",
            "line": 3,
            "column": 5,
            "repositories": [],
        },
        {
            "severity": "warning",
            "code": "b",
            "summary": "t",
            "detail": "d",
            "hint": "",
            "file": None,
            "line": None,
            "column": None,
            "repositories": [],
        },
    ]


def _changes(**sections: object) -> dict[str, dict[str, object]]:
    after = make_overlay(**sections)  # type: ignore[arg-type] # the sections are given by name
    (step,) = samples.document(samples.plan(samples.step("r", after=after)))["steps"]
    return {change["path"]: change for change in step["changes"]}


def test_accounts_are_spelled_as_apko_spells_them_without_what_is_not_given() -> None:
    users = [User(username="a", uid=0), User(username="b", uid=1, gid=0, groupname="g", shell="/s", homedir="/h")]
    changes = _changes(accounts=make_accounts(users=users, groups=[make_group(groupname="g", gid=0)]))
    assert changes["accounts.users.a"]["after"] == {"username": "a", "uid": 0}
    assert changes["accounts.users.b"]["after"] == {
        "username": "b",
        "uid": 1,
        "gid": 0,
        "groupname": "g",
        "shell": "/s",
        "homedir": "/h",
    }
    assert changes["accounts.groups.g"]["after"] == {"groupname": "g", "gid": 0, "members": []}
    assert changes["accounts.users.a"]["section"] == str(Section.ACCOUNTS)


def test_pem_text_never_leaves() -> None:
    additional = [samples.pem("root", "corp-root.pem"), make_pem_file("odd", "-----BEGIN CERTIFICATE-----\nx")]
    changes = _changes(
        certificates=make_certificates(additional=additional),
        runtime_keyring=[samples.pem("key", "melange.rsa.pub")],
    )
    root = changes["certificates.additional.root"]["after"]
    assert isinstance(root, dict)
    assert {**root, "sha256": len(root["sha256"])} == {
        "name": "root",
        "subject": "CN=Corp Root CA,O=Example Corp",
        "issuer": "CN=Corp Root CA,O=Example Corp",
        "not_after": "2031-01-01",
        "key": "EC secp256r1",
        "sha256": 64,
    }
    for path, name in (("certificates.additional.odd", "odd"), ("contents.runtime_keyring.key", "key")):
        value = changes[path]["after"]
        assert isinstance(value, dict)
        assert (value["name"], set(value)) == (name, {"name", "sha256"})
    assert "BEGIN" not in json.dumps(changes)


def test_secrets_are_masked_on_both_sides_and_still_seen_to_change() -> None:
    before = make_overlay(environment={"A_TOKEN": "one", "PLAIN": "harmless", "OTHER": "x"})
    after = make_overlay(environment={"A_TOKEN": "two", "PLAIN": "ghp_0123456789abcdef", "OTHER": "y"})
    (step,) = samples.document(samples.plan(samples.step("r", before, after)))["steps"]
    shown = {change["key"]: (change["before"], change["after"], change["masked"]) for change in step["changes"]}
    hidden = ("*** (before)", "*** (after)", True)
    assert shown == {"A_TOKEN": hidden, "PLAIN": hidden, "OTHER": ("x", "y", False)}


def test_annotations_and_addresses_hide_secrets_too() -> None:
    changes = _changes(
        annotations={"token": "said", "key": "AKIAIOSFODNN7EXAMPLE"}, runtime_repositories=["https://u:p@h/x"]
    )
    assert changes["annotations.token"]["after"] == "said"
    assert changes["annotations.key"]["after"] == "*** (after)"
    assert changes["contents.runtime_repositories"]["after"] == ["https://***@h/x"]
    assert changes["contents.runtime_repositories"]["masked"] is True


def test_additions_come_before_changes_and_removals() -> None:
    before = make_overlay(packages=["a", "m=1", "z"])
    after = make_overlay(packages=["b", "m=2", "y"])
    (step,) = samples.document(samples.plan(samples.step("r", before, after)))["steps"]
    told = [(change["kind"], change["key"]) for change in step["changes"]]
    assert told == [("add", "b"), ("add", "y"), ("change", "m"), ("remove", "a"), ("remove", "z")]


def test_groups_hold_what_three_or_more_repositories_share() -> None:
    document = samples.document(samples.three_hundred())
    assert sorted(len(group["repositories"]) for group in document["groups"]) == [40, 180]
    large = max(document["groups"], key=lambda group: len(group["repositories"]))
    assert large["unmanaged"] == [{"section": "annotations", "repositories": 12}]
    steps = {step["repository"]: step for step in document["steps"]}
    assert all(steps[name]["changes"] == large["changes"] for name in large["repositories"])


def test_every_reason_has_a_sentence() -> None:
    for code in ReasonCode:
        for names in ((), ("one",), ("one", "two", "three")):
            assert reason_sentence(Reason(code=code, names=names))


def test_every_way_of_not_being_attempted_has_words() -> None:
    assert len({not_attempted(reason) for reason in Skip}) == len(Skip)


def test_braces_in_names_are_only_text() -> None:
    assert "{first}" in reason_sentence(Reason(code=ReasonCode.UNREADABLE, names=("{first}",)))


@given(st.lists(st.tuples(overlays(), overlays()), max_size=6))
def test_the_json_round_trips_and_every_change_is_in_it(
    pairs: list[tuple[Overlay, Overlay]],
) -> None:
    plan = samples.plan(*(samples.step(f"r{n}", before, after) for n, (before, after) in enumerate(pairs)))
    document = samples.document(plan)
    text = indented_json(document)
    assert text.isascii()
    assert json.loads(text) == document
    for step, told in zip(plan.steps, document["steps"], strict=True):
        assert sorted((str(change.path), str(change.kind)) for change in step.changes) == sorted(
            (change["path"], change["kind"]) for change in told["changes"]
        )
        for change in told["changes"]:
            if change["kind"] == ChangeKind.CHANGE:
                assert change["before"] != change["after"]


_PRINT = """
from reconciler.views import plan_text
from reconciler.views.text import Style, indented_json
from tests.views import samples
for plan in (samples.every_action(), samples.three_hundred(), samples.hostile()):
    document = samples.document(plan)
    print(indented_json(document))
    print(plan_text.render(document, style=Style(color=True, unicode=False), width=80, show_unchanged=True))
"""


def test_the_bytes_do_not_depend_on_the_hash_seed() -> None:
    outputs = [
        subprocess.run(
            [sys.executable, "-c", _PRINT],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert outputs[0] == outputs[1]
    assert len(outputs[0]) > 10_000


def test_the_document_of_no_plan_is_small_and_whole() -> None:
    empty = plan_document(samples.plan(), api="emulator", tool_version="0")
    assert (empty["complete"], empty["applyable"], empty["steps"], empty["groups"]) == (True, False, [], [])
