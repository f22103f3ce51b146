"""Settings for every test: hypothesis profiles, and no influence of the developer's environment."""

import os

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("ci", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("fast", deadline=None, max_examples=10)
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
    "NO_COLOR",
    "COLUMNS",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
)


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in _NOT_FOR_TESTS:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
