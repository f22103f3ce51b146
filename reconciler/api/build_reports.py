"""Build reports: mapping one, and listing all of them although their list has a single page.

The API takes a page size, may return fewer, and has no page token. A response that may be truncated is requested again
in two halves of its time span, and by repository if all reports started at the same moment. A server's limit is never
below what it has returned before, so only a response as long as the longest so far may be truncated.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from reconciler.api import json_text
from reconciler.api.answers import ReportAnswer
from reconciler.api.schema import OVERLAY_FIELDS, OverlayField, overlay_from_wire
from reconciler.core.builds import Build, BuildConfig, PackageConfig, Recipe, Result, make_recipe
from reconciler.core.diff import Field, Item, items_of
from reconciler.core.guarded import GUARDED, wrapper_items
from reconciler.core.overlay import Json
from reconciler.core.state import Unreadable

# The settings of the Guarded Entrypoint are not keys of a configuration.
_CONFIG_FIELDS = tuple(field for field in OVERLAY_FIELDS if field.field not in GUARDED)
_RESULTS = {"Success": Result.SUCCESS, "Failure": Result.FAILURE}

MOST_CALLS = 200
MOST_REPOSITORIES = 1000
# Halves of a time span overlap: whether its ends are inclusive is unknown.
_OVERLAP = 0.000_002
# A shorter time span is not split again.
_MOMENT = 0.001
# No server has a smaller limit, and so few reports may have started together.
_SMALLEST_LIMIT = 10
# A repository has 10 to 20 tags, and one build for each: more builds at one moment belong to several changes.
_MANY_TOGETHER = 50


class TooManyError(Exception):
    """There are more reports than a bounded number of calls can list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Reports to request: of one repository ("" for all), started at or after `since`, and before `before`."""

    since: float
    before: float | None = None
    repository: str = ""


Fetch = Callable[[Window], Sequence[Build]]


def build_from_wire(report: ReportAnswer) -> Build:
    """Return a build report as a core value."""
    config, locked, recipe = configs_from_texts(report.config, report.locked)
    return Build(
        id=report.id,
        repository_id=report.id.rpartition("/")[0],
        started=report.started,
        ended=report.ended,
        result=_result(report.result, report.ended),
        config=config,
        locked=locked,
        recipe=recipe,
        digest=report.digest,
        warnings=report.warnings,
        log=report.log,
    )


def _result(value: object, ended: float | None) -> Result:
    # An unknown result is neither success nor failure, and final once the build has ended.
    return _RESULTS.get(str(value), Result.RUNNING if ended is None else Result.UNKNOWN)


# Every poll returns the same reports with the same configurations.
@lru_cache(maxsize=2048)
def configs_from_texts(config: str, locked: str) -> tuple[BuildConfig | None, BuildConfig | None, Recipe | None]:
    """Return the requested and the locked configuration of a report, and the recipe; each None if absent.

    A field that one of the configurations lacks is taken from the other.
    """
    asked_json, locked_json = _decoded(config), _decoded(locked)
    asked, found = _build_config(asked_json), _build_config(locked_json)
    recipe = _recipe(asked_json, locked_json)
    if asked is None or found is None:
        return asked or found, found, recipe
    rest = frozenset(item for item in asked.entries if item.field not in found.parts)
    return asked, BuildConfig(entries=found.entries | rest, parts=found.parts | asked.parts), recipe


def _decoded(text: str) -> Json:
    """Return the JSON object of a text; an empty one for anything else."""
    try:
        config = json_text.decode(text.encode()) if text else None
    except ValueError:
        return {}
    return config if isinstance(config, dict) else {}


def _build_config(config: Json) -> BuildConfig | None:
    found: list[Item] = []
    fields: list[Field] = []
    for field in _CONFIG_FIELDS:
        items = _items(config, field)
        if items is not None:
            found.extend(items)
            fields.append(field.field)
    wrapper = _wrapper_items(config)
    found.extend(wrapper)
    fields.extend(item.field for item in wrapper)
    return BuildConfig(entries=frozenset(found), parts=frozenset(fields)) if fields else None


def _wrapper_items(config: Json) -> tuple[Item, ...]:
    """Return the Guarded Entrypoint in a configuration, as items of an overlay."""
    environment, entrypoint = config.get("environment"), config.get("entrypoint")
    variables = environment if isinstance(environment, Mapping) else {}
    command = entrypoint.get("command") if isinstance(entrypoint, Mapping) else entrypoint
    program = command[0] if isinstance(command, list) and command else command
    return wrapper_items({name: str(value) for name, value in variables.items()}, str(program or ""))


def _items(config: Json, field: OverlayField) -> Iterable[Item] | None:
    """Return the items of one field in a configuration; None if it is absent or malformed."""
    section = config.get(field.holder) if field.holder else config
    name = field.name_in(section) if isinstance(section, dict) else None
    if name is None or not isinstance(section, dict):
        return None
    value = {name: section[name]}
    overlay = overlay_from_wire({field.holder: value} if field.holder else value)
    return None if isinstance(overlay, Unreadable) else items_of(overlay)


def _recipe(asked: Json, locked: Json) -> Recipe | None:
    """Return the recipe of a build; None without a configuration; a missing lock is empty."""
    exact = _package_config(locked)
    config = _package_config(asked) or exact
    return make_recipe(config, exact.packages if exact else ()) if config else None


def _package_config(found: Json) -> PackageConfig | None:
    contents = found.get("contents")
    if not isinstance(contents, Mapping):
        return None
    return PackageConfig(
        packages=_texts(contents, "packages"),
        repositories=_texts(contents, "repositories"),
        build_repositories=_texts(contents, "build_repositories", "buildRepositories"),
        runtime_repositories=_texts(contents, "runtime_repositories", "runtimeRepositories"),
        keyring=_texts(contents, "keyring"),
        archs=_texts(found, "archs"),
    )


def _texts(holder: Mapping[str, object], *names: str) -> tuple[str, ...]:
    found = next((holder[name] for name in names if isinstance(holder.get(name), list)), None)
    return tuple(one for one in found if isinstance(one, str)) if isinstance(found, list) else ()


class ReportLister:
    """Lists reports completely; remembers the longest response, and the last list found to be complete.

    `fetch` requests the reports of a window. `repositories` returns the ids of all repositories.
    """

    def __init__(self, fetch: Fetch, repositories: Callable[[], Sequence[str]]) -> None:
        self._fetch = fetch
        self._repositories = repositories
        self._longest = 1
        self._whole: Mapping[str, Build] = {}
        self._calls = 0

    def list_builds(self, since: float) -> tuple[Build, ...]:
        """Return every report since a time, each once; raises `TooManyError`, and the errors of `fetch`."""
        self._calls = 0
        found: dict[str, Build] = {}
        todo: list[tuple[Window, Sequence[Build]]] = [(Window(since=since), ())]
        while todo:
            window, parent = todo.pop()
            known_limit = self._longest
            builds = self._list(window)
            found.update((build.id, build) for build in builds)
            if len(builds) >= known_limit and len(builds) > 1 and not self._was_complete(builds):
                todo += [(part, builds) for part in self._parts(window, builds, parent)]
        self._whole = found
        return tuple(found.values())

    def _list(self, window: Window) -> Sequence[Build]:
        self._calls += 1
        if self._calls > MOST_CALLS + (MOST_REPOSITORIES if window.repository else 0):
            raise TooManyError
        builds = self._fetch(window)
        self._longest = max(self._longest, len(builds))
        return builds

    def _was_complete(self, builds: Sequence[Build]) -> bool:
        """Return whether an earlier complete response had the same reports."""
        return self._whole == {build.id: build for build in builds}

    def _parts(self, window: Window, builds: Sequence[Build], parent: Sequence[Build]) -> Iterable[Window]:
        # If half of the time span returns all reports of the whole, splitting does not help.
        halves = () if _same(builds, parent) else _halves(window, builds)
        if halves or len(builds) < _SMALLEST_LIMIT:
            return halves
        if window.repository:
            if len(builds) < _MANY_TOGETHER:
                return ()
            raise TooManyError
        if len(self._list(Window(since=0.0))) > len(builds):
            return ()
        return self._by_repository(window)

    def _by_repository(self, window: Window) -> Iterator[Window]:
        ids = self._repositories()
        if len(ids) > MOST_REPOSITORIES:
            raise TooManyError
        return (Window(since=window.since, before=window.before, repository=one) for one in ids)


def _same(some: Collection[Build], others: Collection[Build]) -> bool:
    return len(some) == len(others) and {one.id for one in some} == {one.id for one in others}


def _halves(window: Window, builds: Sequence[Build]) -> tuple[Window, ...]:
    """Split a window at the median of its reports; return none if they all started at the same moment."""
    starts = sorted(build.started for build in builds if build.started is not None)
    if not starts or starts[-1] - starts[0] < _MOMENT:
        return ()
    middle = starts[len(starts) // 2]
    if min(middle - starts[0], starts[-1] - middle) < _MOMENT / 3:
        middle = (starts[0] + starts[-1]) / 2
    return (
        Window(since=window.since, before=middle + _OVERLAP, repository=window.repository),
        Window(since=middle - _OVERLAP, before=window.before, repository=window.repository),
    )
