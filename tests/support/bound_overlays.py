"""Overlays and what they are bound to, as hypothesis strategies: configurations in the form of API version 1."""

from typing import Any

from hypothesis import strategies as st

from tests.support.pem import CORP_ROOT

NESTED = "team-a/edge/edge-gateway"  # latest and latest-dev
NAMES = st.sampled_from(["a", "b", "c"])
TEXTS = st.sampled_from(["1", "2"])
SELECTORS = st.one_of(
    st.just("all"), st.just("dev"), st.sets(st.sampled_from(["latest", "latest-dev", "gone"]), min_size=1).map(sorted)
)
SCOPES = ("example.com/", "example.com/team-a/", "example.com/team-a/edge/", NESTED)


def _checks(names: list[str]) -> list[dict[str, str]]:
    return [{"tcp": f"{name}:1"} for name in names]


URLS = st.sampled_from(["https://a.example.com", "https://b.example.com"])
PACKAGES = st.sampled_from(["jq", "curl", "bash"])
CONTENTS = st.fixed_dictionaries(
    {"packages": st.lists(PACKAGES, max_size=2), "runtimeRepositories": st.lists(URLS, max_size=2, unique=True)}
)
USERS: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries({"userName": NAMES, "uid": st.sampled_from([7, 8])})
USER_LISTS = st.lists(USERS, max_size=2, unique_by=lambda user: str(user["userName"]))
CONFIGS: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"contents": CONTENTS},
    optional={
        "environment": st.dictionaries(st.sampled_from(["packages", "X", "Y"]), TEXTS, min_size=1),
        "annotations": st.dictionaries(NAMES, TEXTS, min_size=1),
        "accounts": st.fixed_dictionaries(
            {},
            optional={
                "runAs": st.sampled_from(["nonroot", "65532"]),
                "users": USER_LISTS,
            },
        ),
        "certificates": st.lists(NAMES, min_size=1, max_size=2, unique=True).map(
            lambda names: {"additional": [{"name": name, "content": CORP_ROOT} for name in names]}
        ),
        "guardedEntrypoint": st.just(True),  # noqa: FBT003 - a value of the API
    },
)


@st.composite
def configs(draw: st.DrawFn) -> dict[str, Any]:
    config: dict[str, Any] = draw(CONFIGS)
    if "guardedEntrypoint" in config:
        names = draw(st.lists(NAMES, max_size=3))
        config |= {"preflight": _checks(names)} if names else {}
        mode = draw(st.sampled_from(["", "FAIL_MODE_OPEN", "FAIL_MODE_CLOSED"]))
        config |= {"failMode": mode} if mode else {}
        command = draw(st.sampled_from([None, [], ["run"]]))
        config |= {} if command is None else {"commandOverride": {"command": command}}
    return {**config, "annotations": {**config.get("annotations", {}), "always": "there"}}


def matches(selector: Any, tag: str) -> bool:
    if isinstance(selector, list):
        return tag in selector
    return selector == "all" or tag.endswith("-dev")


def rank(selector: Any) -> int:
    return 2 if isinstance(selector, list) else ("all", "dev").index(selector)
