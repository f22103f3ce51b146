"""`reconciler comment`: one comment on a pull request, or one issue about drift, on GitHub or GitLab; it is updated."""

import json
import re
import ssl
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from reconciler import __version__
from reconciler.api import tls
from reconciler.api.code_hosts import (
    CodeHost,
    CodeHostError,
    Texts,
    github_comments,
    github_issues,
    gitlab_issues,
    gitlab_notes,
)
from reconciler.cli import flags
from reconciler.cli import options as shared
from reconciler.cli.context import Context
from reconciler.cli.errors import CommandFailed
from reconciler.cli.exit_codes import ExitCode
from reconciler.cli.options import Options
from reconciler.cli.output import print_problems
from reconciler.cli.parser import Parser
from reconciler.diagnostics import Severity
from reconciler.views import drift, plan_markdown

_GITHUB_REF = re.compile(r"refs/pull/([0-9]{1,9})/")


def configure(parser: Parser) -> None:
    """Declare the options."""
    parser.add_argument(
        "path",
        type=shared.input_path,
        metavar="FILE",
        help="the output of `plan`, `apply` or `drift` with `--format json`, or - for standard input",
    )
    parser.add_argument(
        "--pull-request", type=shared.positive, metavar="N", help="its number (default: from the CI system's variables)"
    )
    parser.add_argument("--strict", action="store_true", help="exit 1 when the comment could not be posted")
    flags.add_common(parser)


def execute(options: Options, ctx: Context) -> int:
    """Post or update the comment or the issue; a failure to post is a warning, with `--strict` an error."""
    result = _read(options.path, ctx)
    try:
        texts = _texts(result, options.pull_request, ctx.environ)
        text = result.render(min(plan_markdown.LIMIT, texts.longest))
        marker = text.partition("\n")[0]
        with CodeHost(texts, _tls(ctx), user_agent=f"reconciler/{__version__}", sleep=_sleeper(ctx)) as host:
            done = host.close_issue(marker) if result.over else host.put(marker, text, title=result.title)
    except CodeHostError as error:
        severity = Severity.ERROR if options.strict else Severity.WARNING
        print_problems((replace(error.diagnostic, severity=severity),), options, ctx)
        return ExitCode.ERROR if options.strict else ExitCode.DONE
    ctx.stdout.write(f"{'Issue' if result.title else 'Comment'} {done}.\n")
    return ExitCode.DONE


@dataclass(frozen=True, slots=True, kw_only=True)
class _Result:
    """Text to post: `title` of an issue, "" for a comment; `over` if the issue is to be closed."""

    render: Callable[[int], str]
    title: str = ""
    over: bool = False


def _read(path: Path, ctx: Context) -> _Result:
    """Return the result that the file holds; raises `CommandFailed`."""
    try:
        text = ctx.read_stdin().decode() if path is shared.STDIN else path.read_text(encoding="utf-8")
    except (OSError, UnicodeError) as error:
        raise CommandFailed(
            "file-not-read", f"cannot read {path}: {getattr(error, 'strerror', None) or 'it is not UTF-8'}", "check it"
        ) from None
    try:
        result = _result(_documents(text))
        result.render(plan_markdown.LIMIT)
    except (ValueError, KeyError, TypeError, IndexError, AttributeError):
        raise CommandFailed(
            "not-a-result",
            f"{path} is not the JSON of a plan, of an apply or of drift",
            "write it with `reconciler plan --format json=plan.json`; the same with `apply` and `drift`",
        ) from None
    return result


def _result(found: list[Any]) -> _Result:
    if len(found) == 1 and "drift" in found[0]:
        title = f"Drift of {found[0]['organization']['name']}"
        return _Result(
            render=lambda limit: drift.render_markdown(found[0])[:limit], title=title, over=not found[0]["drift"]
        )
    plan: Any = next((one["plan"] for one in found if one.get("type") == "plan"), found[0] if len(found) == 1 else {})
    summary = next((one for one in reversed(found) if one.get("type") == "summary"), None)
    if summary is None and len(found) > 1:
        raise ValueError("an apply that did not end has no summary")
    return _Result(render=lambda limit: plan_markdown.render(plan, limit=limit, summary=summary))


def _documents(text: str) -> list[Any]:
    """Return the one document of a plan, or the lines of an apply."""
    try:
        return [json.loads(text)]
    except ValueError:
        return [json.loads(line) for line in text.splitlines() if line.strip()]


def _texts(result: _Result, number: int | None, environ: Mapping[str, str]) -> Texts:
    """Return where the CI system's variables say that it is posted; raises `CodeHostError`."""
    on_gitlab = bool(environ.get("CI_API_V4_URL"))
    names = ("GITLAB_TOKEN",) if on_gitlab else ("GITHUB_TOKEN", "GH_TOKEN")
    token = next(filter(None, map(environ.get, names)), None)
    if token is None:
        raise CodeHostError("no token for the code host", f"set {names[0]}")
    api = environ["CI_API_V4_URL"] if on_gitlab else environ.get("GITHUB_API_URL", "https://api.github.com")
    project = environ.get("CI_PROJECT_ID" if on_gitlab else "GITHUB_REPOSITORY", "")
    if result.title:
        return (gitlab_issues if on_gitlab else github_issues)(api, project, token)
    ref = _GITHUB_REF.match(environ.get("GITHUB_REF", ""))
    own = environ.get("CI_MERGE_REQUEST_IID", "") if on_gitlab else ref[1] if ref else ""
    at = number or _number(own)
    if at is None:
        raise CodeHostError(
            "this job does not belong to a pull request", "run it for a pull request, or pass --pull-request N"
        )
    return (gitlab_notes if on_gitlab else github_comments)(api, project, at, token)


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and int(text) else None


def _tls(ctx: Context) -> ssl.SSLContext:
    try:
        return tls.make_context(ctx.environ)
    except tls.CertificatesError as error:
        raise CodeHostError(str(error), f"correct {error.source}") from None


def _sleeper(ctx: Context) -> Any:
    return lambda seconds: ctx.clock.wait(seconds, threading.Event())
