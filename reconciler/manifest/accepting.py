"""A quick look at a file: whether it is surely of the form that `schema` asks for.

Importing pydantic and building its models takes longer than everything else that a plan of a few repositories does, and
nearly every file that is planned is right. So a look here comes first. It says yes, or nothing: what it is not sure
of is judged by `schema`, which explains what it refuses. `tests/manifest/test_accepting.py` ties the two together.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from reconciler.manifest import patterns

Look = Callable[[object], bool]


def _text(value: object) -> bool:
    return isinstance(value, str)


def _filled(value: object) -> bool:
    return isinstance(value, str) and value != ""


def _number(value: object) -> bool:
    return isinstance(value, str) and patterns.number(value) is not None


def _flag(value: object) -> bool:
    return isinstance(value, str) and patterns.flag(value) is not None


def _share(value: object) -> bool:
    return isinstance(value, str) and patterns.share(value) is not None


def _organization(value: object) -> bool:
    return isinstance(value, str) and patterns.is_organization(value)


def _list(item: Look) -> Look:
    return lambda value: isinstance(value, list) and all(map(item, value))


def _texts(value: object) -> bool:
    """A mapping of any keys to texts."""
    return isinstance(value, dict) and all(map(_text, value.values()))


def _mapping(known: Mapping[str, Look], required: Iterable[str] = ()) -> Look:
    """A mapping with these keys alone, all required ones among them, each with a value that its look accepts."""
    needed = frozenset(required)

    def look(value: object) -> bool:
        if not isinstance(value, dict) or not needed <= value.keys():
            return False
        for key, inner in value.items():
            accepted = known.get(key)
            if accepted is None or not accepted(inner):
                return False
        return True

    return look


class _Matching:
    """Texts that match a pattern; only plain characters, about which no two engines disagree.

    What was accepted is remembered, because the same few packages are asked for again and again.
    """

    __slots__ = ("_known", "_pattern")

    def __init__(self, pattern: str) -> None:
        self._pattern = re.compile(pattern)
        self._known: set[str] = set()

    def __call__(self, value: object) -> bool:
        if not isinstance(value, str):
            return False
        if value in self._known:
            return True
        if not self._matches(value):
            return False
        self._known.add(value)
        return True

    def _matches(self, text: str) -> bool:
        return text.isascii() and text.isprintable() and self._pattern.fullmatch(text) is not None

    def list(self, value: object) -> bool:
        """A list of such texts."""
        if not isinstance(value, list):
            return False
        try:
            return self._known.issuperset(value) or all(map(self, value))
        except TypeError:  # an item that cannot be in a set is no text
            return False

    def keys(self, value: dict[str, Any]) -> bool:
        """Whether all keys of a mapping are such texts; keys do not come again."""
        return all(map(self._matches, value))


_NAMED_TEXTS: Final = _list(_mapping({"name": _filled, "content": _filled, "file": _filled}, required=["name"]))
_USERS: Final = _list(
    _mapping(
        {
            "username": _filled,
            "uid": _number,
            "gid": _number,
            "groupname": _text,
            "shell": _text,
            "homedir": _text,
        },
        required=["username", "uid"],
    )
)
_GROUPS: Final = _list(
    _mapping({"groupname": _filled, "gid": _number, "members": _list(_filled)}, required=["groupname", "gid"])
)
_PACKAGE: Final = _Matching(patterns.PACKAGE)
_PROFILE: Final = _Matching(patterns.PROFILE)
_ENTRY: Final = _Matching(patterns.ENTRY)
_OVERLAY: Final[Mapping[str, Look]] = {
    "contents": _mapping(
        {"packages": _PACKAGE.list, "runtime_repositories": _list(_filled), "runtime_keyring": _NAMED_TEXTS}
    ),
    "environment": _texts,
    "annotations": _texts,
    "accounts": _mapping({"run-as": _text, "users": _USERS, "groups": _GROUPS}),
    "certificates": _mapping({"additional": _NAMED_TEXTS, "providers": _list(_filled)}),
}
_SECTIONS: Final[Mapping[str, Look]] = {**_OVERLAY, "packages": _PACKAGE.list}
_ENTRIES: Final[Mapping[str, Look]] = {
    **_SECTIONS,
    "profiles": _PROFILE.list,
    "overlay": _filled,
    "source": _Matching(patterns.ADDRESS),
    "reset": _flag,
    "protect": _flag,
}


def _named(name: _Matching, inner: Look) -> Look:
    return lambda value: isinstance(value, dict) and name.keys(value) and all(map(inner, value.values()))


manifest: Final = _mapping(
    {
        "organization": _organization,
        "settings": _mapping({"prune": _flag, "max_removal": _share, "require_resolve": _flag}),
        "defaults": _mapping(_SECTIONS),
        "profiles": _named(_PROFILE, _mapping(_SECTIONS)),
        "repositories": _named(_ENTRY, _mapping(_ENTRIES)),
    }
)
"""Whether the top of a file is surely a manifest of the right form."""

overlay_file: Final = _mapping(_OVERLAY)
"""Whether the top of a file is surely an overlay of the right form."""
