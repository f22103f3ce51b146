"""Overlays for tests: from the short form that case files use, and as hypothesis strategies."""

from collections.abc import Iterable, Mapping
from typing import Any

from hypothesis import strategies as st

from reconciler.core.builds import Build, Evidence, evidence
from reconciler.core.diff import Change, Item, assemble, diff, items_of
from reconciler.core.overlay import (
    Accounts,
    Certificates,
    CommandOverride,
    Overlay,
    PemFile,
    Preflight,
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


def overlay(short: Mapping[str, Any]) -> Overlay:
    """An overlay from apko's spelling with the sections at the top: `{packages: [git], environment: {A: b}}`."""
    accounts = short.get("accounts", {})
    certificates = short.get("certificates", {})
    command = short.get("command_override")
    return make_overlay(
        packages=short.get("packages", ()),
        runtime_repositories=short.get("runtime_repositories", ()),
        runtime_keyring=[make_pem_file(**item) for item in short.get("runtime_keyring", ())],
        environment=short.get("environment"),
        annotations=short.get("annotations"),
        accounts=make_accounts(
            run_as=accounts.get("run_as", ""),
            users=[User(**item) for item in accounts.get("users", ())],
            groups=[make_group(**item) for item in accounts.get("groups", ())],
        ),
        certificates=make_certificates(
            additional=[make_pem_file(**item) for item in certificates.get("additional", ())],
            providers=certificates.get("providers", ()),
        ),
        guarded_entrypoint=short.get("guarded_entrypoint", False),
        fail_mode=short.get("fail_mode", ""),
        preflight=[make_preflight(**item) for item in short.get("preflight", ())],
        command_override=None if command is None else make_command_override(**command),
        truststore=passed_through(short.get("truststore")),
        unrecognized=[tuple(pair) for pair in short.get("unrecognised", ())],
    )


def patch(overlay: Overlay, changes: Iterable[Change]) -> Overlay:
    """The overlay after the changes; a removal of what is not there removes nothing."""
    kept = dict.fromkeys(items_of(overlay))
    for change in changes:
        if change.before is not None:
            kept.pop(Item(change.field, change.key, change.before), None)
        if change.after is not None:
            kept[Item(change.field, change.key, change.after)] = None
    return assemble(kept)


def evidence_of(build: Build, before: Overlay, after: Overlay) -> Evidence:
    """What a build's configuration says of the overlay that it was made with."""
    return evidence(build.config, tuple(items_of(after)), frozenset(items_of(before)), diff(before, after))


def managed(short: Mapping[str, Any]) -> frozenset[Section]:
    """The sections that a short form mentions."""
    return frozenset(section for section in Section if section.rpartition(".")[2] in short)


_NAMES = st.sampled_from(["a", "b", "curl", "git", "ünï", "x.y"])
_WORDS = st.text(alphabet="ab1\n é", max_size=4)
_SPECS = st.builds(str.__add__, _NAMES, st.sampled_from(["", "=1.0-r0", "~2", ">3", "@edge"]))
_IDS = st.integers(min_value=0, max_value=3)


def pem_files() -> st.SearchStrategy[PemFile]:
    return st.builds(make_pem_file, _NAMES, st.sampled_from(["-----BEGIN X-----\nA\n", "-----BEGIN X-----\nB\n", ""]))


def users() -> st.SearchStrategy[User]:
    return st.builds(
        User, username=_NAMES, uid=_IDS, gid=st.none() | _IDS, groupname=_WORDS, shell=_WORDS, homedir=_WORDS
    )


def accounts() -> st.SearchStrategy[Accounts]:
    groups = st.builds(make_group, groupname=_NAMES, gid=_IDS, members=st.lists(_NAMES, max_size=3))
    return st.builds(
        make_accounts, run_as=_WORDS, users=st.lists(users(), max_size=3), groups=st.lists(groups, max_size=3)
    )


def certificates() -> st.SearchStrategy[Certificates]:
    return st.builds(
        make_certificates,
        additional=st.lists(pem_files(), max_size=3),
        providers=st.lists(_NAMES, max_size=3),
    )


def preflights() -> st.SearchStrategy[Preflight]:
    """Checks with names of enums that are known and that are not."""
    outcomes = st.sampled_from(["", "fail", "continue", "ON_FAILURE_CONTINUE", "retry", "7"])
    return st.builds(make_preflight, tcp=_NAMES, timeout=st.sampled_from(["", "0", "30s"]), on_failure=outcomes)


def commands() -> st.SearchStrategy[CommandOverride]:
    """Commands, the empty one that is set all the same among them."""
    modes = st.sampled_from(["", "default", "prepend", "MODE_OVERRIDE", "wrap"])
    return st.builds(make_command_override, mode=modes, command=st.lists(_WORDS, max_size=2))


def truststores() -> st.SearchStrategy[str]:
    """Content whose fields are not known: objects, lists, texts, numbers, flags."""
    leaves = st.sampled_from(["", "a", "/etc/x.pem", True, False, 0, 3, None])
    return st.recursive(
        leaves, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(_NAMES, inner, max_size=2), max_leaves=4
    ).map(passed_through)


def overlays() -> st.SearchStrategy[Overlay]:
    """Overlays of every shape, small and close to each other, so that two of them often share something."""
    texts = st.dictionaries(_NAMES, _WORDS, max_size=3)
    return st.builds(
        make_overlay,
        packages=st.lists(_SPECS, max_size=4),
        runtime_repositories=st.lists(_WORDS, max_size=2),
        runtime_keyring=st.lists(pem_files(), max_size=2),
        environment=texts,
        annotations=texts,
        accounts=accounts(),
        certificates=certificates(),
        guarded_entrypoint=st.booleans(),
        fail_mode=st.sampled_from(["", "closed", "open", "FAIL_MODE_OPEN", "half", "FAIL_MODE_half"]),
        preflight=st.lists(preflights(), max_size=3),
        command_override=st.none() | commands(),
        truststore=truststores(),
        unrecognized=texts.map(lambda found: sorted(found.items())),
    )
