"""From manifests to the desired state: values, managed sections, the organization."""

from pathlib import Path

import pytest

from reconciler.core.overlay import (
    EMPTY,
    Section,
    User,
    make_accounts,
    make_certificates,
    make_command_override,
    make_group,
    make_overlay,
    make_pem_file,
    make_preflight,
)
from reconciler.core.state import Address, Desired, DesiredRepository
from reconciler.diagnostics import Diagnostic, Place
from reconciler.manifest import load
from reconciler.manifest.codes import Code
from tests.support.pem import APK_KEY, CORP_ROOT

CASES = Path(__file__).parent / "cases"
ROOT = Path(__file__).parents[2]
UIDP = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def entry(text: str, folder: Path) -> DesiredRepository:
    """The one repository of a manifest that holds this entry and no mistake."""
    (folder / "m.yaml").write_text(f"organization: example.com\nrepositories:\n  custom-node: {text}\n")
    desired, problems = load(Path("m.yaml"))
    assert problems == ()
    return desired.repositories[0]


def codes(problems: tuple[Diagnostic, ...]) -> list[str]:
    return [problem.code for problem in problems]


def test_a_whole_manifest() -> None:
    desired, problems = load(CASES / "valid.yaml")
    assert [problem.code for problem in problems] == [Code.PASSED_THROUGH]
    assert desired.organization == "example.com/team-a"
    node = desired.repositories[0]
    assert node.address == Address(name="custom-node")
    assert node.place == Place(file=str(CASES / "valid.yaml"), line=4, column=3)
    assert node.managed == frozenset(Section)
    assert node.overlay == make_overlay(
        packages=["git", "curl>=8.1", "jq~1.7", "crane@edge", "libstdc++=13.2.0-r4"],
        runtime_repositories=["https://packages.example.com/os"],
        runtime_keyring=[
            make_pem_file("corp.rsa.pub", APK_KEY),
        ],
        environment={"NODE_ENV": "production", "PORT": "8080", "DEBUG": "true", "EMPTY": ""},
        annotations={"com.example.version": "3.10"},
        accounts=make_accounts(
            run_as="65532",
            users=[User(username="app", uid=65532, gid=0, groupname="app", shell="/bin/sh", homedir="/home/app")],
            groups=[make_group(groupname="app", gid=65532, members=["app"])],
        ),
        certificates=make_certificates(
            additional=[
                make_pem_file("corp-root", CORP_ROOT),
            ],
            providers=["ca-certificates-bundle"],
        ),
        guarded_entrypoint=True,
        fail_mode="closed",
        preflight=[make_preflight(tcp="db:5432", timeout="30s")],
        command_override=make_command_override(),
        truststore='{"output":"/etc/store"}',
    )


def test_entries_come_in_the_order_of_the_file_with_their_addresses() -> None:
    desired, _ = load(CASES / "valid.yaml")
    assert [one.address for one in desired.repositories[1:]] == [
        Address(name="custom-python"),
        Address(folder="team-b", name="custom-jre"),
        Address(folder="", name="old image"),
        Address(name="untouched"),
    ]
    python, _, old, _ = desired.repositories[1:]
    assert python.source == Address(folder="team-b", name="python")
    assert (old.reset, old.overlay, old.managed) == (True, EMPTY, frozenset())


@pytest.mark.parametrize(
    ("text", "managed"),
    [
        ("{}", set()),
        ("{contents: {}}", set()),
        ("{packages: []}", {Section.PACKAGES}),
        ("{contents: {packages: []}}", {Section.PACKAGES}),
        ("{contents: {runtime_repositories: []}}", {Section.RUNTIME_REPOSITORIES}),
        ("{contents: {runtime_keyring: []}}", {Section.RUNTIME_KEYRING}),
        ("{packages: [], contents: {runtime_keyring: []}}", {Section.PACKAGES, Section.RUNTIME_KEYRING}),
        ("{environment: {}}", {Section.ENVIRONMENT}),
        ("{annotations: {}}", {Section.ANNOTATIONS}),
        ("{accounts: {}}", {Section.ACCOUNTS}),
        ("{certificates: {}}", {Section.CERTIFICATES}),
        ("{reset: false, source: python}", set()),
        ("{reset: true}", set()),
    ],
)
def test_mentioned_is_managed_also_when_empty(text: str, managed: set[Section], folder: Path) -> None:
    found = entry(text, folder)
    assert found.managed == managed
    assert found.overlay == EMPTY


def test_both_lists_of_packages_are_united(folder: Path) -> None:
    found = entry("{packages: [git, curl], contents: {packages: [curl, jq]}}", folder)
    assert found.overlay.packages == ("curl", "git", "jq")


def test_gid_not_given_differs_from_zero(folder: Path) -> None:
    found = entry("{accounts: {users: [{username: a, uid: 2}, {username: b, uid: 1, gid: 0}]}}", folder)
    assert [(user.uid, user.gid) for user in found.overlay.accounts.users] == [(2, None), (1, 0)]


def test_a_shared_block_is_used_by_each_entry(folder: Path) -> None:
    (folder / "m.yaml").write_text(
        "organization: example.com\nrepositories:\n  a: &a {packages: &p [git], environment: {X: 1}}\n"
        "  b: {packages: *p}\n  c: {<<: *a, environment: {Y: 2}}\n"
    )
    desired, problems = load(Path("m.yaml"))
    assert problems == ()
    assert [one.overlay.packages for one in desired.repositories] == [("git",)] * 3
    assert [one.overlay.environment for one in desired.repositories] == [(("X", "1"),), (), (("Y", "2"),)]
    assert [one.place.line for one in desired.repositories] == [3, 4, 5]


def test_an_entry_with_a_mistake_is_left_out_and_the_others_are_understood() -> None:
    desired, problems = load(CASES / "five-mistakes.yaml")
    assert len(problems) == 5
    assert [str(one.address) for one in desired.repositories] == ["custom-jre"]


@pytest.mark.parametrize(
    "name", ["example.com", "example.com/team-a", "a b", UIDP, f"{UIDP}/0123456789abcdef", f"{UIDP}0"]
)
def test_organizations(name: str, folder: Path) -> None:
    (folder / "m.yaml").write_text(f"organization: {name}\nrepositories: {{a: {{}}}}\n")
    desired, problems = load(Path("m.yaml"))
    assert (desired.organization, problems) == (name, ())


def load_with(organization: str, manifest: str, folder: Path) -> tuple[Desired, tuple[Diagnostic, ...]]:
    (folder / "m.yaml").write_text(manifest)
    return load(Path("m.yaml"), organization=organization)


def test_the_given_organization_stands_in(folder: Path) -> None:
    desired, problems = load_with("example.org", "repositories: {a: {}}\n", folder)
    assert (desired.organization, problems) == ("example.org", ())


def test_the_given_organization_overrides(folder: Path) -> None:
    desired, problems = load_with("example.org", "organization: example.com\nrepositories: {a: {}}\n", folder)
    assert (desired.organization, problems) == ("example.org", ())


def test_the_given_organization_is_checked(folder: Path) -> None:
    _, problems = load_with("Example", "repositories: {a: {}}\n", folder)
    assert codes(problems) == [Code.BAD_ORGANIZATION]
    assert problems[0].place is None
    assert problems[0].summary == '--org: "Example" is not an organization'
    assert codes(load(folder / "gone", organization="Example")[1]) == [Code.BAD_ORGANIZATION, Code.MANIFEST_NOT_FOUND]


def test_the_given_organization_does_not_excuse_a_manifest_of_two(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(CASES)
    desired, problems = load(Path("organizations"), organization="example.net")
    assert desired.organization == "example.net"
    assert codes(problems) == [Code.CONFLICTING_ORGANIZATIONS]


def test_nothing_is_called_missing_that_may_stand_in_a_file_that_was_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(CASES)
    _, problems = load(Path("one-broken-file"))
    assert Code.MISSING_ORGANIZATION not in codes(problems)


def test_repositories_named_like_keys_are_repositories(folder: Path) -> None:
    (folder / "m.yaml").write_text(
        "organization: example.com\nrepositories:\n  environment: {packages: }\n  packages: {users: 1}\n"
    )
    _, problems = load(Path("m.yaml"))
    assert [(problem.code, problem.summary) for problem in problems] == [
        (Code.NULL_VALUE, "`packages` has no value"),
        (Code.UNKNOWN_KEY, 'unknown key "users" in a repository\'s entry'),
    ]


def test_a_long_value_is_cut(folder: Path) -> None:
    (folder / "m.yaml").write_text(f"organization: example.com\nrepositories: {{a: {{packages: ['{'x ' * 100}']}}}}\n")
    _, (problem,) = load(Path("m.yaml"))
    assert problem.summary == f'"{"x " * 29}x…" is not one package'


@pytest.mark.parametrize("case", ["secrets.yaml"])
def test_secrets_are_not_repeated(case: str) -> None:
    _, problems = load(CASES / case)
    assert len(problems) > 10
    assert not [problem for problem in problems if "hunter2" in repr(problem)]
