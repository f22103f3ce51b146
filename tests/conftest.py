"""Settings for every test: hypothesis profiles, and no influence of the developer's environment."""

import gc
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, is_hypothesis_test, settings

from tests.support.buckets import S3, s3_server
from tests.support.examples import USUAL
from tests.support.seeding import remember_seeds

# Compiled modules are kept whatever the environment says: else every worker compiles the tests anew, and every process
# that a test starts the program.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# In memory, where there is enough of it: databases and journals wait for a disk each time that they are written.
_MEMORY, _ENOUGH = Path("/dev/shm"), 2 * 1024**3
if _MEMORY.is_dir() and os.access(_MEMORY, os.W_OK) and shutil.disk_usage(_MEMORY).free > _ENOUGH:
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(_MEMORY))

# `ci` takes half of what tests name and keeps the suite quick; `make fuzz` runs every property, and the generated
# requests, many times as long. A test that needs more or fewer examples than the others says so with `examples`,
# which follows the profile.
settings.register_profile("ci", deadline=None, max_examples=USUAL // 2, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("fast", deadline=None, max_examples=10)
settings.register_profile("fuzz", deadline=None, max_examples=1000, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile(os.environ.get("RECONCILER_HYPOTHESIS", "ci"))

_NOT_FOR_TESTS = (
    "CHAINGUARD_TOKEN",
    "TOK",
    "CHAINGUARD_IDENTITY",
    "CHAINGUARD_ISSUER",
    "CHAINGUARD_OIDC_TOKEN_FILE",
    "ACTIONS_ID_TOKEN_REQUEST_URL",
    "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
    "RECONCILER_API",
    "RECONCILER_JOURNAL",
    "RECONCILER_MANIFEST",
    "RECONCILER_ORG",
    "NO_COLOR",
    "COLUMNS",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what hypothesis generates, for `make fuzz`."""
    for item in items:
        if is_hypothesis_test(getattr(item, "obj", None)):
            item.add_marker("fuzz")


def pytest_collection_finish() -> None:
    """Let the garbage collector leave alone what lives as long as the process: all modules and all tests."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000)


@pytest.fixture(scope="session", autouse=True)
def seeds() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patched:
        remember_seeds(patched)
        yield


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in _NOT_FOR_TESTS:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture(scope="session")
def s3_of_session() -> Iterator[S3]:
    with s3_server() as s3:
        yield s3


@pytest.fixture
def s3(s3_of_session: S3, monkeypatch: pytest.MonkeyPatch) -> Iterator[S3]:
    """A server of the S3 protocol, which the environment leads to."""
    for name, value in s3_of_session.environment().items():
        monkeypatch.setenv(name, value)
    yield s3_of_session
    s3_of_session.fault = lambda _method, _path: None


@pytest.fixture(params=["folder", "s3"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty storage, once of each kind."""
    if request.param == "folder":
        (tmp_path / "storage").mkdir()
        return f"file:{tmp_path / 'storage'}"
    bucket: str = request.getfixturevalue("s3").bucket()
    return bucket
