"""The effective configuration of a tag: what the overlays that are bound to it come to.

Lowest precedence first: the bindings for all repositories of the organization, those of its folders from the outside
in, and the repository's own; in each scope those for all tags, for a variant, and for exact tags. Packages, runtime
repositories and checks of the Guarded Entrypoint are united; of every other value the last layer has the say. A
repository with a standard customization ignores the bindings for all repositories.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from reconciler.core.bindings import DEV, SelectorKind, TagSelector
from reconciler.core.diff import Field, Item, Value, assemble, items_of
from reconciler.core.overlay import EMPTY, Overlay
from reconciler.core.state import LiveRepository, Unreadable

# What is known of a configuration: one that holds a part that cannot be read is unknown as a whole.
Effective = Overlay | Unreadable

# Lists whose elements are united.
_UNITED_LISTS: Final = (Field.RUNTIME_REPOSITORIES, Field.PREFLIGHT)
# Of these every layer adds to the others; of all other fields a tag gets one value.
UNITED: Final = frozenset({Field.PACKAGES, Field.PROVIDERS, Field.GUARDED_ENTRYPOINT, *_UNITED_LISTS})

_MISSING: Final = Unreadable(problem="the overlay does not exist")
_RANKS: Final = {SelectorKind.ALL: 0, SelectorKind.VARIANT: 1, SelectorKind.EXACT: 2, SelectorKind.UNKNOWN: 3}


@dataclass(frozen=True, slots=True)
class EffectiveItem:
    """A value of an effective configuration, with the positions of the layers that it comes from, lowest first.

    `overridden` are the other values that weaker layers give, each with the position of its layer. An element of a list
    that is united is an item by itself, whose value is a list of one.
    """

    item: Item
    sources: tuple[int, ...]
    overridden: tuple[tuple[int, Value], ...] = ()


def combine(configs: Sequence[Overlay]) -> tuple[EffectiveItem, ...]:
    """Return what configurations come to, lowest precedence first."""
    claims: dict[tuple[Field, str, object], list[tuple[int, Item]]] = {}
    for position, config in enumerate(configs):
        for item in _elements(config):
            value = item.value if item.field in UNITED else None
            claims.setdefault((item.field, item.key, value), []).append((position, item))
    return tuple(map(_effective_item, claims.values()))


def _elements(config: Overlay) -> Iterator[Item]:
    for item in items_of(config):
        if item.field in _UNITED_LISTS and isinstance(item.value, tuple):
            yield from (Item(item.field, item.key, (one,)) for one in item.value)  # type: ignore[arg-type]
        else:
            yield item


def _effective_item(claims: Sequence[tuple[int, Item]]) -> EffectiveItem:
    won = claims[-1][1]
    return EffectiveItem(
        item=won,
        sources=tuple(position for position, item in claims if item.value == won.value),
        overridden=tuple((position, item.value) for position, item in claims if item.value != won.value),
    )


def combined(configs: Sequence[Overlay]) -> Overlay:
    """Return the overlay that configurations come to, lowest precedence first."""
    items = [one.item for one in combine(configs)]
    lists = (_joined(field, [one for one in items if one.field is field]) for field in _UNITED_LISTS)
    return assemble([*(one for one in items if one.field not in _UNITED_LISTS), *filter(None, lists)])


def _joined(field: Field, elements: Sequence[Item]) -> Item | None:
    """Return one item for the elements of a list."""
    values = tuple(one for item in elements if isinstance(item.value, tuple) for one in item.value)
    return Item(field, "", values) if values else None  # type: ignore[arg-type]


def matches_tag(selector: TagSelector, tag: str) -> bool:
    """Return whether a selector picks a tag; one of a kind that is not known may pick any."""
    match selector.kind:
        case SelectorKind.EXACT:
            return tag in selector.tags
        case SelectorKind.VARIANT:
            return selector.variant != DEV or tag.endswith("-dev")
        case _:
            return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """An overlay, by a key of its own, that is bound to a scope, by its UIDP."""

    scope: str
    overlay: str
    selector: TagSelector


class Assembly:
    """Overlays, bindings and standard customizations at one time, before, while or after a plan is applied.

    `configs` are the configurations by the key of their overlay; `standard` are the standard customizations by the
    UIDP of their repository, those that are empty left out. Overlays of one scope and kind are combined in the order
    of their keys, which only the order of checks can show.
    """

    def __init__(
        self, configs: Mapping[str, Effective], bound: Iterable[Bound], standard: Mapping[str, Effective]
    ) -> None:
        self._configs = dict(configs)
        self._bound: dict[str, dict[str, Bound]] = {}
        self._standard = dict(standard)
        self._for_all: dict[str, tuple[Bound, ...]] = {}
        # By the identity of the configurations, which are kept beside what they come to for that.
        self._combined: dict[tuple[int, ...], tuple[list[Effective], Effective]] = {}
        self._by_layers: dict[object, dict[tuple[str, ...], tuple[Effective, ...]]] = {}
        for one in bound:
            self.bind(one)

    def copy(self) -> "Assembly":
        """Return an assembly that is as this one, and shares with it what configurations come to."""
        found = Assembly(self._configs, (one for scope in self._bound.values() for one in scope.values()), {})
        found._standard = dict(self._standard)
        found._combined = self._combined
        return found

    def set_overlay(self, key: str, config: Effective | None) -> None:
        """Create, change or (None) delete an overlay."""
        self._by_layers.clear()
        if config is None:
            self._configs.pop(key, None)
        else:
            self._configs[key] = config

    def set_standard(self, repository: str, config: Effective) -> None:
        """Change the standard customization of a repository; an empty one is none."""
        if config == EMPTY:
            self._standard.pop(repository, None)
        else:
            self._standard[repository] = config

    def bind(self, bound: Bound) -> None:
        """Bind an overlay to a scope, or change the selector of the binding."""
        self._bound.setdefault(bound.scope, {})[bound.overlay] = bound
        self._forget(bound.scope)

    def unbind(self, scope: str, overlay: str) -> None:
        """Remove the binding of an overlay from a scope."""
        self._bound.get(scope, {}).pop(overlay, None)
        self._forget(scope)

    def _forget(self, scope: str) -> None:
        """Forget what rests on the bindings of a scope that others lie below."""
        if scope in self._for_all:
            self._for_all.clear()
            self._by_layers.clear()

    def scopes_of(self, overlay: str) -> tuple[str, ...]:
        """Return the scopes that an overlay is bound to."""
        return tuple(scope for scope, bound in self._bound.items() if overlay in bound)

    def in_scope(self, scope: str) -> tuple[Bound, ...]:
        """Return the bindings of one scope, lowest precedence first."""
        found = self._bound.get(scope, {})
        return tuple(sorted(found.values(), key=_rank)) if len(found) > 1 else tuple(found.values())

    def config(self, overlay: str) -> Effective:
        """Return the configuration of an overlay, unreadable where there is none."""
        return self._configs.get(overlay, _MISSING)

    def layers(self, repository: LiveRepository) -> tuple[Bound, ...]:
        """Return the bindings that hold for a repository, lowest precedence first."""
        if repository.id in self._standard:
            return ()
        return (*self._layers_above(repository.id.rpartition("/")[0]), *self.in_scope(repository.id))

    def _layers_above(self, group: str) -> tuple[Bound, ...]:
        found = self._for_all.get(group)
        if found is None:
            above = self._layers_above(group.rpartition("/")[0]) if "/" in group else ()
            found = self._for_all[group] = (*above, *self.in_scope(group))
        return found

    def of_tag(self, repository: LiveRepository, tag: str) -> Effective:
        """Return the effective configuration of one tag, whether or not it exists."""
        return self.of_tags(replace(repository, active_tags=(tag,)))[0]

    def of_tags(self, repository: LiveRepository) -> tuple[Effective, ...]:
        """Return the effective configuration of each active tag; equal layers share one object."""
        standard = self._standard.get(repository.id)
        if standard is not None:
            return (standard,) * len(repository.active_tags)
        above = self._layers_above(repository.id.rpartition("/")[0])
        own = self.in_scope(repository.id)
        # Most of thousands of repositories have the same layers and many have the same tags.
        same = self._by_layers.setdefault((id(above), *((one.overlay, one.selector) for one in own)), {})
        found = same.get(repository.active_tags)
        if found is None:
            found = same[repository.active_tags] = self._matched((*above, *own), repository.active_tags)
        return found

    def _matched(self, layers: Sequence[Bound], tags: Iterable[str]) -> tuple[Effective, ...]:
        exact = {tag for one in layers if one.selector.kind is SelectorKind.EXACT for tag in one.selector.tags}
        alike: dict[str, Effective] = {}
        found = []
        for tag in tags:
            kind = tag if tag in exact else ":dev" if tag.endswith("-dev") else ":"
            if kind not in alike:
                alike[kind] = self._of_layers([one for one in layers if matches_tag(one.selector, tag)])
            found.append(alike[kind])
        return tuple(found)

    def _of_layers(self, layers: Sequence[Bound]) -> Effective:
        if not layers:
            return EMPTY
        configs = [self.config(one.overlay) for one in layers]
        unknown = next((one for one in layers if not _is_known(one.selector)), None)
        if unknown is not None:
            return Unreadable(problem=f'the tag selector of overlay "{unknown.overlay}" is not known')
        key = tuple(map(id, configs))
        if key not in self._combined:
            unread = next((one for one in configs if isinstance(one, Unreadable)), None)
            found = unread or combined([one for one in configs if isinstance(one, Overlay)])
            self._combined[key] = configs, found
        return self._combined[key][1]


def _is_known(selector: TagSelector) -> bool:
    return selector.kind is not SelectorKind.UNKNOWN and selector.variant in ("", DEV)


def _rank(bound: Bound) -> tuple[int, str]:
    return _RANKS[bound.selector.kind], bound.overlay
