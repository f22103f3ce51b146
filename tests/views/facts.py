"""What a reader has to find in a plan, whatever its format: taken from the document, and drawn by nothing of ours.

A reader sees the text between the tags of a page, and reads escapes such as `\\x1b` as the characters that they stand
for. White space is left out on both sides, as every format breaks its lines where it likes.
"""

import json
import re
from collections.abc import Iterable, Iterator
from html.parser import HTMLParser
from typing import Any, NamedTuple

from markdown_it import MarkdownIt

from reconciler.views import plan_html, plan_markdown, plan_text
from reconciler.views.text import Style

FORMATS = ("text", "markdown", "html")
# From so many columns on, text and Markdown may cut a value; a page shows it whole.
_LIMIT = 200
_WIDEST_ESCAPE = len(r"\U000e0041")
_MARKDOWN = MarkdownIt("commonmark").enable("table")
_NAMES = ("contents.packages", "certificates.providers", "accounts.run-as", "fail_mode")
_LABELS = {
    "contents.packages": "packages",
    "contents.runtime_repositories": "runtime repositories",
    "contents.runtime_keyring": "runtime keyring",
    "environment": "environment",
    "annotations": "annotations",
    "accounts": "accounts",
    "accounts.run-as": "run-as",
    "accounts.users": "user",
    "accounts.groups": "group",
    "certificates": "certificates",
    "certificates.additional": "certificates",
    "certificates.providers": "certificate providers",
    "guarded_entrypoint": "guarded entrypoint",
    "fail_mode": "fail mode",
    "preflight": "preflight",
    "command_override": "command override",
    "truststore": "truststore",
    "unrecognised": "unrecognized content",
}


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


_ESCAPE = re.compile(r"\\(?:x([0-9a-f]{2})|u([0-9a-f]{4})|U([0-9a-f]{8})|(.))", re.DOTALL)
_SHORT = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}


def unescaped(text: str) -> str:
    """The text with every escape as the character that it stands for."""
    return _ESCAPE.sub(_character, text)


def _character(found: re.Match[str]) -> str:
    code = found[1] or found[2] or found[3]
    return chr(int(code, 16)) if code else _SHORT.get(found[4], found[4])


class Seen(NamedTuple):
    """A plan as it stands on the screen, and as it is read; both without white space."""

    shown: str
    read: str


def seen(format_: str, document: Any) -> Seen:
    """The plan as a reader of the format sees it."""
    match format_:
        case "markdown":
            # The limit is for another test: here nothing may have to give way.
            page = _MARKDOWN.render(plan_markdown.render(document, limit=10_000_000))
            text = text_of(page.replace("<", " <"), tick="`")
        case "html":
            text = text_of(plan_html.render(document).replace("<", " <"), tick=" ` ")
        case _:
            style = Style(color=False, unicode=True)
            text = plan_text.render(document, style=style, width=None, show_unchanged=True)
    # Word by word, as a backslash of a sentence at the end of one does not belong to the next.
    return Seen(dense(text), dense(" ".join(map(unescaped, text.split()))))


class Value(NamedTuple):
    """A value, and what may stand for it where it is too long for the format; None where nothing may."""

    text: str
    instead: str | None = None


class Prose(NamedTuple):
    """A sentence, in which names are escaped but not quoted."""

    text: str


Fact = Value | Prose
_PIECE = re.compile(r"[!-\[\]-~]+")  # what is never escaped and never a space


def missing(facts: Iterable[Fact], found: Seen, *, whole: bool = False) -> list[Fact]:
    """The facts that a reader does not find; `whole` where the format may not cut a value."""
    return [fact for fact in facts if not _found(fact, found, whole=whole)]


def _found(fact: Fact, found: Seen, *, whole: bool) -> bool:
    match fact:
        case Prose(text):
            return all(piece in found.shown for piece in _PIECE.findall(text))
        case Value(text, instead):
            cut = instead is not None and not whole and _may_be_cut(text)
            return dense(text) in found.read or (cut and dense(instead or "") in found.read)


def _may_be_cut(text: str) -> bool:
    """Whether a value may need more columns than a format gives it, as far as this can be told without drawing it."""
    return sum(1 if " " < one <= "~" and one not in '"\\' else _WIDEST_ESCAPE for one in text) > _LIMIT


def _cuttable(text: str) -> Value:
    return Value(text, f"({len(text):,} characters)")


def facts(document: Any) -> Iterator[Fact]:
    """The names, reasons, keys, values, counts and notes that every format has to show."""
    yield from (Prose(document["organization"]["name"]), Prose(document["api"]))
    for step in document["steps"]:
        yield Value(step["repository"])
        if step["action"] in ("blocked", "unknown"):
            yield Prose(step["reason"])
        else:
            yield from (fact for change in step["changes"] for fact in _change(change))
        if step["source"] is not None:
            yield Value(step["source"]["repository"])
        if step["action"] in ("create", "update", "reset") and step["unmanaged"]:
            yield from (Prose(_LABELS[section]) for section in step["unmanaged"])
            yield Prose("not managed, left unchanged")
    yield from _counted(document)
    yield from (Prose(refusal["summary"]) for refusal in document["guard"]["refusals"])


def _counted(document: Any) -> Iterator[Fact]:
    """What would be written; of two manifests, what the change between them causes."""
    counts = document["counts"]
    written = document.get("caused_counts", counts)
    yield from (Value(f"{written[name]:,} to {name}") for name in ("create", "update", "reset") if written[name])
    yield from (Value(f"{counts[name]:,}") for name in ("blocked", "unknown") if counts[name])


def page_facts(document: Any) -> Iterator[Fact]:
    """What a page shows besides, as it stands alone: problems in full, and the names of what is not touched."""
    for problem in (*document["guard"]["refusals"], *document["diagnostics"]):
        yield from (Prose(problem[part]) for part in ("detail", "summary", "hint"))
    for step in document["steps"]:
        if step["action"] in ("blocked", "unknown"):
            yield from (fact for change in step["changes"] for fact in _change(change))
    yield from (Value(name) for name in (*document["unlisted"]["names"], *document["left_out"]["names"]))


_DONE = {"add": "added", "remove": "removed", "change": "changed"}
_HIDDEN = ("*** (before)", "*** (after)")


def _change(change: Any) -> Iterator[Fact]:
    sides = [side for side in (change["before"], change["after"]) if side is not None]
    yield Prose(_LABELS[change["part"]])
    match change["part"]:
        case part if all(side in _HIDDEN for side in sides):
            yield Value(f"(sensitive value {_DONE[change['kind']]})")
            yield Value("" if part in _NAMES else change["key"])
        case part if part in _NAMES:
            yield from map(Value, sides)
        case "guarded_entrypoint":
            yield Value("on")
        case "command_override":
            yield from (fact for side in sides for fact in _json(side, json.dumps(side)))
        case "truststore":
            yield from (fact for side in sides for fact in _json(json.loads(side), side))
        case "contents.runtime_repositories" | "preflight":
            yield from _list(change)
        case _:
            yield Value(change["key"])
            yield from _keyed(change, sides)


def _keyed(change: Any, sides: list[Any]) -> Iterator[Fact]:
    match change["part"]:
        case "accounts.users" | "accounts.groups":
            yield from _account(change["before"] or {}, change["after"] or {}, change["key"])
        case "certificates.additional" | "contents.runtime_keyring":
            yield from (fact for side in sides for fact in _file(side))
        case "unrecognised" if len(sides) == 1:
            yield from _json(json.loads(sides[0]), sides[0])
        case _:
            yield from map(_cuttable, sides)


def _list(change: Any) -> Iterable[Fact]:
    """The elements of a list that are new or gone; all of them where only their order changes."""
    old, new = ({json.dumps(one) for one in change[side] or ()} for side in ("before", "after"))
    differing = old ^ new or old
    return (Value(text) for one in differing for text in _leaves(json.loads(one)))


def _json(value: Any, text: str) -> Iterator[Fact]:
    """The texts in a value that is shown as JSON, which is cut at its end."""
    if not _may_be_cut(text):
        yield from map(Value, _leaves(value))


def _leaves(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield value
        case list():
            yield from (text for one in value for text in _leaves(one))
        case dict():
            yield from (text for name, one in value.items() if one for text in (name, *_leaves(one)))
        case _:
            yield json.dumps(value)


def _account(before: Any, after: Any, key: str) -> Iterator[Fact]:
    """The fields of a user or group that differ, with what they were and what they become."""
    for name in {**before, **after}:
        sides = [side[name] for side in (before, after) if name in side]
        if before.get(name) == after.get(name) or sides in ([key], [[]]):
            continue
        yield Value(name)
        if isinstance(sides[0], list):
            yield from map(Value, {*before.get(name, ())} ^ {*after.get(name, ())})
        else:
            yield from (Value(str(side)) for side in sides)


def _file(file: Any) -> Iterator[Fact]:
    """The beginning of its digest, and of a certificate who made it and when it ends."""
    yield Value(file["sha256"][:12])
    if "subject" in file:
        issued = "self-signed" if file["subject"] == file["issuer"] else file["issuer"]
        yield from (Prose(file["subject"][:60]), Prose(issued[:60]), Prose(file["key"]), Value(file["not_after"]))
