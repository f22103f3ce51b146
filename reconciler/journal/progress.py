"""What is known of the builds of a step, to JSON and back.

Of a build's configuration only what the step is about is kept: the entries with a key that the overlay before or after
has, the versions of the packages that were asked for among them. Matching and proof ask for nothing else, and a base
image brings hundreds more. Logs are not kept.
"""

from collections.abc import Mapping
from typing import Any, assert_never

from reconciler.core.builds import Build, BuildConfig, Progress, Result, Stage, Sync, Target
from reconciler.core.diff import Field, Item, Value, items_of
from reconciler.core.overlay import EMPTY, Group, PemFile, User
from reconciler.core.plan import Step
from reconciler.planfile import fields
from reconciler.planfile.fields import Malformed

Json = dict[str, Any]


def encode(progress: Progress) -> Json:
    """What is known of a followed repository."""
    watch = progress.target
    about = {(entry.field, entry.key) for side in (watch.before, watch.after) for entry in items_of(side)}
    return {
        "id": watch.id,
        "since": watch.since,
        "stage": progress.stage.value,
        "sync": progress.sync.value,
        "queue_seen": progress.queue_seen,
        "changed": progress.changed,
        "builds": [_build(build, about) for build in progress.builds],
    }


def decode(item: Mapping[str, Any], step: Step) -> Progress:
    """What was known of the builds of a step; raises `Malformed`."""
    watch = Target(
        repository=step.repository,
        id=fields.text(item, "id"),
        before=step.before or EMPTY,
        after=step.after or EMPTY,
        since=fields.number(item, "since"),
    )
    return Progress(
        target=watch,
        stage=fields.one_of(item, "stage", Stage),
        builds=fields.several(item, "builds", lambda one: _read_build(one, watch.id)),
        sync=fields.one_of(item, "sync", Sync),
        queue_seen=fields.flag(item, "queue_seen"),
        changed=fields.number(item, "changed"),
    )


def _build(build: Build, about: set[tuple[Field, str]]) -> Json:
    return {
        "id": build.id,
        "started": build.started,
        "ended": build.ended,
        "result": build.result.value,
        "config": _config(build.config, about),
        "locked": _config(build.locked, about),
        "digest": build.digest,
        "tags": build.tags,
        "warnings": build.warnings,
    }


def _read_build(item: Mapping[str, Any], repository_id: str) -> Build:
    return Build(
        id=fields.text(item, "id"),
        repository_id=repository_id,
        started=_optional_number(item, "started"),
        ended=_optional_number(item, "ended"),
        result=fields.one_of(item, "result", Result),
        config=_read_config(item, "config"),
        locked=_read_config(item, "locked"),
        digest=fields.text(item, "digest"),
        tags=fields.texts(item, "tags") if "tags" in item else (),
        warnings=fields.texts(item, "warnings"),
    )


def _optional_number(item: Mapping[str, Any], name: str) -> float | None:
    return None if item.get(name) is None else fields.number(item, name)


def _config(config: BuildConfig | None, about: set[tuple[Field, str]]) -> Json | None:
    if config is None:
        return None
    kept = sorted((entry for entry in config.entries if (entry.field, entry.key) in about), key=repr)
    return {
        "parts": sorted(part.value for part in config.parts),
        "entries": [{"part": one.field.value, "key": one.key, **_value(one.value)} for one in kept],
    }


def _value(value: Value) -> Json:
    match value:
        case str():
            return {"text": value}
        case tuple():
            return {"texts": value}
        case PemFile(name=name, pem=pem, text=text):
            return {"file": {"name": name, "pem": pem, "text": text}}
        case User():
            return {"user": {name: getattr(value, name) for name in _USER}}
        case Group(groupname=name, gid=gid, members=members):
            return {"group": {"name": name, "gid": gid, "members": members}}
        case _:
            assert_never(value)


_USER = ("username", "uid", "gid", "groupname", "shell", "homedir")


def _read_config(build: Mapping[str, Any], name: str) -> BuildConfig | None:
    if build.get(name) is None:
        return None
    item = fields.mapping(build, name)
    return BuildConfig(
        entries=frozenset(fields.several(item, "entries", _read_entry)),
        parts=frozenset(fields.one_of({"part": one}, "part", Field) for one in fields.texts(item, "parts")),
    )


def _read_entry(item: Mapping[str, Any]) -> Item:
    return Item(fields.one_of(item, "part", Field), fields.text(item, "key"), _read_value(item))


def _read_value(item: Mapping[str, Any]) -> Value:
    match item:
        case {"text": str(text)}:
            return text
        case {"texts": list()}:
            return fields.texts(item, "texts")
        case {"file": dict(file)}:
            return PemFile(name=fields.text(file, "name"), pem=fields.text(file, "pem"), text=fields.text(file, "text"))
        case {"user": dict(user)}:
            texts = {name: fields.text(user, name) for name in _USER if name not in ("uid", "gid")}
            gid = None if user.get("gid") is None else fields.whole(user, "gid")
            return User(uid=fields.whole(user, "uid"), gid=gid, **texts)
        case {"group": dict(group)}:
            return Group(
                groupname=fields.text(group, "name"),
                gid=fields.whole(group, "gid"),
                members=fields.texts(group, "members"),
            )
        case _:
            raise Malformed("an entry of a build has no value")
