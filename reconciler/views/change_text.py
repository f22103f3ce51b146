"""The changes of one repository as labelled fragments: `packages +curl -wget`, `environment ~NODE_ENV "a" → "b"`.

Works on the public document's changes. How one change reads is in `items`; where lines break is in `layout`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

from reconciler.core.model import Section
from reconciler.core.parts import Part
from reconciler.views.items import Item, items
from reconciler.views.layout import Word
from reconciler.views.style import Style

LABELS: Mapping[str, str] = {
    Part.PACKAGES: "packages",
    Part.RUNTIME_REPOSITORIES: "runtime repositories",
    Part.RUNTIME_KEYRING: "runtime keyring",
    Part.ENVIRONMENT: "environment",
    Part.ANNOTATIONS: "annotations",
    Part.RUN_AS: "run-as",
    Part.USERS: "user",
    Part.GROUPS: "group",
    Part.CERTIFICATES: "certificates",
    Part.PROVIDERS: "certificate providers",
    Part.UNRECOGNISED: "unrecognised content",
    Section.ACCOUNTS: "accounts",
    Section.CERTIFICATES: "certificates",
}

_FEW_WORDS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Fragment:
    """What changes in one part of an overlay: a label and an item for each change."""

    label: str
    items: tuple[Item, ...]

    @property
    def short(self) -> bool:
        """Whether no item holds a value that needs room."""
        return all(len(item) <= _FEW_WORDS and not any(word.breakable for word in item) for item in self.items)

    @property
    def words(self) -> list[Word]:
        """The whole fragment as words for one line."""
        return [Word(text=self.label), *joined(self.items)]


def fragments(changes: Iterable[dict[str, Any]], style: Style) -> list[Fragment]:
    """The changes of one repository, those of the same part together."""
    return [
        Fragment(label=LABELS[part], items=tuple(item for change in found for item in items(change, style)))
        for part, found in groupby(changes, key=lambda change: str(change["part"]))
    ]


def joined(several: Iterable[Item]) -> list[Word]:
    """Items one after another, with a comma where one of two neighbours has more than one word."""
    words: list[Word] = []
    long = False
    for item in several:
        if words and (long or len(item) > 1):
            words[-1] = replace(words[-1], text=words[-1].text + ",")
        words.extend(item)
        long = len(item) > 1
    return words
