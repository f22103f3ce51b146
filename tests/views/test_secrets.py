import pytest

from reconciler.core.secrets import key_looks_secret, value_looks_secret
from reconciler.views.values import without_userinfo


@pytest.mark.parametrize(
    "key",
    [
        "SECRET",
        "CLIENT_SECRET",
        "API_TOKEN",
        "githubToken",
        "DB_PASSWORD",
        "PGPASSWORD",
        "MYSQL_PASSWD",
        "DB_PWD",
        "DB_PASS",
        "API_KEY",
        "APIKEY",
        "STRIPE-API-KEY",
        "PRIVATE_KEY",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_ACCESS_KEY_ID",
        "GOOGLE_APPLICATION_CREDENTIALS",
        "SIGNING_KEY",
        "SENTRY_DSN",
        "AZURE_STORAGE_CONNECTION_STRING",
        "KEY_PASSPHRASE",
    ],
)
def test_keys_that_look_like_secrets(key: str) -> None:
    assert key_looks_secret(key)


@pytest.mark.parametrize(
    "key",
    [
        "NODE_ENV",
        "PATH",
        "TOKENIZERS_PARALLELISM",
        "KEYBOARD",
        "COMPASS_URL",
        "AUTHOR",
        "BYPASS_CACHE",
        "MONKEY",
        "CWD",
    ],
)
def test_keys_that_do_not(key: str) -> None:
    assert not key_looks_secret(key)


@pytest.mark.parametrize(
    "value",
    [
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
        "-----BEGIN PRIVATE KEY-----\nx",
        "-----BEGIN RSA PRIVATE KEY-----",
        "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
        "github_pat_11ABCDEFG",
        "AKIAIOSFODNN7EXAMPLE",
        "xoxb-123456789-abc",
        "postgres://app:hunter2@db/app",
        "redis://:hunter2@cache:6379",
    ],
)
def test_values_that_look_like_secrets(value: str) -> None:
    assert value_looks_secret(value)


@pytest.mark.parametrize(
    "value",
    ["production", "https://example.com:8080/a@b", "-----BEGIN CERTIFICATE-----", "git@example.com:a/b", "eyJ", "xoxo"],
)
def test_values_that_do_not(value: str) -> None:
    assert not value_looks_secret(value)


def test_an_address_is_shown_without_user_and_password() -> None:
    assert without_userinfo("https://me:pw@apk.example.com/a@b") == "https://***@apk.example.com/a@b"
    assert without_userinfo("https://apk.example.com/x@y") == "https://apk.example.com/x@y"
