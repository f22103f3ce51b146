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


@st.composite
def overlays(draw: st.DrawFn) -> Overlay:
    pems = st.lists(st.builds(make_pem_file, names(), texts()), max_size=2)
    users = st.builds(
        User,
        username=names(),
        uid=st.integers(0, 9),
        gid=st.none() | st.integers(0, 9),
        groupname=texts(3),
        shell=texts(3),
        homedir=texts(3),
    )
    groups = st.builds(make_group, groupname=names(), gid=st.integers(0, 9), members=st.lists(names(), max_size=3))
    maps = st.dictionaries(names(), texts(300) | texts(5), max_size=3)
    checks = st.builds(make_preflight, tcp=names(), timeout=texts(3), on_failure=texts(3))
    commands = st.builds(make_command_override, mode=texts(3), command=st.lists(texts(9), max_size=3))
    return make_overlay(
        packages=draw(st.lists(names(), max_size=6)),
        runtime_repositories=draw(st.lists(names(), max_size=3)),
        runtime_keyring=draw(pems),
        environment=draw(maps),
        annotations=draw(maps),
        accounts=make_accounts(
            run_as=draw(names() | st.just("")),
            users=draw(st.lists(users, max_size=2)),
            groups=draw(st.lists(groups, max_size=2)),
        ),
        certificates=make_certificates(additional=draw(pems), providers=draw(st.lists(names(), max_size=2))),
        guarded_entrypoint=draw(st.booleans()),
        fail_mode=draw(names() | st.just("")),
        preflight=draw(st.lists(checks, max_size=2)),
        command_override=draw(st.none() | commands),
        truststore=passed_through(draw(maps)),
        unrecognized=[(path, json.dumps(value, ensure_ascii=False)) for path, value in draw(maps).items()],
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
