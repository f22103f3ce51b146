"""The end report of an apply for people: the names for each outcome, the failures, the builds, and what they prove."""

import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from rich.cells import cell_len
from rich.console import RenderableType
from rich.text import Text

from reconciler.core.builds import FINISHED, Stage
from reconciler.core.diff import Field
from reconciler.core.leftovers import Cause
from reconciler.core.runs import RESUMABLE, Skip
from reconciler.diagnostics import listed, plural
from reconciler.views.changes import LABELS, listing, value_words
from reconciler.views.console import Hanging, draw_blocks, names_block, words_text
from reconciler.views.diagnostics import problem_lines
from reconciler.views.plan_entries import difference_lines
from reconciler.views.run_document import (
    BuiltDocument,
    FailedBuildDocument,
    FollowedDocument,
    LeftoverDocument,
    OutcomeDocument,
    ReportDocument,
    RunBuildsDocument,
    counted,
    result_words,
    short_digest,
)
from reconciler.views.text import Role, Style, Word, clean_line, duration, json_line, repositories, token
from reconciler.views.values import DifferenceDocument, Value

Block = list[RenderableType]

_SIDE_COLUMNS = len("planned from") + 2
_QUEUE = {"queued": "queued", "in-progress": "sync in progress", "failed": "last sync failed"}
_ALIKE_FROM = 3
_MOST_NAMES = 20
_LEAST_COUNTED = 3
_NAME_COLUMNS = 40
_SKIPS = {
    Skip.INTERRUPTED: "the run was interrupted",
    Skip.TOKEN_REJECTED: "the token was rejected",
    Skip.UNREADABLE: "it could not be read",
    Skip.NOT_RECORDED: "the journal could not be written",
    Skip.AFTER_FAILURE: "an earlier write failed",
    Skip.BLOCKED: "it has errors (--skip-blocked)",
    Skip.PAUSED: "the run was paused (--pause-after)",
    Skip.HELD_BACK: "an earlier wave failed or did not finish",
    Skip.PREREQUISITE: "a step that it depends on did not succeed",
}


@dataclass(frozen=True, slots=True)
class _Page:
    """Style and options of a report."""

    style: Style
    width: int | None
    verbose: bool = False

    def names(self, names: Sequence[str]) -> Block:
        """Return names below a title."""
        return names_block(names, indent=4, width=self.width)

    def quote(self, text: str) -> Hanging:
        """Return a line of somebody else's text, such as a log, behind a bar."""
        return Hanging(Text.assemble("    ", (self.style.bar, Role.DIM)), Text(text), 6)


def render(document: ReportDocument, *, style: Style, width: int | None, verbose: bool = False) -> str:
    """Return the report as text with a line end, empty if there is nothing to report; the verdict follows it."""
    page = _Page(style, width, verbose)
    blocks: list[Block] = [
        *_outcomes(document, page),
        *_builds(document["builds"], page),
        [*_run(document), *_notes(document)],
        _proof(document["builds"], page),
    ]
    if not any(blocks):
        return ""
    return draw_blocks(blocks, style=style, width=width)


def _outcomes(document: ReportDocument, page: _Page) -> Iterator[Block]:
    yield _names("applied", document["applied"], page)
    confirmed = [one for one in document["applied"] if one["read_back"]]
    yield _names("no valid response to the write, confirmed by reading again", confirmed, page)
    yield _names("already up to date", document["already_done"], page)
    for reason in Skip:
        skipped = [one for one in document["not_attempted"] if one["reason"] == reason]
        yield _names(not_attempted(reason), skipped, page)
    for stale in document["stale"]:
        yield [_titled([stale], "changed since the plan, left unchanged", page), *_sides(stale, page)]
    alike: dict[str, list[OutcomeDocument]] = {}
    for failed in document["failed"]:
        alike.setdefault(json_line(failed["problem"]), []).append(failed)
    for same in alike.values():
        problem = [Text("  ").append_text(line) for line in problem_lines(same[0]["problem"], page.style)]
        yield [_titled(same, "failed", page), *problem]


def _names(title: str, found: Sequence[OutcomeDocument], page: _Page) -> Block:
    """Return the names under their title; a long list is only counted."""
    if not found:
        return []
    if len(found) > _MOST_NAMES and not page.verbose:
        return [Text(f"{title}: {counted(found)}")]
    return [Text(f"{title}:"), *page.names([_name(one, page) for one in found])]


def _titled(found: Sequence[OutcomeDocument | FollowedDocument], what: str, page: _Page) -> Text:
    names = listed([_name(one, page) for one in found])
    count = f" ({counted(found)})" if len(found) > _LEAST_COUNTED else ""
    return Text.assemble((f"{names}{count}:", Role.ERROR), f" {what}")


def _name(one: OutcomeDocument | FollowedDocument, page: _Page) -> str:
    """Return what an outcome or a build is about; an overlay and a binding with the word for it."""
    kind = str(one.get("subject", "repository"))
    return token(one["name"], page.style) if kind == "repository" else f"{kind} {page.style.plain(one['name'])}"


def _sides(stale: OutcomeDocument, page: _Page) -> Iterator[RenderableType]:
    """Yield what differs, with what the plan was made from, what is there now, and what the manifest wants."""
    if "selectors" in stale:
        tags = stale["selectors"]
        selectors = {"planned from": tags["planned_from"], "now": tags["now"], "wanted": tags["wanted"]}
        text = [f"{side} {page.style.plain(selector or 'nothing')}" for side, selector in selectors.items()]
        yield Text(f"  tags   {', '.join(text)}")
    for difference in stale["differences"]:
        key = [Word(token(difference["key"], page.style), Role.BOLD)] if difference["key"] else []
        place = words_text([Word(f"  {LABELS[difference['part']]}"), *key])
        values = {
            "planned from": difference["planned_from"],
            "now": difference["now"],
            "wanted": difference["wanted"],
        }
        sides = {side: _side(several, difference, page.style) for side, several in values.items()}
        line = Text.assemble(place, "   ", words_text(listing([Word(one), *words] for one, words in sides.items())))
        if page.width is None or line.cell_len <= page.width:
            yield line
            continue
        yield place
        for side, words in sides.items():
            yield Hanging(Text(f"    {side}"), words_text(words), 4 + _SIDE_COLUMNS)


def _side(values: Iterable[Value], difference: DifferenceDocument, style: Style) -> list[Word]:
    part, masked = difference["part"], difference["masked"]
    words = [word for value in values for word in value_words(value, part, style, masked=masked)]
    return words or [Word("nothing", Role.DIM)]


def _builds(builds: RunBuildsDocument, page: _Page) -> Iterator[Block]:
    followed = builds["repositories"]
    if not followed:
        return
    within = {one["repository"] for one in followed}
    title = Text(f"Builds of {repositories(len(within))}: {result_words(builds['totals']) or 'none'}.", Role.BOLD)
    yield [title, *_by_state(followed, page)]
    alike: dict[tuple[str, ...], list[tuple[FollowedDocument, FailedBuildDocument]]] = {}
    for one in followed:
        for failure in one["failures"]:
            if failure["log_lines"] is not None:
                alike.setdefault(tuple(failure["log_tail"]), []).append((one, failure))
    yield from (_failure(same, page) for same in alike.values())
    for one in followed:
        yield _further(one, [failure for failure in one["failures"] if failure["log_lines"] is None], page)


def _by_state(followed: Iterable[FollowedDocument], page: _Page) -> Iterator[RenderableType]:
    """Yield the repositories with their builds and tags, those with the same builds together."""
    alike: dict[str, list[str]] = {}
    built: dict[str, str] = {}
    for one in followed:
        name = token(one["name"], page.style)
        alike.setdefault(_stated(one, _tags(one), page.style), []).append(name)
        built[name] = _stated(one, _tags(one) + _untagged(one), page.style)
    single = {name: built[name] for names in alike.values() if len(names) < _ALIKE_FROM for name in names}
    column = max((min(cell_len(name), _NAME_COLUMNS) for name in single), default=0) + 5
    for state, names in alike.items():
        if len(names) >= _ALIKE_FROM:
            many = len(names) > _MOST_NAMES and not page.verbose
            yield Hanging(Text("  "), Text(f"{state}; in {len(names):,} repositories{'' if many else ':'}"), 4)
            yield from () if many else page.names(names)
    for name, state in sorted(single.items()):
        yield Hanging(Text(f"  {name}"), Text(state), column)


def _stated(one: FollowedDocument, names: Sequence[str], style: Style) -> str:
    listed = ", ".join(style.plain(name) for name in names)
    return f"{_state(one)}: {listed}" if listed else _state(one)


def _tags(one: FollowedDocument) -> list[str]:
    """Return the tags of what was built."""
    return list(dict.fromkeys(name for build in _made(one) for name in build["tags"]))


def _untagged(one: FollowedDocument) -> list[str]:
    """Return the beginnings of what was built and has no tag."""
    return list(dict.fromkeys(short_digest(build["digest"] or "") for build in _made(one) if not build["tags"]))


def _made(one: FollowedDocument) -> list[BuiltDocument]:
    return [build for build in one["built"] if build["result"] == "success" and build["digest"]]


_Unproven = Literal["missing", "untold"]
_UNPROVEN: Mapping[_Unproven, str] = {
    "missing": "succeeded without",
    "untold": "not verified; the build report does not list",
}


def _proof(builds: RunBuildsDocument, page: _Page) -> Block:
    """Return what the builds prove, below what they lack or do not report; with `verbose` the resolved versions."""
    lines = [line for kind in _UNPROVEN for line in _unproven(kind, builds["repositories"], page)]
    lines += _still_there(builds["repositories"], page)
    if page.verbose:
        for one in builds["repositories"]:
            lines += [*_versions(one, page), *_other_changes(one, page)]
    return [*lines, *_verified(builds)]


_NOUNS = {
    Field.PACKAGES: "",
    Field.RUNTIME_KEYRING: "key ",
    Field.ENVIRONMENT: "variable ",
    Field.ANNOTATIONS: "annotation ",
    Field.USERS: "user ",
    Field.GROUPS: "group ",
    Field.CERTIFICATES: "certificate ",
    Field.PROVIDERS: "certificate provider ",
}
_CAUSES = {
    Cause.BASE_IMAGE: ": the base image brings it",
    Cause.OTHER_PACKAGE: ": another package needs it",
    Cause.UNKNOWN: "",
}


def _still_there(followed: Iterable[FollowedDocument], page: _Page) -> Iterator[RenderableType]:
    """Yield a warning for each removed item that new images still contain, once for all repositories."""
    alike: dict[tuple[str, str, str], list[tuple[str, LeftoverDocument]]] = {}
    for one in followed:
        for found in one["still_there"]:
            same = alike.setdefault((found["part"], found["key"], found["cause"]), [])
            same.append((token(one["name"], page.style), found))
    for (part, key, cause), several in alike.items():
        images, of = sum(found["images"] for _, found in several), sum(found["of"] for _, found in several)
        what = f"{_NOUNS[Field(part)]}{token(key, page.style)} is still in {images:,} of {plural(of, 'new image')}"
        where = listed([name for name, _ in several])
        text = Text.assemble(("warning:", Role.WARNING), f" {what} of {where}{_CAUSES[Cause(cause)]}")
        yield Hanging(Text(), text, 2)


def _other_changes(one: FollowedDocument, page: _Page) -> Iterator[RenderableType]:
    """Yield what else changed since the last images, if it is known."""
    if one["other_changes"] is not None:
        lines = [line.text for line in difference_lines(one["other_changes"], page.style)]
        text = ", ".join(lines) or "no other package changed"
        yield Hanging(Text(), Text(f"{token(one['name'], page.style)} since the last image: {text}"), 2)


def _verified(builds: RunBuildsDocument) -> Iterator[Text]:
    """Yield the line that scripts look for: the same for every width, and of all builds only where all succeeded."""
    proven, built, totals = builds["verified"]["proven"], builds["verified"]["of"], builds["totals"]
    failed = sum(failure["result"] == "failure" for one in builds["repositories"] for failure in one["failures"])
    rest = {
        "failed": failed,
        "running": totals["running"],
        "ended with an unknown result": totals.get("unknown", 0),
    }
    open_ones = sum(one["stage"] not in FINISHED for one in builds["repositories"])
    left = [f"{plural(count, 'build')} {words}" for words, count in rest.items() if count]
    if open_ones and not totals["running"]:
        left.append(f"{repositories(open_ones)} not finished")
    if not built and not left:
        return
    if proven == built and not left:
        one = "the new image contains" if built == 1 else f"all {built:,} new images contain"
        yield _unbroken(f"Verified: {one} the requested configuration.")
        return
    images = built + sum(rest.values())
    because = f" ({', '.join(left)})" if left else ""
    if not images:
        yield _unbroken(f"Verified: no new image yet{because}.")
        return
    only = "only " if proven < images else ""
    verb = "contains" if proven == 1 else "contain"
    of = f"{only}{proven:,} of {plural(images, 'new image')}"
    yield _unbroken(f"Verified: {of} {verb} the requested configuration{because}.")


def _unbroken(line: str) -> Text:
    """Return a line that is copied or searched for, and therefore not wrapped."""
    return Text(line, no_wrap=True, overflow="ignore")


def _unproven(kind: _Unproven, followed: Iterable[FollowedDocument], page: _Page) -> Iterator[RenderableType]:
    """Yield the repositories whose builds lack something or do not report it, those with the same entries together."""
    alike: dict[tuple[str, ...], list[str]] = {}
    for one in followed:
        found = tuple(dict.fromkeys(entry for build in one["built"] for entry in build[kind]))
        if found:
            alike.setdefault(found, []).append(token(one["name"], page.style))
    role = Role.ERROR if kind == "missing" else Role.WARNING
    for entries, names in alike.items():
        text = f"{_UNPROVEN[kind]} {_listed(entries, page)}"
        if len(names) < _ALIKE_FROM:
            yield from (Hanging(Text(), Text.assemble((f"{name}:", role), f" {text}"), 2) for name in names)
        else:
            yield Hanging(Text(), Text.assemble((f"{repositories(len(names))}:", role), f" {text}"), 2)
            yield from page.names(names)


def _versions(one: FollowedDocument, page: _Page) -> Iterator[RenderableType]:
    versions = dict.fromkeys(f"{key}={value}" for build in one["built"] for key, value in build["versions"].items())
    if versions:
        yield Hanging(Text(), Text(f"{token(one['name'], page.style)}: {_listed(versions, page)}"), 2)


def _listed(texts: Iterable[str], page: _Page) -> str:
    return ", ".join(map(page.style.plain, texts))


def _state(one: FollowedDocument) -> str:
    text = result_words(one) or _unseen(one["others"])
    if one["stage"] == "done":
        return text
    if one["stage"] == "superseded":
        return f"changed by somebody else after the write: {text}"
    if one["stage"] == "unreported":
        return "no build report"
    queue = f" ({_QUEUE[one['queue']]})" if one["queue"] in _QUEUE else ""
    waiting = "" if one["running"] else "waiting for builds: "
    return f"{waiting}{text}{queue}"


def _unseen(others: int) -> str:
    if not others:
        return "no builds yet"
    return f"{plural(others, 'other build')}, none with the new configuration"


def _failure(found: Sequence[tuple[FollowedDocument, FailedBuildDocument]], page: _Page) -> Block:
    """Yield failed builds with the same log: the log once, and the command that prints all of it."""
    (target, failure), style = found[0], page.style
    after = "" if len(found) > 1 or failure["seconds"] is None else f" after {duration(failure['seconds'])}"
    command = f"  reconciler logs {shlex.quote(style.plain(target['repository']))} --build {_number(failure, style)}"
    tail = [page.quote(clean_line(text, style)) for text in failure["log_tail"]]
    count = "a build" if len(found) == 1 else plural(len(found), "build")
    named = list({one["name"]: one for one, _ in found}.values())
    title = _titled(named, f"{count} failed{after}; {_about_log(failure)}", page)
    return [title, *tail, _unbroken(command)]


def _further(target: FollowedDocument, failures: Sequence[FailedBuildDocument], page: _Page) -> Block:
    """Return the failed builds of a repository that have no log here."""
    if not failures:
        return []
    number = "a build" if len(failures) == 1 else plural(len(failures), "build")
    numbers = [_number(failure, page.style) for failure in failures]
    title = _titled([target], f"{number} failed; read the log with `reconciler logs --build` and one of:", page)
    return [title, *page.names(numbers)]


def _number(failure: FailedBuildDocument, style: Style) -> str:
    """Return the last part of a report's id, by which `logs` finds it."""
    return style.plain(failure["id"].rpartition("/")[2])


def _about_log(failure: FailedBuildDocument) -> str:
    lines, tail = failure["log_lines"], failure["log_tail"]
    if not tail:
        return "no log"
    return "log:" if lines is None or lines <= len(tail) else f"last {len(tail)} of {lines:,} log lines:"


def _notes(document: ReportDocument) -> Block:
    if any(one["stage"] == Stage.SUPERSEDED for one in document["builds"]["repositories"]):
        note = "Changes made by somebody else were left unchanged. To see the difference: `reconciler plan`."
        return [Text(note, Role.WARNING)]
    return []


def _run(document: ReportDocument) -> Block:
    """Return how to resume following the builds, or where the run's details are."""
    run, builds = document["run"], document["builds"]
    unfinished = any(one["stage"] not in FINISHED for one in builds["repositories"])
    left = sum(one["reason"] in RESUMABLE for one in document["not_attempted"])
    if run and left and not unfinished:
        return [Text(f"To write the {plural(left, 'change')} left: `reconciler resume {run}`.", Role.WARNING)]
    if document["applied"] and (unfinished or not builds["waited"]):
        return [Text(f"To resume: `reconciler wait{f' {run}' if run else ''}`.", Role.WARNING)]
    return [Text(f"Details: `reconciler history {run}`.", Role.DIM)] if run else []


def not_attempted(reason: Skip) -> str:
    """Return why nothing was sent for a step, as a whole."""
    return f"not attempted because {_SKIPS[reason]}"
