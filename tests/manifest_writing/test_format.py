"""The canonical layout: nothing changes but where lines begin and end."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.manifest import files as manifest_files
from reconciler.manifest.writing.emit import pair
from reconciler.manifest.writing.format import formatted
from reconciler.manifest.writing.syntax import Syntax
from reconciler.manifest.yaml_tree import parse

CASES = Path(__file__).parents[1] / "manifest" / "cases"

BEFORE = """\
# yaml-language-server: $schema=manifest.schema.json
repositories:
    # the web
    custom-node:
      packages: [ git,   # vcs
        "curl" ]
      environment: {PORT:   8080, VERSION: 3.10, DEBUG: no, EMPTY: "", SINCE: 2026-11-23}


      accounts:
        users:
        -   username: app     # the one
            uid: 1
      # - nothing else


    # shared
    base: &base
        packages:
        - 'a'
    other: *base
    text:
      annotations:
        folded: one
          two
        quoted: "one\\
            two  "
        literal: |-
            first
              second

        kept: |+
          x

        dug: |2
            deep

# ours
organization:    example.com # the company
# the end
"""
AFTER = """\
# yaml-language-server: $schema=manifest.schema.json

# ours
organization: example.com  # the company

repositories:
  # the web
  custom-node:
    packages:
      - git  # vcs
      - "curl"
    environment: {PORT: 8080, VERSION: 3.10, DEBUG: no, EMPTY: "", SINCE: 2026-11-23}

    accounts:
      users:
        - username: app  # the one
          uid: 1
    # - nothing else

  # shared
  base: &base
    packages:
      - 'a'
  other: *base
  text:
    annotations:
      folded: one
        two
      quoted: "one\\
        two  "
      literal: |-
        first
          second

      kept: |+
        x

      dug: |2
          deep

# the end
"""


def test_everything_that_has_a_layout() -> None:
    assert formatted(BEFORE) == AFTER


@pytest.mark.parametrize("text", [BEFORE, AFTER, BEFORE.replace("\n", "\r\n")])
def test_laying_out_twice_changes_nothing(text: str) -> None:
    once = formatted(text)
    assert once is not None
    assert formatted(once) == once == AFTER


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a: {}\n\n\n\nb: []\n", "a: {}\n\nb: []\n"),
        ("---\na: 1\n...\n", "---\na: 1\n"),
        ("%YAML 1.1\n---\na: 1\n", "%YAML 1.1\n---\na: 1\n"),
        ('{"a": {"b": [1, 2]}}', '"a": {"b": [1, 2]}\n'),
        ("a: # why\n  b\n", "# why\na: b\n"),
        ("a: [ # none\n]\n", "# none\na: []\n"),
        ("a:\n- # x\n  b: c\n- - d\n-\n", "a:\n  -  # x\n    b: c\n  -\n    - d\n  -\n"),
        ("a: {b: , c}\n", "a: {b: , c: }\n"),
        ("a: &x {b: &y c}\nd: {*y : e, <<: *x}\n", "a: &x {b: &y c}\n\nd: {*y : e, <<: *x}\n"),
        ("? a\n: b\n", "a: b\n"),
        ("a:\n  b: 1\n # x\n", "a:\n  b: 1\n# x\n"),
        ("a: " + "[" + ", ".join(["package"] * 20) + "]\n", "a:\n" + "  - package\n" * 20),
        ("a: [b: c]\n", "a: [{b: c}]\n"),
    ],
)
def test_forms(before: str, after: str) -> None:
    assert formatted(before) == after
    assert formatted(after) == after


@pytest.mark.parametrize("text", ["- a\n", "a\n", "? [a]\n: b\n", "? |\n  a\n: b\n", '"a\n  b": c\n'])
def test_what_has_no_layout_is_refused(text: str) -> None:
    assert formatted(text) is None


def test_an_alias_stays_behind_its_anchor() -> None:
    text = "repositories:\n  a: &x {packages: [b]}\n\ndefaults: *x\n"
    assert formatted(text) == text


def yaml_cases() -> Iterator[Any]:
    for path in sorted(CASES.rglob("*.yaml")):
        text = manifest_files.read(path)
        if isinstance(text, str) and not parse(text).problems and isinstance(parse(text).root, dict):
            yield pytest.param(text, id=str(path.relative_to(CASES)))


@pytest.mark.parametrize("text", list(yaml_cases()))
def test_every_case_means_the_same_afterwards(text: str) -> None:
    after = formatted(text)
    assert after is not None
    assert parse(after).root == parse(text).root
    assert sorted(one.text for one in Syntax(after).comments()) == sorted(one.text for one in Syntax(text).comments())
    assert formatted(after) == after


LINES = st.lists(
    st.tuples(
        st.integers(0, 3),
        st.sampled_from(
            [
                "a:",
                "b: c",
                "- d",
                "- e: f",
                "# note",
                "",
                "g: [h, i]",
                "j: {k: l}  # m",
                "n: |",
                "o: [p,",
                "q]",
                "r: 's",
                "t'",
            ]
        ),
    ),
    max_size=12,
)


@given(lines=LINES)
def test_any_lines(lines: list[tuple[int, str]]) -> None:
    text = "".join(" " * (2 * depth) + line + "\n" for depth, line in lines)
    tree = parse(text)
    if tree.problems or not isinstance(tree.root, dict) or not tree.root:
        return
    after = formatted(text)
    if after is not None:
        assert parse(after).root == tree.root
        assert formatted(after) == after


TEXTS = st.text(max_size=12) | st.sampled_from(
    ["no", "3.10", "a: b", "# c", "- d", "x\ny\n", " z", "a\n\nb", "é", "{", "*a"]
)
SHAPES = st.recursive(
    TEXTS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(TEXTS.filter(lambda key: key != "<<"), inner, max_size=3)
    ),
)


@given(shape=SHAPES)
def test_what_is_written_is_read_back_and_is_in_canonical_layout(shape: object) -> None:
    text = "\n".join(pair("top", shape, 0)) + "\n"  # type: ignore[arg-type]
    tree = parse(text)
    assert tree.problems == ()
    assert tree.root == {"top": shape}
    assert formatted(text) == text
