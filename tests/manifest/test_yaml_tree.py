"""YAML to a tree: text as typed, with positions, and nothing that expands."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from reconciler.manifest import load, yaml_tree
from reconciler.manifest.codes import Code
from reconciler.manifest.document import BROKEN, ListNode, MapNode, Tree, locate
from reconciler.manifest.yaml_tree import LOADER, MAX_DEPTH, parse

TYPED = (
    "3.10",
    "no",
    "No",
    "on",
    "off",
    "y",
    "012",
    "0o14",
    "0x1F",
    "1:30",
    "1_000",
    "2024-01-01",
    "2024-01-01T12:00:00Z",
    "8080",
    "-1",
    "1e3",
    ".5",
    ".inf",
    ".nan",
    "true",
    "True",
    "false",
    "=",
    "nULL",
    "None",
    "nil",
)

# A line that begins with one of these is taken for a slip.
ODD_SPACES = "\xa0\u1680\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200C)))

texts = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Cn"], exclude_characters=ODD_SPACES), max_size=12
)
scalars = st.one_of(texts, st.sampled_from(TYPED), st.integers(), st.booleans(), st.floats(allow_nan=False), st.dates())
trees = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts | st.integers(), inner, max_size=4)
)


def root_of(text: str) -> Any:
    tree = parse(text)
    assert tree.problems == ()
    return tree.root


def codes(tree: Tree) -> list[Code]:
    return [flaw.code for flaw in tree.problems]


@given(trees, st.booleans() | st.none(), st.sampled_from([20, 80]))
def test_is_what_pyyaml_reads_without_guessing_types(data: object, flow: bool | None, width: int) -> None:  # noqa: FBT001 - drawn
    text = yaml.safe_dump([data, data], default_flow_style=flow, width=width, allow_unicode=True)
    assert root_of(text) == yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506 - it makes nothing but text


@given(trees)
def test_both_parsers_give_the_same_tree_and_positions(data: object) -> None:
    text = yaml.safe_dump([data], allow_unicode=True)
    fast, pure = parse(text), parse(text, loader=yaml.SafeLoader)
    assert _positions(fast.root) == _positions(pure.root)


def _positions(node: object) -> object:
    match node:
        case MapNode():
            return [(key, node.marks_of(key), _positions(value)) for key, value in node.items()]
        case ListNode():
            return [(node.mark_of(index), _positions(value)) for index, value in enumerate(node)]
        case _:
            return node


@given(st.lists(st.tuples(st.from_regex(r"[a-zé]{1,5}", fullmatch=True), st.integers(0, 3)), min_size=1))
def test_a_position_is_where_the_text_stands(rows: list[tuple[str, int]]) -> None:
    text = "".join("\n" * gap + f"{key}{number}:{' ' * (gap + 1)}v{key}\n" for number, (key, gap) in enumerate(rows))
    root = root_of(text)
    for key, value in root.items():
        key_at, value_at = root.marks_of(key)
        assert text[key_at:].startswith(f"{key}:")
        assert text[value_at:].startswith(value)


@pytest.mark.parametrize("typed", TYPED)
def test_a_value_stays_what_was_typed(typed: str) -> None:
    assert root_of(f"{typed}: [{typed}, '{typed}', \"{typed}\"]\n") == {typed: [typed] * 3}


@pytest.mark.parametrize("typed", ["", "~", "null", "Null", "NULL"])
def test_only_plain_nulls_are_nothing(typed: str) -> None:
    assert root_of(f"a: {typed}\nb: '{typed}'\n") == {"a": None, "b": typed}


def test_positions_count_characters_and_not_bytes() -> None:
    text = "é: 😀 x\r\nb: c\n"
    assert root_of(text).marks_of("b") == (text.index("b"), text.index("c"))


def test_an_alias_shares_the_value_and_keeps_both_places() -> None:
    text = "a: &x [1, 2]\nb: *x\nc: [*x]\n"
    root = root_of(text)
    assert root["a"] is root["b"] is root["c"][0]
    defined = locate(root, ("b", 1))
    assert (defined.value, defined.value_at, defined.use_at) == ("2", text.index("2"), text.index("*x"))
    assert locate(root, ("a", 1)).use_at is None
    assert locate(root, ("c", 0)).use_at == text.rindex("*x")


def test_the_outermost_alias_is_the_place_of_use() -> None:
    text = "a: &a {k: 1}\nb: &b {a: *a}\nc: *b\n"
    assert locate(root_of(text), ("c", "a", "k")).use_at == text.index("*b")


def test_a_merge_gives_what_is_not_there_with_the_place_of_its_definition() -> None:
    text = "a: &a {k: 1, l: 2}\nb: &b {l: 3, m: 4}\nc:\n  m: 5\n  <<: [*a, *b]\n"
    root = root_of(text)
    assert root["c"] == {"m": "5", "k": "1", "l": "2"}
    spot = locate(root, ("c", "k"))
    assert (spot.key_at, spot.use_at) == (text.index("k"), text.rindex("*a"))
    assert locate(root, ("c", "m")).use_at is None


def test_a_merge_of_a_merge_is_used_where_the_outer_one_is() -> None:
    text = "a: &a {k: 1}\nb: &b {<<: *a}\nc: {<<: *b}\n"
    root = root_of(text)
    assert root["c"] == {"k": "1"}
    assert locate(root, ("c", "k")).use_at == text.rindex("*b")


def test_a_merge_through_an_aliased_list_is_used_at_that_alias() -> None:
    text = "a: &a {k: 1}\nl: &l [*a]\nc: {<<: *l}\n"
    assert locate(root_of(text), ("c", "k")).use_at == text.rindex("*l")


def test_an_alias_may_be_a_key() -> None:
    assert root_of("a: &x b\n*x : c\n") == {"a": "b", "b": "c"}


def test_locate_stops_where_the_tree_ends() -> None:
    text = "a: {b: [c]}\n"
    spot = locate(root_of(text), ("a", "b", 7, "x"))
    assert (spot.value, spot.value_at) == (["c"], text.index("["))


BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 10)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


def test_an_alias_bomb_is_refused_before_it_is_expanded() -> None:
    tree = parse(BOMB)
    assert tree.root is BROKEN
    assert codes(tree) == [Code.EXPANSION_TOO_LARGE]
    # The count ends with the alias that goes beyond the limit; the whole would be a thousand million.
    assert yaml_tree.MAX_COPIED_NODES < int(tree.problems[0].text) < 3 * yaml_tree.MAX_COPIED_NODES
    assert BOMB[tree.problems[0].at] == "*"


def test_a_bomb_of_merges_is_refused() -> None:
    keys = ", ".join(f"k{number}: 1" for number in range(100))
    lines = [f"m0: &m0 {{{keys}}}\n"]
    lines += [f"m{n}: &m{n} {{<<: [{', '.join([f'*m{n - 1}'] * 20)}], x{n}: 1}}\n" for n in range(1, 6)]
    assert codes(parse("".join(lines))) == [Code.EXPANSION_TOO_LARGE]


def test_a_bomb_of_long_texts_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml_tree, "MAX_COPIED_TEXT", 10_000)
    text = f"a: &a {'x' * 1000}\nb: [{', '.join(['*a'] * 20)}]\n"
    assert codes(parse(text)) == [Code.EXPANSION_TOO_LARGE]
    assert codes(parse(text.replace("x" * 1000, "x" * 100))) == []


def test_too_many_aliases_are_refused() -> None:
    text = f"a: &a b\nc: [{', '.join(['*a'] * (yaml_tree.MAX_ALIASES + 1))}]\n"
    assert codes(parse(text)) == [Code.TOO_MANY_ALIASES]
    assert codes(parse(text.replace("*a, ", "", 1))) == []


def test_nesting_is_bounded() -> None:
    assert codes(parse("[" * MAX_DEPTH + "]" * MAX_DEPTH)) == []
    tree = parse("[" * (MAX_DEPTH + 1))
    assert codes(tree) == [Code.NESTED_TOO_DEEP]
    assert tree.problems[0].at == MAX_DEPTH


@pytest.mark.parametrize("loader", [LOADER, yaml.SafeLoader])
@pytest.mark.parametrize(
    ("text", "code", "at"),
    [
        ("a: b\x07c\n", Code.CONTROL_CHARACTER, 4),
        ("a: b: c\n", Code.YAML_SYNTAX, 4),
        ("a: b\n---\nc: d\n", Code.SEVERAL_DOCUMENTS, 5),
        ("a: 1\nb: 2\na: 3\nb: 4\n", Code.DUPLICATE_KEY, 10),
        ("a: !!int 1\n", Code.YAML_TAG, 3),
        ("a: *b\n", Code.UNKNOWN_ALIAS, 3),
        ("a: &a [*a]\n", Code.RECURSIVE_ALIAS, 7),
    ],
)
def test_flaws_are_found_by_both_parsers(loader: Any, text: str, code: Code, at: int) -> None:
    flaw = parse(text, loader=loader).problems[0]
    assert (flaw.code, flaw.at) == (code, at)


def test_what_is_found_before_a_syntax_error_is_kept() -> None:
    assert codes(parse("{a: 1, a: 2, b: ]")) == [Code.YAML_SYNTAX]
    assert codes(parse("x: {a: 1, a: 2}\nb: ]")) == [Code.DUPLICATE_KEY, Code.YAML_SYNTAX]


def test_a_duplicate_names_the_first_and_keeps_it() -> None:
    tree = parse("a: 1\na: 2\na: 3\n")
    assert tree.root == {"a": "1"}
    assert [(flaw.at, flaw.other_at) for flaw in tree.problems] == [(5, 0), (10, 0)]


def test_places_are_right_where_a_mapping_has_a_duplicate_and_a_merge() -> None:
    text = "a: &a {k: 1}\nb: {x: 2, x: 3, <<: *a}\n"
    tree = parse(text)
    assert codes(tree) == [Code.DUPLICATE_KEY]
    assert tree.root == {"a": {"k": "1"}, "b": {"x": "2", "k": "1"}}
    assert isinstance(tree.root, MapNode)
    assert locate(tree.root, ("b", "k")).key_at == text.index("k")


@pytest.mark.parametrize("text", ["*gone : v\n", "a: {<<: *gone}\n", "a: {<<: [*gone]}\n", "[*gone, *gone]\n"])
def test_an_alias_without_anchor_is_reported_once_for_each_use(text: str) -> None:
    assert codes(parse(text)) == [Code.UNKNOWN_ALIAS] * text.count("*")


def test_a_tagged_merge_key_is_refused() -> None:
    assert codes(parse("a: &a {}\nb: {!!merge <<: *a}\n")) == [Code.YAML_TAG]


@pytest.mark.parametrize("comment", ["", "# é\n"])
def test_a_key_that_is_too_long_is_reported_whatever_is_next_to_it(comment: str, tmp_path: Path) -> None:
    (tmp_path / "m.yaml").write_text(f"{comment}repositories:\n  x: {{}}\n  {'a' * 1100}: {{}}\n", encoding="utf-8")
    _, (problem,) = load(tmp_path / "m.yaml")
    assert problem.summary == "this key is longer than 1024 characters"
