"""The end report of an apply: the outcome of every step and the builds that followed, as a document.

`render_text` draws it for people (the drawing itself is in `apply_text`), `summary_line` is the last line of the JSON
stream.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from reconciler.core.builds import FINISHED, Build, Progress, Result, Stage, verified
from reconciler.core.runs import Outcome
from reconciler.views import apply_text, log_text
from reconciler.views.outcomes import build_document, built_document, outcome_document, progress_document, totals
from reconciler.views.style import Style

LOG_LINES = 15
_KINDS = ("applied", "already_done", "stale", "failed", "not_attempted")


def report_document(
    outcomes: Sequence[Outcome],
    progress: Sequence[Progress],
    logs: Mapping[str, str],
    *,
    interrupted: bool,
    waited: bool,
    timed_out: bool,
    run: str | None = None,
    tags: Mapping[str, tuple[str, ...]] | None = None,
) -> dict[str, Any]:
    """The report as plain data; `logs` are those that were read of failed builds, by report id.

    `run` is the id that it is recorded under, None where nothing is; `tags` are those known, by digest.
    """
    told = sorted((outcome_document(one) for one in outcomes), key=lambda one: str(one["repository"]))
    followed = sorted(progress, key=lambda one: one.target.repository)
    proven, of = verified(followed)
    return {
        "run": run,
        "interrupted": interrupted,
        **{kind: [one for one in told if one["outcome"] == kind] for kind in _KINDS},
        "builds": {
            "waited": waited,
            "timed_out": timed_out,
            **totals(followed),
            "verified": {"proven": proven, "of": of},
            "repositories": [_repository(one, logs, tags or {}) for one in followed],
        },
    }


def render_text(document: dict[str, Any], *, style: Style, width: int, verbose: bool = False) -> str:
    """The report for people."""
    return apply_text.render(document, style=style, width=width, verbose=verbose)


def summary_line(document: dict[str, Any]) -> str:
    """The report as one line of JSON: the names for each outcome, and the builds by result."""
    builds = document["builds"]
    unfinished = [one["repository"] for one in builds["repositories"] if one["stage"] not in FINISHED]
    failures = [
        {"repository": one["repository"], "id": failure["id"]}
        for one in builds["repositories"]
        for failure in one["built"]
        if failure["result"] == Result.FAILURE or failure["missing"]
    ]
    summary = {
        "type": "summary",
        **{kind: [one["repository"] for one in document[kind]] for kind in _KINDS},
        "run": document["run"],
        "interrupted": document["interrupted"],
        "builds": {
            **builds,
            "repositories": [],
            "unfinished": unfinished,
            "failures": failures,
            "superseded": [one["repository"] for one in builds["repositories"] if one["stage"] == Stage.SUPERSEDED],
            "built": [
                {"repository": one["repository"], **build} for one in builds["repositories"] for build in one["built"]
            ],
        },
    }
    del summary["builds"]["repositories"]
    return json.dumps(summary, ensure_ascii=True) + "\n"


def _repository(progress: Progress, logs: Mapping[str, str], tags: Mapping[str, tuple[str, ...]]) -> dict[str, Any]:
    built = [built_document(build, progress, tags) for build in progress.builds]
    return {**progress_document(progress), "built": built, "failures": _failures(progress, logs)}


def _failures(progress: Progress, logs: Mapping[str, str]) -> list[dict[str, Any]]:
    failed = (build for build in progress.failures if build.result is Result.FAILURE)
    return [_failure(build, logs.get(build.id, build.log or None)) for build in failed]


def _failure(build: Build, log: str | None) -> dict[str, Any]:
    """A failed build; `log_lines` is None where its log was not read."""
    if log is None:
        return {**build_document(build), "log_lines": None, "log_tail": []}
    lines = log_text.lines(log)
    return {**build_document(build), "log_lines": len(lines), "log_tail": lines[-LOG_LINES:]}
