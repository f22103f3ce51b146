"""The changes of one repository as HTML."""

from collections.abc import Sequence
from typing import Any

from reconciler.views.changes import Fragment, Item, fragments
from reconciler.views.console import Word
from reconciler.views.safe_html import NOTHING, Html, element, joined, text
from reconciler.views.text import Role, Style

# Values are shown whole: a page folds what is long, and has room for it.
STYLE = Style(color=False, unicode=True, value_limit=1_000_000)

_SHORT = Style(color=False, unicode=True)
# How the page colours what comes, goes and changes.
CLASSES = {Role.ADD: "add", Role.REMOVE: "remove", Role.CHANGE: "change", Role.DIM: "dim"}
_LONG = 400


def changes(found: Sequence[dict[str, Any]]) -> Html:
    """The parts one below the other; nothing where nothing changes."""
    if not found:
        return NOTHING
    parts = zip(fragments(found, STYLE), fragments(found, _SHORT), strict=True)
    return element("dl", *(_part(part, short) for part, short in parts), class_="changes")


def _part(part: Fragment, short: Fragment) -> Html:
    items = (_item(*pair) for pair in zip(part.items, short.items, strict=True))
    listed = element("ul", *items, class_="short" if part.short else False)
    return element("div", element("dt", text(part.label)), element("dd", listed))


def _item(item: Item, short: Item) -> Html:
    if max(word.width for word in item) <= _LONG or len(item) != len(short):
        inside = joined(map(_word, item), " ")
    else:
        inside = joined(map(_foldable, item, short), " ")
    return element("li", inside, class_=CLASSES.get(item[0].role, False))


def _word(word: Word) -> Html:
    painted = CLASSES.get(word.role)
    return element("span", text(word.text), class_=painted) if painted else text(word.text)


def _foldable(word: Word, short: Word) -> Html:
    """A value, where very long behind its short form: the one that shows where two long values differ."""
    if word.width <= _LONG:
        return _word(word)
    return element("details", element("summary", _word(short)), _word(word), class_="long")
