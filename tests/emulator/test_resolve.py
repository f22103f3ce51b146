"""Locking a configuration: what is answered, what is refused, and that builds fail for the same reasons."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.emulator import EmulatorSettings, Fault, Status, apko, solver
from reconciler.emulator import packages as offered
from reconciler.emulator.packages import Index, Package
from tests.support.emulated import World, packages
from tests.support.examples import examples
from tests.support.wsgi import Reply, call

SINCE = ("startedSince", "2023-11-14T22:13:20.250Z")
PRECONDITION = 9


@pytest.fixture
def world() -> World:
    return World(EmulatorSettings(automatic_rebuilds=False))


def resolve(world: World, config: object, name: str = "custom-base", **options: Any) -> Reply:
    body = {"config": config} if config is not None else {}
    return call(world.emulator, "POST", f"/apko/v1/resolve/{world.id(name)}", body=body, **options)


def locked(world: World, *names: str, archs: tuple[str, ...] = ()) -> list[str]:
    reply = resolve(world, {**packages(*names), "archs": list(archs)})
    assert reply.status == 200, reply.body
    found: list[str] = reply.json["contents"]["packages"]
    return found


def test_a_lock_is_exact_and_has_what_is_needed(world: World) -> None:
    found = locked(world, "jq")
    assert found == [
        "glibc=2.42-r3",
        "glibc-locale-posix=2.42-r3",
        "jq=1.8.1-r2",
        "ld-linux=2.42-r3",
        "oniguruma=6.9.10-r3",
    ]
    assert locked(world, *found) == found


def test_the_rest_of_the_configuration_comes_back_as_it_was(world: World) -> None:
    config = {**packages("tzdata"), "archs": ["amd64"], "environment": {"A": "b"}, "accounts": {"runAs": "1"}}
    answer = resolve(world, config).json
    assert answer["environment"] == {"A": "b"}
    assert (answer["archs"], answer["accounts"]["runAs"]) == (["amd64"], "1")


def test_a_package_of_one_architecture(world: World) -> None:
    assert "intel-media-driver=25.3.4-r0" in locked(world, "intel-media-driver", archs=("amd64",))
    refused = resolve(world, packages("intel-media-driver"))
    assert refused.json["message"] == (
        'locking config for arch "arm64": resolving apk packages: solving "intel-media-driver" constraint: '
        'could not find package that satisfies "intel-media-driver" in indexes'
    )


@pytest.mark.parametrize("name", ["crul", "openssl-provider-fips", "bash@local", "bash>", "so:libssl.so.9"])
def test_a_package_that_is_not_to_be_had(world: World, name: str) -> None:
    refused = resolve(world, packages("jq", name))
    assert (refused.status, refused.json["code"]) == (400, PRECONDITION)
    assert f'could not find package that satisfies "{name}" in indexes' in refused.json["message"]


def test_a_lower_version_is_taken_where_another_package_needs_it(world: World) -> None:
    found = locked(world, "openssl-provider-legacy", "libcrypto3")
    assert "libcrypto3=3.5.4-r0" in found
    assert "libcrypto3=3.5.4-r0" in locked(world, "libcrypto3", "openssl-provider-legacy")
    refused = resolve(world, packages("libcrypto3>=3.6", "openssl-provider-legacy"))
    assert 'satisfies "libcrypto3<3.6"' in refused.json["message"]


def test_a_conflict_is_named(world: World) -> None:
    for names in (("redis-8.2", "valkey-cli"), ("valkey-cli", "redis-8.2")):
        message = resolve(world, packages(*names)).json["message"]
        assert 'redis-8.2-8.2.2-r0.apk disqualified because valkey-cli-8.1.4-r0.apk excludes "redis-8.2"' in message


def test_what_is_provided_will_do(world: World) -> None:
    assert "curl=8.16.0-r1" in locked(world, "cmd:curl")
    assert "libssl3=3.6.0-r2" in locked(world, "microdnf")
    assert "busybox=1.37.0-r50" in locked(world, "mini-sh")
    assert not any(each.startswith("vim=") for each in locked(world, "busybox", "cmd:vi"))


def test_a_package_asked_for_by_name_provides_what_others_need(world: World) -> None:
    assert "nodejs-20=20.19.5-r1" in locked(world, "npm", "nodejs-20")
    index = Index(
        packages={
            each.name: each
            for each in (
                Package(name="tool", versions=("1",), needs=("node",)),
                Package(name="app", versions=("1",), needs=("node-20",)),
                Package(name="node-20", versions=("20",), provides=("node",)),
                Package(name="node-24", versions=("24",), provides=("node",)),
            )
        }
    )
    assert solver.solve(["tool", "app"], index) == {"app": "1", "node-20": "20", "tool": "1"}


def test_it_changes_nothing(world: World) -> None:
    before = world.emulator.repository("custom-base")
    assert resolve(world, packages("jq")).status == 200
    assert world.emulator.writes == 0
    assert world.emulator.repository("custom-base") == before
    assert world.status("custom-base") == "UNKNOWN"


def test_who_may_ask_and_about_what(world: World) -> None:
    assert resolve(world, packages("jq"), token="viewer").status == 200
    assert resolve(world, packages("jq"), token="").status == 401
    assert resolve(world, None).json["message"] == "config: must be set"
    organization = world.id("custom-base").partition("/")[0]
    missing = call(world.emulator, "POST", f"/apko/v1/resolve/{organization}/0000000000000000", body={"config": {}})
    assert missing.status == 404
    assert call(world.emulator, "GET", f"/apko/v1/resolve/{world.id('custom-base')}").status == 501
    poor = World(EmulatorSettings(grants={"example.com": ("repo.list",)}))
    refused = resolve(poor, packages("jq"))
    assert refused.status == 403
    assert "apk.list" in refused.json["message"]


def test_faults_meet_it(world: World) -> None:
    world.emulator.faults.add(Fault(effect=Status(status=404), path="/apko/v1/resolve/", repository="custom-base"))
    assert resolve(world, packages("jq"), "custom-go").status == 200
    assert resolve(world, packages("jq")).status == 404
    assert resolve(world, packages("jq")).status == 200


def test_what_the_base_has_already_is_a_warning_of_the_build(world: World) -> None:
    world.put_overlay("custom-base", packages("tzdata", "jq"))
    world.clock.advance(60)
    (report, *_) = world.reports("custom-base", SINCE)
    assert report["warnings"] == ['package "tzdata" is part of the base image already']


VERSIONS = st.lists(st.sampled_from(["2.0-r0", "1.10-r1", "1.2-r3", "1.2_rc1-r0"]), min_size=1, max_size=3, unique=True)
NAMES = ("a", "b", "c", "d", "e")
ASKED = st.builds(
    "{}{}".format, st.sampled_from((*NAMES, "v", "cmd:w")), st.sampled_from(["", "", "", "<2", ">1.2", "=1.10", "~1.2"])
)


@st.composite
def indexes(draw: st.DrawFn) -> Index:
    """A few packages that need, provide and rule out one another at random."""
    made = [
        Package(
            name=name,
            versions=tuple(draw(VERSIONS)),
            needs=tuple(draw(st.lists(ASKED, max_size=2))),
            provides=draw(st.sampled_from([(), (), ("v",)])),
            shared=draw(st.sampled_from([(), (), ("cmd:w",)])),
            conflicts=tuple(draw(st.lists(ASKED, max_size=1))) if draw(st.integers(0, 3)) == 0 else (),
            architectures=draw(st.sampled_from([("x86_64", "aarch64"), ("x86_64", "aarch64"), ("x86_64",)])),
        )
        for name in NAMES
    ]
    base = ("ca-certificates-bundle", "glibc-locale-posix", "tzdata", "wolfi-base", "wolfi-baselayout")
    made += [Package(name=name, versions=("1-r0",)) for name in base]
    files = {("a", "b"): "usr/bin/x"} if draw(st.integers(0, 5)) == 0 else {}
    return Index(packages={each.name: each for each in made}, shared_files=files)


@pytest.fixture(scope="module")
def shared() -> World:
    return World(EmulatorSettings(automatic_rebuilds=False))


@pytest.fixture(autouse=True)
def _catalog() -> Iterator[None]:
    yield
    apko.build.cache_clear()


@settings(max_examples=examples(120))
@given(index=indexes(), wanted=st.lists(ASKED, min_size=1, max_size=3))
def test_a_build_fails_exactly_where_a_resolution_is_refused(shared: World, index: Index, wanted: list[str]) -> None:
    apko.build.cache_clear()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(offered, "index", lambda: index)
        built = apko.build("base", "latest", json.dumps({"contents": {"packages": wanted}}))
        config = json.loads(built.config)
        answer = resolve(shared, {"contents": {"packages": config["contents"]["packages"]}, "archs": config["archs"]})
    assert (answer.status == 200) is (built.result == "Success")
    if answer.status == 200:
        assert answer.json["contents"]["packages"] == json.loads(built.locked)["contents"]["packages"]
    else:
        opening, _, reason = answer.json["message"].partition(": ")
        architecture = opening.removeprefix("locking config for arch ")
        assert built.log.endswith(f"building {architecture} layer: {reason}")


@settings(max_examples=examples(200))
@given(index=indexes(), wanted=st.lists(ASKED, min_size=1, max_size=3))
def test_what_is_chosen_keeps_every_rule(index: Index, wanted: list[str]) -> None:
    try:
        chosen = solver.solve(wanted, index)
    except solver.Unsolvable:
        return
    names = [
        (name, version, package)
        for package in chosen
        for name, version in index.packages[package].names(chosen[package])
    ]
    for text in (*wanted, *(need for package in chosen for need in index.packages[package].needs)):
        asked = solver._read(text)
        assert any(asked.allows(version) for name, version, _ in names if name == asked.name), text
    for package in chosen:
        for text in index.packages[package].conflicts:
            asked = solver._read(text)
            hit = [other for name, version, other in names if name == asked.name and asked.allows(version)]
            assert set(hit) <= {package}, text
    assert len([name for name, version, _ in names if name == "v"]) <= 1
    assert solver.solve([f"{name}={version}" for name, version in chosen.items()], index) == chosen
