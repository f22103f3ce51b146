"""The quick look at a file against the schema that it spares: what it accepts, the schema accepts, and nearly all."""

import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from reconciler.manifest import accepting, judging, load
from reconciler.manifest.yaml_tree import parse

_WORDS = (
    "git",
    "curl~8",
    "curl=8.1-r0",
    " jq ",
    "a b",
    "",
    "x\x1cy",
    "é",
    "true",
    "no",
    "/x",
    "team/x",
    "x*",
    "[!a]b",
    "X",
)
_NUMBERS = ("0", "010", "65532", "4294967296", "30%", "100.0%", "130%", "30%\n", "-a", "example.com", "a/b", "ab" * 20)
_TEXTS = st.sampled_from((*_WORDS, *_NUMBERS))
_ANYTHING = st.recursive(
    _TEXTS | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXTS, inner, max_size=3),
    max_leaves=4,
)


def _some(kinds: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """A mapping with some of the keys."""
    return st.fixed_dictionaries({}, optional=kinds)


def _nearly(kinds: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """The same, now and then with a foreign key or a value of another kind."""
    return _some({**{key: st.one_of(kind, kind, kind, _ANYTHING) for key, kind in kinds.items()}, "x": _ANYTHING})


class _Form:
    """The form of files; `texts` by what they are, `some` makes mappings."""

    def __init__(self, some: Any, **texts: st.SearchStrategy[str]) -> None:
        text, word, number = texts["text"], texts["word"], texts["number"]
        files = st.lists(some({"content": word, "file": word}).map(lambda one: {"name": "n", **one}), max_size=2)
        texts_by_key = st.dictionaries(_TEXTS, text, max_size=3)
        lists = st.lists(word, max_size=3)
        packages = st.lists(texts["package"], max_size=3)
        user = some({"gid": number, "groupname": text, "shell": text, "homedir": text})
        users = st.tuples(word, number, user).map(lambda one: {"username": one[0], "uid": one[1], **one[2]})
        group = some({"members": lists})
        groups = st.tuples(word, number, group).map(lambda one: {"groupname": one[0], "gid": one[1], **one[2]})
        self.overlay = {
            "contents": some({"packages": packages, "runtime_repositories": lists, "runtime_keyring": files}),
            "environment": texts_by_key,
            "annotations": texts_by_key,
            "accounts": some(
                {"run-as": text, "users": st.lists(users, max_size=2), "groups": st.lists(groups, max_size=2)}
            ),
            "certificates": some({"additional": files, "providers": lists}),
        }
        sections = {**self.overlay, "packages": packages}
        profile, flag = texts["profile"], texts["flag"]
        entry = {
            **sections,
            "profiles": st.lists(profile, max_size=2),
            "overlay": word,
            "source": texts["address"],
            "reset": flag,
            "protect": flag,
        }
        self.manifest = {
            "organization": texts["address"],
            "settings": some({"prune": flag, "max_removal": texts["share"], "require_resolve": flag}),
            "defaults": some(sections),
            "profiles": st.dictionaries(profile, some(sections), max_size=2),
            "repositories": st.dictionaries(texts["entry"], some(entry), max_size=3),
        }


_KINDS = ("text", "word", "number", "package", "profile", "flag", "address", "share", "entry")
_RIGHT = _Form(
    _some,
    text=st.sampled_from(["", "a", "no", "é"]),
    word=st.sampled_from(["a", "https://packages.example.com"]),
    number=st.sampled_from(["0", "65532", "4294967295"]),
    package=st.sampled_from(["git", "curl~8", "curl=8.1-r0", " jq ", "so:libc.so.6", "x@edge"]),
    profile=st.sampled_from(["debug", "A.b"]),
    flag=st.sampled_from(["true", "false"]),
    address=st.sampled_from(["example.com", "a/b"]),
    share=st.sampled_from(["30%", "100.0 %"]),
    entry=st.sampled_from(["x", "/x", "team/x", "x*", "[!a]b"]),
)
_NEARLY = _Form(_nearly, **dict.fromkeys(_KINDS, _TEXTS))


def _tree(value: object) -> Any:
    return parse(yaml.safe_dump(value, allow_unicode=True)).root


@given(value=_some(_RIGHT.manifest))
def test_a_right_manifest_is_accepted_by_both(value: object) -> None:
    root = _tree(value)
    assert accepting.manifest(root)
    assert judging.manifest(root) == (root, [])


@given(value=_some(_RIGHT.overlay))
def test_a_right_overlay_is_accepted_by_both(value: object) -> None:
    root = _tree(value)
    assert accepting.overlay_file(root)
    assert judging.overlay_file(root) == (root, [])


@given(value=_some(_NEARLY.manifest))
def test_an_accepted_manifest_is_one_for_the_schema(value: object) -> None:
    root = _tree(value)
    if accepting.manifest(root):
        assert judging.manifest(root) == (root, [])


@given(value=_some(_NEARLY.overlay))
def test_an_accepted_overlay_is_one_for_the_schema(value: object) -> None:
    root = _tree(value)
    if accepting.overlay_file(root):
        assert judging.overlay_file(root) == (root, [])


@pytest.mark.parametrize(
    "path", [Path("manifests"), Path("docs/examples/organisation"), Path("docs/examples/apko-files")]
)
def test_the_examples_are_accepted_at_a_glance(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = Path(__file__).parents[2] / path
    monkeypatch.setitem(sys.modules, "reconciler.manifest.judging", None)  # importing it fails from here on
    desired, _ = load(path / "manifest.yaml" if path.name == "apko-files" else path)
    assert desired.repositories
