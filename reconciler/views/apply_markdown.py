"""The result of an apply as Markdown, for the comment of a pull request or a job's summary: short, details folded."""

from collections.abc import Sequence
from typing import Any

from reconciler.diagnostics import plural
from reconciler.views.plan_markdown import LIMIT, Fold, Missing, code, comment_marker, fit, row
from reconciler.views.run_document import OUTCOME_TITLES, result_lists

_BUILDS = ("succeeded", "failed", "running")


def render(summary: dict[str, Any], plan: dict[str, Any], *, limit: int = LIMIT) -> str:
    """Return the summary of a run of a plan as Markdown that ends in a line end, in at most `limit` characters."""
    return fit(_head(summary, plan), [*_folds(summary)], limit=limit - 1, note=_note) + "\n"


def _head(summary: dict[str, Any], plan: dict[str, Any]) -> str:
    organization, builds = code(plan["organization"]["name"]), summary["builds"]
    counts = {title: len(summary[kind]) for kind, title in OUTCOME_TITLES.items() if summary[kind]}
    counts |= {f"builds {kind}": builds[kind] for kind in _BUILDS if builds.get(kind)}
    table = [row(counts), row("---:" for _ in counts), row(f"{count:,}" for count in counts.values())]
    proven = builds["verified"]
    blocks = [
        comment_marker("apply", plan),
        f"### Apply to {organization} on {code(plan['api'])}",
        f"**{code(summary['verdict'])}**",
        *(["\n".join(table)] if counts else []),
        *([f"Verified: {proven['proven']:,} of {plural(proven['of'], 'new image')}."] if proven["of"] else []),
    ]
    return "\n\n".join(blocks)


def _folds(summary: dict[str, Any]) -> list[Fold]:
    return [_fold(title, names) for title, names in result_lists(summary)]


def _fold(title: str, names: Sequence[str]) -> Fold:
    lines = "\n".join(f"- {code(name)}" for name in names)
    whole = f"<details><summary>{title}: {len(names):,}</summary>\n\n{lines}\n\n</details>"
    return Fold(forms=(whole, f"{title}: {len(names):,}"), entries=len(names))


def _note(missing: Missing) -> str:
    return f"\n\n> {plural(missing.shortened + missing.dropped, 'list')} shortened: too long for a comment."
