"""Addresses of the API."""

import pytest

from reconciler.api.client import connect
from reconciler.api.errors import ApiError, BadAddress
from reconciler.api.url import parse_address, require_privacy
from reconciler.api.writer import connect_writer
from tests.api.fakes import credentials


@pytest.mark.parametrize(
    ("written", "root"),
    [
        ("https://api.test", "https://api.test"),
        (" https://api.test/ \n", "https://api.test"),
        ("HTTPS://API.test:8443/a/b/", "https://API.test:8443/a/b"),
        ("http://127.0.0.1:80", "http://127.0.0.1:80"),
        ("http://[::1]:8080/", "http://[::1]:8080"),
    ],
)
def test_good(written: str, root: str) -> None:
    assert parse_address(written).root == root


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ("", "empty"),
        ("api.test", "must start with"),
        ("localhost:8080", "must start with"),
        ("ftp://api.test", "must start with"),
        ("https://", "has no valid host"),
        ("https:///path", "has no valid host"),
        ("https://a..b", "has no valid host"),
        ("https://" + "a" * 64 + ".test", "has no valid host"),
        ("http://999.0.0.1", "has no valid host"),
        ("https://[::1", "invalid host or port"),
        ("https://api.test:99999", "invalid host or port"),
        ("https://api.test:port", "invalid host or port"),
        ("https://api .test", "white space"),
        ("https://api.test/\x1b[31m", "control characters"),
        ("https://api.test?x=1", "query"),
        ("https://api.test#x", "fragment"),
        ("https://me:hunter2@api.test", "user name"),
        ("ünï", "must start with"),
    ],
)
def test_bad(written: str, says: str) -> None:
    for make in (connect, connect_writer):
        with pytest.raises(BadAddress) as caught:
            make(written, credentials())
        found = caught.value.diagnostic
        assert found.code == "bad-api-url"
        assert says in found.summary
        assert "https://" in found.hint
        assert "hunter2" not in repr(found)
        assert "\x1b" not in found.summary
        assert isinstance(caught.value, ApiError)


@pytest.mark.parametrize(
    "written", ["https://api.test", "http://127.0.0.1:1", "http://127.8.9.1", "http://[::1]", "http://localhost:80"]
)
def test_where_a_token_may_go(written: str) -> None:
    require_privacy(parse_address(written))


@pytest.mark.parametrize(
    "written", ["http://api.test", "http://192.168.0.1", "http://localhost.api.test", "http://127.0.0.1.api.test"]
)
def test_where_it_may_not_go(written: str) -> None:
    with pytest.raises(BadAddress) as caught:
        connect(written, credentials())
    assert caught.value.diagnostic.code == "insecure-api-url"
    assert "https" in caught.value.diagnostic.hint


def test_urls() -> None:
    address = parse_address("https://api.test/pre fix/".replace(" ", "-"))
    uidp = "4" * 40 + "/" + "5" * 16
    assert address.url(f"/registry/v1/repos/{uidp}") == f"https://api.test/pre-fix/registry/v1/repos/{uidp}"
    parameters = (("uidp.ids", uidp), ("uidp.ids", "x"), ("name", "a b&c=d+é"), ("t", "2026-01-01T00:00:00Z"))
    assert address.url("/p", parameters) == (
        f"https://api.test/pre-fix/p?uidp.ids={uidp}&uidp.ids=x&name=a%20b%26c%3Dd%2B%C3%A9&t=2026-01-01T00:00:00Z"
    )
    assert address.url("/p/a?b#c d") == "https://api.test/pre-fix/p/a%3Fb%23c%20d"
