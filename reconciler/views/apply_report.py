"""The end report of an apply: the outcome of every step and the builds that followed, as a document.

`render_text` draws it for people (the drawing itself is in `apply_text`), `summary_line` is the last line of the JSON
stream.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from reconciler.core.builds import Build, Progress, Stage
from reconciler.core.outcome import Outcome
from reconciler.views import apply_text, log_text
from reconciler.views.outcomes import build_document, outcome_document, progress_document, totals
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
) -> dict[str, Any]:
    """The report as plain data; `logs` are those that were read of failed builds, by report id."""
    told = sorted((outcome_document(one) for one in outcomes), key=lambda one: str(one["repository"]))
    followed = sorted(progress, key=lambda one: one.watch.repository)
    return {
        "interrupted": interrupted,
        **{kind: [one for one in told if one["outcome"] == kind] for kind in _KINDS},
        "builds": {
            "waited": waited,
            "timed_out": timed_out,
            **totals(followed),
            "repositories": [{**progress_document(one), "failures": _failures(one, logs)} for one in followed],
        },
    }


def render_text(document: dict[str, Any], *, style: Style, width: int) -> str:
    """The report for people."""
    return apply_text.render(document, style=style, width=width)


def summary_line(document: dict[str, Any]) -> str:
    """The report as one line of JSON: the names for each outcome, and the builds by result."""
    builds = document["builds"]
    unfinished = [one["repository"] for one in builds["repositories"] if one["stage"] != str(Stage.DONE)]
    failures = [
        {"repository": one["repository"], "id": failure["id"]}
        for one in builds["repositories"]
        for failure in one["failures"]
    ]
    summary = {
        "type": "summary",
        **{kind: [one["repository"] for one in document[kind]] for kind in _KINDS},
        "interrupted": document["interrupted"],
        "builds": {**builds, "repositories": [], "unfinished": unfinished, "failures": failures},
    }
    del summary["builds"]["repositories"]
    return json.dumps(summary, ensure_ascii=True) + "\n"


def _failures(progress: Progress, logs: Mapping[str, str]) -> list[dict[str, Any]]:
    return [_failure(build, logs.get(build.id, build.log or None)) for build in progress.failures]


def _failure(build: Build, log: str | None) -> dict[str, Any]:
    """A failed build; `log_lines` is None where its log was not read."""
    if log is None:
        return {**build_document(build), "log_lines": None, "log_tail": []}
    lines = log_text.lines(log)
    return {**build_document(build), "log_lines": len(lines), "log_tail": lines[-LOG_LINES:]}
