"""The library as other programs use it: `import reconciler` and nothing below."""

import ast
import subprocess
import sys
from pathlib import Path
from typing import assert_type

import pytest

import reconciler
from reconciler.emulator import EmulatorSettings
from tests.support.clock import FakeClock
from tests.support.served import served

MANIFEST = """
organization: example.com
repositories:
  custom-nginx:
    packages: [git]
"""
BROKEN = MANIFEST.replace("packages: [git]", "packges: [git]")
ROOT = Path(__file__).parents[2]


@pytest.fixture
def manifests(tmp_path: Path) -> Path:
    (tmp_path / "web.yaml").write_text(MANIFEST, encoding="utf-8")
    return tmp_path


def test_a_manifest_is_planned_against_a_server(manifests: Path) -> None:
    manifest = reconciler.load_manifest(manifests)
    assert_type(manifest, reconciler.Manifest)
    assert manifest.organization == "example.com"
    with served(FakeClock(), EmulatorSettings()) as (url, _), reconciler.Client(url, token="anything") as client:
        live = client.read_live(manifest.organization)
        assert_type(live, reconciler.Live)
    found = reconciler.plan(manifest, live)
    assert_type(found, reconciler.Plan)
    (step,) = found.writes
    assert_type(step, reconciler.Step)
    assert (step.repository, str(step.action)) == ("custom-nginx", "update")
    (added,) = (change for change in step.changes if change.after == "git")
    assert_type(added, reconciler.Change)
    assert (str(added.kind), added.path, found.applyable) == ("add", "contents.packages", True)


def test_errors_of_a_manifest_are_raised_with_their_places(manifests: Path) -> None:
    (manifests / "web.yaml").write_text(BROKEN, encoding="utf-8")
    with pytest.raises(reconciler.ManifestError, match=r"web\.yaml:5:5: ") as raised:
        reconciler.load_manifest(manifests)
    assert_type(raised.value.problems, tuple[reconciler.Diagnostic, ...])
    assert raised.value.problems[0].place is not None


def test_a_manifest_without_organization_needs_one_from_the_caller(manifests: Path) -> None:
    (manifests / "web.yaml").write_text(MANIFEST.replace("organization: example.com", ""), encoding="utf-8")
    with pytest.raises(reconciler.ManifestError):
        reconciler.load_manifest(manifests)
    assert reconciler.load_manifest(str(manifests), organization="other.example").organization == "other.example"


def test_a_failed_read_raises_and_gives_no_part() -> None:
    with (
        served(FakeClock(), EmulatorSettings()) as (url, _),
        reconciler.Client(url, token="anything") as client,
        pytest.raises(reconciler.ApiError, match=r"other\.example"),
    ):
        client.read_live("other.example")


@pytest.mark.parametrize("url", ["http://api.example.com", "ftp://localhost", "no address"])
def test_an_address_that_cannot_be_used_raises(url: str) -> None:
    with pytest.raises(reconciler.ApiError):
        reconciler.Client(url, token="anything")


def test_a_token_is_taken_from_the_environment_and_shown_nowhere() -> None:
    with served(FakeClock(), EmulatorSettings()) as (url, _):
        client = reconciler.Client(url, environ={"CHAINGUARD_TOKEN": "not.a.token"})
        with client, pytest.raises(reconciler.ApiError) as raised:
            client.read_live("other.example")
    assert "not.a.token" not in str(raised.value) + repr(client)


def test_nothing_is_loaded_before_it_is_used() -> None:
    program = "import reconciler, sys; print(reconciler.__version__, [n for n in sys.modules if 'reconciler.' in n])"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    assert result.stdout == f"{reconciler.__version__} []\n"


def test_a_name_that_is_none_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'apply'"):
        getattr(reconciler, "apply")  # noqa: B009 - mypy knows that it is not there


def test_the_stub_the_module_and_the_list_have_the_same_names() -> None:
    stub = ast.parse((ROOT / "reconciler" / "__init__.pyi").read_text(encoding="utf-8"))
    names = {alias.asname for node in stub.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert names | {"__version__"} == set(reconciler.__all__) == set(dir(reconciler))
    assert all(getattr(reconciler, name) is not None for name in reconciler.__all__)


def test_the_page_about_the_library_names_everything_and_its_example_runs(tmp_path: Path, manifests: Path) -> None:
    page = (ROOT / "docs" / "library.md").read_text(encoding="utf-8")
    assert [name for name in reconciler.__all__ if f"`{name}" not in page] == []
    example = page.split("```python\n")[1].split("```")[0]
    with served(FakeClock(), EmulatorSettings()) as (url, _):
        program = example.replace('Path("manifests")', f"Path({str(manifests)!r})").replace(
            "Client()", f"Client({url!r}, token='anything')"
        )
        assert program != example
        result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    assert result.stdout == "custom-nginx update\n  add contents.packages git\n"
