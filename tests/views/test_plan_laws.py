"""What holds for every plan's text, whatever stands in it."""

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.core import canonical
from reconciler.core.model import Overlay, Section, User
from reconciler.core.parts import Part, Value
from reconciler.core.plan import Action, Plan, ReasonCode
from reconciler.views import plan_text
from reconciler.views.quoting import token
from reconciler.views.safe_text import width
from reconciler.views.style import Style
from tests.views import samples
from tests.views.hostile_text import names, texts, unsafe

STYLES = [Style(color=color, unicode=unicode) for color in (False, True) for unicode in (False, True)]
SGR = re.compile(r"\x1b\[[0-9;]+m")


@st.composite
def overlays(draw: st.DrawFn) -> Overlay:
    pems = st.lists(st.builds(canonical.pem_file, names(), texts()), max_size=2)
    users = st.builds(
        User,
        username=names(),
        uid=st.integers(0, 9),
        gid=st.none() | st.integers(0, 9),
        groupname=texts(3),
        shell=texts(3),
        homedir=texts(3),
    )
    groups = st.builds(canonical.group, groupname=names(), gid=st.integers(0, 9), members=st.lists(names(), max_size=3))
    maps = st.dictionaries(names(), texts(300) | texts(5), max_size=3)
    return canonical.overlay(
        packages=draw(st.lists(names(), max_size=6)),
        runtime_repositories=draw(st.lists(names(), max_size=3)),
        runtime_keyring=draw(pems),
        environment=draw(maps),
        annotations=draw(maps),
        accounts=canonical.accounts(
            run_as=draw(names() | st.just("")),
            users=draw(st.lists(users, max_size=2)),
            groups=draw(st.lists(groups, max_size=2)),
        ),
        certificates=canonical.certificates(additional=draw(pems), providers=draw(st.lists(names(), max_size=2))),
        unrecognised=draw(maps).items(),
    )


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    found = draw(st.lists(names(), unique=True, max_size=6))
    pairs = draw(st.lists(st.tuples(overlays(), overlays()), min_size=1, max_size=2))
    sections = st.lists(st.sampled_from(list(Section)), unique=True, max_size=2).map(tuple)
    steps = []
    for name in found:
        before, after = draw(st.sampled_from(pairs))
        kind = draw(st.sampled_from(["update", "create", "reset", "unknown", "blocked"]))
        match kind:
            case "update":
                steps.append(samples.step(name, before, after, unmanaged=draw(sections)))
            case "create":
                steps.append(samples.creation(name, after, source=draw(names())))
            case "reset":
                steps.append(samples.reset(name, before))
            case "unknown":
                steps.append(samples.trouble(name, Action.UNKNOWN, ReasonCode.UNREADABLE, draw(names())))
            case _:
                steps.append(samples.trouble(name, Action.BLOCKED, ReasonCode.NOT_FOUND, draw(names())))
    return samples.plan(*steps, unlisted=tuple(draw(st.lists(names(), max_size=2))))


def _drawn(plan: Plan, style: Style, columns: int = 80) -> str:
    return plan_text.render(samples.document(plan), style=style, width=columns, show_unchanged=True)


@settings(max_examples=40)
@given(plans(), st.sampled_from(STYLES))
def test_nothing_that_steers_a_terminal_gets_out(plan: Plan, style: Style) -> None:
    drawn = _drawn(plan, style)
    assert not unsafe(SGR.sub("", drawn) if style.color else drawn)


@settings(max_examples=40)
@given(plans(), st.integers(min_value=60, max_value=130))
def test_every_repository_and_every_key_is_there(plan: Plan, columns: int) -> None:
    style = Style(color=False, unicode=True)
    drawn = _drawn(plan, style, columns)
    for step in plan.steps:
        assert token(step.repository, style) in drawn
        for change in step.changes:
            for value in (change.before, change.after):
                if value is not None:
                    assert _name(change.part, change.key, value, style) in drawn


def _name(part: Part, key: str, value: Value, style: Style) -> str:
    match value:
        case str() if part in (Part.PACKAGES, Part.RUN_AS, Part.PROVIDERS):
            return token(value, style)
        case tuple():
            return "runtime repositories"
        case _:
            return token(key, style)


@settings(max_examples=40)
@given(plans(), st.integers(min_value=70, max_value=130), st.sampled_from(STYLES[:2]))
def test_lines_fit_and_do_not_end_in_spaces(plan: Plan, columns: int, style: Style) -> None:
    for line in _drawn(plan, style, columns).splitlines():
        assert width(line) <= columns
        assert line == line.rstrip(" ")
