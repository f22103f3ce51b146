"""Plans of every kind with text of every kind in them, for what has to hold whatever a plan says."""

from hypothesis import strategies as st

from reconciler.core import canonical
from reconciler.core.model import Overlay, Section, User
from reconciler.core.plan import Action, Plan, ReasonCode
from tests.views import samples
from tests.views.hostile_text import names, texts


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
