"""Every call that the product makes, held to the published documents: its requests and the answers to them.

One suite, several targets. The real API is asked only where the environment names a token and an organization, and
only what reads.
"""

import inspect
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reconciler.api import ApiVersion, endpoints
from reconciler.api.auth.sources import find
from reconciler.api.client import ReadClient
from reconciler.api.errors import NotFound, PermissionDenied, Rejected
from reconciler.api.http import Call
from reconciler.api.writer import WriteClient
from reconciler.core.bindings import DEV, SelectorKind, TagSelector
from reconciler.core.overlay import EMPTY, Overlay
from reconciler.core.state import LiveRepository, Organization
from reconciler.core.steps import Action, BindingStep, Reason, ReasonCode, Scope, ScopeKind
from reconciler.emulator import EmulatorSettings
from tests.contract import targets
from tests.contract.conformity import Documents
from tests.contract.targets import EMULATED, ON_A_PORT, REACHABLE, REAL, Target, needs_real
from tests.contract.traffic import Exchange
from tests.support.emulated import World
from tests.support.program import Program, write_manifest

pytestmark = pytest.mark.allow_hosts(REACHABLE)
EVERY = (*EMULATED, pytest.param(REAL, marks=[needs_real, pytest.mark.enable_socket]))
VERSIONS: tuple[ApiVersion, ...] = ("v1", "v2", "auto")


@pytest.fixture
def target(request: pytest.FixtureRequest, world: World) -> Iterator[Target]:
    with targets.opened(request.param, world) as opened:
        yield opened


def read_everything(client: ReadClient, name: str) -> None:
    """Read all that planning, following builds and the commands that show something read."""
    client.ping()
    client.identity()
    organization = client.find_organization(name)
    assert client.find_organization(organization.id) == organization
    live = client.read_live(organization)
    client.read_bindings(organization)
    client.read_overlays(organization)
    client.read_folders(organization)
    client.features(organization)
    for repository in live.repositories[:2]:
        client.list_tags(repository.id)
    client.list_tags(organization)
    client.sync_states(organization)
    builds = client.list_builds(organization, since=1_600_000_000.0)
    for build in builds[:2]:
        client.build_log(build.id)
    client.find_package(organization, "bash", all_versions=True)
    client.list_packages(organization)
    client.is_in_catalog("openssl-provider-fips")
    page = client.package_summaries(organization)
    client.package_summaries(organization, page.after)
    for repository in live.repositories[:1]:
        with suppress(Rejected):
            client.resolve(repository.id, {"contents": {"packages": ["tzdata"]}, "archs": ["amd64", "arm64"]})


def check(traffic: list[Exchange], *, strict: bool = True) -> None:
    documents = Documents(strict=strict)
    assert traffic
    assert [problem for exchange in traffic for problem in documents.objections(exchange)] == []


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("target", EVERY, indirect=True)
def test_reading(target: Target, version: ApiVersion, traffic: list[Exchange]) -> None:
    with target.reader(version) as client:
        read_everything(client, target.organization)
    check(traffic, strict=target.world is not None)
    sent = {exchange.path.rpartition("/resolve/")[0] for exchange in traffic if exchange.method != "GET"}
    assert sent == {"/apko/v1"}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("target", EMULATED, indirect=True)
def test_writing(target: Target, version: ApiVersion, traffic: list[Exchange]) -> None:
    with target.writer(version) as client:
        organization = client.find_organization(target.organization)
        for repository in client.read_live(organization).repositories:
            rewrite(client, repository, organization)
        source = read(client, "custom-python", organization)
        client.create_repository(
            source, name="fresh", folder="team-a", wanted=Overlay(packages=("jq",)), organization=organization
        )
    check(traffic)


def read(client: WriteClient, name: str, organization: Organization) -> Any:
    (found,) = [one for one in client.read_live(organization).repositories if (one.folder, one.name) == ("", name)]
    reading = client.read_repository(found.id, organization)
    assert reading is not None
    return reading


def rewrite(client: WriteClient, repository: LiveRepository, organization: Organization) -> None:
    """Add to an overlay what every section can hold, as far as it is readable, then take it away."""
    reading = client.read_repository(repository.id, organization)
    assert reading is not None
    overlay = reading.repository.overlay
    assert isinstance(overlay, Overlay)
    more = replace(
        overlay,
        packages=tuple(sorted({*overlay.packages, "git"})),
        environment=tuple(sorted({**dict(overlay.environment), "STAGE": "test"}.items())),
    )
    assert client.write_overlay(reading, more).overlay == more
    again = client.read_repository(repository.id, organization)
    assert again is not None
    client.write_overlay(again, EMPTY)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("target", EMULATED, indirect=True)
def test_being_refused(target: Target, version: ApiVersion, traffic: list[Exchange]) -> None:
    with target.writer(version) as client, target.writer(version, who="viewer") as viewer:
        organization = client.find_organization(target.organization)
        reading = read(client, "custom-python", organization)
        read(viewer, "custom-python", organization)
        for kind, writer, wanted in (
            (Rejected, client, Overlay(environment=(("CHAINGUARD_X", "1"),))),
            (PermissionDenied, viewer, EMPTY),
        ):
            with pytest.raises(kind):
                writer.write_overlay(reading, wanted)
        with pytest.raises(Rejected):
            client.resolve(reading.repository.id, {"contents": {"packages": ["crul"]}})
        assert client.read_repository(f"{organization.id}/{'0' * 16}", organization) is None
        with pytest.raises(NotFound):
            client.find_organization("nobody.example")
    check(traffic)
    assert {exchange.status for exchange in traffic} >= {200, 400, 403}


@pytest.mark.parametrize("target", EMULATED, indirect=True)
def test_bindings(target: Target, traffic: list[Exchange]) -> None:
    assert target.world is not None
    target.world.emulator.bind("corp-ca", "example.com/", "dev")
    target.world.emulator.bind("typer", "orders-api", ["24"])
    with target.reader("auto") as client:
        found = client.read_bindings(client.find_organization(target.organization))
    assert isinstance(found, tuple)
    assert [(str(one), bool(one.repository)) for one in found] == [("corp-ca (dev)", False), ("typer (24)", True)]
    check(traffic)


@pytest.mark.parametrize("target", EMULATED, indirect=True)
def test_writing_overlays_and_bindings(target: Target, traffic: list[Exchange]) -> None:
    write_overlays_and_bindings(target)
    check(traffic)


def write_overlays_and_bindings(target: Target) -> None:
    """Create, change and delete an overlay, bound to a repository and to all of the organization."""
    assert target.world is not None
    with target.writer("auto") as client:
        organization = client.find_organization(target.organization)
        client.create_overlay(organization, "contract", Overlay(packages=("jq",)))
        overlay = client.find_overlay(organization, "contract")
        assert overlay is not None
        client.update_overlay(overlay, Overlay(packages=("curl", "jq")))
        for scope in (
            Scope(kind=ScopeKind.REPOSITORY, id=target.world.id("orders-api"), label="orders-api"),
            Scope(kind=ScopeKind.ORGANIZATION, id=organization.id, label=organization.name),
        ):
            client.create_binding(
                binding_step(scope, TagSelector(kind=SelectorKind.VARIANT, variant=DEV)), overlay.overlay.id
            )
            binding = client.find_binding(scope, overlay.overlay.id)
            assert binding is not None
            client.update_binding(binding_step(scope, TagSelector(kind=SelectorKind.ALL)), binding.id)
            changed = client.read_binding(binding.id)
            assert changed is not None
            assert changed.selector == TagSelector(kind=SelectorKind.ALL)
            client.delete_binding(binding_step(scope, None), binding.id)
            assert client.read_binding(binding.id) is None
        client.delete_overlay(overlay)
        assert client.read_overlay(overlay.overlay.id) is None


def binding_step(scope: Scope, selector: TagSelector | None) -> BindingStep:
    reason = Reason(code=ReasonCode.MISSING)
    action = Action.UPDATE if selector else Action.DELETE
    return BindingStep(
        scope=scope,
        overlay="contract",
        overlay_id=None,
        id=None,
        action=action,
        reason=reason,
        place=None,
        after=selector,
    )


@pytest.mark.parametrize("status", [403, 404, 501])
@pytest.mark.parametrize("target", EMULATED, indirect=True)
def test_falling_back(target: Target, status: Any, traffic: list[Exchange], monkeypatch: pytest.MonkeyPatch) -> None:
    assert target.world is not None
    monkeypatch.setattr(target.world.emulator, "_settings", EmulatorSettings(automatic_rebuilds=False, v2=status))
    with target.writer("auto") as client:
        read_everything(client, target.organization)
        organization = client.find_organization(target.organization)
        for packages in (("jq",), ("git", "jq")):
            reading = read(client, "custom-node", organization)
            wanted = Overlay(packages=packages)
            assert client.write_overlay(reading, wanted).overlay == wanted
    check(traffic)
    assert [exchange.status for exchange in traffic if "/v2/repos/" in exchange.path] == [status]


@pytest.mark.parametrize("target", [ON_A_PORT], indirect=True)
def test_exchanging_a_token(target: Target, traffic: list[Exchange], tmp_path: Path) -> None:
    assert target.world is not None
    (tmp_path / "oidc").write_text("ci.oidc.token")
    identity = f"{target.world.id('custom-go').partition('/')[0]}/0123456789abcdef"
    environ = {"CHAINGUARD_IDENTITY": identity, "CHAINGUARD_OIDC_TOKEN_FILE": str(tmp_path / "oidc")}
    credentials = find(environ, api_url=target.url)
    with replace(target, credentials=credentials).reader("v1") as client:
        client.find_organization(target.organization)
    check(traffic)
    assert [exchange.path for exchange in traffic][:1] == ["/sts/exchange"]
    assert traffic[-1].status == 200


MANIFEST = """\
organization: example.com
repositories:
  custom-nginx:
    packages: [curl]
  custom-python:
    packages: [curl, jq, crul]
  data-pipeline:
    environment: {PIPELINE_STAGE: hourly}
"""


@pytest.mark.parametrize("version", VERSIONS)
def test_command_lines(
    version: ApiVersion, traffic: list[Exchange], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    program = Program()
    write_manifest(MANIFEST)
    commands = (
        ("plan", "--no-check"),
        ("apply", "--yes", "--no-check"),
        ("builds",),
        ("logs", "custom-python"),
        ("repos",),
        ("doctor", "--org", "example.com"),
        ("plan", "--no-check"),
    )
    for command in commands:
        assert program.run(*command, "--api-version", version).code in (0, 6), command
    check(traffic)
    written = {exchange.method for exchange in traffic} - {"GET"}
    assert written == ({"PUT"} if version == "v1" else {"PATCH"})


def test_every_call_of_the_product_is_held_to_the_documents(
    world: World, traffic: list[Exchange], monkeypatch: pytest.MonkeyPatch
) -> None:
    made: set[str] = set()

    def counted(name: str, make: Callable[..., Call]) -> Callable[..., Call]:
        def call(*arguments: Any, **options: Any) -> Call:
            made.add(name)
            return make(*arguments, **options)

        return call

    functions = {
        name: one
        for name, one in inspect.getmembers(endpoints, inspect.isfunction)
        if one.__module__ == endpoints.__name__ and not name.startswith(("_", "read"))
    }
    for name, one in functions.items():
        monkeypatch.setattr(endpoints, name, counted(name, one))
    for version in ("v1", "v2"):
        with targets.opened(EMULATED[0], world) as target:
            with target.reader(version) as client:
                read_everything(client, target.organization)
            write_one(target, version)
    with targets.opened(EMULATED[0], world) as target:
        write_overlays_and_bindings(target)
    check(traffic)
    assert made == set(functions), "add the new call to what this module does with the client"


def write_one(target: Target, version: ApiVersion) -> None:
    with target.writer(version) as client:
        organization = client.find_organization(target.organization)
        reading = read(client, "custom-python", organization)
        client.write_overlay(reading, EMPTY)
        client.create_repository(reading, name=f"fresh-{version}", folder="", wanted=EMPTY, organization=organization)
