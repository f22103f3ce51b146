from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from reconciler.diagnostics import Diagnostic, Place, Severity
from reconciler.views import plan_html, plan_markdown
from reconciler.views.diagnostics import render
from reconciler.views.text import Style
from tests.views import samples
from tests.views.facts import text_of
from tests.views.hostile_text import texts, unsafe

PLAIN = Style(color=False, unicode=True)
PLACE = Place(file="manifests/web.yaml", line=14, column=18)


def test_one_problem_is_a_line_with_its_place_and_code_and_what_helps_below() -> None:
    problem = Diagnostic(
        code="unknown-key", summary="unknown key `packges`", detail="two\nlines", hint="write `packages`", place=PLACE
    )
    assert render([problem], style=PLAIN) == (
        "error: manifests/web.yaml:14:18: unknown key `packges` [unknown-key]\n"
        "  two\n"
        "  lines\n"
        "  hint: write `packages`\n"
    )


def test_several_problems_are_counted() -> None:
    error = Diagnostic(code="a", summary="one")
    warning = Diagnostic(code="b", summary="two", severity=Severity.WARNING)
    assert render([error, error, warning], style=PLAIN) == (
        "error: one [a] (2 times)\nwarning: two [b]\n2 errors and 1 warning\n"
    )
    assert render([warning, warning], style=PLAIN).endswith("\n2 warnings\n")


def test_identical_problems_are_one_line_with_the_first_places() -> None:
    problems = [
        Diagnostic(code="a", summary="one", hint="do", place=Place(file="m.yaml", line=number))
        for number in range(1, 306)
    ]
    assert render(problems, style=PLAIN) == (
        "error: one [a] (305 times: m.yaml:1:1, m.yaml:2:1, m.yaml:3:1 and 302 more)\n  hint: do\n305 errors\n"
    )


def test_a_problem_of_several_repositories_is_one_line_wherever_each_of_them_has_it() -> None:
    problems = [
        Diagnostic(code="a", summary="one", place=Place(file="m.yaml", line=number), repositories=(f"app-{number}",))
        for number in range(1, 6)
    ]
    assert render(problems, style=PLAIN) == (
        "error: one [a] (5 times: m.yaml:1:1, m.yaml:2:1, m.yaml:3:1 and 2 more)\n"
        "  in app-1, app-2, app-3 and 2 more\n"
        "5 errors\n"
    )


def test_reviews_fold_identical_problems_too() -> None:
    problems = tuple(
        Diagnostic(code="a", summary="one", severity=Severity.WARNING, place=Place(file="m.yaml", line=number))
        for number in range(1, 6)
    )
    document = samples.document(replace(samples.plan(), diagnostics=problems))
    assert "**warning** at `m.yaml:1:1`, `m.yaml:2:1`, `m.yaml:3:1` and 2 more (5 times): " in plan_markdown.render(
        document
    )
    page = " ".join(text_of(plan_html.render(document)).split())
    assert "warning one a (5 times) m.yaml:1:1 m.yaml:2:1 m.yaml:3:1 and 2 more" in page


def test_no_problem_is_not_a_text() -> None:
    assert render([], style=PLAIN) == ""


def test_severity_is_colored() -> None:
    colored = render([Diagnostic(code="a", summary="one")], style=Style(color=True, unicode=True))
    assert colored == "\x1b[1;31merror:\x1b[0m one \x1b[2m[a]\x1b[0m\n"


@given(texts(), texts(), texts(), st.none() | texts())
def test_whatever_a_problem_says_is_made_safe(summary: str, detail: str, hint: str, file: str | None) -> None:
    place = None if file is None else Place(file=file)
    drawn = render([Diagnostic(code="c", summary=summary, detail=detail, hint=hint, place=place)], style=PLAIN)
    assert not unsafe(drawn)
    assert drawn.startswith("error: ")
    assert all(line.startswith("  ") or not line for line in drawn.split("\n")[1:])
