"""What is shown of the packages that would be installed in the end."""

from typing import Any

import pytest

from reconciler.core.resolution import ResolvedChange, package_difference
from reconciler.views.plan_text import render_resolved
from reconciler.views.steps import resolved_document
from reconciler.views.text import Style

BEFORE = ("git=1-r0", "old=1-r0", "same=1-r0")
STYLE = Style(color=False, unicode=True)
AFTER = ("git=2-r0", "new=1-r0", "same=1-r0")


def document(**changes: ResolvedChange) -> Any:
    steps = [{"repository": name, "resolved": resolved_document(change)} for name, change in changes.items()]
    return {"steps": [*steps, {"repository": "not-asked"}]}


@pytest.mark.parametrize(
    ("before", "told"),
    [
        (BEFORE, "+ new 1-r0, - old 1-r0, ~ git 1-r0 -> 2-r0"),
        (AFTER, "the same packages"),
        ((), "3 packages"),
        (("git", "new", "same"), "the same packages"),
    ],
)
def test_a_line_for_each_repository_that_was_asked_about(before: tuple[str, ...], told: str) -> None:
    shown = render_resolved(document(web=package_difference(before, AFTER)), style=STYLE)
    assert shown == f"web resolved: {told}\n"


def test_names_from_outside_are_made_safe() -> None:
    shown = render_resolved(document(web=package_difference(("a=1",), ("a=1", "b\x1b[31m=2\n"))), style=STYLE)
    assert "\x1b" not in shown
    assert shown.count("\n") == 1


def test_the_document_has_all_packages() -> None:
    told = resolved_document(package_difference((), AFTER))
    assert told == {"packages": list(AFTER), "compared": False, "added": [], "removed": [], "changed": []}
