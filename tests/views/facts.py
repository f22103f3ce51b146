"""What a plan's document says, piece by piece, and what a reader of each format gets to see, without white space.

White space is left out on both sides, as every format breaks its lines where it likes.
"""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

from markdown_it import MarkdownIt

from reconciler.core.diff import Field
from reconciler.views import plan_html, plan_markdown, plan_text
from reconciler.views.plan import shown_counts
from reconciler.views.text import Style, json_text, quoted, quoted_pair, token

PLAIN = Style(color=False, unicode=True)
# A page shows values whole.
WHOLE = Style(color=False, unicode=True, value_limit=1_000_000)
STYLES = {"text": PLAIN, "markdown": PLAIN, "html": WHOLE}
NAMED = (Field.PACKAGES, Field.PROVIDERS, Field.RUN_AS)
_MARKDOWN = MarkdownIt("commonmark").enable("table")


class _Text(HTMLParser):
    def __init__(self, tick: str) -> None:
        super().__init__(convert_charrefs=True)
        self._tick = tick
        self.found: list[str] = []
        self._skipped = False

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self._skipped = tag in ("style", "script")
        self._code(tag)

    def handle_endtag(self, tag: str) -> None:
        self._skipped = False
        self._code(tag)

    def _code(self, tag: str) -> None:
        if tag == "code":
            self.found.append(self._tick)

    def handle_data(self, data: str) -> None:
        if not self._skipped:
            self.found.append(data)


def text_of(html: str, *, tick: str = "") -> str:
    """What stands between the tags, styles and scripts left out; `tick` stands around what is marked as code."""
    parser = _Text(tick)
    parser.feed(html)
    parser.close()
    return "".join(parser.found)


def dense(text: str) -> str:
    """The text without white space."""
    return "".join(text.split())


# Their texts stand in what is drawn wherever they need no quotes.
STRUCTURED = frozenset({Field.PREFLIGHT, Field.COMMAND_OVERRIDE, Field.GUARDED_ENTRYPOINT, Field.FAIL_MODE})
SENSITIVE = {
    "add": "(sensitive value added)",
    "remove": "(sensitive value removed)",
    "change": "(sensitive value changed)",
}
PLAIN_TEXT = re.compile(r"[A-Za-z0-9./:-]{1,40}")


def seen(format_: str, document: dict[str, Any]) -> str:
    """What a reader of the format sees, without white space."""
    match format_:
        case "markdown":
            # The limit is for another test: here nothing may have to give way.
            return dense(text_of(_MARKDOWN.render(plan_markdown.render(document, limit=10_000_000))))
        case "html":
            return dense(text_of(plan_html.render(document), tick="`"))
        case _:
            return dense(plan_text.render(document, style=PLAIN, width=120, show_unchanged=True))


def facts(document: dict[str, Any], style: Style) -> Iterator[str]:
    """The names, reasons, keys, values, counts and notes that every format has to show."""
    yield from (document["organization"]["name"], document["api"])
    for step in document["steps"]:
        yield token(step["repository"], style)
        if step["action"] in ("blocked", "unknown"):
            yield style.plain(step["reason"])
        else:
            yield from (fact for change in step["changes"] for fact in _change(change, style))
        if step["source"] is not None:
            yield token(step["source"]["repository"], style)
    for name, count in shown_counts(document).items():
        if count:
            yield f"{count:,} to {name}" if name in ("create", "reset", "update") else f"{count:,}"
    for refusal in document["guard"]["refusals"]:
        yield style.plain(refusal["summary"])


def page_facts(document: dict[str, Any], style: Style) -> Iterator[str]:
    """What a page shows besides, as it stands alone: problems in full, and the names of what is not touched."""
    for problem in (*document["guard"]["refusals"], *document["diagnostics"]):
        yield from (style.plain(line) for line in problem["detail"].splitlines())
        yield from map(style.plain, (problem["summary"], problem["hint"]))
    for step in document["steps"]:
        if step["action"] in ("blocked", "unknown"):
            yield from (fact for change in step["changes"] for fact in _change(change, style))
    for name in (*document["unlisted"]["names"], *document["left_out"]["names"]):
        yield token(name, style)


def _change(change: dict[str, Any], style: Style) -> Iterator[str]:
    part, before, after = change["part"], change["before"], change["after"]
    if part in NAMED:
        yield from (token(value, style) for value in (before, after) if value is not None)
        return
    if change["key"]:
        yield token(change["key"], style)
    if part == Field.TRUSTSTORE:
        # Escapes of JSON inside escapes of a page are pinned by the golden files.
        yield from (json_text(side, style) for side in (before, after) if side and "\\" not in side)
    elif part in STRUCTURED:
        yield from (text for side in (before, after) for text in _leaves(side) if PLAIN_TEXT.fullmatch(text))
    elif not change["masked"]:
        yield from _values(change, after if before is None else before, style)
    elif not isinstance(before or after, list):
        yield SENSITIVE[change["kind"]]


def _leaves(value: Any) -> Iterator[str]:
    """The texts in a value that has several."""
    match value:
        case str():
            yield value
        case list():
            yield from (text for one in value for text in _leaves(one))
        case dict():
            yield from (text for one in value.values() for text in _leaves(one))
        case _:
            pass


def _values(change: dict[str, Any], only: Any, style: Style) -> Iterator[str]:
    """What a change shows besides its key; `only` is its value where it has one side."""
    before, after = change["before"], change["after"]
    match only:
        case str() if change["kind"] == "change":
            yield from quoted_pair(before, after, style)
        case str():
            yield json_text(only, style) if change["part"] == Field.UNRECOGNIZED else quoted(only, style)
        case list():
            yield from (token(value, style) for value in {*(before or [])} ^ {*(after or [])})
        case _ if change["kind"] == "add" and "sha256" not in only:
            yield from (token(str(value), style) for value in only.values() if not isinstance(value, list))
