"""The overlay to send through v2 is the one of v1 in another spelling, so all that holds for v1 holds for it."""

import copy
from typing import Any

from hypothesis import given

from reconciler.api import json_text
from reconciler.api.overlay_update import merge_overlay
from reconciler.api.schema import V2_SPELLING, overlay_from_wire
from reconciler.core.overlay import EMPTY, Overlay
from tests.api.test_merging import RAW, _merges


def respelled(raw: Any) -> Any:
    """An overlay of v1 as v2 spells it, every key in its place."""
    accounts = (raw or {}).get("accounts")
    if not accounts:
        return raw
    new = {"users": {"userName": "username"}, "groups": {"groupName": "groupname"}}
    changed = {
        key: [{names.get(name, name): value for name, value in item.items()} for item in accounts[key]]
        for key, names in new.items()
        if accounts.get(key)
    }
    # Not a merge of two dictionaries: keys stay where they are.
    return {**raw, "accounts": {key: changed.get(key, value) for key, value in accounts.items()}}


@given(RAW)
def test_reading(raw: Any) -> None:
    assert overlay_from_wire(respelled(raw)) == overlay_from_wire(raw)


@given(_merges())
def test_merging(case: tuple[Any, Overlay, Overlay]) -> None:
    raw, _, wanted = case
    live = respelled(raw)
    before = copy.deepcopy(live)
    sent = merge_overlay(live, wanted, V2_SPELLING)
    assert json_text.encode(sent) == json_text.encode(respelled(merge_overlay(raw, wanted)))
    assert overlay_from_wire(sent) == wanted
    assert json_text.encode(live) == json_text.encode(before), "what was read is not touched"


@given(RAW)
def test_what_is_live_already_is_sent_as_it_came(raw: Any) -> None:
    raw = respelled(raw)
    live = overlay_from_wire(raw)
    assert isinstance(live, Overlay)
    if live != EMPTY:
        assert json_text.encode(merge_overlay(raw, live, V2_SPELLING)) == json_text.encode(raw)
