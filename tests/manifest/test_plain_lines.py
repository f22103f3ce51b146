"""What is read line by line is what YAML says, with every position; what is not surely so is left to YAML."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from reconciler.manifest import plain_lines
from reconciler.manifest.nodes import ListNode, MapNode
from reconciler.manifest.yaml_tree import parse_events

ROOT = Path(__file__).parents[2]


def _whole(node: object) -> object:
    """A tree with all that it knows."""
    match node:
        case MapNode():
            return ("map", node.at, [(key, node.marks_of(key), node.use_of(key), _whole(node[key])) for key in node])
        case ListNode():
            return (
                "list",
                node.at,
                [(node.mark_of(at), node.use_of(at), _whole(item)) for at, item in enumerate(node)],
            )
        case _:
            return node


def _same(text: str) -> bool:
    """Whether it was read line by line; then it has to be what YAML says."""
    read = plain_lines.read(text)
    if read is None:
        return False
    tree = parse_events(text)
    assert tree.flaws == ()
    assert _whole(read) == _whole(tree.root)
    return True


_PIECES = st.sampled_from(
    [
        "a",
        "b:",
        "c: d",
        "- e",
        "-",
        "- f: g",
        "key:",
        "k: 'v'",
        'k: "v"',
        "k: [x, y]",
        "k: []",
        "k: {}",
        "- 'q'",
        "null",
        "x: null",
        "x: ~",
        "x: a b",
        "x: a #b",
        "x: a#b",
        "x: a: b",
        "x: a:b",
        "# c",
        "",
        "text",
        "? x",
        "&a b: c",
        "x: *a",
        "x: &a b",
        "<<: {}",
        "---",
        "...",
        "x: 'it''s'",
        'x: "\\n"',
        "x: a:",
        "x:  b",
        "x : b",
        "-  y",
        "%Y",
        "x: >-",
        "x: $(A) (b), [c]",
        "x: a, b",
        "x: -a",
        "x: a - b",
        "- a: b",
        "- a:b",
        "- x ",
        "x: y  # z",
        "'k': v",
        "x: !t v",
        "d: [a,b]",
        "d: [a , b]",
        "d: [a, 'b']",
        "d: [null]",
        "- null",
        "null: x",
        "- ''",
        'o: ""',
        "f: 'a' b",
        "e: 'a'# x",
        "e: 'a' # x",
        "m: 'a\"b'",
        "--- a",
        "j: ---",
        "- ...",
        "-- x",
        "- -x",
        "x: |",
        "\tx: y",
    ]
)
_LINES = st.lists(st.tuples(st.sampled_from([0, 0, 1, 2, 2, 4, 4, 6]), _PIECES), max_size=8)


@given(_LINES)
@example([(0, "b:"), (0, "- e"), (0, "c: d")])
@example([(0, "c: d"), (2, "- e")])
@example([(0, "b:"), (4, "key:"), (2, "c: d")])
@example([(0, "b:"), (0, "")])
def test_any_lines_are_what_yaml_says(lines: list[tuple[int, str]]) -> None:
    _same("".join(f"{' ' * indent}{piece}\n" for indent, piece in lines))


_KEYS = st.sampled_from(["a", "custom-node", "team/x", "A_B", "com.example.team", "3.10"])
_VALUES = st.sampled_from(
    ["git", "curl~8", "so:libc.so.6", "a b", "true", "", "http://x/y", "it's", 'say "x"', "12", "no"]
)
_TREES = st.dictionaries(
    _KEYS,
    _VALUES | st.lists(_VALUES, min_size=1, max_size=3) | st.dictionaries(_KEYS, _VALUES, min_size=1, max_size=3),
    min_size=1,
    max_size=4,
)


@given(tree=_TREES, style=st.sampled_from([None, '"', "'"]), indent=st.sampled_from([2, 4]))
def test_what_a_dumper_writes(tree: dict[str, Any], style: Any, indent: int) -> None:
    text = yaml.safe_dump(tree, default_style=style, indent=indent, width=1000)
    if _same(text):
        assert plain_lines.read(text) == tree


@given(st.text(alphabet="ab:-# \n'\"[],{}&*!|>%@`~?<=\\.\t0", max_size=40))
def test_any_text_is_what_yaml_says(text: str) -> None:
    _same(text + "\n")


@pytest.mark.parametrize(
    "line", ["x: y", "x: y z  # why", "x: 'y: z'", "x: [a, b]", "x:\n- a\n- b", "# c\n\nx:\n  y:\n    - z"]
)
def test_this_layout_is_read_here(line: str) -> None:
    assert _same(f"{line}\n")


@pytest.mark.parametrize("path", ["manifests/example.yaml", "docs/examples/organisation/platform.yaml"])
def test_manifests_are_what_yaml_says(path: str) -> None:
    _same((ROOT / path).read_text(encoding="utf-8"))


@pytest.mark.parametrize("end", [":", " #", "'", "\t", " : x", ": x"])
def test_a_long_line_that_is_none_of_this_layout_is_given_up_at_once(end: str) -> None:
    _same(f"x: {'a' * 50_000}{end}\n")
    _same(f"x: {'a b:c ' * 10_000}{end}\n")
