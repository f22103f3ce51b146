"""`reconciler init`: a commented first manifest, from the names of the organization's repositories."""

import json
import re
import shlex
from pathlib import Path

from reconciler.cli import flags, inputs
from reconciler.cli import options as shared
from reconciler.cli.client import EMULATOR, api_name, open_reader
from reconciler.cli.context import Context
from reconciler.cli.errors import CommandFailed
from reconciler.cli.exit_codes import ExitCode
from reconciler.cli.options import Options
from reconciler.cli.parser import Parser
from reconciler.core.overlay import Overlay
from reconciler.core.state import Directory, Live
from reconciler.manifest.writing.folder import write_files

_FILE = "manifest.yaml"
# The organization that the emulator starts with.
_EMULATED = "example.com"
_MOST_NAMES = 40
_PLAIN = re.compile(r"/?[a-z][a-z0-9._/-]*")

_MANIFEST = """\
# What the repositories of {organization} should have. `reconciler plan` shows what would change; nothing
# changes before `reconciler apply` has asked. A section that an entry does not mention is left unchanged.
organization: {organization}

# Added to every repository below:
# defaults:
#   annotations: {{com.example.team: platform}}

# Named overlays, for entries to use:
# profiles:
#   debug:
#     packages: [bash, curl, jq]

repositories: {{}}
# To manage a repository, remove the # from its lines (and the {{}} above, where it is still there):
{entries}
"""


def configure(parser: Parser) -> None:
    """Declare the options."""
    parser.add_argument(
        "-o",
        dest="folder",
        type=shared.file_path,
        metavar="DIR",
        help="the folder that the manifest goes into (default: manifests)",
    )
    flags.add_connection(parser)
    flags.add_common(parser)


def execute(options: Options, ctx: Context) -> int:
    """Write the manifest and print what to type next; never replaces a manifest."""
    target = options.manifest if options.folder is None else options.folder
    if target.exists() and (not target.is_dir() or any(_looks_like_yaml(path) for path in target.iterdir())):
        raise CommandFailed(
            "manifest-exists",
            f"{target} already holds a manifest",
            "choose another folder with -o DIR, or check the one that is there with `reconciler validate`",
        )
    organization = _organization(options, ctx)
    with open_reader(options, ctx) as client:
        live = inputs.read_live(organization, client, options, ctx)
    try:
        target.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CommandFailed(
            "not-written", f"cannot create {target}: {error.strerror}", "choose another folder"
        ) from None
    written = write_files(target, {_FILE: _manifest(organization, live)}, before={})
    if written.problem:
        raise CommandFailed("not-written", written.problem, "choose another folder with -o DIR")
    ctx.stdout.write(_next_steps(target, live, ctx))
    return ExitCode.DONE


def _looks_like_yaml(path: Path) -> bool:
    return path.suffix.lower() in (".yaml", ".yml")


def _organization(options: Options, ctx: Context) -> str:
    found: str | None = options.org or ctx.settings["org"].value
    if found is None and api_name(options) == EMULATOR:
        found = _EMULATED
    if found is None:
        raise CommandFailed(
            "no-organization",
            "the organization is not known",
            "name it with --org example.com, or try it out with --api emulator",
        )
    return found


def _manifest(organization: str, live: Live) -> str:
    labels = sorted(Directory(live).labels())
    examples = ["packages: [curl, jq]", "environment: {LOG_LEVEL: info}"]
    entries = []
    for number, label in enumerate(labels[:_MOST_NAMES]):
        entries.append(f"#   {_key(label)}:")
        entries += [f"#     {example}" for example in (examples if number == 0 else examples[:1])]
    if len(labels) > _MOST_NAMES:
        entries.append(f"#   # … and {len(labels) - _MOST_NAMES:,} more: see `reconciler repos`")
    return _MANIFEST.format(organization=_key(organization), entries="\n".join(entries))


def _key(name: str) -> str:
    return name if _PLAIN.fullmatch(name) else json.dumps(name)


def _next_steps(target: Path, live: Live, ctx: Context) -> str:
    setting = ctx.settings["api"]
    api = f" --api {shlex.quote(setting.value)}" if setting.source == "--api" else ""
    path = "" if str(target) == "manifests" else f" {shlex.quote(str(target))}"
    customized = any(one.overlay != Overlay() for one in live.repositories)
    imported = f"  reconciler import -o {shlex.quote(str(target))}{api}\n      to add the customizations of today\n"
    return (
        f"Wrote {target / _FILE}.\n\nNext:\n"
        f"  edit {target / _FILE}\n"
        f"{imported if customized else ''}"
        f"  reconciler plan{path}{api}\n      to see what would change\n"
        f"  reconciler apply{path}{api}\n      to confirm it, write it, and wait for the builds\n"
    )
