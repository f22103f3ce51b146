import re
from collections.abc import Callable

import pytest
from rich.cells import cell_len as width

from reconciler.core.overlay import (
    Overlay,
    Section,
    User,
    make_accounts,
    make_certificates,
    make_command_override,
    make_overlay,
    make_pem_file,
    make_preflight,
    passed_through,
)
from reconciler.core.plan import Plan
from reconciler.core.steps import Action, ReasonCode, Step
from reconciler.views import plan_text
from reconciler.views.text import Style
from tests.support import golden
from tests.views import samples
from tests.views.cases import wrapped

PLAIN = Style(color=False, unicode=True)
COLOR = Style(color=True, unicode=True)
ASCII = Style(color=False, unicode=False)
PLANS: dict[str, Callable[[], Plan]] = {
    "every-action": samples.every_action,
    "three-hundred": samples.three_hundred,
    "hostile": samples.hostile,
    "wrapped": wrapped,
    "nothing": lambda: samples.plan(samples.step("a"), samples.step("b"), unlisted=("c",)),
}


def text(plan: Plan, *, style: Style = PLAIN, columns: int = 80, show_unchanged: bool = False) -> str:
    return plan_text.render(samples.document(plan), style=style, width=columns, show_unchanged=show_unchanged)


@pytest.mark.parametrize("columns", [60, 80, 120])
@pytest.mark.parametrize("name", PLANS)
def test_a_plan_is_drawn_as_in_its_golden_file(name: str, columns: int) -> None:
    golden.check(samples.GOLDEN / f"{name}-{columns}.txt", text(PLANS[name](), columns=columns))


@pytest.mark.parametrize("name", ["every-action", "hostile"])
def test_colors_and_ascii_are_as_in_their_golden_files(name: str) -> None:
    golden.check(samples.GOLDEN / f"{name}-80-color.txt", text(PLANS[name](), style=COLOR))
    golden.check(samples.GOLDEN / f"{name}-80-ascii.txt", text(PLANS[name](), style=ASCII))


def test_unchanged_repositories_are_listed_when_asked_for() -> None:
    golden.check(samples.GOLDEN / "unchanged-80.txt", text(samples.three_hundred(), show_unchanged=True))


def test_checks_that_differ_never_look_alike() -> None:
    one = make_preflight(tcp="db:5432", timeout="30s")
    other = make_preflight(tcp="db:5432,timeout=30s")
    drawn = text(samples.plan(samples.step("r", make_overlay(preflight=[one]), make_overlay(preflight=[other]))))
    assert '+{"tcp": "db:5432,timeout=30s"}' in drawn
    assert "-tcp=db:5432,timeout=30s" in drawn


def test_a_change_at_the_end_of_a_long_value_is_shown() -> None:
    before, after = (
        make_overlay(
            command_override=make_command_override(command=["x" * 300, end]),
            truststore=passed_through({"a": "x" * 300, "z": end}),
        )
        for end in ("old", "new")
    )
    drawn = text(samples.plan(samples.step("r", before, after)), columns=300)
    assert drawn.count("old") == drawn.count("new") == 2


@pytest.mark.parametrize("name", PLANS)
def test_ascii_output_is_ascii(name: str) -> None:
    assert text(PLANS[name](), style=ASCII).isascii()


@pytest.mark.parametrize("name", PLANS)
def test_colors_change_nothing_but_colors(name: str) -> None:
    assert re.sub(r"\x1b\[[0-9;]+m", "", text(PLANS[name](), style=COLOR)) == text(PLANS[name]())


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_three_hundred_repositories_fit_into_the_width_and_are_all_there(columns: int) -> None:
    plan = samples.three_hundred()
    lines = text(plan, columns=columns).splitlines()
    assert max(map(width, lines)) <= columns
    assert not [line for line in lines if line.endswith(" ")]
    words = set(" ".join(lines).split())
    assert {step.repository for step in plan.steps if step.action is not Action.NONE} <= words


def test_three_equal_changes_are_shown_once_and_two_are_not() -> None:
    git = make_overlay(packages=["git"])
    jq = make_overlay(packages=["jq"])
    steps = [samples.step(name, after=git) for name in "abc"] + [samples.step(name, after=jq) for name in "de"]
    drawn = text(samples.plan(*steps))
    assert drawn.count("+git") == 1
    assert "  in 3 repositories:\n    a  b  c\n" in drawn
    assert drawn.count("+jq") == 2


def test_equal_changes_that_differ_in_a_hidden_value_are_not_the_same_change() -> None:
    steps = [samples.step(f"r{n}", after=make_overlay(environment={"TOKEN": f"secret-{n}"})) for n in range(3)]
    assert "in 3 repositories" not in text(samples.plan(*steps))


def test_a_group_says_how_many_of_its_repositories_keep_something() -> None:
    git = make_overlay(packages=["git"])
    steps = [samples.step(f"r{n}", after=git, unmanaged=(Section.ACCOUNTS,) if n else ()) for n in range(4)]
    assert "accounts in 3 of them not managed, left unchanged" in text(samples.plan(*steps))


def test_equal_creations_from_different_sources_are_not_the_same_change() -> None:
    git = make_overlay(packages=["git"])
    steps = [samples.creation(f"r{n}", git, source=f"source-{n}") for n in range(3)]
    assert "in 3 repositories" not in text(samples.plan(*steps))


@pytest.mark.parametrize(
    ("before", "after", "shown"),
    [
        ({"packages": ["curl=8.1"]}, {"packages": ["curl=8.2"]}, "packages ~curl=8.1 → curl=8.2"),
        (
            {"packages": ["a=1", "b"]},
            {"packages": ["a=2", "c"]},
            "packages +c, ~a=1 → a=2, -b",
        ),
        ({"environment": {"A": "1"}}, {"environment": {"A": "2"}}, 'environment ~A "1" → "2"'),
        ({}, {"environment": {"A": "", "B": 'say "hi"\\'}}, r'environment +A "", +B "say \"hi\"\\"'),
        ({"environment": {"A": "x"}}, {}, 'environment -A "x"'),
        ({}, {"environment": {"DB_PASSWORD": "x"}}, "environment +DB_PASSWORD (sensitive value added)"),
        (
            {"environment": {"PW": "harmless"}},
            {"environment": {"PW": "ghp_0123456789"}},
            "environment ~PW (sensitive value changed)",
        ),
        (
            {"runtime_repositories": ["https://a", "https://b"]},
            {"runtime_repositories": ["https://b", "https://a"]},
            "runtime repositories in this order: https://b, https://a",
        ),
        (
            {"runtime_repositories": ["https://a", "https://b"]},
            {"runtime_repositories": ["https://b"]},
            "runtime repositories -https://a",
        ),
        (
            {"runtime_repositories": ["https://me:one@a"]},
            {"runtime_repositories": ["https://me:two@a"]},
            "runtime repositories ~(sensitive value changed)",
        ),
        ({"unrecognized": [("x", '{"a": 1}')]}, {}, 'unrecognized content -x {"a": 1}'),
    ],
)
def test_a_change_reads_well(before: dict[str, object], after: dict[str, object], shown: str) -> None:
    drawn = text(samples.plan(samples.step("r", overlay(before), overlay(after))), columns=200)
    assert f"~ r   {shown}\n" in drawn


def overlay(short: dict[str, object]) -> Overlay:
    return make_overlay(**short)  # type: ignore[arg-type] # the sections are given by name


@pytest.mark.parametrize(
    ("before", "after", "shown"),
    [
        (User(username="app", uid=1000), User(username="app", uid=1001), "~app: uid 1000 → 1001"),
        (User(username="app", uid=0), User(username="app", uid=0, gid=0), "~app: gid (none) → 0"),
        (None, User(username="app", uid=0, homedir="/srv/my app"), '+app (uid 0, homedir "/srv/my app")'),
    ],
)
def test_a_user_reads_well(before: User | None, after: User, shown: str) -> None:
    old, new = (make_overlay(accounts=make_accounts(users=[user] if user else [])) for user in (before, after))
    assert f"~ r   user {shown}\n" in text(samples.plan(samples.step("r", old, new)))


def test_a_certificate_is_shown_by_name_and_expiry_and_never_as_pem() -> None:
    drawn = text(samples.every_action(), columns=300)
    assert "+corp-root" not in drawn
    side = r"\(CN=Corp Root CA,O=Example Corp, self-signed, expires {}, EC secp256r1, sha256 [0-9a-f]{{12}}\)"
    assert re.search(f"~corp-root {side.format('2031-01-01')} → {side.format('2041-01-01')}", drawn)
    assert "BEGIN" not in drawn
    assert "MII" not in drawn


def test_certificates_that_read_alike_are_shown_with_their_digests() -> None:
    before, after = (
        make_overlay(certificates=make_certificates(additional=[make_pem_file("x", text)])) for text in ("one", "two")
    )
    assert re.search(
        r"certificates ~x \(sha256 [0-9a-f]{12}\) → \(sha256 [0-9a-f]{12}\)\n",
        text(samples.plan(samples.step("r", before, after))),
    )


def test_very_long_values_that_differ_inside_show_where() -> None:
    drawn = text(samples.hostile(), columns=1000)
    assert "xxxold" in drawn
    assert "xxxnew" in drawn
    assert "(4,003 characters)" in drawn


@pytest.mark.parametrize(
    ("steps", "last"),
    [
        ([samples.step("a")], "No changes. The repository matches the manifest."),
        ([samples.step("a"), samples.step("b")], "No changes. All 2 repositories match the manifest."),
        ([], "No changes. The plan covers no repositories."),
        ([samples.step("a", after=make_overlay(packages=["git"]))], "Plan: 1 to update."),
        (
            [samples.step("a"), samples.step("b", after=make_overlay(packages=["git"]))],
            "Plan: 1 to update; 1 unchanged.",
        ),
        (
            [samples.trouble("a", Action.UNKNOWN, ReasonCode.UNREADABLE, "x")],
            "This plan is incomplete: 1 repository could not be read and is left unchanged.",
        ),
    ],
)
def test_the_last_lines_count(steps: list[Step], last: str) -> None:
    assert text(samples.plan(*steps)).endswith(f"\n{last}\n")


def test_problems_come_first_then_creations_resets_and_updates() -> None:
    marks = [
        line[0] for line in text(samples.every_action()).splitlines() if line[:2] in {"? ", "✗ ", "! ", "+ ", "~ "}
    ]
    assert marks == ["?", "✗", "✗", "✗", "✗", "+", "!", "~", "~", "~"]


def test_repositories_that_are_blocked_for_one_reason_are_one_entry() -> None:
    steps = [
        samples.trouble(f"r{number:03}", Action.BLOCKED, ReasonCode.UNBUILDABLE, 'package "crul" does not exist')
        for number in range(300)
    ]
    drawn = text(samples.plan(*steps))
    assert '\u2717 300 repositories   would not build: package "crul" does not exist' in drawn
    assert "r000, r001" in drawn
    assert "and 280 more" in drawn
    assert len(drawn.splitlines()) < 15
    assert drawn.endswith("This plan cannot be applied: 300 repositories have errors.\n")
