"""A plan document as one page for a browser, made for reviewing plans of hundreds of repositories.

The page is `plan.html.j2`, its looks are `plan.css`, its filter is `plan.js`; everything can be read without the
script. It asks nobody for anything: the policy names style and script by their digests, so that neither a value from
outside nor an extension's markup runs as either of them.
"""

import base64
import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, cast
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape
from rich.cells import cell_len

from reconciler.core.diff import Field
from reconciler.core.steps import ReasonCode
from reconciler.views.changes import LABELS, Fragment, brief, fragments, short_value, value_text
from reconciler.views.diagnostics import DiagnosticDocument, problem_details, problem_place
from reconciler.views.document import NO_PROVENANCE, AnyStepDocument, PlanDocument, Provenance
from reconciler.views.plan_entries import (
    Entry,
    build_word,
    plan_sections,
    problem_entries,
    repository_steps,
    step_resolved_lines,
    unchanged_names,
)
from reconciler.views.plan_summary import closing_sentences, origin_sentences, plan_problems, shown_counts
from reconciler.views.steps import PlaceDocument, StepDocument
from reconciler.views.text import Role, Style, Word, plain, repositories, rfc3339, token, utc
from reconciler.views.values import ChangeDocument, GroupDocument, OverlayItemDocument
from reconciler.views.verdict import SummaryLine, result_lists

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
_BUILD_WORDS = {**_WORDS, Role.ERROR: "remove", Role.WARNING: "change"}
# What a name of `backticks` is written in.
_CODE = re.compile(r"`([^`\n]+)`")
_SHORT_SHA = 12
_MOST_PLACES = 3


def render(
    document: PlanDocument,
    provenance: Provenance = NO_PROVENANCE,
    *,
    unicode: bool = True,
    summary: SummaryLine | None = None,
) -> str:
    """Return the whole plan as an HTML document; without `unicode` in ASCII, for a stream that takes nothing else.

    With the `summary` of an apply of the plan, its result comes above the changes.
    """
    style, script = ((_FOLDER / name).read_text(encoding="utf-8") for name in ("plan.css", "plan.js"))
    page = (
        _environment()
        .get_template("plan.html.j2")
        .render(
            **_PlanPage(document, provenance).content(),
            **_made(provenance),
            result=None if summary is None else {"verdict": summary["verdict"], "lists": result_lists(summary)},
            policy=_POLICY.format(style=_digest(style), script=_digest(script)),
            style=Markup(style),  # noqa: S704 - our own file
            script=Markup(script),  # noqa: S704 - our own file
        )
    )
    return page if unicode else page.encode("ascii", "xmlcharrefreplace").decode("ascii")


@cache
def _environment() -> Environment:
    """Return the environment that the page is drawn in, which keeps the template once it is compiled."""
    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        finalize=_safe,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["prose"] = _prose
    return environment


def _safe(value: object) -> object:
    """Return text with what cannot be seen or turns its direction as escapes; the template escapes the rest."""
    return plain(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _prose(text: str) -> Markup:
    """Return a sentence with its code spans as code; everything is escaped."""
    pieces = _CODE.split(plain(text))
    return Markup("").join(
        Markup("<code>{}</code>").format(piece) if number % 2 else escape(piece) for number, piece in enumerate(pieces)
    )


def _digest(source: str) -> str:
    return base64.b64encode(hashlib.sha256(source.encode()).digest()).decode("ascii")


def _made(provenance: Provenance) -> dict[str, str]:
    made = provenance.made
    return {
        "made": "" if made is None else utc(made),
        "made_at": "" if made is None else rfc3339(made),
        "commit": provenance.commit[:_SHORT_SHA],
        "commit_url": provenance.commit_url,
        "job_url": provenance.job_url,
    }


class _HtmlWord(NamedTuple):
    """A word with its class; `long` is the short form that it is folded behind."""

    text: str
    css: str = ""
    long: str = ""


class _Row(NamedTuple):
    """One key of an overlay on both sides."""

    kind: str
    label: str
    key: str
    before: str
    after: str


class _Repository(NamedTuple):
    """A repository with its anchor and what is known of it besides its change.

    `anchor` is empty where the page has that of an earlier entry for the same repository.
    """

    name: str
    anchor: str = ""
    tags: str = ""
    resolved: Sequence[_HtmlWord] = ()
    overlay: Sequence[_Row] = ()


class _Fold(NamedTuple):
    """A fold with a name, a line that says what changes, and every value inside.

    The attributes that the page's script filters by are made of `action` and `kinds`. `one` is None where several
    repositories share the change, which are then its `members`.
    """

    action: str
    one: _Repository | None = None
    title: str = ""
    kinds: str = ""
    unfolded: bool = False
    source: str = ""
    lead: str = ""
    pruned: bool = False
    place: str = ""
    place_url: str = ""
    brief: str = ""
    build: str = ""
    build_css: str = ""
    why: str = ""
    parts: Sequence[dict[str, Any]] = ()
    kept: str = ""
    members: Sequence[_Repository] = ()


class _Risk(NamedTuple):
    """Something that is taken away, and the repositories that lose it with their anchors."""

    what: str
    summary: str
    where: Sequence[tuple[str, str]]


class _PlanPage:
    """Values of the template for one plan; every repository gets one anchor, with its first entry."""

    def __init__(self, document: PlanDocument, provenance: Provenance) -> None:
        self._document = document
        self._provenance = provenance
        self._anchors: dict[str, str] = {}
        # Of two steps with one name, one is a problem that is all there is to say about it.
        self._steps = {step["repository"]: step for step in sorted(repository_steps(document), key=_writes)}

    def content(self) -> dict[str, Any]:
        """Return the values of the template."""
        document = self._document
        problems = [self._problem(one) for one in problem_entries(document)]
        sections = self._sections()
        others = [*self._untouched()]
        return {
            **{key: document[key] for key in ("organization", "api", "tool_version", "format_version")},
            "counts": shown_counts(document),
            "sentences": [
                (sentence, _SENTENCES[role])
                for sentence, role in (*origin_sentences(document, plain), *closing_sentences(document, plain))
            ],
            "risks": self._risks(),
            "losing": _losing(document),
            "writes": any(map(_writes, document["steps"])),
            "problems": problems,
            "diagnostic_count": sum(map(len, plan_problems(document))),
            "diagnostics": [self._diagnostic(one) for one in plan_problems(document)],
            "sections": sections,
            "others": others,
            "untouched": f"{sum(len(one.members) for one in others):,}",
        }

    def _sections(self) -> list[dict[str, Any]]:
        sections = [*plan_sections(self._document)]
        unfolded = sum(len(section.groups) + len(section.steps) for section in sections) <= _UNFOLDED_UP_TO
        return [
            {
                "title": section.title,
                "count": f"{section.count:,}",
                "entries": [
                    *map(self._problem, section.problems),
                    *(
                        self._changed(one, unfolded=unfolded, checked_out=section.checked_out)
                        for one in (*section.groups, *section.steps)
                    ),
                ],
            }
            for section in sections
            if section.expected or section.groups or section.steps
        ]

    def _problem(self, entry: Entry) -> _Fold:
        """Return a repository that could not be planned, or several for one reason, and why."""
        place = f" ({entry.place})" if entry.names and entry.places else ""
        fold = self._changed(entry, unfolded=not entry.names)
        return fold._replace(why=f"{entry.reason}{place}", kept="", source="", pruned=False)

    def _changed(self, entry: Entry, *, unfolded: bool, checked_out: bool = True) -> _Fold:
        """Return a repository with its changes, or a change that several repositories share."""
        names, changes = entry.names, entry.changes
        return _Fold(
            action=entry.action,
            one=None if names else self._subject(entry),
            title=f"{len(names):,} repositories" if names else "",
            kinds=" ".join(sorted({change["kind"] for change in changes})),
            unfolded=unfolded,
            source="" if entry.source is None else token(entry.source, _STYLE),
            lead="" if entry.lead is None else token(entry.lead, _STYLE),
            pruned=entry.source is None and entry.reason_code == ReasonCode.PRUNED,
            place="" if names else entry.place,
            place_url="" if names or not entry.places or not checked_out else self._place_url(entry.places[0]),
            brief=brief(changes, _STYLE, _BRIEF_COLUMNS),
            build=build_word(entry).text,
            build_css=_BUILD_WORDS.get(build_word(entry).role, ""),
            parts=[*map(_part, fragments(changes, _STYLE), fragments(changes, _SHORT))],
            kept=entry.note,
            members=[self._subject(replace(entry, name=name)) for name in names],
        )

    def _subject(self, entry: Entry) -> _Repository:
        """Return what an entry is about; only repositories have an anchor and details."""
        return self._repository(entry.name) if entry.kind == "repository" else _Repository(name=entry.text(_STYLE))

    def _repository(self, name: str) -> _Repository:
        step = self._steps.get(name)
        resolved = step_resolved_lines(step, _STYLE) if step else ()
        first = name not in self._anchors
        anchor = self._anchors.setdefault(name, "r-" + quote(name, errors="surrogatepass"))
        return _Repository(
            name=token(name, _STYLE),
            anchor=anchor if first else "",
            tags=", ".join(token(tag, _STYLE) for tag in step.get("active_tags", ())) if step else "",
            resolved=[_HtmlWord(text, _WORDS.get(role, "")) for text, role in resolved],
            overlay=[*map(_row, step.get("overlay", ()))] if step else (),
        )

    def _place_url(self, found: PlaceDocument | DiagnosticDocument) -> str:
        file, line = found["file"], found["line"]
        return "" if file is None or line is None else self._provenance.file_url(file, line)

    def _diagnostic(self, same: Sequence[DiagnosticDocument]) -> dict[str, Any]:
        places = [(problem_place(one), self._place_url(one)) for one in same if problem_place(one)]
        return {
            **same[0],
            "summary": same[0]["summary"].strip(),
            "often": f"({len(same):,} times)" if len(same) > 1 else "",
            "places": places[:_MOST_PLACES],
            "more_places": max(len(places) - _MOST_PLACES, 0),
            "details": problem_details(same),
        }

    def _untouched(self) -> Iterator[_Fold]:
        """Yield repositories about which there is nothing to say but their names."""
        document = self._document
        lists = [
            *(("unchanged", f"unchanged: {why}", names) for why, names in unchanged_names(document).items()),
            ("other", "excluded by the selection", document["left_out"]["names"]),
            ("other", "not in the manifest", document["unlisted"]["names"]),
        ]
        for action, title, names in lists:
            if names:
                members = [self._repository(name)._replace(tags="") for name in names]
                yield _Fold(action, title=f"{len(names):,} {title}", members=members)

    def _risks(self) -> list[_Risk]:
        """Return what is taken away and where, that of most repositories first; a reset takes everything at once."""
        found: dict[str, list[str]] = {}
        for step in repository_steps(self._document):
            for what in _taken(step):
                found.setdefault(what, []).append(step["repository"])
        for effect in self._document.get("effects", []):
            for what in dict.fromkeys(what for change in effect["changes"] for what in _taken_by(change)):
                found.setdefault(what, []).extend(effect["reaches"]["names"])
        risks = [self._risk(what, names) for what, names in found.items()]
        return sorted(risks, key=lambda risk: -len(risk.where))

    def _risk(self, what: str, names: Iterable[str]) -> _Risk:
        distinct = [*dict.fromkeys(names)]
        return _Risk(
            what,
            repositories(len(distinct)),
            [(token(name, _STYLE), self._anchors.get(name, "")) for name in distinct],
        )


def _writes(step: AnyStepDocument) -> bool:
    return step["action"] in ("create", "update", "reset", "delete")


def _taken(step: StepDocument) -> list[str]:
    """Return what a step that writes takes away, each once."""
    if step["action"] == "reset":
        return ["everything (reset)"]
    if not _writes(step):
        return []
    return [*dict.fromkeys(what for change in step["changes"] for what in _taken_by(change))]


def _taken_by(change: ChangeDocument) -> Iterator[str]:
    label, before, after = LABELS[change["part"]], change["before"], change["after"]
    left = after if isinstance(after, list) else []
    if isinstance(before, list):  # of the runtime repositories and checks, each is something by itself
        yield from (f"{label} {short_value(one, _SHORT)}" for one in before if one not in left)
    elif change["kind"] == "remove":
        yield f"{label} {short_value(change['key'] or before, _SHORT)}"
    elif change["kind"] == "change" and change["part"] == Field.GROUPS:
        old, new = cast("tuple[GroupDocument, GroupDocument]", (before, after))
        yield from (
            f"member {token(one, _SHORT)} of group {token(change['key'], _SHORT)}"
            for one in old["members"]
            if one not in new["members"]
        )


def _losing(document: PlanDocument) -> str:
    """Return how many repositories lose something, and the limit of the guard."""
    guard, count = document["guard"], document["guard"]["losing"]["count"]
    if not count or not guard["covered"]:
        return ""
    return (
        f"{count:,} of {repositories(guard['covered'])} would lose something "
        f"({_percent(guard['share'])}, limit {_percent(guard['limit'])})."
    )


def _percent(share: float) -> str:
    return f"{share * 100:.1f}".removesuffix(".0") + "%"


def _row(item: OverlayItemDocument) -> _Row:
    before, after = (
        ", ".join(value_text(value, item["part"], _STYLE, masked=item["masked"]) for value in values)
        for values in (item["before"], item["after"])
    )
    return _Row(item["kind"], LABELS[item["part"]], token(item["key"], _STYLE) if item["key"] else "", before, after)


def _part(part: Fragment, short: Fragment) -> dict[str, Any]:
    pairs = zip(part.items, short.items, strict=True)
    return {"label": part.label, "short": part.short, "changes": [[*_words(*pair)] for pair in pairs]}


def _words(item: Sequence[Word], short: Sequence[Word]) -> Iterator[_HtmlWord]:
    """Yield the words of an item; a very long one has the short form that shows where two long values differ."""
    foldable = len(item) == len(short)
    for number, (text, role) in enumerate(item):
        long = short[number].text if foldable and cell_len(text) > _LONG else ""
        yield _HtmlWord(text, _WORDS.get(role, ""), long)
