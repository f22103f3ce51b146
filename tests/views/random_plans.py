"""Plans of every kind with text of every kind in them, for what has to hold whatever a plan says."""

import json

from hypothesis import strategies as st

from reconciler.core.overlay import (
    Overlay,
    Section,
    User,
    make_accounts,
    make_certificates,
    make_command_override,
    make_group,
    make_overlay,
    make_pem_file,
    make_preflight,
    passed_through,
)
from reconciler.core.plan import Plan
from reconciler.core.steps import Action, ReasonCode
from tests.views import samples
from tests.views.hostile_text import names, texts

# Made once: hypothesis looks through a new strategy each time.
_NAME, _NAME_OR_NONE, _SHORT = names(), names() | st.just(""), texts(3)
_TWO_NAMES, _FEW_NAMES, _MORE_NAMES = (st.lists(_NAME, max_size=most) for most in (2, 3, 6))
_PEMS = st.lists(st.builds(make_pem_file, _NAME, texts()), max_size=2)
_USERS = st.lists(
    st.builds(
        User,
        username=_NAME,
        uid=st.integers(0, 9),
        gid=st.none() | st.integers(0, 9),
        groupname=_SHORT,
        shell=_SHORT,
        homedir=_SHORT,
    ),
    max_size=2,
)
_GROUPS = st.lists(
    st.builds(make_group, groupname=_NAME, gid=st.integers(0, 9), members=_FEW_NAMES),
    max_size=2,
)
_MAPS = st.dictionaries(_NAME, texts(300) | texts(5), max_size=3)
_CHECKS = st.lists(st.builds(make_preflight, tcp=_NAME, timeout=_SHORT, on_failure=_SHORT), max_size=2)
_COMMANDS = st.none() | st.builds(make_command_override, mode=_SHORT, command=st.lists(texts(9), max_size=3))


@st.composite
def overlays(draw: st.DrawFn) -> Overlay:
    return make_overlay(
        packages=draw(_MORE_NAMES),
        runtime_repositories=draw(_FEW_NAMES),
        runtime_keyring=draw(_PEMS),
        environment=draw(_MAPS),
        annotations=draw(_MAPS),
        accounts=make_accounts(run_as=draw(_NAME_OR_NONE), users=draw(_USERS), groups=draw(_GROUPS)),
        certificates=make_certificates(additional=draw(_PEMS), providers=draw(_TWO_NAMES)),
        guarded_entrypoint=draw(st.booleans()),
        fail_mode=draw(_NAME_OR_NONE),
        preflight=draw(_CHECKS),
        command_override=draw(_COMMANDS),
        truststore=passed_through(draw(_MAPS)),
        unrecognized=[(path, json.dumps(value, ensure_ascii=False)) for path, value in draw(_MAPS).items()],
    )


_FOUND = st.lists(_NAME, unique=True, max_size=6)
_PAIRS = st.lists(st.tuples(overlays(), overlays()), min_size=1, max_size=2)
_SECTIONS = st.lists(st.sampled_from(list(Section)), unique=True, max_size=2).map(tuple)
_KINDS = st.sampled_from(["update", "create", "reset", "unknown", "blocked"])


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    found = draw(_FOUND)
    pairs = draw(_PAIRS)
    steps = []
    for name in found:
        before, after = draw(st.sampled_from(pairs))
        kind = draw(_KINDS)
        match kind:
            case "update":
                steps.append(samples.step(name, before, after, unmanaged=draw(_SECTIONS)))
            case "create":
                steps.append(samples.creation(name, after, source=draw(_NAME)))
            case "reset":
                steps.append(samples.reset(name, before))
            case "unknown":
                steps.append(samples.trouble(name, Action.UNKNOWN, ReasonCode.UNREADABLE, draw(_NAME)))
            case _:
                steps.append(samples.trouble(name, Action.BLOCKED, ReasonCode.NOT_FOUND, draw(_NAME)))
    return samples.plan(*steps, unlisted=tuple(draw(_TWO_NAMES)))
