"""What is masked and warned about, and what is not (entry 30): the two tables are the specification."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.secrets import HIDDEN, key_looks_secret, looks_secret, redact, value_looks_secret
from reconciler.views.values import without_userinfo

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"

# A value and the part of it that no output may show.
SECRET_VALUES = [
    (JWT, JWT),
    (f"session {JWT} of today", "c2lnbmF0dXJl"),
    ("-----BEGIN PRIVATE KEY-----\nx", "PRIVATE KEY"),
    ("-----BEGIN RSA PRIVATE KEY-----", "PRIVATE KEY"),
    ("-----BEGIN OPENSSH PRIVATE KEY-----", "PRIVATE KEY"),
    # addresses
    ("postgres://app:hunter2@db/app", "hunter2"),
    ("redis://:hunter2@cache:6379", "hunter2"),
    ("https://user:@host/x", "user:"),
    ("https://0123abcd@sentry.example.com/1", "0123abcd"),
    ("git+https://hunter2@github.com/x/y", "hunter2"),
    ("https://x:hunter2@example.com, then https://y:hunter3@example.com", "hunter3"),
    ("app:hunter2@tcp(db:3306)/app", "hunter2"),
    # keys and their values
    ("jdbc:postgresql://db/app?user=a&password=hunter2", "hunter2"),
    ("-Xmx1g -Ddb.password=hunter2 -Dx=y", "hunter2"),
    ("Server=db;Database=app;User Id=a;Password=hunter2;", "hunter2"),
    ("Server=db;Uid=a;Pwd=hunter2", "hunter2"),
    ("DefaultEndpointsProtocol=https;AccountName=a;AccountKey=aHVudGVyMg==;", "aHVudGVyMg"),
    ("Endpoint=sb://x/;SharedAccessKey=aHVudGVyMg==", "aHVudGVyMg"),
    ("//registry.npmjs.org/:_authToken=hunter2", "hunter2"),
    ("https://a.blob.example.com/c?sv=2024&sp=r&sig=hunter2%3D", "hunter2"),
    ("https://api.example.com/?api_key=hunter2", "hunter2"),
    ("client_secret = 'hunter2'", "hunter2"),
    ('{"user": "a", "password": "hunter2"}', "hunter2"),
    ("--password hunter2", "hunter2"),
    ("Bearer 0123456789abcdef", "0123456789abcdef"),
    ("Authorization: bearer hunter2hunter2", "hunter2hunter2"),
    ("Basic dXNlcjpodW50ZXIy", "dXNlcjpodW50ZXIy"),
    # forms of tokens
    *(
        (token, token)
        for token in (
            "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
            "github_pat_11ABCDEFG",
            "glpat-abcdefghij0123456789",
            "npm_abcdefghijklmnopqrstuvwxyz0123456789",
            "pypi-AgEIcHlwaS5vcmcCJDAwMDAwMDAw",
            "dckr_pat_abcdefghijklmnop",
            "hf_abcdefghij0123456789",
            "hf_abcdefghijklmnopqrstuvwxyz",
            "sk-proj-abcdef0123456789",
            "sk-ant-api03-abcdef0123456789",
            "SG.abcdefghijklmnopqrstuv.abcdefghijklmnopqrstuv",
            "sk_live_abcdef0123456789",
            "rk_live_abcdef0123456789",
            "whsec_abcdef0123456789",
            "xoxb-123456789-abc",
            "AKIAIOSFODNN7EXAMPLE",
            "ASIAIOSFODNN7EXAMPLE",
            "AIzaSyA1234567890abcdefghijklmnopqrstuv",
            "ya29.abcdefghijklmnop",
            "hvs.abcdefghijklmnopqrst",
            "AGE-SECRET-KEY-1ABCDEFGHJKLMNP",
        )
    ),
    ("https://hooks.slack.com/services/T0000/B0000/XXXXXXXX", "XXXXXXXX"),
    ("https://discord.com/api/webhooks/123456/abcdef", "abcdef"),
]

HARMLESS_VALUES = [
    "",
    "yes",
    "4096",
    "production",
    "cg+vault://team/database#password",
    "vault:secret/data/db#password",
    "https://login.example.com/oauth2/v1/token?grant_type=password",
    "https://accounts.example.com/o/oauth2/auth?response_type=token&client_id=web&scope=openid",
    "https://example.com:8080/a@b",
    "https://example.com/?next=https://example.org:8443/a@b",
    "http://[::1]:8080/x@y",
    "postgres://db.internal:5432/app",
    "ssh://git@github.com/x/y",
    "git@example.com:a/b",
    "password=${DB_PASSWORD}",
    "--password=$(cat /run/secrets/db)",
    "https://${USER}:${PASSWORD}@example.com/",
    "password=<your password>",
    "token=true",
    "max_tokens=4096",
    "Bearer token",
    "Bearer authentication",
    "Basic Authentication",
    "pypi-server",
    "pypi-mirror.example.com",
    "npm_config_cache=/tmp",
    "hf_transfer",
    "sk-learn",
    "SG.east",
    "asia-northeast1",
    "design=round",
    "tokenizer=fast",
    "bypass=1",
    "-----BEGIN CERTIFICATE-----",
    "eyJ",
    "xoxo",
]

SECRET_NAMES = [
    "SECRET", "CLIENT_SECRET", "API_TOKEN", "githubToken", "DB_PASSWORD", "PGPASSWORD", "MYSQL_PASSWD", "DB_PWD",
    "DB_PASS", "API_KEY", "APIKEY", "STRIPE-API-KEY", "PRIVATE_KEY", "AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID",
    "GOOGLE_APPLICATION_CREDENTIALS", "SIGNING_KEY", "SENTRY_DSN", "AZURE_STORAGE_CONNECTION_STRING", "KEY_PASSPHRASE",
]  # fmt: skip

HARMLESS_NAMES = [
    "NODE_ENV", "PATH", "TOKENIZERS_PARALLELISM", "KEYBOARD", "COMPASS_URL", "AUTHOR", "BYPASS_CACHE", "MONKEY", "CWD",
    "DB_PASSWORD_FILE", "OAUTH_TOKEN_URL", "AUTH_URL", "TOKEN_TTL", "SECRET_NAME", "PASSWORD_MIN_LENGTH", "AUTH_TYPE",
    "SSH_AUTH_SOCK", "TOKEN_ISSUER",
]  # fmt: skip


@pytest.mark.parametrize(("value", "part"), SECRET_VALUES)
def test_values_that_are_secret(value: str, part: str) -> None:
    assert value_looks_secret(value)
    assert looks_secret("NOTE", value)
    assert part not in redact(value)
    assert HIDDEN in redact(value)
    assert value_looks_secret(f"before {value}")


@pytest.mark.parametrize("value", HARMLESS_VALUES)
def test_values_that_are_not(value: str) -> None:
    assert not value_looks_secret(value)
    assert redact(value) == value


@pytest.mark.parametrize("name", SECRET_NAMES)
@pytest.mark.parametrize("value", ["hunter2", "123456", "a b", "/hunter2"])
def test_names_whose_values_are_secret(name: str, value: str) -> None:
    assert key_looks_secret(name)
    assert looks_secret(name, value)


@pytest.mark.parametrize("name", HARMLESS_NAMES)
def test_names_whose_values_are_not(name: str) -> None:
    assert not key_looks_secret(name)
    assert not looks_secret(name, "hunter2")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MAX_TOKENS", "4096"),
        ("OPENAI_MAX_TOKEN_COUNT", "4096"),
        ("TOKEN_LIMIT", "10k"),
        ("DB_PASSWORD", "yes"),
        ("REQUIRE_AUTH", "true"),
        ("AUTH", "none"),
        ("API_TOKEN", "cg+vault://team/token"),
        ("API_TOKEN", "${TOKEN}"),
        ("API_TOKEN", "{{ token }}"),
        ("DB_PASSWORD", "arn:aws:secretsmanager:eu-west-1:1:secret:db"),
        ("OAUTH_TOKEN", "https://login.example.com/oauth2/token"),
        ("SECRET", ""),
    ],
)
def test_settings_under_the_name_of_a_secret(name: str, value: str) -> None:
    assert not looks_secret(name, value)


def test_an_address_is_shown_without_user_and_password() -> None:
    assert without_userinfo("https://me:pw@apk.example.com/a@b") == "https://***@apk.example.com/a@b"
    assert without_userinfo("https://apk.example.com/x@y") == "https://apk.example.com/x@y"
    assert redact("https://me:pw@apk.example.com/a") == "https://***@apk.example.com/a"


@given(st.text(alphabet=string.printable), st.sampled_from([value for value, _ in SECRET_VALUES]))
def test_what_is_redacted_is_secret_and_nothing_else_is(text: str, secret: str) -> None:
    assert (redact(text) != text) <= value_looks_secret(text)
    assert HIDDEN in redact(f"{text} {secret}")
