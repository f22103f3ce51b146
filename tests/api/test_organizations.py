"""Finding the organization by what people write."""

import pytest

from reconciler.api.errors import Ambiguous, ApiError, NotFound
from reconciler.core.state import Organization
from tests.api.fakes import INNER, ROOT, TEAM, Api, Asked, Told, group, reader

OTHER = "f" * 40
BORROWED = f"{OTHER}/{'9' * 16}"
GROUPS = [
    group(BORROWED, "example.com"),
    group(ROOT, "example.com"),
    group(OTHER, "example.org"),
    group(TEAM, "team-a"),
    group(INNER, "inner"),
    group(f"{BORROWED}/{'8' * 16}", "team-a"),
    group(f"{OTHER}/{'7' * 16}", "twin"),
    group(f"{OTHER}/{'6' * 16}", "twin"),
    group("e" * 40, "double.com"),
    group("d" * 40, "double.com"),
]


def served(asked: Asked) -> Told:
    """The filters of the API, as its documentation has them."""
    found = [
        one
        for one in GROUPS
        if all(one["name"] == name for name in asked.all("name"))
        and (not asked.all("uidp.inRoot") or "/" not in one["id"])
        and (not asked.all("uidp.ids") or one["id"] in asked.all("uidp.ids"))
        and all(one["id"].startswith(f"{above}/") for above in asked.all("uidp.descendantsOf"))
    ]
    return Told({"items": found})


def everything(_: Asked) -> Told:
    """A server that does not know the filters."""
    return Told({"items": GROUPS})


def find(written: str, answer: object = served) -> tuple[Organization, Api]:
    client, api = reader(answer)  # type: ignore[arg-type]
    with client:
        return client.find_organization(written), api


@pytest.mark.parametrize("answer", [served, everything])
@pytest.mark.parametrize(
    ("written", "id_", "name"),
    [
        ("example.com", ROOT, "example.com"),
        (" example.com/ ", ROOT, "example.com"),
        (ROOT, ROOT, "example.com"),
        (TEAM, TEAM, "example.com/team-a"),
        (INNER, INNER, "example.com/team-a/inner"),
        ("example.com/team-a", TEAM, "example.com/team-a"),
        ("example.com/team-a/inner", INNER, "example.com/team-a/inner"),
        (f"{ROOT}/team-a", TEAM, "example.com/team-a"),
        ("example.org/example.com", BORROWED, "example.org/example.com"),
    ],
)
def test_found(answer: object, written: str, id_: str, name: str) -> None:
    assert find(written, answer)[0] == Organization(id=id_, name=name)


def test_what_is_asked() -> None:
    assert find("example.com")[1].only.raw_query == "name=example.com&uidp.inRoot=true"
    assert find("example.com")[1].only.path == "/iam/v1/groups"
    assert find(TEAM)[1].only.raw_query == f"uidp.ids={TEAM}&uidp.ids={ROOT}"
    asked = find("example.com/team-a")[1].asked
    assert [one.raw_query for one in asked] == [
        "name=example.com&uidp.inRoot=true",
        f"uidp.descendantsOf={ROOT}",
    ]


def test_names_above_that_the_token_cannot_see() -> None:
    found, _ = find(INNER, lambda _: Told({"items": [group(INNER, "inner"), group(ROOT, "")]}))
    assert found == Organization(id=INNER, name=f"{ROOT}/{'a' * 16}/inner")


@pytest.mark.parametrize(
    ("written", "says", "hint"),
    [
        ("exmaple.com", '"exmaple.com"', 'did you mean "example.com"'),
        ("team-a", '"team-a"', "check the name"),
        ("example.com/team-b", 'folder "team-b" not found in example.com', 'did you mean "team-a"?'),
        ("example.com/inner", 'folder "inner" not found in example.com', "check the name"),
        ("example.com//team-a", 'folder "" not found in example.com', "check the name"),
        ("0" * 40, "0" * 40, "chainctl"),
        (f"{ROOT}/{'5' * 16}", f"{ROOT}/{'5' * 16}", "chainctl"),
        ("", '""', "check the name"),
        ("x\n\x1b[31m", '"x [31m"', "check the name"),
    ],
)
def test_not_found(written: str, says: str, hint: str) -> None:
    with pytest.raises(NotFound) as caught:
        find(written)
    found = caught.value.diagnostic
    assert found.code == "unknown-organization"
    assert says in found.summary
    assert hint in found.hint


@pytest.mark.parametrize(
    ("written", "ids"),
    [("double.com", ["d" * 40, "e" * 40]), ("example.org/twin", [f"{OTHER}/{'6' * 16}", f"{OTHER}/{'7' * 16}"])],
)
def test_several(written: str, ids: list[str]) -> None:
    with pytest.raises(Ambiguous) as caught:
        find(written)
    found = caught.value.diagnostic
    assert found.code == "ambiguous-organization"
    assert written.rpartition("/")[2] in found.summary
    assert found.detail == f"UIDPs: {ids[0]}, {ids[1]}"


def test_near_names_are_a_courtesy() -> None:
    def answer(asked: Asked) -> Told:
        return Told({"items": []}) if asked.all("name") else Told(status=500, body=b"")

    with pytest.raises(NotFound) as caught:
        find("example.net", answer)
    assert "check the name" in caught.value.diagnostic.hint


@pytest.mark.parametrize("items", [[{"name": "example.com"}], [{"id": 5}], [{"id": ROOT, "name": []}], {}, "x"])
def test_groups_that_cannot_be_read(items: object) -> None:
    with pytest.raises(ApiError) as caught:
        find("example.com", Told({"items": items}))
    assert caught.value.diagnostic.code == "not-understood"
