"""Map rows of the journal to core values and back.

Of a build's configuration only the items relevant to the step are kept: those with a key that the overlay before or
after has, including the versions of requested packages. Matching and proof need nothing else, and a base image has
hundreds more. Logs are not kept.

Values are assembled field by field and then validated, strictly, against the core's types.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import fields
from functools import partial
from typing import Any, assert_never, cast

from pydantic import TypeAdapter

from reconciler.core.bindings import TagSelector
from reconciler.core.builds import Build, BuildConfig, Progress, Result, Stage, Sync, Target, count_results
from reconciler.core.diff import SECTION_OF, Field, Item, Value, items_of
from reconciler.core.overlay import EMPTY, SECTION_FIELDS, Group, Json, Overlay, PemFile, Section, User
from reconciler.core.runs import (
    Applied,
    Drifted,
    Failed,
    FailureKind,
    NotAttempted,
    Outcome,
    Run,
    RunHeader,
    RunKind,
    RunState,
    RunStep,
    RunSummary,
    Skip,
    Unchanged,
)
from reconciler.core.state import Organization
from reconciler.core.steps import AnyStep, BindingStep, Step, TagEffect
from reconciler.planfile.errors import Malformed
from reconciler.planfile.overlays import (
    SECTION_TYPES,
    STRICT,
    decode_overlay,
    decode_section,
    encode_overlay,
    encode_section,
    list_of,
    understood,
    whole_number,
)
from reconciler.planfile.steps import (
    EffectReader,
    decode_diagnostic,
    decode_selector,
    decode_step,
    encode_diagnostic,
    encode_effects,
    encode_selector,
)

RUN_COLUMNS = (
    "id, kind, user, host, tool_version, api, organization_id, organization_name, source, pid,"
    " started, ended, exit_code, interrupted"
)
STEP_COLUMNS = "body, repository_id, since, intended_at, outcome, progress"
_SUMMARIES = TypeAdapter(list[RunSummary], config=STRICT)
_STEPS = TypeAdapter(list[RunStep], config=STRICT)
_PROGRESS = TypeAdapter(list[Progress], config=STRICT)
_YEAR_10000 = 253_402_300_800


def decode_run(row: tuple[Any, ...], steps: Iterable[tuple[Any, ...]], *, running: bool) -> Run:
    """Return a run from its row (`RUN_COLUMNS`) and those of its steps (`STEP_COLUMNS`); raises `Malformed`."""
    known, rows = decode_summary(row, {}, {}, running=running), tuple(steps)
    effects = tuple(_decode_effects(rows))
    return Run(
        id=known.id,
        header=known.header,
        started=known.started,
        ended=known.ended,
        exit_code=known.exit_code,
        state=known.state,
        steps=tuple(decode_run_step(one) for one in rows if not str(one[0]).startswith(_TAGS)),
        effects=tuple(effect for effect, _ in effects),
        followed=tuple(_decode_followed(effect, known) for effect, known in effects if known is not None),
    )


# How the body begins of a row that is not of a step: of tags that get something else, and of what they get.
_TAGS = ('{"effect":', '{"config":')


def _decode_effects(rows: Iterable[tuple[Any, ...]]) -> Iterator[tuple[TagEffect, str | None]]:
    """Yield the effects with the progress of their builds as it is stored."""
    found = [(_loaded(row[0]), row[5]) for row in rows if str(row[0]).startswith(_TAGS)]
    reader = EffectReader()
    with understood():
        for item, _ in found:
            if "config" in item:
                reader.take_config(item["config"])
        yield from ((reader.effect(item["effect"]), known) for item, known in found if "effect" in item)


def _decode_followed(effect: TagEffect, known: str) -> Progress:
    with understood():
        target = partial(
            Target, repository=effect.repository, before=effect.before, after=effect.after, tags=effect.tags
        )
        return _PROGRESS.validate_python([_decode_progress(_loaded(known), target)])[0]


def decode_summary(
    row: tuple[Any, ...], outcomes: Mapping[str, int], builds: Mapping[Result, int], *, running: bool
) -> RunSummary:
    """Return a run from its row and the counts of its steps; raises `Malformed`."""
    id_, kind, user, host, tool, api, org_id, org_name, source, pid, started, ended, exit_code, interrupted = row
    with understood():
        summary = RunSummary(
            id=id_,
            header=RunHeader(
                kind=RunKind(kind),
                user=user,
                host=host,
                tool_version=tool,
                api=api,
                organization=Organization(id=org_id, name=org_name),
                source=source,
                pid=pid,
            ),
            started=_moment(started),
            ended=None if ended is None else _moment(ended),
            exit_code=exit_code,
            state=_state(ended, interrupted=bool(interrupted), running=running),
            outcomes=outcomes,
            builds=builds,
        )
        return _SUMMARIES.validate_python([summary])[0]


def decode_run_step(row: tuple[Any, ...]) -> RunStep:
    """Return a step of a run from its row; raises `Malformed`."""
    body, repository_id, since, intended_at, outcome, known = row
    with understood():
        item = _loaded(body)
        step = decode_step(item)
        decoded = RunStep(
            step=step,
            wave=whole_number(item.get("wave", 1)),
            repository_id=repository_id,
            since=since,
            intended_at=None if intended_at is None else _moment(intended_at),
            outcome=None if outcome is None else _decode_outcome(_loaded(outcome), step),
            progress=None if known is None else _decode_progress(_loaded(known), _target_of(step)),
        )
        return _STEPS.validate_python([decoded])[0]


def decode_counts(text: str | None, row: Callable[[], tuple[Any, ...]]) -> Mapping[Result, int]:
    """Return the builds of a step by result, decoding rows of earlier versions; raises `Malformed`."""
    with understood():
        if text is not None:
            return {Result(result): whole_number(count) for result, count in _loaded(text).items()}
        progress = decode_run_step(row()).progress
        return {} if progress is None else count_results(progress)


def encode_outcome(outcome: Outcome) -> Json:
    """Return the JSON of an outcome, without its step."""
    match outcome:
        case Applied(repository_id=id_, since=since, read_back=read_back):
            return {"outcome": "applied", "id": id_, "since": since, "read_back": read_back}
        case Unchanged():
            return {"outcome": "already-done"}
        case Drifted(now=now):
            return {
                "outcome": "stale",
                "now": encode_overlay(now) if isinstance(now, Overlay) else encode_selector(now),
            }
        case Failed(kind=kind, problem=problem):
            return {"outcome": "failed", "kind": kind.value, "problem": encode_diagnostic(problem)}
        case NotAttempted(reason=reason):
            return {"outcome": "not-attempted", "reason": reason.value}
        case _:
            assert_never(outcome)


def tag_rows(effects: Iterable[TagEffect]) -> Iterator[tuple[str, str]]:
    """Yield key and body of the rows of tags that overlays and bindings give something else, and of what they get.

    No step has such a key.
    """
    for item in encode_effects(effects):
        if "config" in item:
            yield f"config:{item['config']['key']}", dump(item)
        else:
            effect = item["effect"]
            yield f"tags:{effect['id']}:{','.join(effect['tags'])}", dump(item)


def tags_key(target: Target) -> str:
    """Return the key of the row of the tags of a target."""
    return f"tags:{target.id}:{','.join(target.tags)}"


def effect_of(target: Target) -> TagEffect:
    """Return what the tags of a target get."""
    return TagEffect(
        repository=target.repository, id=target.id, tags=target.tags, before=target.before, after=target.after
    )


def encode_progress(progress: Progress) -> Json:
    """Return the JSON of a followed repository's progress."""
    watch = progress.target
    about = {(entry.field, entry.key) for side in (watch.before, watch.after) for entry in items_of(side)}
    return {
        "id": watch.id,
        "since": watch.since,
        "stage": progress.stage.value,
        "sync": progress.sync.value,
        "queue_seen": progress.queue_seen,
        "changed": progress.changed,
        "counts": count_results(progress),
        "builds": [_encode_build(build, about) for build in progress.builds],
    }


def dump(value: Json) -> str:
    """Return the JSON text of a value in the journal."""
    return json.dumps(value, separators=(",", ":"))


def _state(ended: float | None, *, interrupted: bool, running: bool) -> RunState:
    if ended is not None:
        return RunState.INTERRUPTED if interrupted else RunState.ENDED
    return RunState.RUNNING if running else RunState.CRASHED


def _moment(value: float) -> float:
    """Return seconds since the epoch within the range of dates; raises `Malformed`."""
    if not 0 <= value < _YEAR_10000:
        raise Malformed("a time is out of range")
    return value


def _loaded(text: str) -> Json:
    found = json.loads(text)
    if not isinstance(found, dict):
        raise Malformed("a row is not an object")
    return found


def _decode_outcome(item: Mapping[str, Any], step: AnyStep) -> Outcome:
    match item["outcome"]:
        case "applied":
            return Applied(step=step, repository_id=item["id"], since=item["since"], read_back=item["read_back"])
        case "already-done":
            return Unchanged(step=step)
        case "stale":
            return Drifted(step=step, now=_decode_content(item["now"], step))
        case "failed":
            return Failed(step=step, kind=FailureKind(item["kind"]), problem=decode_diagnostic(item["problem"]))
        case "not-attempted":
            return NotAttempted(step=step, reason=Skip(item["reason"]))
        case other:
            raise Malformed(f"outcome is {other!r}")


def _decode_content(item: Mapping[str, Any] | None, step: AnyStep) -> Overlay | TagSelector | None:
    if item is None:
        return None
    return decode_selector(item) if isinstance(step, BindingStep) else decode_overlay(item)


def _target_of(step: AnyStep) -> Callable[..., Target]:
    if not isinstance(step, Step):
        raise Malformed("builds of something other than a repository")
    return partial(Target, repository=step.repository, before=step.before or EMPTY, after=step.after or EMPTY)


def _decode_progress(item: Mapping[str, Any], target: Callable[..., Target]) -> Progress:
    watch = target(id=item["id"], since=item["since"])
    return Progress(
        target=watch,
        stage=Stage(item["stage"]),
        builds=tuple(_decode_build(one, watch.id) for one in list_of(item, "builds")),
        sync=Sync(item["sync"]),
        queue_seen=item["queue_seen"],
        changed=item["changed"],
    )


def _encode_build(build: Build, about: set[tuple[Field, str]]) -> Json:
    return {
        "id": build.id,
        "started": build.started,
        "ended": build.ended,
        "result": build.result.value,
        "config": _encode_config(build.config, about),
        "locked": _encode_config(build.locked, about),
        "digest": build.digest,
        "tags": build.tags,
        "warnings": build.warnings,
    }


def _decode_build(item: Mapping[str, Any], repository_id: str) -> Build:
    return Build(
        id=item["id"],
        repository_id=repository_id,
        started=item.get("started"),
        ended=item.get("ended"),
        result=Result(item["result"]),
        config=_decode_config(item.get("config")),
        locked=_decode_config(item.get("locked")),
        digest=item["digest"],
        tags=tuple(list_of(item, "tags", str)),
        warnings=tuple(list_of(item, "warnings", str)),
    )


def _encode_config(config: BuildConfig | None, about: set[tuple[Field, str]]) -> Json | None:
    if config is None:
        return None
    kept = sorted((entry for entry in config.entries if (entry.field, entry.key) in about), key=repr)
    return {
        "parts": sorted(part.value for part in config.parts),
        "entries": [{"part": one.field.value, "key": one.key, **_encode_value(one)} for one in kept],
    }


def _decode_config(item: Mapping[str, Any] | None) -> BuildConfig | None:
    if item is None:
        return None
    return BuildConfig(
        entries=frozenset(Item(Field(one["part"]), one["key"], _decode_value(one)) for one in list_of(item, "entries")),
        parts=frozenset(Field(one) for one in list_of(item, "parts", str)),
    )


def _encode_value(item: Item) -> Json:
    value = item.value
    if SECTION_FIELDS.get(SECTION_OF.get(item.field, Section.PACKAGES)) in SECTION_TYPES:
        return {"section": encode_section(value)}
    match value:
        case str():
            return {"text": value}
        case tuple():
            return {"texts": value}
        case PemFile(name=name, pem=pem, text=text):
            return {"file": {"name": name, "pem": pem, "text": text}}
        case User():
            return {"user": {field.name: getattr(value, field.name) for field in fields(User)}}
        case Group(groupname=name, gid=gid, members=members):
            return {"group": {"name": name, "gid": gid, "members": members}}
        case _:
            raise TypeError(type(value))


def _decode_value(item: Mapping[str, Any]) -> Value:
    match item:
        case {"section": value, "part": part}:
            return cast("Value", decode_section(SECTION_FIELDS[SECTION_OF[Field(part)]], value))
        case {"text": str(text)}:
            return text
        case {"texts": list(texts)}:
            return tuple(texts)
        case {"file": dict(file)}:
            return PemFile(name=file["name"], pem=file["pem"], text=file["text"])
        case {"user": dict(user)}:
            gid = None if user.get("gid") is None else whole_number(user["gid"])
            known = {field.name: user[field.name] for field in fields(User) if field.name != "gid"}
            return User(**known | {"gid": gid, "uid": whole_number(user["uid"])})
        case {"group": dict(group)}:
            members = tuple(list_of(group, "members", str))
            return Group(groupname=group["name"], gid=whole_number(group["gid"]), members=members)
        case _:
            raise Malformed("an item of a build has no value")
