"""The options object that commands read, the options that several commands share, and the types of their values."""

import argparse
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from reconciler.cli import flags
from reconciler.cli.flags import CommaList


class Options(argparse.Namespace):
    """Parsed command line; each command reads its own attributes."""

    command: str
    subcommand: str
    api: str | None
    api_version: Literal["v1", "v2", "auto"]
    journal: str | None
    org: str | None
    format: list[str]
    color: str
    verbose: bool
    debug: bool
    parallelism: int  # filled by `settings`, as api, org, color, wait, path and manifest are
    max_rps: float | None
    path: Path
    manifest: Path
    detailed_exitcode: bool
    show_unchanged: bool
    yes: bool
    wait: bool
    wait_timeout: float
    repo_timeout: float | None
    on_error: Literal["continue", "stop"]
    batch: str | None
    max_failed: int | None
    run: str | None
    repositories: list[str]
    build: str | None
    since: float | datetime
    result: list[str]
    limit: int | None
    follow: bool
    tag: str | None
    tail: int | None
    host: str
    port: int
    faults: Path | None
    state: Path | None
    repo: list[str]
    exclude: list[str]
    prune: bool
    max_removal: float | None
    check_packages: bool
    resolve: bool | None
    redact: bool
    base: Path | None
    against: Path | None
    output: Path | None
    folder: Path | None
    split: Literal["repository", "folder"] | None
    check: bool
    topic: list[str]
    shell: str
    failed: bool
    diff: bool


# Nothing lasts longer, and clocks and calendars still know what to do with it.
_LONGEST = 10 * 365 * 86400
_MOST_DIGITS = 9
_DURATION = re.compile(r"(?:([0-9]{1,12})d)?(?:([0-9]{1,12})h)?(?:([0-9]{1,12})m)?(?:([0-9]{1,12})s?)?")
_SHARE = re.compile(r"(\d{1,3}(?:\.\d+)?) ?%")
_DATE = re.compile(r"[0-9]{4}-")
_HIGHEST_PORT = 65535
_EARLIEST, _LATEST = 1970, 9998


def duration(text: str) -> float:
    """Return seconds from `90`, `90s`, `5m`, `1h30m`, `2d`."""
    match = _DURATION.fullmatch(text.strip())
    if match is None or not any(match.groups()):
        if flags.NEGATIVE.match(text.strip()):
            raise argparse.ArgumentTypeError(f'duration "{text}" is negative (examples: 90s, 20m, 1h30m, 2d)')
        raise argparse.ArgumentTypeError(f'invalid duration "{text}" (examples: 90s, 20m, 1h30m, 2d)')
    days, hours, minutes, seconds = (int(group or 0) for group in match.groups())
    found = days * 86400 + hours * 3600 + minutes * 60 + seconds
    if found > _LONGEST:
        raise argparse.ArgumentTypeError(f'"{text[:40]}" is too long: at most ten years (3650d)')
    return float(found)


def point_in_time(text: str) -> float | datetime:
    """Return how long ago in seconds, or a point in time: a date or an RFC 3339 time, in UTC where it names no zone."""
    if _DATE.match(text.strip()) is None:
        return duration(text)
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        wrong = f'invalid time "{text}" (examples: 24h, 2026-11-20, 2026-11-20T09:30:00Z)'
        raise argparse.ArgumentTypeError(wrong) from None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    if not _EARLIEST <= moment.year <= _LATEST:
        raise argparse.ArgumentTypeError(f'"{text}" is out of range: write a time from {_EARLIEST} to {_LATEST}')
    return moment


# What `-` stands for: known by identity, so that a file of such a name is still a file.
STDIN, STDOUT, STDERR = Path("<stdin>"), Path("<stdout>"), Path("<stderr>")


def input_path(text: str) -> Path:
    """Return the path of a file or folder to read; `-` is standard input."""
    if not text:
        raise argparse.ArgumentTypeError('"" is not a path')
    return STDIN if text == "-" else Path(text)


def output_path(text: str) -> Path:
    """Return the path of a file to write; `-` is standard output."""
    return STDOUT if text == "-" else file_path(text)


def file_path(text: str) -> Path:
    """Return the path of a file or folder to write; standard output cannot be one."""
    if text in ("", "-"):
        raise argparse.ArgumentTypeError(f'"{text}" is not a file: it cannot go to standard output')
    return Path(text)


def positive(text: str) -> int:
    """Return a whole number from 1 upwards."""
    if not _whole(text) or int(text) < 1:
        raise argparse.ArgumentTypeError(f'"{text}" is not a whole number from 1 upwards')
    return int(text)


def count(text: str) -> int:
    """Return a whole number from 0 upwards."""
    if not _whole(text):
        raise argparse.ArgumentTypeError(f'"{text}" is not a whole number from 0 upwards')
    return int(text)


def _whole(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS


def labels(text: str) -> str:
    """Return labels as they are written, `KEY=VALUE` with commas between several."""
    for one in filter(None, text.split(",")):
        if not all(one.partition("=")[::2]):
            raise argparse.ArgumentTypeError(f'"{one}" is not a label (example: tier=canary)')
    return text


def port(text: str) -> int:
    """Return a port to listen on; 0 takes any free one."""
    if not _whole(text) or int(text) > _HIGHEST_PORT:
        raise argparse.ArgumentTypeError(f'"{text}" is not a port (0 to {_HIGHEST_PORT}; 0 takes any free one)')
    return int(text)


def share(text: str) -> float:
    """Return a share from 0 to 1, written in percent."""
    match = _SHARE.fullmatch(text.strip())
    if match is None or float(match[1]) > 100:  # noqa: PLR2004 - all of it
        raise argparse.ArgumentTypeError(f'"{text}" is not a share (example: 30%)')
    return float(match[1]) / 100


def add_path(parser: argparse._ActionsContainer, means: str = "a manifest file or a folder of them") -> None:
    """Add the path of the manifest."""
    means = f"{means}, or - for standard input (environment: RECONCILER_MANIFEST; default: manifests/)"
    parser.add_argument("path", nargs="?", type=input_path, metavar="PATH", help=means)


def add_manifest(parser: argparse._ActionsContainer) -> None:
    """Add the path of the manifest that names the organization."""
    parser.add_argument(
        "--manifest",
        type=input_path,
        metavar="PATH",
        help="the manifest that names the organization (environment: RECONCILER_MANIFEST; default: manifests/)",
    )


def add_since(parser: argparse._ActionsContainer) -> None:
    """Add the start of the time range."""
    parser.add_argument(
        "--since",
        type=point_in_time,
        default=86400.0,
        metavar="TIME",
        help="how far to look back, or a start time (examples: 24h, 2026-11-20; default: 24h)",
    )


def add_show_unchanged(parser: argparse._ActionsContainer) -> None:
    """Add the option to list unchanged repositories."""
    parser.add_argument("--show-unchanged", action="store_true", help="also list unchanged repositories")


def add_selection(parser: argparse._ActionsContainer) -> None:
    """Add the options that select repositories of the manifest."""
    parser.add_argument(
        "--repo",
        "--target",
        action=CommaList,
        default=[],
        metavar="GLOB",
        help="only repositories that match this name, folder/name or glob; repeatable",
    )
    parser.add_argument(
        "--exclude",
        action=CommaList,
        default=[],
        metavar="GLOB",
        help="exclude repositories that match; repeatable",
    )
    parser.add_argument(
        "--label",
        action=CommaList,
        type=labels,
        default=[],
        metavar="KEY=VALUE",
        help="only repositories with this label; repeatable",
    )
    parser.add_argument(
        "--owner",
        action=CommaList,
        default=[],
        metavar="NAME",
        help="only repositories of this owner; repeatable",
    )
    parser.add_argument(
        "--file",
        action=CommaList,
        default=[],
        metavar="GLOB",
        help="only repositories that a matching file of the manifest names; repeatable",
    )


def add_planning(parser: argparse._ActionsContainer) -> None:
    """Add selection, pruning, guard and checks."""
    add_selection(parser)
    parser.add_argument(
        "--take-over", action="store_true", help="allow to write repositories that another owner's run wrote last"
    )
    parser.add_argument(
        "--skip-blocked",
        action="store_true",
        help="leave out repositories with errors, and apply the others (apply then exits with 3)",
    )
    parser.add_argument(
        "--prune", action="store_true", help="reset customized repositories that the manifest does not name"
    )
    parser.add_argument(
        "--prune-overlays",
        action="store_true",
        help="unbind and delete overlays that the manifest does not name",
    )
    parser.add_argument(
        "--max-removal",
        type=share,
        metavar="SHARE",
        help="maximum share of repositories that may lose something (default: from the manifest, else 30%%)",
    )
    parser.add_argument("--no-check", dest="check_packages", action="store_false", help="do not check the packages")
    parser.add_argument(
        "--resolve",
        action=argparse.BooleanOptionalAction,
        help="check with the API that the packages of each change can be installed together (default: yes)",
    )


def add_file(parser: argparse._ActionsContainer, does: str, *, required: bool = False) -> None:
    """Add the output file."""
    names = ("-o", "--output", "--out", "-out")  # the last two are what users of Terraform type
    parser.add_argument(*names, dest="output", type=output_path, metavar="FILE", required=required, help=does)


def add_yes(parser: argparse._ActionsContainer, means: str) -> None:
    """Add the option that answers the question in advance."""
    parser.add_argument("-y", "--yes", "--auto-approve", dest="yes", action="store_true", help=means)


def add_run(parser: argparse._ActionsContainer, means: str, *, optional: bool = False) -> None:
    """Add the recorded run."""
    parser.add_argument("run", nargs="?" if optional else None, metavar="RUN", help=means)


def add_execution(parser: argparse._ActionsContainer) -> None:
    """Add the options of applying a plan."""
    add_yes(parser, "apply without a prompt")
    parser.add_argument("--wait", action=argparse.BooleanOptionalAction, help="wait for the builds (default: yes)")
    add_rollout(parser)


def add_rollout(parser: argparse._ActionsContainer) -> None:
    """Add the options of writing a plan that is approved, and of following its builds."""
    add_limits(parser)
    parser.add_argument("--parallelism", type=positive, metavar="N", help="number of parallel writes (default: 10)")
    parser.add_argument(
        "--on-error",
        choices=("continue", "stop"),
        default="continue",
        help="after a failed write, continue with the others or start no more (default: continue)",
    )
    parser.add_argument(
        "--max-failed",
        type=count,
        metavar="N",
        help="number of failed repositories allowed before the next wave is held back (default: 0)",
    )
    parser.add_argument(
        "--soak", type=duration, metavar="TIME", help="how long to wait between two waves (examples: 90s, 30m)"
    )
    parser.add_argument(
        "--pause-after",
        type=positive,
        metavar="N",
        help="end the run after wave N; `reconciler resume` continues with the next one",
    )
    parser.add_argument(
        "--on-wave-failure",
        choices=("hold", "revert"),
        default="hold",
        help="after a failed wave, hold the rest back, or also restore the repositories of the wave (default: hold)",
    )


def add_batch(parser: argparse._ActionsContainer) -> None:
    """Add the waves of a run."""
    parser.add_argument(
        "--batch",
        metavar="SIZES",
        help="write in waves of counts, percentages or labels, each after the builds of the previous one succeeded "
        "(examples: 1,10%%,rest; tier=canary,rest)",
    )


def add_limits(parser: argparse._ActionsContainer) -> None:
    """Add the time limits of following builds."""
    parser.add_argument(
        "--wait-timeout",
        type=duration,
        default=3600.0,
        metavar="TIME",
        help="how long to wait for the builds (examples: 90s, 20m; default: 60m)",
    )
    parser.add_argument(
        "--repo-timeout",
        type=duration,
        metavar="TIME",
        help="how long to wait for the builds of one repository (default: the whole wait)",
    )
