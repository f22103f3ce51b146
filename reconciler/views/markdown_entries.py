"""The entries of a plan's Markdown: a line that says what changes where, and a fold with every value and name.

Each entry has several forms, from the whole one to a single line, for a comment that has no room for all of it.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from reconciler.core.plan import ReasonCode
from reconciler.views import plan_diff, resolved, safe_html
from reconciler.views.briefs import brief
from reconciler.views.change_text import LABELS, fragments
from reconciler.views.folding import Fold
from reconciler.views.quoting import quoted, token
from reconciler.views.safe_markdown import code, fence
from reconciler.views.style import Style

_BRIEF_COLUMNS = 90


@dataclass(frozen=True, slots=True, kw_only=True)
class Entries:
    """Writes entries; `unfolded` shows their details without a click."""

    style: Style
    unfolded: bool

    def step(self, step: dict[str, Any]) -> Fold:
        """A repository with its changes."""
        name = _token(step["repository"], self.style)
        told = brief(step["changes"], self.style, _BRIEF_COLUMNS)
        kept = _kept([LABELS[section] for section in step["unmanaged"]])
        details = [*self._changes(step), *kept]
        if not details:
            return Fold(forms=(f"- {code(name)}{self._source(step, code)}",))
        title = f"<code>{safe_html.text(name)}</code>{self._source(step, _html)}"
        summary = f"{title} {_html(told)}" if told else title
        short = f"- {code(name)}{self._source(step, code)} {code(told)} (values left out)"
        return Fold(forms=(_details(summary, details, unfolded=self.unfolded), short))

    def group(self, group: dict[str, Any]) -> Fold:
        """A change that several repositories share, and the names of all of them."""
        names = group["repositories"]
        count = f"{len(names):,} repositories"
        told = brief(group["changes"], self.style, _BRIEF_COLUMNS)
        shared = [*self._changes(group), *_kept(_kept_in_group(group["unmanaged"], len(names)))]
        summary = f"<b>{count}</b>{self._source(group, _html)} {_html(told)}"
        listed = " ".join(code(_token(name, self.style)) for name in names)
        forms = [
            _details(summary, [*shared, f"In {count}:", listed], unfolded=self.unfolded),
            _details(summary, [*shared, f"In {count}; their names are left out."], unfolded=self.unfolded),
            f"- **{count}**{self._source(group, code)} {code(told)} (values and names left out)",
        ]
        return Fold(forms=tuple(forms), entries=len(names))

    def resolution(self, name: str, told: Iterable[resolved.Line]) -> Fold:
        """A repository with the packages that come and go in the end."""
        shown = _token(name, self.style)
        summary = f"<code>{safe_html.text(shown)}</code>"
        short = f"- {code(shown)} (packages left out)"
        return Fold(
            forms=(_details(summary, [fence((line.text for line in told), "diff")], unfolded=self.unfolded), short)
        )

    def _changes(self, entry: dict[str, Any]) -> Iterator[str]:
        if entry["changes"]:
            yield fence(plan_diff.lines(fragments(entry["changes"], self.style)), "diff")

    def _source(self, entry: dict[str, Any], show: Callable[[str], str]) -> str:
        if entry["source"] is None:
            return " (pruned: not in the manifest)" if entry["reason_code"] == ReasonCode.PRUNED else ""
        return f" from {show(_token(entry['source']['repository'] or '?', self.style))}"


def names_fold(title: str, names: Sequence[str], style: Style) -> Fold:
    """Repositories about which there is nothing to say but their names."""
    summary = f"{len(names):,} {title}"
    listed = " ".join(code(_token(name, style)) for name in names)
    forms = (_details(summary, [listed], unfolded=False), f"- {summary} (names left out)")
    return Fold(forms=forms, entries=len(names))


def _details(summary: str, blocks: Iterable[str], *, unfolded: bool) -> str:
    """A fold; the empty lines make what is in it Markdown again."""
    opening = "<details open>" if unfolded else "<details>"
    return "\n\n".join([f"{opening}<summary>{summary}</summary>", *blocks, "</details>"])


def _html(text: str) -> str:
    return f"<code>{safe_html.text(text)}</code>"


def _token(name: str, style: Style) -> str:
    return token(name, style) if len(name) <= style.value_limit else quoted(name, style)


def _kept(labels: Sequence[str]) -> list[str]:
    return [f"keeps {', '.join(labels)} (not in the manifest)"] if labels else []


def _kept_in_group(found: Iterable[dict[str, Any]], size: int) -> list[str]:
    return [
        LABELS[one["section"]] + ("" if one["repositories"] == size else f" in {one['repositories']:,} of them")
        for one in found
    ]
