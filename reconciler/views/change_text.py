"""The changes of one repository as labelled fragments: `packages +curl -wget`, `environment ~NODE_ENV "a" → "b"`.

Works on the public document's changes. How one change reads is in `items`; where lines break is in `layout`.
"""

from collections.abc import Iterable, Mapping
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

from reconciler.core.diff import Field
from reconciler.core.overlay import Section
from reconciler.views.items import Item, items
from reconciler.views.layout import Word
from reconciler.views.style import Style

LABELS: Mapping[str, str] = {
    Field.PACKAGES: "packages",
    Field.RUNTIME_REPOSITORIES: "runtime repositories",
    Field.RUNTIME_KEYRING: "runtime keyring",
    Field.ENVIRONMENT: "environment",
    Field.ANNOTATIONS: "annotations",
    Field.RUN_AS: "run-as",
    Field.USERS: "user",
    Field.GROUPS: "group",
    Field.CERTIFICATES: "certificates",
    Field.PROVIDERS: "certificate providers",
    Field.UNRECOGNISED: "unrecognised content",
    Section.ACCOUNTS: "accounts",
    Section.CERTIFICATES: "certificates",
}

_FEW_WORDS = 3


class Fragment(NamedTuple):
    """What changes in one part of an overlay: a label, an item for each change, and the whole of it for one line."""

    label: str
    items: tuple[Item, ...]
    words: list[Word]

    @property
    def short(self) -> bool:
        """Whether no item holds a value that needs room."""
        return all(len(item) <= _FEW_WORDS and not any(word.breakable for word in item) for item in self.items)


def fragments(changes: Iterable[dict[str, Any]], style: Style) -> list[Fragment]:
    """The changes of one repository, those of the same part together."""
    return [
        _fragment(LABELS[part], tuple([item for change in found for item in items(change, style)]))
        for part, found in groupby(changes, key=itemgetter("part"))
    ]


def _fragment(label: str, told: tuple[Item, ...]) -> Fragment:
    return Fragment(label, told, [Word(label), *joined(told)])


def joined(several: Iterable[Item]) -> list[Word]:
    """Items one after another, with a comma where one of two neighbours has more than one word."""
    words: list[Word] = []
    long = False
    for item in several:
        if words and (long or len(item) > 1):
            words[-1] = words[-1].reading(words[-1].text + ",")
        words.extend(item)
        long = len(item) > 1
    return words
