"""Settings for every test: hypothesis profiles, and no influence of the developer's environment."""

import os

import pytest
from hypothesis import HealthCheck, is_hypothesis_test, settings

from tests.support.examples import USUAL

# `ci` keeps the whole suite quick; `make fuzz` runs every property, and the generated requests, many times as long. A
# test that needs more or fewer examples than the others says so with `examples`, which follows the profile.
settings.register_profile("ci", deadline=None, max_examples=USUAL, suppress_health_check=[HealthCheck.too_slow])
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


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in _NOT_FOR_TESTS:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
