"""A plan document as one page for a browser, made for reviewing plans of hundreds of repositories.

The page is `plan.html.j2`, its looks are `plan.css`, its filter is `plan.js`; everything can be read without the
script. It asks nobody for anything: the policy names style and script by their digests, so that neither a value from
outside nor an extension's markup runs as either of them.
"""

import base64
import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from rich.cells import cell_len

from reconciler.core.plan import ReasonCode
from reconciler.views.changes import Fragment, brief, fragments
from reconciler.views.plan import (
    closing_sentences,
    keeps,
    origin_sentences,
    plan_problems,
    plan_sections,
    problem_details,
    problem_place,
    problem_steps,
    resolved_lines,
    unchanged_names,
)
from reconciler.views.text import Role, Style, Word, plain, token

# Values are shown whole: a page folds what is long, and has room for it.
_STYLE = Style(color=False, unicode=True, value_limit=1_000_000)
_SHORT = Style(color=False, unicode=True)
_LONG = 400
_BRIEF_COLUMNS = 160
_UNFOLDED_UP_TO = 150
_FOLDER = Path(__file__).parent
_POLICY = (
    "default-src 'none'; style-src 'sha256-{style}'; script-src 'sha256-{script}'; base-uri 'none'; form-action 'none'"
)
_SENTENCES = {Role.ERROR: "error", Role.WARNING: "warning", Role.BOLD: "lead", Role.DIM: "dim"}
_WORDS = {Role.ADD: "add", Role.REMOVE: "remove", Role.CHANGE: "change", Role.DIM: "dim"}
_KINDS = {"add": "+ adds", "change": "~ changes", "remove": "\N{MINUS SIGN} removes"}
_MARKS = {"create": "+", "update": "~", "reset": "!", "blocked": "\N{BALLOT X}", "unknown": "?", "unchanged": "="}


def render(document: dict[str, Any], *, unicode: bool = True) -> str:
    """The whole plan as an HTML document; without `unicode` in ASCII, for a stream that takes nothing else."""
    style, script = ((_FOLDER / name).read_text(encoding="utf-8") for name in ("plan.css", "plan.js"))
    page = (
        _environment()
        .get_template("plan.html.j2")
        .render(
            **_content(document),
            policy=_POLICY.format(style=_digest(style), script=_digest(script)),
            style=Markup(style),  # noqa: S704 - our own file
            script=Markup(script),  # noqa: S704 - our own file
            kinds=_KINDS,
        )
    )
    return page if unicode else page.encode("ascii", "xmlcharrefreplace").decode("ascii")


def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        finalize=_safe,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def _safe(value: object) -> object:
    """Text with what cannot be seen or turns its direction as escapes; the template escapes the rest."""
    return plain(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _digest(source: str) -> str:
    return base64.b64encode(hashlib.sha256(source.encode()).digest()).decode("ascii")


def _content(document: dict[str, Any]) -> dict[str, Any]:
    """What the template shows of the plan."""
    sections = [*plan_sections(document)]
    unfolded = sum(len(section.groups) + len(section.steps) for section in sections) <= _UNFOLDED_UP_TO
    others = [*_untouched(document)]
    return {
        **{key: document[key] for key in ("organization", "api", "counts", "tool_version", "format_version")},
        "sentences": [
            (sentence, _SENTENCES[role])
            for sentence, role in (*origin_sentences(document, plain), *closing_sentences(document, plain))
        ],
        "problems": [_problem(step) for step in problem_steps(document)],
        "diagnostics": [_diagnostic(one) for one in plan_problems(document)],
        "sections": [
            {
                "title": section.title,
                "count": f"{section.count:,}",
                "entries": [_changed(one, unfolded=unfolded) for one in (*section.groups, *section.steps)],
            }
            for section in sections
            if section.expected or section.groups or section.steps
        ],
        "resolved": [
            _Entry(
                action="resolved", name=name, resolved=[_HtmlWord(text, _WORDS.get(role, "")) for text, role in told]
            )
            for name, told in resolved_lines(document, _STYLE)
        ],
        "others": others,
        "untouched": f"{sum(len(one.names) for one in others):,}",
    }


class _HtmlWord(NamedTuple):
    """A word with its class; `long` is the short form that it is folded behind."""

    text: str
    css: str = ""
    long: str = ""


class _Entry(NamedTuple):
    """A fold with a name, a line that says what changes, and every value inside.

    The attributes that the page's script filters by are made of `action` and `kinds`.
    """

    action: str
    name: str = ""
    title: str = ""
    kinds: str = ""
    unfolded: bool = False
    source: str = ""
    pruned: bool = False
    place: str = ""
    brief: str = ""
    why: str = ""
    parts: Sequence[dict[str, Any]] = ()
    resolved: Sequence[_HtmlWord] = ()
    kept: str = ""
    names: Sequence[str] = ()

    @property
    def mark(self) -> str:
        return _MARKS.get(self.action, "\N{MIDDLE DOT}")


def _problem(step: dict[str, Any]) -> _Entry:
    """A repository that could not be planned, and why."""
    return _changed(step, unfolded=True)._replace(why=step["reason"], kept="", source="", pruned=False)


def _changed(entry: dict[str, Any], *, unfolded: bool) -> _Entry:
    """A repository with its changes, or a change that several repositories share."""
    names, changes, source = entry.get("repositories", ()), entry["changes"], entry["source"]
    return _Entry(
        action=entry["action"],
        name="" if names else token(entry["repository"], _STYLE),
        title=f"{len(names):,} repositories" if names else "",
        kinds=" ".join(sorted({change["kind"] for change in changes})),
        unfolded=unfolded,
        source=token(source["repository"] or "?", _STYLE) if source else "",
        pruned=source is None and entry["reason_code"] == ReasonCode.PRUNED,
        place="" if names else problem_place(entry),
        brief=brief(changes, _STYLE, _BRIEF_COLUMNS),
        parts=[*map(_part, fragments(changes, _STYLE), fragments(changes, _SHORT))],
        kept=keeps(entry),
        names=[token(name, _STYLE) for name in names],
    )


def _part(part: Fragment, short: Fragment) -> dict[str, Any]:
    pairs = zip(part.items, short.items, strict=True)
    return {"label": part.label, "short": part.short, "changes": [[*_words(*pair)] for pair in pairs]}


def _words(item: Sequence[Word], short: Sequence[Word]) -> Iterator[_HtmlWord]:
    """The words of an item; a very long one has the short form that shows where two long values differ."""
    foldable = len(item) == len(short)
    for number, (text, role) in enumerate(item):
        long = short[number].text if foldable and cell_len(text) > _LONG else ""
        yield _HtmlWord(text, _WORDS.get(role, ""), long)


def _diagnostic(one: dict[str, Any]) -> dict[str, Any]:
    return {**one, "summary": one["summary"].strip(), "place": problem_place(one), "details": problem_details(one)}


def _untouched(document: dict[str, Any]) -> Iterator[_Entry]:
    """Repositories about which there is nothing to say but their names."""
    lists = [
        *(("unchanged", f"unchanged: {why}", names) for why, names in unchanged_names(document).items()),
        ("other", "left out by the selection", document["left_out"]["names"]),
        ("other", "not in the manifest, untouched", document["unlisted"]["names"]),
    ]
    for action, title, names in lists:
        if names:
            yield _Entry(action, title=f"{len(names):,} {title}", names=[token(name, _STYLE) for name in names])
