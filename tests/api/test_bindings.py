"""Overlay bindings of an organization: read page by page, never a part of them, and what a refusal about them means."""

from collections.abc import Callable
from typing import Any

import pytest

from reconciler.api.errors import Rejected, TokenRejected
from reconciler.core.bindings import Binding, SelectorKind, TagSelector, UnknownBindings
from reconciler.core.overlay import Overlay
from reconciler.core.state import Organization
from tests.api.fakes import INNER, NODE, ORGANIZATION, ROOT, TEAM, Api, Asked, Told
from tests.api.v2.shelf import client, repository

BINDINGS = "/registry/v2beta1/overlayBindings"
ALL: dict[str, Any] = {"kind": "KIND_ALL", "tags": [], "variantType": "VARIANT_TYPE_UNSPECIFIED"}
EXCLUSIVE = "Precondition failed: repository custom overlay and overlay binding not allowed"


def uid(number: int, above: str = ROOT) -> str:
    return f"{above}/{number:016x}"


def binding(number: int = 1, above: str = NODE, selector: object = ALL, **fields: object) -> dict[str, Any]:
    return {
        "uid": uid(number, above),
        "repo": above if above == NODE else "",
        "allRepos": above != NODE,
        "overlay": {"uid": uid(number + 1000), "name": f"overlay-{number}", "config": {"hardening": True}},
        "tagSelector": selector,
        **fields,
    }


def page(*found: object, token: str = "", total: object = None) -> Told:
    return Told({"overlayBindings": list(found), "nextPageToken": token, "totalCount": total, "skipped": 0})


def read(answer: Callable[[Asked], Told], organization: Organization = ORGANIZATION) -> tuple[Any, Api]:
    found, api = client(answer)
    with found:
        return found.read_bindings(organization), api


@pytest.mark.parametrize(
    ("selector", "kind", "text"),
    [
        (ALL, SelectorKind.ALL, "all"),
        ({"kind": "KIND_VARIANT", "variantType": "VARIANT_TYPE_DEV"}, SelectorKind.VARIANT, "dev"),
        ({"kind": "KIND_EXACT", "tags": ["3.13", "3.13-dev"]}, SelectorKind.EXACT, "3.13, 3.13-dev"),
        ({"kind": "KIND_OF_LATER", "tags": ["x"]}, SelectorKind.UNKNOWN, "unknown"),
        (None, SelectorKind.UNKNOWN, "unknown"),
    ],
)
def test_a_binding_is_read_with_its_selector(selector: object, kind: SelectorKind, text: str) -> None:
    (found,), api = read(lambda _: page(binding(selector=selector)))
    assert isinstance(found, Binding)
    assert (found.overlay, found.scope, found.selector.kind) == ("overlay-1", NODE, kind)
    assert str(found) == f"overlay-1 ({text})"
    assert (api.only.path, api.only.all("uidp.descendantsOf"), api.only.all("pageSize")) == (BINDINGS, [ROOT], ["200"])


@pytest.mark.parametrize("below", [TEAM, INNER])
def test_those_above_a_folder_are_read_with_it(below: str) -> None:
    (found,), api = read(lambda _: page(binding(above=ROOT)), Organization(id=below, name="example.com/team-a"))
    assert (found.repository, found.scope) == ("", ROOT)
    assert api.only.all("uidp.descendantsOf") == [ROOT]


def test_every_page_is_read() -> None:
    def answer(asked: Asked) -> Told:
        (begin,) = map(int, asked.all("pageToken") or ["0"])
        more = str(begin + 200) if begin + 200 < 450 else ""
        return page(*(binding(number) for number in range(begin, min(begin + 200, 450))), token=more, total="450")

    found, api = read(answer)
    assert (len(found), len(api.asked)) == (450, 3)


@pytest.mark.parametrize(
    ("told", "absent"),
    [
        (Told({"code": 5, "message": "Not Found"}, status=404), True),
        (Told(body=b"<html><title>404</title></html>", status=404), True),
        (Told({"code": 12, "message": "Method Not Allowed"}, status=501), True),
        (Told({"code": 7, "message": "no"}, status=403), False),
        (Told({"code": 13, "message": "broken"}, status=500), False),
        (Told({"items": []}), False),
        (page({"uid": "x"}), False),
        (page(binding(), total="2"), False),
    ],
)
def test_what_cannot_be_read_is_never_called_empty(told: Told, *, absent: bool) -> None:
    found, _ = read(lambda asked: told if asked.path == BINDINGS else Told({"subject": "x"}))
    assert isinstance(found, UnknownBindings)
    assert found.absent is absent
    assert found.problem


def test_a_token_that_is_rejected_is_not_an_answer_about_bindings() -> None:
    with pytest.raises(TokenRejected):
        read(lambda _: Told({"code": 16, "message": "expired"}, status=401))


def refused(code: int, message: str, *bound: object, violation: str = "") -> tuple[Rejected, Api]:
    """Write to a repository of an API that refuses it, and has these bindings of it."""
    failure = {"@type": "type.googleapis.com/google.rpc.PreconditionFailure", "violations": [{"type": violation}]}
    status = {"code": code, "message": message, "details": [failure] if violation else []}

    def answer(asked: Asked) -> Told:
        if asked.path == BINDINGS:
            return page(*bound)
        return Told(repository(NODE)) if asked.method == "GET" else Told(status, status=400)

    found, api = client(answer)
    with found:
        reading = found.read_repository(NODE, ORGANIZATION)
        assert reading is not None
        with pytest.raises(Rejected) as caught:
            found.write_overlay(reading, Overlay(packages=("jq",)))
    return caught.value, api


@pytest.mark.parametrize("message", [EXCLUSIVE, "in words that nobody has seen yet"])
def test_a_failed_precondition_of_a_bound_repository_names_the_overlays(message: str) -> None:
    error, api = refused(9, message, binding(), binding(2))
    assert error.diagnostic.code == "uses-overlays"
    assert error.diagnostic.summary.endswith("it uses Overlays: overlay-1 (all), overlay-2 (all)")
    assert error.diagnostic.detail == message
    assert api.asked[-1].all("uidp.childrenOf") == [NODE]


def test_without_bindings_to_show_the_message_explains() -> None:
    error, _ = refused(9, EXCLUSIVE)
    assert (error.diagnostic.code, error.diagnostic.detail) == ("uses-overlays", EXCLUSIVE)


def test_the_same_words_with_another_status_mean_nothing() -> None:
    error, api = refused(3, EXCLUSIVE, binding())
    assert error.diagnostic.code == "rejected"
    assert all(asked.path != BINDINGS for asked in api.asked)


def test_a_conflict_goes_by_the_type_of_its_violation() -> None:
    error, _ = refused(9, "whatever it says", binding(), violation="OVERLAY_BINDING_CONFLICT")
    assert error.violations == ("OVERLAY_BINDING_CONFLICT",)
    assert (error.diagnostic.code, error.diagnostic.detail) == ("binding-conflict", "whatever it says")


def test_selectors_are_written_as_a_manifest_would() -> None:
    assert str(TagSelector(kind=SelectorKind.EXACT, tags=("1",))) == "1"
