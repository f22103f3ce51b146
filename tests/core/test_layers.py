"""Which value wins where several layers speak of one repository."""

from typing import Any

import pytest

from reconciler.core.diff import Field
from reconciler.core.layers import Layer, Merged, Precedence, merge, protected
from reconciler.core.overlay import Section
from reconciler.diagnostics import Place
from tests.support.overlays import managed, overlay


def layer(
    strength: Precedence, asked: dict[str, Any], *, chain: str = "", emptied: tuple[Field, ...] = (), name: str = "x"
) -> Layer:
    return Layer(
        precedence=strength,
        kind=strength,
        place=Place(file=name),
        overlay=overlay(asked),
        managed=managed(asked),
        chain=chain,
        emptied=frozenset(emptied),
    )


def conflicts(merged: Merged) -> list[tuple[Field, str]]:
    return [(one.field, one.key) for one in merged.conflicts]


def test_the_stronger_layer_wins_by_key_name_and_section() -> None:
    weak = layer(
        Precedence.DEFAULTS,
        {
            "environment": {"A": "weak", "B": "weak"},
            "runtime_repositories": ["https://weak.example/1", "https://weak.example/2"],
            "accounts": {"run_as": "weak", "users": [{"username": "a", "uid": 1}, {"username": "b", "uid": 2}]},
            "certificates": {"additional": [{"name": "x", "text": "weak"}], "providers": ["one"]},
        },
    )
    strong = layer(
        Precedence.ENTRY,
        {
            "environment": {"A": "strong"},
            "runtime_repositories": ["https://strong.example"],
            "accounts": {"users": [{"username": "a", "uid": 9}]},
            "certificates": {"additional": [{"name": "x", "text": "strong"}], "providers": ["two"]},
        },
    )
    merged = merge((weak, strong))
    assert merged.overlay == overlay(
        {
            "environment": {"A": "strong", "B": "weak"},
            "runtime_repositories": ["https://strong.example"],
            "accounts": {"run_as": "weak", "users": [{"username": "a", "uid": 9}, {"username": "b", "uid": 2}]},
            "certificates": {"additional": [{"name": "x", "text": "strong"}], "providers": ["one", "two"]},
        }
    )
    assert conflicts(merged) == []
    assert merged.managed == {
        Section.ENVIRONMENT,
        Section.RUNTIME_REPOSITORIES,
        Section.ACCOUNTS,
        Section.CERTIFICATES,
    }


def test_packages_are_united_and_a_bare_name_agrees_with_a_constraint() -> None:
    merged = merge(
        (
            layer(Precedence.DEFAULTS, {"packages": ["curl=8", "git"]}),
            layer(Precedence.PROFILE, {"packages": ["curl", "jq"]}),
            layer(Precedence.ENTRY, {"packages": ["git@edge"]}),
        )
    )
    assert merged.overlay.packages == ("curl=8", "git@edge", "jq")
    assert conflicts(merged) == []


@pytest.mark.parametrize("strongest", [Precedence.DEFAULTS, Precedence.ENTRY])
def test_two_constraints_conflict_whatever_the_strength(strongest: Precedence) -> None:
    merged = merge((layer(Precedence.DEFAULTS, {"packages": ["curl=8"]}), layer(strongest, {"packages": ["curl=9"]})))
    assert conflicts(merged) == [(Field.PACKAGES, "curl")]


def test_a_part_given_empty_takes_away_what_weaker_layers_gave_and_stronger_ones_add_to_it() -> None:
    merged = merge(
        (
            layer(Precedence.DEFAULTS, {"packages": ["curl=8"], "environment": {"A": "1"}}),
            layer(Precedence.PROFILE, {"packages": [], "environment": {}}, emptied=(Field.PACKAGES, Field.ENVIRONMENT)),
            layer(Precedence.ENTRY, {"packages": ["curl=9"]}),
        )
    )
    assert (merged.overlay.packages, merged.overlay.environment) == (("curl=9",), ())
    assert conflicts(merged) == []
    assert merged.managed == {Section.PACKAGES, Section.ENVIRONMENT}


def globs(*asked: tuple[str, dict[str, Any]]) -> tuple[Layer, ...]:
    return tuple(layer(Precedence.GLOB, one, chain=chain, name=chain) for chain, one in asked)


def test_of_layers_in_one_chain_the_later_wins() -> None:
    merged = merge(globs(("a", {"environment": {"A": "1"}}), ("a", {"environment": {"A": "2"}})))
    assert merged.overlay.environment == (("A", "2"),)
    assert conflicts(merged) == []


@pytest.mark.parametrize(
    ("second", "found"),
    [
        ({"environment": {"A": "2"}}, [(Field.ENVIRONMENT, "A")]),
        ({"environment": {"A": "1", "B": "2"}}, []),
        ({"runtime_repositories": ["https://b.example"]}, [(Field.RUNTIME_REPOSITORIES, "")]),
        ({"accounts": {"run_as": "b"}}, [(Field.RUN_AS, "")]),
    ],
)
def test_equals_that_disagree_conflict(second: dict[str, Any], found: list[tuple[Field, str]]) -> None:
    first = {
        "environment": {"A": "1"},
        "runtime_repositories": ["https://a.example"],
        "accounts": {"run_as": "a"},
    }
    merged = merge(globs(("a", first), ("b", second)))
    assert conflicts(merged) == found


def test_a_later_one_of_the_same_file_does_not_speak_for_the_other_file() -> None:
    asked = [("a", "1"), ("b", "1"), ("b", "2")]
    merged = merge(globs(*((chain, {"environment": {"A": value}}) for chain, value in asked)))
    (conflict,) = merged.conflicts
    assert [one.layer.chain for one in (conflict.first, conflict.second)] == ["a", "b"]


def test_a_stronger_layer_settles_what_equals_disagree_about() -> None:
    disagreeing = globs(("a", {"environment": {"A": "1"}}), ("b", {"environment": {"A": "2"}}))
    merged = merge((*disagreeing, layer(Precedence.ENTRY, {"environment": {"A": "3"}})))
    assert (merged.overlay.environment, conflicts(merged)) == ((("A", "3"),), [])
    emptied = layer(Precedence.ENTRY, {"environment": {}}, emptied=(Field.ENVIRONMENT,))
    assert conflicts(merge((*disagreeing, emptied))) == []


@pytest.mark.parametrize("order", [1, -1])
def test_one_that_empties_and_an_equal_that_gives_conflict(order: int) -> None:
    gives = layer(Precedence.GLOB, {"environment": {"A": "1"}}, chain="a")
    empties = layer(Precedence.GLOB, {"environment": {}}, chain="b", emptied=(Field.ENVIRONMENT,))
    (conflict,) = merge((gives, empties)[::order]).conflicts
    assert (conflict.field, conflict.first.layer, conflict.second.layer) == (Field.ENVIRONMENT, gives, empties)


def test_a_value_comes_from_the_layer_that_won() -> None:
    weak = layer(Precedence.DEFAULTS, {"packages": ["curl=8"], "environment": {"A": "1"}}, name="weak")
    strong = layer(Precedence.ENTRY, {"packages": ["curl"], "environment": {"A": "2"}}, name="strong")
    winners = {claim.entry.field: claim.layer for claim in merge((weak, strong)).winners if claim.entry}
    assert winners == {Field.PACKAGES: weak, Field.ENVIRONMENT: strong}


@pytest.mark.parametrize(
    ("told", "expected"),
    [([], False), ([None, None], False), ([True, None], True), ([True, False], False), ([False, True], True)],
)
def test_the_strongest_layer_that_speaks_of_it_protects(told: list[bool | None], expected: bool) -> None:  # noqa: FBT001 - a table
    kinds = (Precedence.PROFILE, Precedence.ENTRY)
    layers = [
        Layer(
            precedence=kind, kind=kind, place=Place(file="x"), overlay=overlay({}), managed=frozenset(), protect=protect
        )
        for kind, protect in zip(kinds, told, strict=False)
    ]
    assert protected(layers) is expected
