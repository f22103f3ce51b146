"""Whatever a manifest file holds, loading it ends in diagnostics and never in an exception."""

import json
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.diagnostics import has_errors
from reconciler.manifest import load
from reconciler.manifest.codes import Code
from reconciler.manifest.form import form_at
from tests.support.examples import examples

_ENTRY = form_at(("repositories", "x"))
_KNOWN = sorted(
    {
        *form_at(()).known,
        *_ENTRY.known,
        *(key for name in _ENTRY.known for key in _ENTRY.step(name).known),
        *form_at(("repositories", "x", "accounts", "users", 0)).known,
        "x",
        "profiles",
        "runAs",
        "Web*",
    }
)
_WORDS = st.sampled_from(
    ["", "git", "curl=8", "curl", "true", "65532", "010", "example.com", "a b", "-----BEGIN X", None]
)
_SHAPES = st.recursive(
    _WORDS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_KNOWN), inner, max_size=4)
)
_ENTRIES = st.dictionaries(st.sampled_from(_KNOWN), _SHAPES, max_size=6)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("manifests") / "m.yaml"


def _load_anything(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    desired, problems = load(path)
    last = len(data.decode("utf-8", "replace").splitlines()) + 1
    places = [problem.place for problem in problems if problem.place is not None]
    assert places == sorted(places)
    assert all(1 <= place.line <= last and place.column >= 1 for place in places)
    assert {problem.code for problem in problems} <= {code.value for code in Code} - {Code.BAD_VALUE.value}
    assert not any("\n" in problem.summary or "-----BEGIN" in repr(problem) for problem in problems)
    assert has_errors(problems) or desired.organization is not None


@given(entries=st.dictionaries(st.sampled_from(["a", "b", "c/d", "/e", "F", "*"]), _ENTRIES, max_size=4), top=_ENTRIES)
def test_any_shape_of_known_words(path: Path, entries: dict[str, object], top: dict[str, object]) -> None:
    text = yaml.safe_dump({"organization": "example.com", **top, "repositories": entries})
    _load_anything(path, text.encode())


@given(top=_SHAPES)
def test_json_is_yaml(path: Path, top: object) -> None:
    _load_anything(path, json.dumps(top).encode())


@given(data=st.binary(max_size=60))
def test_any_bytes(path: Path, data: bytes) -> None:
    _load_anything(path, data)


@settings(max_examples=examples(300))
@given(text=st.text(st.sampled_from("ab: \n-[]{}&*!|>'\"#%@,?~<\t"), max_size=40))
def test_any_text_of_yaml_characters(path: Path, text: str) -> None:
    _load_anything(path, text.encode())
