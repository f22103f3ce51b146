"""What counts as the same."""

import pytest

from reconciler.core.diff import diff
from reconciler.core.overlay import EMPTY, User, make_pem_file, package_name, pem_text, without_absent
from tests.support.overlays import overlay


@pytest.mark.parametrize(
    ("spec", "name"),
    [
        ("curl", "curl"),
        ("curl=8.1-r0", "curl"),
        ("curl~8", "curl"),
        ("curl>8", "curl"),
        ("curl>=8", "curl"),
        ("curl@edge", "curl"),
        ("python-3.12-dev", "python-3.12-dev"),
        ("so:libssl.so.3", "so:libssl.so.3"),
        ("!conflict", "!conflict"),
        ("=broken", "=broken"),
    ],
)
def test_package_name(spec: str, name: str) -> None:
    assert package_name(spec) == name


@pytest.mark.parametrize(
    "text",
    [
        "-----BEGIN X-----\nAA\n-----END X-----\n",
        "-----BEGIN X-----\r\nAA\r\n-----END X-----\r\n",
        "-----BEGIN X-----\nAA\n-----END X-----",
        "\n\n-----BEGIN X-----\nAA  \n-----END X-----\n\n\n",
        "subject=CN = Corp\nissuer=CN = Corp\n-----BEGIN X-----\nAA\n-----END X-----\n",
    ],
)
def test_pem_text_that_means_the_same(text: str) -> None:
    assert pem_text(text) == "-----BEGIN X-----\nAA\n-----END X-----\n"


def test_text_without_a_pem_block_is_kept() -> None:
    assert pem_text("first\r\nsecond") == "first\nsecond\n"


def test_a_pem_file_keeps_what_was_written_and_compares_by_meaning() -> None:
    written = make_pem_file("ca", "# ours\n-----BEGIN X-----\nAA\n-----END X-----")
    read = make_pem_file("ca", "-----BEGIN X-----\nAA\n-----END X-----\n")
    assert written == read
    assert written.text.startswith("# ours")


def test_gid_zero_is_not_gid_absent() -> None:
    absent = overlay({"accounts": {"users": [{"username": "app", "uid": 1}]}})
    zero = overlay({"accounts": {"users": [{"username": "app", "uid": 1, "gid": 0}]}})
    (change,) = diff(absent, zero)
    assert change.path == "accounts.users.app"
    assert isinstance(change.before, User)
    assert isinstance(change.after, User)
    assert (change.before.gid, change.after.gid) == (None, 0)


def test_an_empty_variable_is_not_an_absent_one() -> None:
    (change,) = diff(EMPTY, overlay({"environment": {"DEBUG": ""}}))
    assert (change.path, change.before, change.after) == ("environment.DEBUG", None, "")


def test_the_order_of_runtime_repositories_has_a_meaning() -> None:
    one = overlay({"runtime_repositories": ["https://a.example", "https://b.example"]})
    other = overlay({"runtime_repositories": ["https://b.example", "https://a.example"]})
    (change,) = diff(one, other)
    assert (change.path, change.kind) == ("contents.runtime_repositories", "change")


def test_a_changed_constraint_is_one_change() -> None:
    (change,) = diff(overlay({"packages": ["curl=8.1"]}), overlay({"packages": ["curl=8.2"]}))
    assert (change.kind, change.before, change.after) == ("change", "curl=8.1", "curl=8.2")


def test_a_name_that_stands_twice_live_comes_and_goes_whole() -> None:
    changes = diff(overlay({"packages": ["curl", "curl=8.1"]}), overlay({"packages": ["curl=8.2"]}))
    assert [(change.kind, change.before or change.after) for change in changes] == [
        ("remove", "curl"),
        ("remove", "curl=8.1"),
        ("add", "curl=8.2"),
    ]


@pytest.mark.parametrize(
    "value",
    [
        None, False, 0, 0.0, "", [], {}, "UNKNOWN", "Unknown", "FAIL_MODE_UNSPECIFIED",
        {"mode": "FAIL_MODE_UNSPECIFIED"}, {"a": {"b": {"c": False, "d": []}}},
    ],
)  # fmt: skip
def test_entry_a1_what_is_not_set_is_not_a_content_at_any_level(value: object) -> None:
    assert without_absent(value) is None


def test_entry_a1_what_is_set_stays_next_to_what_is_not() -> None:
    told = {"mode": "MODE_FAST", "level": 0, "steps": [{"name": "a", "retries": 0}, {}], "off": False}
    assert without_absent(told) == {"mode": "MODE_FAST", "steps": [{"name": "a"}, None]}
    assert without_absent("unknown") == "unknown"
