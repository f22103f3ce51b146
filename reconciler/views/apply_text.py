"""The end report of an apply for people: the counts, the names for each outcome, what went wrong, and the builds."""

import shlex
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from rich.cells import cell_len
from rich.console import RenderableType
from rich.text import Text

from reconciler.core.builds import FINISHED, Stage
from reconciler.core.runs import Skip
from reconciler.diagnostics import plural
from reconciler.views.changes import LABELS, listing, value_words
from reconciler.views.console import Hanging, draw_blocks, names_block, words_text
from reconciler.views.diagnostics import problem_lines
from reconciler.views.run_document import short_digest
from reconciler.views.text import Role, Style, Word, clean_line, duration, repositories, token

Block = list[RenderableType]

_COUNTS = {
    "applied": "applied",
    "already_done": "already as wanted",
    "stale": "changed meanwhile",
    "failed": "failed",
    "not_attempted": "not attempted",
}
_SIDES = {"planned_from": "planned from", "now": "now", "wanted": "wanted"}
_SIDE_COLUMNS = max(map(len, _SIDES.values())) + 2
_QUEUE = {"queued": "queued", "in-progress": "in the queue, being worked on", "failed": "its last sync failed"}
_ALIKE_FROM = 3
_NAME_COLUMNS = 40
_SKIPS = {
    Skip.INTERRUPTED: "the run was interrupted",
    Skip.TOKEN_REJECTED: "the token was rejected",
    Skip.UNREADABLE: "the repository could not be read",
    Skip.NOT_RECORDED: "the journal could not be written",
    Skip.AFTER_FAILURE: "an earlier write failed",
    Skip.HELD_BACK: "an earlier wave went wrong or did not finish",
}


@dataclass(frozen=True, slots=True)
class _Page:
    """How a report is drawn."""

    style: Style
    width: int | None

    def names(self, names: Sequence[str]) -> Block:
        """Names below a title."""
        return names_block(names, indent=4, width=self.width)

    def quote(self, text: str) -> Hanging:
        """A line of somebody else's text, such as a log, behind a bar."""
        return Hanging(Text.assemble("    ", (self.style.bar, Role.DIM)), Text(text), 6)


def render(document: dict[str, Any], *, style: Style, width: int | None, verbose: bool = False) -> str:
    """The report as text that ends in a line end; the worst comes last, where a person looks first."""
    page = _Page(style, width)
    blocks: list[Block] = [
        [_head(document)],
        *_outcomes(document, page),
        *_builds(document["builds"], page),
        _run(document),
        _proof(document["builds"], page, verbose=verbose),
        _notes(document),
    ]
    return draw_blocks(blocks, style=style, width=width)


def _head(document: dict[str, Any]) -> Text:
    counts = [f"{words} {len(document[kind]):,}" for kind, words in _COUNTS.items() if document[kind]]
    text = ", ".join(counts) or "nothing to do"
    return Text(f"{text[0].upper()}{text[1:]}.", Role.BOLD)


def _outcomes(document: dict[str, Any], page: _Page) -> Iterator[Block]:
    yield _names("applied", document["applied"], page)
    confirmed = [one for one in document["applied"] if one["read_back"]]
    yield _names("answer lost, but confirmed by reading again", confirmed, page)
    yield _names("already as wanted", document["already_done"], page)
    for reason in Skip:
        skipped = [one for one in document["not_attempted"] if one["reason"] == reason]
        yield _names(not_attempted(reason), skipped, page)
    for stale in document["stale"]:
        yield [_titled(stale["repository"], "changed since the plan and left alone", page), *_sides(stale, page)]
    for failed in document["failed"]:
        problem = [Text("  ").append_text(line) for line in problem_lines(failed["problem"], page.style)]
        yield [_titled(failed["repository"], "failed", page), *problem]


def _names(title: str, found: Sequence[dict[str, Any]], page: _Page) -> Block:
    if not found:
        return []
    return [Text(f"{title}:"), *page.names([token(one["repository"], page.style) for one in found])]


def _titled(repository: str, what: str, page: _Page) -> Text:
    return Text.assemble((token(repository, page.style) + ":", Role.ERROR), f" {what}")


def _sides(stale: dict[str, Any], page: _Page) -> Iterator[RenderableType]:
    """What differs, with what the plan was made from, what is there now, and what the manifest wants."""
    for difference in stale["differences"]:
        key = [Word(token(difference["key"], page.style), Role.BOLD)] if difference["key"] else []
        place = words_text([Word(f"  {LABELS[difference['part']]}"), *key])
        sides = {side: _side(difference, side, page.style) for side in _SIDES}
        line = Text.assemble(
            place, "   ", words_text(listing([Word(_SIDES[one]), *words] for one, words in sides.items()))
        )
        if page.width is None or line.cell_len <= page.width:
            yield line
            continue
        yield place
        for side, words in sides.items():
            yield Hanging(Text(f"    {_SIDES[side]}"), words_text(words), 4 + _SIDE_COLUMNS)


def _side(difference: dict[str, Any], side: str, style: Style) -> list[Word]:
    values = [word for value in difference[side] for word in value_words(value, difference, style)]
    return values or [Word("nothing", Role.DIM)]


def _builds(builds: dict[str, Any], page: _Page) -> Iterator[Block]:
    followed = builds["repositories"]
    if not followed:
        return
    total = _results(builds) or "none seen"
    title = Text(f"Builds: {total} in {repositories(len(followed))}.", Role.BOLD)
    yield [title, *_by_state(followed, page)]
    for one in followed:
        told = [failure for failure in one["failures"] if failure["log_lines"] is not None]
        yield from (_failure(one["repository"], failure, page) for failure in told)
        yield _further(one["repository"], [one for one in one["failures"] if one["log_lines"] is None], page)


def _by_state(followed: Iterable[dict[str, Any]], page: _Page) -> Iterator[RenderableType]:
    """The repositories with their builds and the tags of these, those of which the same is to be told together."""
    alike: dict[str, list[str]] = {}
    built: dict[str, str] = {}
    for one in followed:
        name = token(one["repository"], page.style)
        alike.setdefault(_stated(one, _tags(one), page.style), []).append(name)
        built[name] = _stated(one, _tags(one) + _untagged(one), page.style)
    single = {name: built[name] for names in alike.values() if len(names) < _ALIKE_FROM for name in names}
    column = max((min(cell_len(name), _NAME_COLUMNS) for name in single), default=0) + 5
    for state, names in alike.items():
        if len(names) >= _ALIKE_FROM:
            yield Hanging(Text("  "), Text(f"{state}; in {len(names):,} repositories:"), 4)
            yield from page.names(names)
    for name, state in sorted(single.items()):
        yield Hanging(Text(f"  {name}"), Text(state), column)


def _stated(one: dict[str, Any], names: Sequence[str], style: Style) -> str:
    listed = ", ".join(style.plain(name) for name in names)
    return f"{_state(one)}: {listed}" if listed else _state(one)


def _tags(one: dict[str, Any]) -> list[str]:
    """The tags of what was built."""
    return list(dict.fromkeys(name for build in _made(one) for name in build["tags"]))


def _untagged(one: dict[str, Any]) -> list[str]:
    """The beginnings of what was built and has no tag."""
    return list(dict.fromkeys(short_digest(build["digest"]) for build in _made(one) if not build["tags"]))


def _made(one: dict[str, Any]) -> list[dict[str, Any]]:
    return [build for build in one["built"] if build["result"] == "success" and build["digest"]]


_UNPROVEN = {"missing": "succeeded without", "untold": "not verified; the report does not tell of"}


def _proof(builds: dict[str, Any], page: _Page, *, verbose: bool) -> Block:
    """What was proven of the builds, with what they lack or do not tell; `verbose` adds the resolved versions."""
    lines = [line for kind in _UNPROVEN for line in _unproven(kind, builds["repositories"], page)]
    if verbose:
        lines.extend(line for one in builds["repositories"] for line in _versions(one, page))
    proven, of = builds["verified"]["proven"], builds["verified"]["of"]
    if of:
        # Scripts look for this line, so that it is the same for every number and width.
        lines.append(Text(f"verified: {proven} of {of} digests contain what was asked"))
    return lines


def _unproven(kind: str, followed: Iterable[dict[str, Any]], page: _Page) -> Iterator[RenderableType]:
    """The repositories whose builds lack something or do not tell of it; those of which the same is said together."""
    alike: dict[tuple[str, ...], list[str]] = {}
    for one in followed:
        found = tuple(dict.fromkeys(entry for build in one["built"] for entry in build[kind]))
        if found:
            alike.setdefault(found, []).append(token(one["repository"], page.style))
    role = Role.ERROR if kind == "missing" else Role.WARNING
    for entries, names in alike.items():
        told = f"{_UNPROVEN[kind]} {_listed(entries, page)}"
        if len(names) < _ALIKE_FROM:
            yield from (Hanging(Text(), Text.assemble((f"{name}:", role), f" {told}"), 2) for name in names)
        else:
            yield Hanging(Text(), Text.assemble((f"{repositories(len(names))}:", role), f" {told}"), 2)
            yield from page.names(names)


def _versions(one: dict[str, Any], page: _Page) -> Iterator[RenderableType]:
    versions = dict.fromkeys(f"{key}={value}" for build in one["built"] for key, value in build["versions"].items())
    if versions:
        yield Hanging(Text(), Text(f"{token(one['repository'], page.style)}: {_listed(versions, page)}"), 2)


def _listed(texts: Iterable[str], page: _Page) -> str:
    return ", ".join(map(page.style.plain, texts))


def _state(one: dict[str, Any]) -> str:
    told = _results(one) or _unseen(one["others"])
    if one["stage"] == "done":
        return told
    if one["stage"] == "superseded":
        return f"changed by somebody else since it was written: {told}"
    if one["stage"] == "unreported":
        return "no build report came"
    queue = f"; {_QUEUE[one['queue']]}" if one["queue"] in _QUEUE else ""
    return f"not finished: {told}{queue}"


def _unseen(others: int) -> str:
    if not others:
        return "no build seen"
    builds = "1 other build" if others == 1 else f"{others:,} other builds"
    return f"{builds} seen, none that shows what was written"


def _results(counts: dict[str, Any]) -> str:
    kinds = {"succeeded": "succeeded", "failed": "failed", "running": "running", "unknown": "ended, result unknown"}
    return ", ".join(f"{counts[kind]:,} {words}" for kind, words in kinds.items() if counts.get(kind))


def _failure(repository: str, failure: dict[str, Any], page: _Page) -> Block:
    after = "" if failure["seconds"] is None else f" after {duration(failure['seconds'])}"
    style = page.style
    # The command stands on a line of its own and unbroken, so that it can be copied.
    command = f"  reconciler logs {shlex.quote(style.plain(repository))} --build {_number(failure, style)}"
    tail = [page.quote(clean_line(text, style)) for text in failure["log_tail"]]
    title = _titled(repository, f"a build failed{after}; {_about_log(failure)}", page)
    return [title, *tail, Text(command, no_wrap=True, overflow="ignore")]


def _further(repository: str, failures: Sequence[dict[str, Any]], page: _Page) -> Block:
    """The failed builds of a repository whose logs were not read."""
    if not failures:
        return []
    number = "a build" if len(failures) == 1 else plural(len(failures), "build")
    numbers = [_number(failure, page.style) for failure in failures]
    title = _titled(repository, f"{number} failed; for a log, `reconciler logs` with --build and one of:", page)
    return [title, *page.names(numbers)]


def _number(failure: dict[str, Any], style: Style) -> str:
    """The last part of a report's id, by which `logs` finds it."""
    return style.plain(failure["id"].rpartition("/")[2])


def _about_log(failure: dict[str, Any]) -> str:
    lines, tail = failure["log_lines"], failure["log_tail"]
    if not tail:
        return "it left no log"
    return f"the last {len(tail)} of {lines:,} lines of its log:" if lines > len(tail) else "its log:"


def _notes(document: dict[str, Any]) -> Block:
    builds = document["builds"]
    notes = []
    command = f"`reconciler wait{' ' + document['run'] if document['run'] else ''}`"
    if document["interrupted"]:
        notes.append(_interrupted(document, command))
    if builds["timed_out"]:
        notes.append(f"Some builds did not finish in time; they go on, and {command} follows them.")
    if any(one["stage"] == Stage.SUPERSEDED for one in builds["repositories"]):
        notes.append(
            "What somebody else has changed meanwhile was left as it is; `reconciler plan` shows the difference."
        )
    if document["applied"] and not builds["waited"]:
        notes.append(f"The builds were not waited for; {command} follows them.")
    return [Text(note, Role.WARNING) for note in notes]


def _interrupted(document: dict[str, Any], command: str) -> str:
    """What an interruption stopped and what goes on without the program."""
    written = "Interrupted: the writes in progress were finished, and no more were started."
    if not document["builds"]["waited"]:
        return written
    count = document["builds"]["running"]
    if not count:
        return f"Interrupted. To follow the builds: {command}."
    is_, it = ("is", "it") if count == 1 else ("are", "them")
    return f"Interrupted. {plural(count, 'build')} {is_} still running; to follow {it}: {command}."


def _run(document: dict[str, Any]) -> Block:
    """What the run is recorded under, and what to do with that."""
    run, builds = document["run"], document["builds"]
    if run is None:
        return []
    unfinished = any(one["stage"] not in FINISHED for one in builds["repositories"])
    go_on = bool(document["applied"]) and (unfinished or not builds["waited"])
    does = f"`reconciler wait {run}` goes on" if go_on else f"`reconciler history {run}` shows it"
    return [Text(f"Run {run}: {does}.", Role.DIM)]


def not_attempted(reason: Skip) -> str:
    """Why nothing was sent for a step, as a whole."""
    return f"not attempted because {_SKIPS[reason]}"
