"""Editing where a value stands: what changes is the value, and nothing around it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.manifest.writing.edit import EntryEdit, edited
from reconciler.manifest.writing.emit import pair
from reconciler.manifest.writing.syntax import Shape, as_text
from reconciler.manifest.yaml_tree import parse

TEXT = """\
# ours
organization: example.com
repositories:
    # the web
    node:
        packages:
        - git     # vcs
        # for debugging
        - strace
        - 'curl=1.0'   # pinned
        environment: {A: "1", B: x}  # env

    # with brackets
    python: {packages: [a, b,   # first
        c], environment: {V: 3.10}}  # all of it
    postgres:
        accounts:
            run-as: "70"
            users:
            - username: app
              uid: 5  # five
            - {username: backup, uid: 6}
    # end
"""


def after(path: str, wanted: dict[str, Shape], *removed: str, text: str = TEXT) -> str:
    keys = ("repositories", path) if path else ("repositories",)
    result = edited(text, [EntryEdit(path=keys, wanted=wanted, removed=frozenset(removed))])
    assert result.refused == {}
    return result.text


def refused(path: str, wanted: dict[str, Shape], text: str) -> str:
    result = edited(text, [EntryEdit(path=("repositories", path), wanted=wanted)])
    assert result.text == text
    return result.refused["repositories", path]


def test_a_list_in_lines() -> None:
    assert after("node", {"packages": ["git", "curl=2", "jq"]}) == TEXT.replace("        - strace\n", "").replace(
        "        - 'curl=1.0'   # pinned\n", "        - 'curl=2'   # pinned\n        - jq\n"
    )


def test_a_mapping_in_brackets() -> None:
    assert after("node", {"environment": {"B": "x", "A": "2", "C": "no"}}) == TEXT.replace(
        '{A: "1", B: x}', '{A: "2", B: x, C: "no"}'
    )


def test_what_is_equal_stays_as_it_was_written() -> None:
    same: dict[str, Shape] = {"packages": ["strace", "curl=1.0", "git"], "environment": {"B": "x", "A": "1"}}
    assert after("node", same) == TEXT
    users: list[Shape] = [{"uid": 6, "username": "backup"}, {"uid": 5, "username": "app"}]
    assert after("postgres", {"accounts": {"users": users, "run-as": "70"}}) == TEXT


def test_brackets_with_comments_become_lines() -> None:
    assert after("python", {"packages": ["a", "c", "d"]}) == TEXT.replace(
        """\
    python: {packages: [a, b,   # first
        c], environment: {V: 3.10}}  # all of it
""",
        """\
    python:  # all of it
      packages:
        - a
        - c
        - d
      environment: {V: 3.10}
""",
    ).replace("        - a\n        - c\n", "        - a\n        - c\n")


def test_items_with_names() -> None:
    wanted: dict[str, Shape] = {
        "accounts": {
            "users": [
                {"username": "app", "uid": 7, "gid": 0},
                {"username": "backup", "uid": 8},
                {"username": "new", "uid": 9},
            ]
        }
    }
    assert after("postgres", wanted) == TEXT.replace('            run-as: "70"\n', "").replace(
        """\
              uid: 5  # five
            - {username: backup, uid: 6}
""",
        """\
              uid: 7  # five
              gid: 0
            - {username: backup, uid: 8}
            - username: new
              uid: 9
""",
    )


def test_a_section_that_is_emptied_removed_or_new() -> None:
    assert after("postgres", {"accounts": {}, "packages": ["git"]}) == TEXT.replace(
        """\
        accounts:
            run-as: "70"
            users:
            - username: app
              uid: 5  # five
            - {username: backup, uid: 6}
""",
        "        accounts: {}\n        packages: [git]\n",
    )
    assert after("node", {}, "environment") == TEXT.replace('        environment: {A: "1", B: x}  # env\n', "")
    assert "    node: {}\n\n    # with brackets\n" in after("node", {}, "environment", "packages")


def test_a_new_entry() -> None:
    assert after("", {"go": {"packages": ["git"]}}) == TEXT.replace(
        "    # end\n", "\n    go:\n      packages: [git]\n    # end\n"
    )


@pytest.mark.parametrize(
    "text",
    [
        "organization: a\n",
        "organization: a\nrepositories: {}\n",
        "organization: a\nrepositories:\n",
        "organization: a\nrepositories: {b: {reset: true}}\n",
        '{"organization": "a", "repositories": {"b": {}}}',
        "organization: a\nrepositories: # c\n  b: {}",
    ],
)
def test_a_first_entry(text: str) -> None:
    result = parse(after("", {"go": {"packages": ["git"]}}, text=text))
    before = parse(text).root
    assert isinstance(before, dict)
    assert result.problems == ()
    assert result.root == {
        **before,
        "repositories": {**(before.get("repositories") or {}), "go": {"packages": ["git"]}},
    }


def test_what_others_share_is_left_alone() -> None:
    text = "repositories:\n  a: &a\n    packages: &p [b]\n  c: *a\n  d:\n    packages: *p\n  e:\n    <<: *a\n"
    assert "&p" in refused("a", {"packages": ["x"]}, text)
    assert "alias" in refused("c", {"packages": ["x"]}, text)
    assert after("d", {"packages": ["x"]}, text=text) == text.replace("packages: *p", "packages: [x]")
    assert after("e", {"packages": ["x"]}, text=text) == text + "    packages: [x]\n"
    assert after("d", {"packages": ["b"]}, text=text) == text


def test_long_brackets_become_lines() -> None:
    names: list[Shape] = [f"package-number-{number}" for number in range(10)]
    text = "repositories:\n  a: {packages: [b]}  # why\n"
    assert after("a", {"packages": names}, text=text) == (
        "repositories:\n  a:  # why\n    packages:\n" + "".join(f"      - {name}\n" for name in names)
    )


NAMES = st.sampled_from(["a", "b", "c"])
TEXTS = st.sampled_from(["x", "3.10", "no", "a: b", "two\nlines\n", ""])
PACKAGES = st.lists(st.sampled_from(["git", "curl=1", "jq", "curl=2"]), max_size=3, unique_by=lambda one: one[:4])


def _username(user: Any) -> str:
    return str(user["username"])


USERS: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"username": NAMES, "uid": st.integers(0, 3)}, optional={"gid": st.just(0)}
)
ENTRIES = st.fixed_dictionaries(
    {},
    optional={
        "packages": PACKAGES,
        "environment": st.dictionaries(NAMES, TEXTS, max_size=3),
        "accounts": st.fixed_dictionaries(
            {},
            optional={
                "run-as": TEXTS.filter(bool),
                "users": st.lists(USERS, max_size=3, unique_by=_username),
            },
        ),
    },
)
IN_BRACKETS = '  x: {packages: [git], environment: {a: "1"}, accounts: {users: [{username: a, uid: 1}]}}  # x\n'


@given(before=ENTRIES, wanted=ENTRIES, brackets=st.booleans())
def test_any_edit(before: dict[str, Shape], wanted: dict[str, Shape], brackets: bool) -> None:  # noqa: FBT001 - drawn
    entry = IN_BRACKETS if brackets else "\n".join(pair("x", before, 2)) + "\n"
    around = "repositories:\n  # one\n  w: {packages: [a]}\n", "  # two\n  y: {reset: true}\n"
    text = around[0] + entry + around[1]
    removed = frozenset({"packages", "environment", "accounts"} - wanted.keys())
    result = edited(text, [EntryEdit(path=("repositories", "x"), wanted=wanted, removed=removed)])
    assert result.refused == {}
    tree = parse(result.text)
    assert tree.problems == ()
    assert isinstance(tree.root, dict)
    assert _sets(tree.root["repositories"]["x"]) == _sets(as_text(wanted))
    assert result.text.startswith(around[0])
    assert result.text.endswith(around[1])


def _sets(shape: Shape) -> object:
    match shape:
        case dict():
            return sorted((key, _sets(value)) for key, value in shape.items())
        case list():
            return sorted((_sets(value) for value in shape), key=repr)
        case _:
            return shape
