"""`reconciler comment`: one comment on a pull request of GitHub or a merge request of GitLab, which is updated."""

import json
import re
import ssl
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from reconciler import __version__
from reconciler.api import tls
from reconciler.api.code_hosts import CodeHost, CodeHostError, Discussion, github, gitlab
from reconciler.cli import options as shared
from reconciler.cli.context import Context
from reconciler.cli.errors import CommandFailed
from reconciler.cli.exit_codes import ExitCode
from reconciler.cli.output import print_problems
from reconciler.cli.parser import Options, Parser
from reconciler.diagnostics import Diagnostic, Severity
from reconciler.views import apply_markdown, plan_markdown

_GITHUB_REF = re.compile(r"refs/pull/([0-9]{1,9})/")
_TOKENS = "GITHUB_TOKEN, or GITLAB_TOKEN with a merge request pipeline"


def configure(parser: Parser) -> None:
    """Declare the options."""
    parser.add_argument(
        "path",
        type=shared.input_path,
        metavar="FILE",
        help="the output of `plan --format json` or `apply --format json`, or - for standard input",
    )
    parser.add_argument(
        "--pull-request", type=shared.positive, metavar="N", help="its number (default: from the CI system's variables)"
    )
    parser.add_argument("--strict", action="store_true", help="exit 1 when the comment could not be posted")
    shared.add_common(parser)


def execute(options: Options, ctx: Context) -> int:
    """Post or update the comment; a failure to post is a warning, with `--strict` an error."""
    plan, summary = _read(options.path, ctx)
    try:
        discussion = _discussion(options.pull_request, ctx.environ)
        text = _render(plan, summary, limit=min(plan_markdown.LIMIT, discussion.longest))
        marker = text.partition("\n")[0]
        with CodeHost(discussion, _tls(ctx), user_agent=f"reconciler/{__version__}", sleep=_sleeper(ctx)) as host:
            done = host.put(marker, text)
    except CodeHostError as error:
        severity = Severity.ERROR if options.strict else Severity.WARNING
        found = error.diagnostic
        problem = Diagnostic(
            code=found.code, severity=severity, summary=found.summary, detail=found.detail, hint=found.hint
        )
        print_problems((problem,), options, ctx)
        return ExitCode.ERROR if options.strict else ExitCode.DONE
    ctx.stdout.write(f"Comment {done}.\n")
    return ExitCode.DONE


def _render(plan: dict[str, Any], summary: dict[str, Any] | None, *, limit: int) -> str:
    if summary is None:
        return plan_markdown.render(plan, limit=limit)
    return apply_markdown.render(summary, plan, limit=limit)


def _read(path: Path, ctx: Context) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """Return the plan, and the summary of its apply where the file holds one; raises `CommandFailed`."""
    try:
        text = ctx.read_stdin().decode() if path is shared.STDIN else path.read_text(encoding="utf-8")
    except (OSError, UnicodeError) as error:
        raise CommandFailed(
            "file-not-read", f"cannot read {path}: {getattr(error, 'strerror', None) or 'it is not UTF-8'}", "check it"
        ) from None
    try:
        found = _documents(text)
        plan = next((one["plan"] for one in found if one.get("type") == "plan"), found[0] if len(found) == 1 else {})
        summary = next((one for one in reversed(found) if one.get("type") == "summary"), None)
        _render(plan, summary, limit=plan_markdown.LIMIT)
    except (ValueError, KeyError, TypeError, IndexError, AttributeError):
        raise CommandFailed(
            "not-a-result",
            f"{path} is not the JSON of a plan or of an apply",
            "write it with `reconciler plan --format json=plan.json` or `apply --format json=report.json`",
        ) from None
    return plan, summary


def _documents(text: str) -> list[dict[str, Any]]:
    """Return the one document of a plan, or the lines of an apply."""
    try:
        return [json.loads(text)]
    except ValueError:
        return [json.loads(line) for line in text.splitlines() if line.strip()]


def _discussion(number: int | None, environ: Mapping[str, str]) -> Discussion:
    """Return what the CI system's variables name; raises `CodeHostError`."""
    if environ.get("CI_API_V4_URL"):
        found = number or _number(environ.get("CI_MERGE_REQUEST_IID", ""))
        token = environ.get("GITLAB_TOKEN")
        return _needed(
            found,
            token,
            lambda at, secret: gitlab(
                environ["CI_API_V4_URL"], environ.get("CI_PROJECT_ID", ""), at, {"PRIVATE-TOKEN": secret}
            ),
        )
    ref = _GITHUB_REF.match(environ.get("GITHUB_REF", ""))
    found = number or _number(ref[1] if ref else "")
    token = environ.get("GITHUB_TOKEN") or environ.get("GH_TOKEN")
    api = environ.get("GITHUB_API_URL", "https://api.github.com")
    return _needed(found, token, lambda at, secret: github(api, environ.get("GITHUB_REPOSITORY", ""), at, secret))


def _needed(number: int | None, token: str | None, make: Any) -> Discussion:
    if number is None:
        raise CodeHostError(
            "this job does not belong to a pull request", "run it for a pull request, or pass --pull-request N"
        )
    if not token:
        raise CodeHostError("no token for the code host", f"set {_TOKENS}")
    found: Discussion = make(number, token)
    return found


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and int(text) else None


def _tls(ctx: Context) -> ssl.SSLContext:
    try:
        return tls.make_context(ctx.environ)
    except tls.CertificatesError as error:
        raise CodeHostError(str(error), f"correct {error.source}") from None


def _sleeper(ctx: Context) -> Any:
    return lambda seconds: ctx.clock.wait(seconds, threading.Event())
