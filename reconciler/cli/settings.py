"""Values of options that are not on the command line: from the environment, else from a settings file, else built in.

A settings file is `reconciler.toml`, or the table `[tool.reconciler]` of a `pyproject.toml`, beside the manifests. The
organization of the environment or of a file is used only where neither `--org` nor the manifest names one: what was
reviewed in a manifest is not redirected by a variable.
"""

import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from reconciler.api import API_URL
from reconciler.cli.context import Context, Setting
from reconciler.cli.errors import CommandFailed
from reconciler.cli.flags import COLORS
from reconciler.cli.options import Options
from reconciler.diagnostics import Diagnostic, Place, nearest

DEFAULT_MANIFEST = "manifests"
# A settings file is a page at the most.
_LARGEST = 1 << 20


def _text(value: object) -> bool:
    return isinstance(value, str) and bool(value)


def _count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 10**9


# What a file may set: the test of a value, and what to write.
_KEYS: Mapping[str, tuple[Callable[[object], bool], str]] = {
    "api": (_text, 'text, such as "emulator"'),
    "org": (_text, 'text, such as "example.com"'),
    "parallelism": (_count, "a whole number from 1 upwards"),
    "color": (lambda value: value in COLORS, f"one of {', '.join(COLORS)}"),
    "wait": (lambda value: isinstance(value, bool), "true or false"),
    "journal": (_text, 'a URL, such as "s3://bucket/path"'),
}
_VARIABLES = {
    "api": "RECONCILER_API",
    "org": "RECONCILER_ORG",
    "manifest": "RECONCILER_MANIFEST",
    "journal": "RECONCILER_JOURNAL",
}
_DEFAULTS = {
    "api": API_URL,
    "org": None,
    "parallelism": 10,
    "color": "auto",
    "wait": True,
    "manifest": DEFAULT_MANIFEST,
    "journal": None,
}


def resolve(options: Options, ctx: Context) -> dict[str, Setting]:
    """Fill the options that were not given, and return each setting with its source.

    Raises `CommandFailed` for a settings file that is wrong.
    """
    given = {name: getattr(options, name, None) for name in _DEFAULTS}
    given["manifest"] = given["manifest"] or getattr(options, "path", None)
    manifest = _setting("manifest", given["manifest"], ctx, {}, None)
    file, table = _read(Path(manifest.value).parent)
    found = {name: _setting(name, given[name], ctx, table, file) for name in _KEYS} | {"manifest": manifest}
    for name in ("api", "parallelism", "color", "wait", "journal"):
        setattr(options, name, found[name].value)
    options.manifest = manifest.value if isinstance(manifest.value, Path) else Path(manifest.value)
    if options.command not in ("show", "emulator"):
        options.path = options.manifest
    return found


def _setting(name: str, given: Any, ctx: Context, table: Mapping[str, Any], file: Path | None) -> Setting:
    if given is not None:
        return Setting(given, f"--{name}")
    variable = _VARIABLES.get(name)
    if variable is not None and ctx.environ.get(variable):
        return Setting(ctx.environ[variable], variable)
    if name in table:
        return Setting(table[name], str(file))
    return Setting(_DEFAULTS[name], "default")


def _read(folder: Path) -> tuple[Path | None, Mapping[str, Any]]:
    """Return the settings file of a folder and its checked table; raises `CommandFailed`."""
    for file, table in _tables(folder):
        for key, value in table.items():
            if key not in _KEYS:
                near = nearest(key, _KEYS)
                hint = f"did you mean {' or '.join(near)}?" if near else f"known settings: {', '.join(_KEYS)}"
                raise _wrong(file, f'unknown setting "{key}"', hint)
            right, means = _KEYS[key]
            if not right(value):
                raise _wrong(file, f'invalid value of "{key}"', f"write {means}")
        return file, table
    return None, {}


def _tables(folder: Path) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    own, project = folder / "reconciler.toml", folder / "pyproject.toml"
    if own.is_file():
        yield own, _load(own)
    elif project.is_file():
        tool = _load(project).get("tool")
        table = tool.get("reconciler") if isinstance(tool, dict) else None
        if isinstance(table, dict):
            yield project, table


def _load(file: Path) -> Mapping[str, Any]:
    try:
        if file.stat().st_size > _LARGEST:
            raise _wrong(file, "the file is too large for settings", "remove what is not a setting")
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise _wrong(file, f"cannot read the settings: {error}", "write it as TOML") from None


def _wrong(file: Path, summary: str, hint: str) -> CommandFailed:
    return CommandFailed.from_problems(
        Diagnostic(code="bad-settings", summary=summary, hint=hint, place=Place(file=str(file)))
    )
