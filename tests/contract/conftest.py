"""What the contract tests share: a recorded line, and an emulated world in which something has happened."""

from collections.abc import Iterator

import pytest

from reconciler.emulator import EmulatorSettings
from tests.contract.traffic import Exchange, recording
from tests.support.emulated import World, packages
from tests.support.wsgi import ANY_TOKEN


@pytest.fixture
def traffic(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Exchange]]:
    with recording(monkeypatch) as found:
        yield found


@pytest.fixture
def world() -> Iterator[World]:
    made = World(EmulatorSettings(automatic_rebuilds=False, tokens=frozenset({"owner", "viewer", ANY_TOKEN})))
    made.put_overlay("custom-node", packages("crul"))
    made.clock.advance(60)
    made.put_overlay("custom-go", packages("jq"))
    yield made
    made.emulator.close()
