"""The entries of a page."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from reconciler.core.plan import ReasonCode
from reconciler.views.changes import LABELS, brief
from reconciler.views.html_changes import CLASSES, STYLE, changes
from reconciler.views.plan import ResolvedLine, problem_place
from reconciler.views.safe_html import NOTHING, Html, element, joined, text
from reconciler.views.text import token

_MARKS = {"create": "+", "update": "~", "reset": "\N{MINUS SIGN}", "blocked": "!", "unknown": "?", "unchanged": "="}
_BRIEF_COLUMNS = 160


@dataclass(frozen=True, slots=True, kw_only=True)
class Entries:
    """Writes entries; `unfolded` shows their details without a click."""

    unfolded: bool

    def problem(self, step: dict[str, Any]) -> Html:
        """A repository that could not be planned, and why."""
        why = element("p", text(step["reason"]), class_="why")
        return self._entry(
            step, [_name(step["repository"]), *_place(step)], [why, changes(step["changes"])], unfolded=True
        )

    def step(self, step: dict[str, Any]) -> Html:
        """A repository with its changes."""
        kept = _kept([LABELS[section] for section in step["unmanaged"]])
        title = [_name(step["repository"]), *_source(step), *_place(step)]
        return self._entry(step, title, [changes(step["changes"]), kept], unfolded=self.unfolded)

    def group(self, group: dict[str, Any]) -> Html:
        """A change that several repositories share, and the names of all of them."""
        names = group["repositories"]
        title = [element("b", text(f"{len(names):,} repositories"), class_="count"), *_source(group)]
        kept = _kept(_kept_in_group(group["unmanaged"], len(names)))
        inside = [changes(group["changes"]), kept, _names(names)]
        return self._entry(group, title, inside, unfolded=self.unfolded)

    def names(self, action: str, title: str, names: Sequence[str]) -> Html:
        """Repositories about which there is nothing to say but their names."""
        shown = element("b", text(f"{len(names):,} {title}"), class_="count")
        return self._entry({"action": action, "changes": []}, [shown], [_names(names)], unfolded=False)

    def resolution(self, name: str, told: Iterable[ResolvedLine]) -> Html:
        """A repository with the packages that come and go in the end."""
        lines = [element("li", text(line.text), class_=CLASSES.get(line.role, "")) for line in told]
        body = element("div", element("ul", *lines), class_="changes")
        return self._entry({"action": "resolved", "changes": []}, [_name(name)], [body], unfolded=False)

    def _entry(self, entry: dict[str, Any], title: Iterable[Html], inside: Iterable[Html], *, unfolded: bool) -> Html:
        action, kinds = entry["action"], sorted({change["kind"] for change in entry["changes"]})
        mark = element("span", text(_MARKS.get(action, "\N{MIDDLE DOT}")), class_="mark", aria_hidden="true")
        told = brief(entry["changes"], STYLE, _BRIEF_COLUMNS)
        short = [element("span", text(told), class_="brief")] if told else []
        summary = element("summary", joined([mark, *title, *short], " "))
        body = element("div", *inside, class_="body")
        attributes = {"data_action": action, "data_kinds": " ".join(kinds), "open": unfolded}
        return element("details", summary, body, class_=f"entry {action}", **attributes)


def _name(name: str) -> Html:
    return element("span", text(token(name, STYLE)), class_="name")


def _names(names: Sequence[str]) -> Html:
    return element("ul", *(element("li", text(token(name, STYLE)), class_="name") for name in names), class_="names")


def _source(entry: dict[str, Any]) -> list[Html]:
    """What comes before the changes: where a new repository comes from, and why one is reset that nobody names."""
    if entry["source"] is None:
        pruned = entry["reason_code"] == ReasonCode.PRUNED
        return [element("span", text("(pruned: not in the manifest)"), class_="source")] if pruned else []
    name = element("code", text(token(entry["source"]["repository"] or "?", STYLE)))
    return [element("span", joined([text("from"), name], " "), class_="source")]


def _place(step: dict[str, Any]) -> list[Html]:
    return [element("span", text(problem_place(step)), class_="place")] if problem_place(step) else []


def _kept(labels: Sequence[str]) -> Html:
    return element("p", text(f"keeps {', '.join(labels)} (not in the manifest)"), class_="kept") if labels else NOTHING


def _kept_in_group(found: Iterable[dict[str, Any]], size: int) -> list[str]:
    return [
        LABELS[one["section"]] + ("" if one["repositories"] == size else f" in {one['repositories']:,} of them")
        for one in found
    ]
