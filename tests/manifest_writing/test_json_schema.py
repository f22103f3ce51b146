"""The JSON Schema and the loader accept and refuse the same documents, as far as a schema can tell."""

import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from reconciler.diagnostics import Severity
from reconciler.manifest import load
from reconciler.manifest.codes import Code
from reconciler.manifest.form import form_at
from reconciler.manifest.json_schema import json_schema
from tests.support.examples import examples

CASES = Path(__file__).parents[1] / "manifest" / "cases"
SCHEMA = json_schema()
VALIDATOR = Draft202012Validator(SCHEMA)
# What the form of one file can be wrong about; the rest is about YAML, other files, or several values together.
FORM = {
    Code.UNKNOWN_KEY, Code.MISSING_FIELD, Code.NULL_VALUE, Code.WRONG_TYPE, Code.EMPTY_TEXT, Code.BAD_PACKAGE,
    Code.BAD_REPOSITORY_NAME, Code.BAD_ORGANIZATION, Code.BAD_NUMBER, Code.BAD_FLAG, Code.BAD_VALUE,
    Code.BAD_SHARE, Code.BAD_PROFILE_NAME, Code.BAD_OVERLAY_NAME, Code.BAD_FOLDER, Code.BAD_SELECTOR, Code.BAD_OWNER,
    Code.BAD_LABEL, Code.RESET_WITH_SECTIONS, Code.OVERLAYS_WITH_SECTIONS, Code.CONTENT_AND_FILE,
}  # fmt: skip
# Spellings that an editor has turned into the number or flag that they look like, before any schema sees them.
ONLY_IN_TEXT = {"numbers-and-flags.yaml"}


def as_editors_read(text: str) -> Any:
    """The document in YAML 1.2, as JSON; raises `YAMLError`."""
    document = YAML(typ="safe", pure=True).load(text)
    return json.loads(json.dumps(document, default=lambda value: str(value) if isinstance(value, dt.date) else 0))


def codes(path: Path, file: Path) -> set[str]:
    _, problems = load(path, organization="example.com")
    return {
        one.code
        for one in problems
        if one.severity is Severity.ERROR and one.place is not None and Path(one.place.file) == file
    }


def cases() -> Iterator[Any]:
    """Every file of a case that holds YAML: the case, the file, and what editors read."""
    for path in sorted(CASES.iterdir()):
        files = [path] if path.suffix == ".yaml" else sorted(path.glob("*.yaml")) if path.is_dir() else []
        for file in files:
            try:
                document = as_editors_read(file.read_text(encoding="utf-8"))
            except (YAMLError, UnicodeDecodeError, IsADirectoryError):
                continue
            if document is not None:
                yield pytest.param(path, file, document, id=str(file.relative_to(CASES)))


@pytest.mark.parametrize(("path", "file", "document"), list(cases()))
def test_every_case(path: Path, file: Path, document: Any) -> None:
    wrong = codes(path, file) & {code.value for code in FORM}
    if file.name in ONLY_IN_TEXT:
        assert wrong
        return
    errors = [error.message for error in VALIDATOR.iter_errors(document)]
    assert bool(errors) == bool(wrong), (errors, wrong)


WORDS = st.sampled_from(
    ["", "git", "curl=8", "Curl", "true", "65532", "4294967296", "010", "example.com", "a b", "30%", "a*", None]
)
NUMBERS = st.sampled_from([0, 1, 65532, 4294967295, 4294967296, -1, 3.5, True, False])
ENTRY = form_at(("repositories", "x"))
KNOWN = sorted(
    {
        *ENTRY.known,
        *(key for name in ENTRY.known for key in ENTRY.step(name).known),
        *form_at(("repositories", "x", "accounts", "users", 0)).known,
        *form_at(("settings",)).known,
        "a*",
    }
)
SHAPES = st.recursive(
    WORDS | NUMBERS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KNOWN), inner, max_size=3),
)


def of_form(name: str, field: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Mostly what a key takes, so that most documents are nearly right."""
    return st.one_of(st.sampled_from(field["examples"]), st.sampled_from(field["examples"]), SHAPES)


def entries(model: dict[str, Any]) -> st.SearchStrategy[Any]:
    fields = {name: of_form(name, field) for name, field in model["properties"].items()}
    return st.fixed_dictionaries({}, optional=fields)


DOCUMENTS = st.fixed_dictionaries(
    {"organization": st.sampled_from(["example.com", "a/b", "A", 12, "0" * 40, "0" * 40 + "/x", None])},
    optional={
        "repositories": st.dictionaries(
            st.sampled_from(["a", "b/c", "/d", "E", "f*"]), entries(SCHEMA["$defs"]["Repository"]), max_size=2
        ),
        "profiles": st.dictionaries(
            st.sampled_from(["one", "two.x", "-"]), entries(SCHEMA["$defs"]["Sections"]), max_size=2
        ),
        "defaults": entries(SCHEMA["$defs"]["Sections"]),
        "settings": entries(SCHEMA["$defs"]["SettingsSection"]),
    },
)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("manifests") / "m.yaml"


@settings(max_examples=examples(300))
@given(document=DOCUMENTS)
def test_any_document(path: Path, document: Any) -> None:
    path.write_text(json.dumps(document), encoding="utf-8")
    wrong = codes(path, path) & {code.value for code in FORM}
    errors = [f"{list(error.absolute_path)}: {error.message}" for error in VALIDATOR.iter_errors(document)]
    assert bool(errors) == bool(wrong), (errors, wrong)
