"""A configuration in apko's own spelling holds what the overlay asks for, written in another way."""

from typing import Any

import pytest

from reconciler.core.builds import Build, BuildConfig, Evidence, Lacking, Proven, Result, Target, evidence, prove
from reconciler.core.diff import Field, diff, items_of
from reconciler.core.overlay import EMPTY
from tests.support.overlays import overlay

APP = {"username": "app", "uid": 1000, "gid": 1000}
PEM = "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n"


def accounts(run_as: str, *users: dict[str, Any]) -> dict[str, Any]:
    return {"accounts": {"run_as": run_as, "users": list(users)}}


def certificate(body: str) -> dict[str, Any]:
    return {"certificates": {"additional": [{"name": "ca", "text": PEM.format(body)}]}}


SAME = [
    ({"runtime_repositories": ["https://a.example/os/"]}, {"runtime_repositories": ["https://a.example/os"]}),
    ({"runtime_repositories": ["https://a.example", "https://b.example"]},
     {"runtime_repositories": ["https://B.example/", "https://base.example", "https://a.example:443"]}),
    (accounts("app", APP), accounts("1000", APP)),
    (accounts("1000", APP), accounts("app", APP)),
    (accounts("nonroot"), accounts("65532", {"username": "nonroot", "uid": 65532, "gid": 65532})),
    (accounts("01000"), accounts("1000")),
    ({"packages": ["curl~=8"]}, {"packages": ["curl~8"]}),
    ({"packages": ["b", "a > 1"]}, {"packages": ["a>1", "b"]}),
    (certificate("AAAABBBB"), certificate("AAAA\nBBBB")),
]  # fmt: skip
OTHER = [
    ({"runtime_repositories": ["https://a.example/os/"]}, {"runtime_repositories": ["https://a.example/OS"]}),
    (accounts("app", APP), accounts("1001", APP)),
    (accounts("app"), accounts("other")),
    ({"packages": ["curl~8"]}, {"packages": ["curl~9"]}),
    (certificate("AAAABBBB"), certificate("AAAACCCC")),
]


def built(found: dict[str, Any]) -> BuildConfig:
    items = frozenset(items_of(overlay(found)))
    return BuildConfig(items, frozenset(item.field for item in items))


def proof(wanted: dict[str, Any], found: dict[str, Any]) -> object:
    build = Build(id="1", repository_id="r", started=None, ended=None, result=Result.SUCCESS, locked=built(found))
    return prove(build, Target(repository="r", id="r", before=EMPTY, after=overlay(wanted), since=0))


@pytest.mark.parametrize(("wanted", "found"), SAME)
def test_the_same_in_another_spelling_is_proof(wanted: dict[str, Any], found: dict[str, Any]) -> None:
    assert isinstance(proof(wanted, found), Proven)
    after = overlay(wanted)
    told = evidence(built(found), tuple(items_of(after)), frozenset(), diff(EMPTY, after))
    assert told is Evidence.NEW


@pytest.mark.parametrize(("wanted", "found"), OTHER)
def test_something_else_is_not(wanted: dict[str, Any], found: dict[str, Any]) -> None:
    assert isinstance(proof(wanted, found), Lacking)


def test_a_configuration_silent_about_users_is_read_with_those_of_the_overlay() -> None:
    only = BuildConfig(frozenset(items_of(overlay(accounts("1000")))), frozenset({Field.RUN_AS}))
    build = Build(id="1", repository_id="r", started=None, ended=None, result=Result.SUCCESS, locked=only)
    target = Target(repository="r", id="r", before=EMPTY, after=overlay(accounts("app", APP)), since=0)
    assert not isinstance(prove(build, target), Lacking)
