"""Query parameters as the gateway reads them, and the filters that list calls share.

Here belong reading and refusing parameters and matching ids; which parameters a call has belongs to the call.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import parse_qsl

from reconciler.emulator import instants, uidp
from reconciler.emulator.errors import invalid

_INT32_LIMIT = 2**31
_BOOLEANS = {
    **dict.fromkeys(("1", "t", "T", "TRUE", "true", "True"), True),
    **dict.fromkeys(("0", "f", "F", "FALSE", "false", "False"), False),
}


class Query:
    """The parameters of one request; names that a call does not ask for are ignored, as the gateway does."""

    def __init__(self, text: str) -> None:
        self._values: dict[str, list[str]] = {}
        for name, value in parse_qsl(text, keep_blank_values=True):
            self._values.setdefault(_json_name(name), []).append(value)

    def texts(self, name: str) -> tuple[str, ...]:
        """Return a repeatable parameter; empty values say nothing."""
        return tuple(value for value in self._values.get(name, ()) if value)

    def others(self, names: frozenset[str]) -> list[tuple[str, list[str]]]:
        """Return what is said under other names than these, in an order that does not depend on the request."""
        return sorted((name, values) for name, values in self._values.items() if name not in names)

    def text(self, name: str) -> str:
        """Return a parameter given at most once; "" when it is not there."""
        values = self._values.get(name, [])
        if len(values) > 1:
            raise invalid(f'too many values for field "{name}": {", ".join(values)}')
        return values[0] if values else ""

    def flag(self, name: str) -> bool:
        """Return a boolean parameter, spelt as Go spells booleans."""
        value = self.text(name)
        if value and value not in _BOOLEANS:
            raise invalid(f'parsing field "{name}": invalid value "{value}" for a boolean')
        return _BOOLEANS.get(value, False)

    def count(self, name: str) -> int:
        """Return a number of records, 0 when it is not said."""
        value = self.text(name) or "0"
        if re.fullmatch(r"\d{1,10}", value, re.ASCII) is None or int(value) >= _INT32_LIMIT:
            raise invalid(f'parsing field "{name}": invalid value "{value}" for a count')
        return int(value)

    def instant(self, name: str) -> int | None:
        """Return an RFC 3339 parameter; a plus sign that was not escaped has become a space and is refused."""
        value = self.text(name)
        if not value:
            return None
        try:
            return instants.storable(instants.from_text(value))
        except (ValueError, OverflowError) as error:
            raise invalid(f'parsing field "{name}": {error}') from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """The filters by id of a list call; all that are given must hold."""

    ancestors_of: str
    descendants_of: str
    children_of: str
    in_root: bool
    ids: frozenset[str]
    id: str
    visible: Callable[[str], bool]

    @property
    def scopes(self) -> tuple[str, ...]:
        """The records that the request names."""
        named = (self.descendants_of, self.children_of, self.id, *sorted(self.ids))
        return tuple(each for each in named if each)

    def matches(self, identifier: str) -> bool:
        """Say whether a record with this id is asked for."""
        return (
            (not self.ancestors_of or uidp.is_below(self.ancestors_of, identifier))
            and (not self.descendants_of or uidp.is_below(identifier, self.descendants_of))
            and (not self.children_of or uidp.parent(identifier) == self.children_of)
            and (not self.in_root or "/" not in identifier)
            and (not self.ids or identifier in self.ids)
            and (not self.id or identifier == self.id)
            and self.visible(identifier)
        )


def selection(query: Query, visible: Callable[[str], bool]) -> Selection:
    """Return the id filters of a request, which `visible` narrows further; an id that is no UIDP is refused."""
    return Selection(
        ancestors_of=_uidp(query, "uidp.ancestorsOf"),
        descendants_of=_uidp(query, "uidp.descendantsOf"),
        children_of=_uidp(query, "uidp.childrenOf"),
        in_root=query.flag("uidp.inRoot"),
        ids=frozenset(uidp.checked(value, "uidp.ids") for value in query.texts("uidp.ids")),
        id=_uidp(query, "id"),
        visible=visible,
    )


def _uidp(query: Query, name: str) -> str:
    value = query.text(name)
    return uidp.checked(value, name) if value else ""


def _json_name(name: str) -> str:
    """Return the JSON name of a parameter: the proto spelling (uidp.descendants_of) is accepted as well."""
    return re.sub(r"_([a-z])", lambda match: match.group(1).upper(), name)
