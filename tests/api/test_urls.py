"""The quick URL is the one that httpx would read."""

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.api.address import parse_address
from reconciler.api.urls import Url

ROOTS = st.sampled_from(
    ["https://api.test", "http://127.0.0.1:8080", "http://[::1]:80/", "https://API.test:443/gate%20way/"]
)
# Segments of dots alone are resolved by httpx, and sent as they are by us; no call has any.
SEGMENTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8).filter(lambda one: one.strip(".") or not one)
PATHS = st.lists(SEGMENTS, min_size=1, max_size=4).map(lambda parts: "/" + "/".join(parts))
PARAMETERS = st.lists(st.tuples(SEGMENTS, SEGMENTS), max_size=3).map(tuple)


@given(ROOTS, PATHS, PARAMETERS)
def test_it_is_what_httpx_reads(root: str, path: str, parameters: tuple[tuple[str, str], ...]) -> None:
    address = parse_address(root)
    ours = Url(httpx.URL(address.root), address.behind_root(path, parameters))
    theirs = httpx.URL(address.url(path, parameters))
    for name in ("raw_scheme", "raw_host", "host", "port", "netloc", "raw_path", "path", "query"):
        assert getattr(ours, name) == getattr(theirs, name), name
    assert str(ours) == str(theirs)


@pytest.mark.parametrize("path", ["/a/../b", "/a/./b"])
def test_dots_are_sent_as_they_are(path: str) -> None:
    assert Url(httpx.URL("https://api.test/x/"), path).raw_path == b"/x" + path.encode()
