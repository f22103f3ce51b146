"""What a build's configuration proves of what was asked for."""

import pytest

from reconciler.core.builds import Build, BuildConfig, Result, Watch
from reconciler.core.model import EMPTY
from reconciler.core.parts import Part, entries
from reconciler.core.proof import Lacking, Proof, Proven, Untold, prove
from tests.support.overlays import overlay


def proof(wanted: str, found: str) -> Proof:
    after = overlay({"packages": [wanted]})
    config = BuildConfig(frozenset(entries(overlay({"packages": [found]}))), frozenset({Part.PACKAGES}))
    build = Build(id="1", repository_id="r", started=None, ended=None, result=Result.SUCCESS, config=config)
    return prove(build, Watch(repository="r", id="r", before=EMPTY, after=after, since=0))


@pytest.mark.parametrize("wanted", ["git", "git~2.1", "git=2.1.3-r0", "git>2"])
def test_a_locked_version_that_is_allowed_is_proof(wanted: str) -> None:
    assert proof(wanted, "git=2.1.3-r0") == Proven(versions={"git": "2.1.3-r0"})


@pytest.mark.parametrize("wanted", ["jq", "git~2.2", "git>3"])
def test_what_is_not_there_is_lacking(wanted: str) -> None:
    assert isinstance(proof(wanted, "git=2.1.3-r0"), Lacking)


def test_the_provider_of_a_virtual_name_is_not_told() -> None:
    assert isinstance(proof("cmd:git", "git=2.1.3-r0"), Untold)
