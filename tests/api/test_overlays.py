"""Overlays and bindings: read whole, written with the mask that names what changes, and nothing of them is lost."""

from collections.abc import Callable
from typing import Any

import pytest

from reconciler.api.client import connect
from reconciler.api.errors import AnswerLost, NotUnderstood, PermissionDenied, Rejected, WriteRefusedError
from reconciler.api.writer import WriteClient
from reconciler.core.bindings import SelectorKind, TagSelector, UnknownBindings
from reconciler.core.overlay import Overlay, User, make_accounts
from reconciler.core.state import LiveOverlay, Organization
from reconciler.core.steps import Action, BindingStep, Reason, ReasonCode, Scope, ScopeKind
from tests.api.fakes import INNER, NODE, ORGANIZATION, ROOT, TEAM, URL, Api, Asked, Told, credentials, unhurried
from tests.api.v2.shelf import client

OVERLAYS, BINDINGS = "/registry/v2beta1/overlays", "/registry/v2beta1/overlayBindings"
ID, BINDING = f"{ROOT}/{'e' * 16}", f"{NODE}/{'f' * 16}"
EMPTY_CONFIG: dict[str, Any] = {
    "contents": {"packages": ["jq"], "runtimeRepositories": [], "runtimeKeyring": []},
    "environment": {},
    "annotations": {},
    "accounts": None,
    "certificates": None,
    "guardedEntrypoint": False,
    "failMode": "FAIL_MODE_UNSPECIFIED",
    "preflight": [],
    "commandOverride": None,
}


def overlay(name: str = "typer", uid: str = ID, **config: object) -> dict[str, Any]:
    return {"uid": uid, "name": name, "config": {**EMPTY_CONFIG, **config}}


def page(*found: object, key: str = "overlays") -> Told:
    return Told({key: list(found), "nextPageToken": "", "totalCount": str(len(found)), "skipped": 0})


def binding(selector: object = None, above: str = NODE, uid: str = BINDING) -> dict[str, Any]:
    return {
        "uid": uid,
        "repo": above if above == NODE else "",
        "allRepos": above != NODE,
        "overlay": overlay(),
        "tagSelector": selector or {"kind": "KIND_ALL"},
    }


def step(action: Action = Action.CREATE, after: TagSelector | None = None, scope: Scope | None = None) -> BindingStep:
    return BindingStep(
        scope=scope or Scope(kind=ScopeKind.REPOSITORY, id=NODE, label="node"),
        overlay="typer",
        overlay_id=ID,
        id=BINDING,
        action=action,
        reason=Reason(code=ReasonCode.MISSING),
        place=None,
        after=after,
    )


def sent(answer: Callable[[Asked], Told], act: Callable[[WriteClient], object]) -> Api:
    found, api = client(answer)
    with found:
        act(found)
    return api


def test_overlays_are_read_with_their_whole_configurations() -> None:
    found, api = client(lambda _: page(overlay("b", environment={"A": "1"}), overlay("a", uid=f"{ROOT}/{'d' * 16}")))
    with found:
        read = found.read_overlays(Organization(id=TEAM, name="example.com/team-a"))
    assert read == (
        LiveOverlay(id=f"{ROOT}/{'d' * 16}", name="a", overlay=Overlay(packages=("jq",))),
        LiveOverlay(id=ID, name="b", overlay=Overlay(packages=("jq",), environment=(("A", "1"),))),
    )
    assert (api.only.path, api.only.all("uidp.descendantsOf")) == (OVERLAYS, [ROOT])


def test_a_gid_of_zero_is_no_gid_in_a_named_overlay() -> None:
    users = [{"username": "app", "uid": 1000, "gid": 0, "groupName": "", "shell": "", "homeDir": ""}]
    found, _ = client(lambda _: page(overlay(accounts={"runAs": "", "users": users, "groups": []})))
    with found:
        read = found.read_overlays(ORGANIZATION)
    assert isinstance(read, tuple)
    assert isinstance(read[0].overlay, Overlay)
    assert read[0].overlay.accounts == make_accounts(users=[User(username="app", uid=1000, gid=None)])


@pytest.mark.parametrize("status", [403, 404, 501])
def test_overlays_that_cannot_be_read_are_unknown(status: int) -> None:
    found, _ = client(lambda _: Told({"code": 5, "message": "Not Found"}, status=status))
    with found:
        read = found.read_overlays(ORGANIZATION)
    assert isinstance(read, UnknownBindings)
    assert read.absent is (status != 403)
    assert "Not Found" in read.problem


def test_a_created_overlay_goes_to_the_organization_even_from_a_folder() -> None:
    inside = Organization(id=INNER, name="example.com/team-a/x")
    api = sent(lambda _: Told({}), lambda api: api.create_overlay(inside, "typer", Overlay(packages=("jq",))))
    assert (api.only.method, api.only.path) == ("POST", f"{OVERLAYS}/{ROOT}")
    assert api.only.json == {"name": "typer", "config": {"contents": {"packages": ["jq"]}}}


def test_an_update_masks_the_configuration_and_keeps_what_is_not_known() -> None:
    stored = overlay(truststore={"kind": "JKS"}, hardening={"level": 2}, environment={"A": "1", "B": "2"})

    def act(api: WriteClient) -> None:
        read = api.read_overlay(ID)
        assert read is not None
        assert isinstance(read.overlay.overlay, Overlay)
        api.update_overlay(read, Overlay(environment=(("A", "9"),), unrecognized=read.overlay.overlay.unrecognized))

    api = sent(lambda asked: Told(stored if asked.method == "GET" else {}), act)
    update = api.asked[-1]
    assert (update.method, update.path, update.raw_query) == ("PATCH", f"{OVERLAYS}/{ID}", "updateMask=config")
    assert update.json["config"]["environment"] == {"A": "9"}
    assert update.json["config"]["contents"] == {"packages": [], "runtimeRepositories": [], "runtimeKeyring": []}
    assert update.json["config"]["hardening"] == {"level": 2}
    assert "name" not in update.json


def test_users_are_written_as_this_api_spells_them() -> None:
    users = Overlay(accounts=make_accounts(users=[User(username="app", uid=7, groupname="g", homedir="/h")]))
    api = sent(lambda _: Told({}), lambda api: api.create_overlay(ORGANIZATION, "users", users))
    assert api.only.json["config"]["accounts"]["users"] == [
        {"username": "app", "uid": 7, "groupName": "g", "homeDir": "/h"}
    ]


def test_an_overlay_is_found_by_its_exact_name_among_those_of_the_organization_itself() -> None:
    others = [overlay("typer", uid=f"{TEAM}/{'1' * 16}"), overlay("typer2", uid=f"{ROOT}/{'2' * 16}")]

    def answer(asked: Asked) -> Told:
        return Told(overlay()) if asked.path.endswith(ID) else page(*others, overlay())

    found, api = client(answer)
    with found:
        read = found.find_overlay(ORGANIZATION, "typer")
    assert read is not None
    assert read.overlay.id == ID
    assert api.asked[0].all("name") == ["typer"]


@pytest.mark.parametrize(
    ("selector", "body"),
    [
        (TagSelector(kind=SelectorKind.ALL), {"kind": "KIND_ALL"}),
        (TagSelector(kind=SelectorKind.EXACT, tags=("3.13",)), {"kind": "KIND_EXACT", "tags": ["3.13"]}),
        (
            TagSelector(kind=SelectorKind.VARIANT, variant="dev"),
            {"kind": "KIND_VARIANT", "variantType": "VARIANT_TYPE_DEV"},
        ),
    ],
)
def test_selectors_are_sent_as_the_api_spells_them(selector: TagSelector, body: dict[str, Any]) -> None:
    api = sent(lambda _: Told({}), lambda api: api.create_binding(step(after=selector), ID))
    assert (api.only.method, api.only.path) == ("POST", f"{BINDINGS}/{NODE}")
    assert api.only.json == {"overlay": ID, "tagSelector": body}
    api = sent(lambda _: Told({}), lambda api: api.update_binding(step(Action.UPDATE, selector), BINDING))
    assert (api.only.method, api.only.path, api.only.raw_query) == (
        "PATCH",
        f"{BINDINGS}/{BINDING}",
        "updateMask=tag_selector",
    )
    assert api.only.json == {"tagSelector": body}


def test_a_binding_of_a_folder_is_for_all_its_repositories() -> None:
    scope = Scope(kind=ScopeKind.FOLDER, id=TEAM, label="team-a")
    bound = step(after=TagSelector(kind=SelectorKind.ALL), scope=scope)
    api = sent(lambda _: Told({}), lambda api: api.create_binding(bound, ID))
    assert (api.only.path, api.only.json["allRepos"]) == (f"{BINDINGS}/{TEAM}", True)


def test_what_is_deleted_is_named_by_its_id_alone() -> None:
    def act(api: WriteClient) -> None:
        read = api.read_overlay(ID)
        assert read is not None
        api.delete_binding(step(Action.DELETE), BINDING)
        api.delete_overlay(read)

    api = sent(lambda asked: Told(overlay() if asked.method == "GET" else {}), act)
    assert [(one.method, one.path) for one in api.asked[1:]] == [
        ("DELETE", f"{BINDINGS}/{BINDING}"),
        ("DELETE", f"{OVERLAYS}/{ID}"),
    ]


def test_a_binding_is_found_by_its_scope_and_its_overlay() -> None:
    at_root, own = binding(above=ROOT, uid=f"{ROOT}/{'f' * 16}"), binding()
    found, api = client(lambda _: page(at_root, own, key="overlayBindings"))
    with found:
        for scope, expected in (
            (Scope(kind=ScopeKind.REPOSITORY, id=NODE, label="node"), BINDING),
            (Scope(kind=ScopeKind.ORGANIZATION, id=ROOT, label="example.com"), f"{ROOT}/{'f' * 16}"),
        ):
            read = found.find_binding(scope, ID)
            assert read is not None
            assert read.id == expected
            assert found.find_binding(scope, f"{ROOT}/{'0' * 16}") is None
    assert api.asked[0].all("uidp.childrenOf") == [NODE]
    assert (api.asked[2].all("uidp.descendantsOf"), api.asked[2].all("overlay")) == ([ROOT], [ID])


def test_what_is_gone_is_none_and_what_is_another_is_an_error() -> None:
    found, _ = client(lambda _: Told({"code": 5, "message": "gone"}, status=404))
    with found:
        assert found.read_overlay(ID) is None
        assert found.read_binding(BINDING) is None
    found, _ = client(lambda _: Told(overlay(uid=f"{ROOT}/{'0' * 16}")))
    with found, pytest.raises(NotUnderstood, match="another overlay"):
        found.read_overlay(ID)


def refusal(status: int, code: int, message: str, violation: str = "") -> Told:
    detail = {"@type": "type.googleapis.com/google.rpc.PreconditionFailure", "violations": [{"type": violation}]}
    return Told({"code": code, "message": message, "details": [detail] if violation else []}, status=status)


ENROLL = (
    "Precondition failed: this organization is not enrolled in Custom Assembly Overlays. "
    "Contact your Chainguard account team to enroll."
)


@pytest.mark.parametrize(
    ("told", "code", "summary"),
    [
        (refusal(409, 6, "taken"), "already-exists", "it exists already"),
        (refusal(400, 9, "differs", "OVERLAY_BINDING_CONFLICT"), "binding-conflict", "conflicts with another binding"),
        (refusal(400, 9, ENROLL), "not-enrolled", "not enrolled in Custom Assembly Overlays"),
        (refusal(400, 9, "overlay is still bound: x"), "rejected", "rejected by the API"),
        (refusal(400, 3, "Invalid argument: config: no"), "rejected", "rejected by the API"),
    ],
)
def test_a_refusal_says_what_it_is_about_and_always_shows_the_message(told: Told, code: str, summary: str) -> None:
    found, _ = client(lambda _: told)
    with found, pytest.raises(Rejected) as caught:
        found.create_overlay(ORGANIZATION, "typer", Overlay(packages=("jq",)))
    assert caught.value.diagnostic.code == code
    assert caught.value.diagnostic.summary.startswith('could not create the overlay "typer": ')
    assert summary in caught.value.diagnostic.summary
    assert isinstance(told.json, dict)
    assert caught.value.diagnostic.detail == told.json["message"]


def test_a_missing_right_names_the_capability() -> None:
    identity = {"subject": "x", "capabilities": [{"group": {"id": ROOT}, "role": {"capabilities": ["repo.update"]}}]}

    def answer(asked: Asked) -> Told:
        return Told(identity) if asked.path == "/auth/v1/ok" else refusal(403, 7, "no")

    found, _ = client(answer)
    with found, pytest.raises(PermissionDenied, match=r"registry\.overlays\.edit"):
        found.create_overlay(ORGANIZATION, "typer", Overlay(packages=("jq",)))


def test_a_write_without_an_answer_is_lost() -> None:
    found, _ = client(lambda _: Told(body=b"<html>", status=502))
    with found, pytest.raises(AnswerLost):
        found.create_binding(step(after=TagSelector(kind=SelectorKind.ALL)), ID)


def test_folders_are_read_with_their_paths() -> None:
    groups = [
        {"id": ROOT, "name": "example.com"},
        {"id": INNER, "name": "inner"},
        {"id": TEAM, "name": "team-a"},
    ]
    found, _ = client(lambda _: Told({"items": groups}))
    with found:
        assert found.read_folders(ORGANIZATION) == (("team-a", TEAM), ("team-a/inner", INNER))
        assert found.read_folders(Organization(id=TEAM, name="example.com/team-a")) == (("inner", INNER),)


@pytest.mark.parametrize(
    "write",
    [
        lambda api: api.create_overlay(ORGANIZATION, "typer", Overlay(packages=("jq",))),
        lambda api: api.update_overlay(api.read_overlay(ID), Overlay(packages=("git",))),
        lambda api: api.delete_overlay(api.read_overlay(ID)),
        lambda api: api.create_binding(step(after=TagSelector(kind=SelectorKind.ALL)), ID),
        lambda api: api.update_binding(step(after=TagSelector(kind=SelectorKind.ALL)), BINDING),
        lambda api: api.delete_binding(step(), BINDING),
    ],
    ids=["create overlay", "update overlay", "delete overlay", "bind", "change tags", "unbind"],
)
def test_a_client_that_only_reads_refuses_each_write(write: Callable[[WriteClient], None]) -> None:
    api = Api(lambda _: Told(overlay()))
    reader = connect(URL, credentials(), wsgi_app=api, retrier=unhurried())
    # The same connection with the methods of a writer: what stops a write is the connection, not what the class lacks.
    writer = WriteClient(reader._connection, reader._repositories)
    with writer, pytest.raises(WriteRefusedError):
        write(writer)
    assert all(one.method == "GET" for one in api.asked)
