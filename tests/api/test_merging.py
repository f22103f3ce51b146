"""The overlay to send: what was asked for changes, everything else goes back as it came."""

import copy
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.api import json_text
from reconciler.api.overlay_update import merge_document, merge_overlay
from reconciler.api.schema import overlay_from_wire
from reconciler.core.overlay import (
    EMPTY,
    SECTION_FIELDS,
    Overlay,
    Section,
    User,
    make_accounts,
    make_certificates,
    make_command_override,
    make_group,
    make_overlay,
    make_pem_file,
    make_preflight,
    passed_through,
    without_absent,
)
from tests.api.fakes import repository
from tests.support.overlays import overlay, overlays

RESET: dict[str, Any] = {
    "contents": {"packages": [], "runtimeRepositories": [], "runtimeKeyring": []},
    "environment": {},
    "annotations": {},
    "accounts": None,
    "certificates": None,
}

# Where the JSON of each section stands.
PLACES = {
    Section.PACKAGES: ("contents", "packages"),
    Section.RUNTIME_REPOSITORIES: ("contents", "runtimeRepositories"),
    Section.RUNTIME_KEYRING: ("contents", "runtimeKeyring"),
    Section.ENVIRONMENT: ("environment",),
    Section.ANNOTATIONS: ("annotations",),
    Section.ACCOUNTS: ("accounts",),
    Section.CERTIFICATES: ("certificates",),
    Section.GUARDED_ENTRYPOINT: ("guardedEntrypoint",),
    Section.FAIL_MODE: ("failMode",),
    Section.PREFLIGHT: ("preflight",),
    Section.COMMAND_OVERRIDE: ("commandOverride",),
    Section.TRUSTSTORE: ("truststore",),
}

NAMES = st.sampled_from(["a", "b", "curl", "git", "x.y"])
WORDS = st.sampled_from(["", "a", "b\n", "é"])
UNKNOWN = st.dictionaries(
    st.sampled_from(["new", "newer"]),
    st.sampled_from([None, 0, 1, 1.5, "", "x", [], [1, {"z": 0}], {}, {"k": None}]),
    max_size=2,
)
PEM = st.sampled_from(["", "-----BEGIN X-----\nA\n", "hi\r\n-----BEGIN X-----\r\nA\r\n", "-----BEGIN X-----\nB"])
NUMBERS = st.sampled_from([0, 1, 2, "1", "2"])


def _objects(fields: dict[str, Any], **optional: Any) -> st.SearchStrategy[Any]:
    known = st.fixed_dictionaries(fields, optional=optional)
    return st.builds(lambda unknown, known: {**unknown, **known}, UNKNOWN, known)


def _lists(items: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | st.lists(items, max_size=4)


def _maps() -> st.SearchStrategy[Any]:
    return st.none() | st.dictionaries(NAMES, WORDS, max_size=3)


PEM_FILES = _lists(_objects({"name": NAMES}, content=st.none() | PEM))
USERS = _objects(
    {"userName": NAMES},
    uid=NUMBERS,
    gid=st.none() | NUMBERS,
    groupName=WORDS,
    shell=st.none() | WORDS,
    homeDir=WORDS,
)
GROUPS = _objects({"groupName": NAMES}, gid=st.none() | NUMBERS, members=_lists(NAMES))
OUTCOMES = st.sampled_from([None, "ON_FAILURE_UNSPECIFIED", "ON_FAILURE_FAIL", "ON_FAILURE_RETRY", 7, 0])
PREFLIGHT = _lists(_objects({}, tcp=NAMES, path=WORDS, timeout=st.none() | WORDS, onFailure=OUTCOMES))
MODES = st.sampled_from([None, "MODE_UNSPECIFIED", "MODE_PREPEND", "MODE_WRAP", 3, 0])
COMMAND = st.none() | _objects({}, mode=MODES, command=_lists(WORDS))
TRUSTSTORE = st.none() | st.dictionaries(
    NAMES, st.sampled_from([True, False, 0, 2, "", "x", ["a", True], {"b": 1.5}]), max_size=2
)
RAW = st.none() | _objects(
    {},
    contents=st.none()
    | _objects(
        {},
        packages=_lists(st.sampled_from(["git", "curl", "curl = 8", "curl=8", "b ", "a~1"])),
        runtimeRepositories=_lists(NAMES),
        runtimeKeyring=PEM_FILES,
    ),
    environment=_maps(),
    annotations=_maps(),
    accounts=st.none() | _objects({}, runAs=st.none() | WORDS, users=_lists(USERS), groups=_lists(GROUPS)),
    certificates=st.none() | _objects({}, additional=PEM_FILES, providers=_lists(NAMES)),
    guardedEntrypoint=st.none() | st.booleans(),
    failMode=st.sampled_from([None, "FAIL_MODE_UNSPECIFIED", "FAIL_MODE_OPEN", "FAIL_MODE_HALF", "half", 0, 9]),
    preflight=PREFLIGHT,
    commandOverride=COMMAND,
    truststore=TRUSTSTORE,
)


def _live(raw: Any) -> Overlay:
    found = overlay_from_wire(raw)
    assert isinstance(found, Overlay)
    return found


def _at(raw: Any, place: tuple[str, ...]) -> Any:
    for key in place:
        raw = (raw or {}).get(key)
    return raw


@st.composite
def _merges(draw: st.DrawFn) -> tuple[Any, Overlay, Overlay]:
    """A raw overlay, what it means, and what is wanted: some sections changed, everything else as it is."""
    raw, asked = draw(RAW), draw(overlays())
    managed = draw(st.sets(st.sampled_from(list(Section))))
    live = _live(raw)
    return raw, live, replace(live, **{SECTION_FIELDS[one]: getattr(asked, SECTION_FIELDS[one]) for one in managed})


@given(_merges())
def test_what_is_sent_means_what_is_wanted(case: tuple[Any, Overlay, Overlay]) -> None:
    raw, _, wanted = case
    before = copy.deepcopy(raw)
    assert _live(merge_overlay(raw, wanted)) == wanted
    assert json_text.encode(raw) == json_text.encode(before), "what was read is not touched"


@given(_merges())
def test_everything_outside_the_overlay_is_sent_as_it_came(case: tuple[Any, Overlay, Overlay]) -> None:
    raw, _, wanted = case
    document = repository(customOverlay=raw, someNewField={"x": [1, None]}, catalogTier="PREVIEW")
    sent = merge_document(document, wanted)
    assert list(sent) == list(document)
    assert json_text.encode({**sent, "customOverlay": 0}) == json_text.encode({**document, "customOverlay": 0})


@given(_merges())
def test_sections_that_nobody_changes_are_sent_as_they_came(case: tuple[Any, Overlay, Overlay]) -> None:
    raw, live, wanted = case
    sent = merge_overlay(raw, wanted)
    for section, place in PLACES.items():
        same = getattr(live, SECTION_FIELDS[section]) == getattr(wanted, SECTION_FIELDS[section])
        if same and wanted != EMPTY:
            assert json_text.encode(_at(sent, place)) == json_text.encode(_at(raw, place))


@given(_merges())
def test_unknown_fields_are_kept_until_a_reset(case: tuple[Any, Overlay, Overlay]) -> None:
    raw, _, wanted = case
    sent = merge_overlay(raw, wanted)
    if wanted == EMPTY:
        kept = {**sent, **{name: sent[name] or {} for name in ("accounts", "certificates")}}
        for holder in ((), ("contents",), ("accounts",), ("certificates",)):
            assert not any(without_absent(_at(kept, (*holder, key))) for key in ("new", "newer"))
        assert overlay_from_wire(sent) == EMPTY
        return
    holders: tuple[tuple[str, ...], ...] = ((), ("contents",), ("accounts",), ("certificates",))
    for place in [(*holder, key) for holder in holders for key in ("new", "newer")]:
        assert not _at(raw, place) or _at(sent, place) == _at(raw, place)


@given(RAW)
def test_what_is_live_already_is_sent_as_it_came(raw: Any) -> None:
    live = _live(raw)
    if live != EMPTY:
        assert json_text.encode(merge_overlay(raw, live)) == json_text.encode(raw)


@given(RAW, overlays())
def test_unknown_fields_of_items_that_stay_survive(raw: Any, asked: Overlay) -> None:
    live = _live(raw)
    wanted = replace(live, accounts=asked.accounts)
    if wanted == EMPTY:
        return
    sent = merge_overlay(raw, wanted)
    items = _at(raw, ("accounts", "users")) or []
    names = [item["userName"] for item in items]
    for item in items:
        heirs = [one for one in _at(sent, ("accounts", "users")) or [] if one["userName"] == item["userName"]]
        if names.count(item["userName"]) == 1 and heirs:
            assert {key: item[key] for key in ("new", "newer") if key in item}.items() <= heirs[0].items()


@pytest.mark.parametrize("raw", [None, {}, {"contents": {"packages": ["a"], "new": 1}, "profile": "x"}, [], "x"])
def test_a_reset_says_everything_and_keeps_nothing(raw: Any) -> None:
    assert merge_document(repository(customOverlay=raw), EMPTY)["customOverlay"] == RESET


def test_packages_keep_their_order_and_new_ones_follow_sorted() -> None:
    raw = {"contents": {"packages": ["zsh", "curl > 8", "git", "zsh", "bash"]}, "new": 5}
    wanted = make_overlay(packages=["bash", "curl>8", "zsh", "vim", "awk"], unrecognized=[("new", "5")])
    assert merge_overlay(raw, wanted) == {
        "contents": {"packages": ["zsh", "curl > 8", "bash", "awk", "vim"]},
        "new": 5,
    }


def test_environment_keeps_its_order() -> None:
    raw = {"environment": {"Z": "1", "B": "2", "A": "3"}}
    sent = merge_overlay(raw, overlay({"environment": {"A": "3", "Z": "9", "C": "4", "AA": "5"}}))
    assert list(sent["environment"].items()) == [("Z", "9"), ("A", "3"), ("AA", "5"), ("C", "4")]


def test_users_are_changed_in_place() -> None:
    raw = {
        "accounts": {
            "runAs": "u",
            "users": [
                {"userName": "u", "uid": "7", "gid": 5, "shell": "/bin/sh", "more": [1]},
                {"userName": "gone", "uid": 1},
                {"more": {"x": 1}, "userName": "a", "uid": 3},
            ],
            "groups": [{"groupName": "g", "gid": "1"}],
        }
    }
    users = [
        User(username="u", uid=7, homedir="/u"),
        User(username="a", uid=3, gid=0),
        User(username="b", uid=0, gid=0),
    ]
    live = _live(raw)
    wanted = replace(live, accounts=make_accounts(run_as="u", users=users, groups=live.accounts.groups))
    assert merge_overlay(raw, wanted) == {
        "accounts": {
            "runAs": "u",
            "users": [
                {"userName": "u", "uid": "7", "gid": None, "shell": "", "more": [1], "homeDir": "/u"},
                {"more": {"x": 1}, "userName": "a", "uid": 3, "gid": 0},
                {"userName": "b", "uid": 0, "gid": 0},
            ],
            "groups": [{"groupName": "g", "gid": "1"}],
        }
    }


def test_groups_and_keys_are_changed_in_place() -> None:
    raw = {
        "contents": {"runtimeKeyring": [{"name": "k", "content": "x", "new": 1}, {"name": "l", "content": "y"}]},
        "accounts": {
            "groups": [
                {"groupName": "b", "gid": "5", "members": ["z", "a"], "new": [1]},
                {"groupName": "a", "gid": 6, "members": None},
            ]
        },
    }
    groups = [make_group(groupname="b", gid=0, members=["a", "z"]), make_group(groupname="c", gid=1)]
    wanted = make_overlay(accounts=make_accounts(groups=groups), runtime_keyring=[make_pem_file("k", "new\n")])
    assert merge_overlay(raw, wanted) == {
        "contents": {"runtimeKeyring": [{"name": "k", "content": "new\n", "new": 1}]},
        "accounts": {
            "groups": [
                {"groupName": "b", "gid": 0, "members": ["z", "a"], "new": [1]},
                {"groupName": "c", "gid": 1},
            ]
        },
    }


def test_one_name_several_times() -> None:
    raw = {"accounts": {"users": [{"userName": "u", "uid": 1, "n": 1}, {"userName": "u", "uid": 2, "n": 2}]}}
    wanted = make_overlay(accounts=make_accounts(users=[User(username="u", uid=2)]))
    assert merge_overlay(raw, wanted) == {"accounts": {"users": [{"userName": "u", "uid": 2, "n": 2}]}}
    wanted = make_overlay(accounts=make_accounts(users=[User(username="u", uid=3)]))
    assert merge_overlay(raw, wanted) == {"accounts": {"users": [{"userName": "u", "uid": 3, "n": 1}]}}
    users = [User(username="u", uid=2), User(username="u", uid=3)]
    wanted = make_overlay(accounts=make_accounts(users=users))
    assert merge_overlay(raw, wanted) == {
        "accounts": {"users": [{"userName": "u", "uid": 3, "n": 1}, {"userName": "u", "uid": 2, "n": 2}]}
    }


def test_pem_is_sent_as_the_user_wrote_it() -> None:
    mine = "my own words\r\n-----BEGIN CERTIFICATE-----\r\nAA\r\n-----END CERTIFICATE-----\r\n"
    same = "-----BEGIN CERTIFICATE-----\nAA\n-----END CERTIFICATE-----"
    raw = {"certificates": {"additional": [{"name": "old", "content": same, "id": 1}, {"name": "b", "content": "x"}]}}
    files = [make_pem_file("old", mine), make_pem_file("b", mine), make_pem_file("c", mine)]
    wanted = make_overlay(certificates=make_certificates(additional=files))
    assert merge_overlay(raw, wanted)["certificates"] == {
        "additional": [
            {"name": "old", "content": same, "id": 1},
            {"name": "b", "content": mine},
            {"name": "c", "content": mine},
        ]
    }
    without_text = replace(files[0], text="")
    wanted = make_overlay(certificates=make_certificates(additional=[without_text]))
    assert merge_overlay(None, wanted) == {"certificates": {"additional": [{"name": "old", "content": files[0].pem}]}}


def test_an_emptied_message_becomes_null_unless_something_else_is_in_it() -> None:
    raw = {"environment": {"A": "1"}, "accounts": {"runAs": "u", "users": [], "groups": None, "new": None}}
    assert merge_overlay(raw, overlay({"environment": {"A": "1"}}))["accounts"] is None
    raw["accounts"] = {"runAs": "u", "new": False}
    assert merge_overlay(raw, overlay({"environment": {"A": "1"}}))["accounts"] == {"runAs": "", "new": False}
    raw["accounts"] = {"runAs": "u", "users": [], "new": 1}
    wanted = overlay({"environment": {"A": "1"}, "unrecognised": [["accounts.new", "1"]]})
    assert merge_overlay(raw, wanted)["accounts"] == {"runAs": "", "users": [], "new": 1}


@pytest.mark.parametrize("raw", [{"contents": {"packages": "x"}}, {"environment": []}, []])
def test_what_was_not_understood_is_not_merged(raw: Any) -> None:
    with pytest.raises(ValueError, match="not a"):
        merge_document(repository(customOverlay=raw), overlay({"packages": ["git"]}))


def test_the_guarded_entrypoint_is_switched_off_by_leaving_it_out() -> None:
    raw = {
        "environment": {"A": "1"},
        "guardedEntrypoint": True,
        "failMode": "FAIL_MODE_OPEN",
        "preflight": [{"tcp": "db:5432"}],
        "commandOverride": {},
        "truststore": {"output": "/x"},
    }
    assert merge_overlay(raw, overlay({"environment": {"A": "1"}})) == {"environment": {"A": "1"}}
    assert merge_overlay(raw, EMPTY) == RESET


def test_what_is_not_known_of_a_check_and_a_command_stays() -> None:
    raw = {
        "guardedEntrypoint": True,
        "preflight": [
            {"tcp": "a:1", "timeout": "30s", "jitter": "1s"},
            {"tcp": "b:2", "onFailure": "ON_FAILURE_RETRY", "new": 1},
        ],
        "commandOverride": {"mode": "MODE_WRAP", "shell": "/bin/sh"},
        "truststore": {"flag": True, "output": "/x", "zero": 0},
    }
    live = _live(raw)
    wanted = replace(
        live,
        preflight=(live.preflight[1], make_preflight(tcp="a:1", on_failure="continue"), make_preflight(path="/p")),
        command_override=make_command_override(mode="prepend", command=["sh"]),
        truststore=passed_through({"flag": "true", "output": "/y"}),
    )
    assert merge_overlay(raw, wanted) == {
        "guardedEntrypoint": True,
        "preflight": [
            {"tcp": "b:2", "onFailure": "ON_FAILURE_RETRY", "new": 1},
            {"jitter": "1s", "tcp": "a:1", "onFailure": "ON_FAILURE_CONTINUE"},
            {"path": "/p"},
        ],
        "commandOverride": {"shell": "/bin/sh", "mode": "MODE_PREPEND", "command": ["sh"]},
        "truststore": {"flag": True, "output": "/y"},
    }


def test_an_empty_command_is_set_and_an_absent_one_is_not() -> None:
    empty = overlay({"guarded_entrypoint": True, "command_override": {}})
    assert merge_overlay(None, empty) == {"guardedEntrypoint": True, "commandOverride": {}}
    assert _live({"guardedEntrypoint": True, "commandOverride": {"mode": "MODE_UNSPECIFIED", "command": []}}) == empty
    assert merge_overlay({"commandOverride": None}, overlay({"guarded_entrypoint": True})) == {
        "commandOverride": None,
        "guardedEntrypoint": True,
    }
