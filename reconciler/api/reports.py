"""From JSON to core values: build reports and the configurations in them, the work queue, tags."""

from collections.abc import Iterable
from functools import lru_cache

from reconciler.api import instants, json_text, wire
from reconciler.api.mapping import overlay_from_wire
from reconciler.api.recipes import recipe_from_configs
from reconciler.core.builds import Build, BuildConfig, Recipe, Result, Sync
from reconciler.core.diff import Field, Item, items_of
from reconciler.core.state import Unreadable

Json = dict[str, object]

_build = Build

_RESULTS = {"Success": Result.SUCCESS, "Failure": Result.FAILURE}

_SYNC = {"QUEUED": Sync.QUEUED, "IN_PROGRESS": Sync.IN_PROGRESS, "FAILED": Sync.FAILED}
_NOT_QUEUED = frozenset({None, "", 0, "UNKNOWN"})

# Where each part of an overlay stands in a configuration: the message that holds it ("" for none), its wire name, and
# the names that it goes by. Reports spell as apko's files do; the wire's own spelling is accepted as well.
_PLACES: tuple[tuple[Field, str, str, tuple[str, ...]], ...] = (
    (Field.PACKAGES, "contents", "packages", ("packages",)),
    (Field.RUNTIME_REPOSITORIES, "contents", "runtimeRepositories", ("runtime_repositories", "runtimeRepositories")),
    (Field.RUNTIME_KEYRING, "contents", "runtimeKeyring", ("runtime_keyring", "runtimeKeyring")),
    (Field.ENVIRONMENT, "", "environment", ("environment",)),
    (Field.ANNOTATIONS, "", "annotations", ("annotations",)),
    (Field.RUN_AS, "accounts", "runAs", ("run-as", "run_as", "runAs")),
    (Field.USERS, "accounts", "users", ("users",)),
    (Field.GROUPS, "accounts", "groups", ("groups",)),
    (Field.CERTIFICATES, "certificates", "additional", ("additional",)),
    (Field.PROVIDERS, "certificates", "providers", ("providers",)),
)
_ITEM_NAMES = {"username": "userName", "groupname": "groupName", "homedir": "homeDir"}


def build_from_wire(item: Json) -> Build:
    """A build report; raises `Malformed` where its id cannot be read."""
    id_ = wire.name(item.get("id"), "id")
    ended = instants.from_text(item.get("completedAt"))
    warnings = item.get("warnings")
    config, locked, recipe = configs_from_texts(_text(item.get("config")), _text(item.get("lockedConfig")))
    return _build(
        id=id_,
        repository_id=id_.rpartition("/")[0],
        started=instants.from_text(item.get("startedAt")),
        ended=ended,
        result=_result(item.get("result"), ended),
        config=config,
        locked=locked,
        recipe=recipe,
        digest=_text(item.get("digest")),
        warnings=tuple(one for one in warnings if isinstance(one, str)) if isinstance(warnings, list) else (),
        log=_text(item.get("log")),
    )


# A poll brings the same reports with the same configurations again and again.
@lru_cache(maxsize=2048)
def configs_from_texts(config: str, locked: str) -> tuple[BuildConfig | None, BuildConfig | None, Recipe | None]:
    """What a report says was asked for and what was locked, and the recipe; each None where it does not tell.

    Where the locked configuration does not speak of a part, what was asked for it stands, and the other way round.
    """
    asked_json, locked_json = _decoded(config), _decoded(locked)
    asked, found = _build_config(asked_json), _build_config(locked_json)
    recipe = recipe_from_configs(asked_json, locked_json)
    if asked is None or found is None:
        return asked or found, found, recipe
    return asked, _filled_up(found, asked), recipe


def _filled_up(locked: BuildConfig, asked: BuildConfig) -> BuildConfig:
    rest = frozenset(entry for entry in asked.entries if entry.field not in locked.parts)
    return BuildConfig(entries=locked.entries | rest, parts=locked.parts | asked.parts)


def config_from_text(text: str) -> BuildConfig | None:
    """The configuration that a report was built with; None where the report does not tell."""
    return _build_config(_decoded(text))


def _decoded(text: str) -> Json:
    """The JSON object of a text; an empty one for anything else."""
    try:
        config = json_text.decode(text.encode()) if text else None
    except ValueError:
        return {}
    return config if isinstance(config, dict) else {}


def _build_config(config: Json) -> BuildConfig | None:
    found: list[Item] = []
    parts: list[Field] = []
    for part, holder, wire_name, names in _PLACES:
        told = _told(config, part, holder, wire_name, names)
        if told is not None:
            found.extend(told)
            parts.append(part)
    return BuildConfig(entries=frozenset(found), parts=frozenset(parts)) if parts else None


def _told(config: Json, part: Field, holder: str, wire_name: str, names: Iterable[str]) -> list[Item] | None:
    """What a configuration says of one part; None where it says nothing, or nothing that can be understood."""
    section = config.get(holder) if holder else config
    if not isinstance(section, dict):
        return None
    name = next((name for name in names if name in section), None)
    if name is None:
        return None
    value = _respelt(section[name]) if part in (Field.USERS, Field.GROUPS) else section[name]
    overlay = overlay_from_wire({holder: {wire_name: value}} if holder else {wire_name: value})
    return None if isinstance(overlay, Unreadable) else list(items_of(overlay))


def _respelt(items: object) -> object:
    if not isinstance(items, list):
        return items
    return [
        {_ITEM_NAMES.get(key, key): value for key, value in item.items()} if isinstance(item, dict) else item
        for item in items
    ]


def sync_from_wire(item: Json) -> tuple[str, Sync]:
    """A repository and its place in the work queue; one that the API names without a state is not in it.

    A state that this version does not know counts as work in progress: what is not known to be over is not over.
    """
    state = wire.mapping(item.get("repoStatus"), "repoStatus").get("status")
    repository = wire.name(item.get("repoId"), "repoId")
    if not isinstance(state, str | int | None) or state in _NOT_QUEUED:
        return repository, Sync.IDLE
    return repository, _SYNC.get(str(state), Sync.IN_PROGRESS)


def tag_from_wire(item: Json) -> tuple[str, str]:
    """A digest and the name of a tag that points to it."""
    return wire.text(item.get("digest"), "digest"), wire.text(item.get("name"), "name")


def _result(value: object, ended: float | None) -> Result:
    # A result that this version does not know is neither success nor failure, and final once the build has ended.
    return _RESULTS.get(str(value), Result.RUNNING if ended is None else Result.UNKNOWN)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
