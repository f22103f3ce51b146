"""Three plain repositories in an API in memory, and a plan that changes or creates some."""

import threading

from reconciler.core import planner
from reconciler.core.events import Event
from reconciler.core.overlay import EMPTY, Overlay, Section
from reconciler.core.plan import Plan
from reconciler.core.runs import Outcome
from reconciler.core.state import Address, Desired, DesiredRepository, Unreadable
from reconciler.diagnostics import Diagnostic, Place
from reconciler.engine.apply import apply
from tests.support.clock import FakeClock
from tests.support.fake_api import ORGANIZATION, FakeApi
from tests.support.overlays import overlay

GIT = overlay({"packages": ["git"]})
VIM = overlay({"packages": ["vim"]})
PROBLEM = Diagnostic(code="x", summary="x")


class World:
    """Three plain repositories, and a plan that gives each of them git."""

    def __init__(self, *names: str) -> None:
        self.clock = FakeClock()
        self.api = FakeApi(self.clock, dict.fromkeys(names or ("a", "b", "c"), EMPTY))
        self.stop = threading.Event()
        self.events: list[Event] = []
        self.plan = self.make_plan(GIT)

    def make_plan(self, wanted: Overlay) -> Plan:
        entries = [
            DesiredRepository(
                address=Address(name=repository.name),
                place=Place(file="m.yaml"),
                overlay=wanted,
                managed=frozenset({Section.PACKAGES}),
            )
            for repository in self.api.repositories.values()
        ]
        live = self.api.read_live(ORGANIZATION)
        return planner.plan(Desired(organization="example.com", repositories=tuple(entries)), live)

    def apply(self, *, parallelism: int = 1) -> dict[str, Outcome]:
        outcomes = apply(
            self.plan,
            self.api,
            clock=self.clock,
            stop=self.stop,
            parallelism=parallelism,
            on_event=self.events.append,
        )
        return {outcome.step.label: outcome for outcome in outcomes}

    def overlay_of(self, name: str) -> Overlay | Unreadable:
        return self.api.repositories[f"{ORGANIZATION.id}/{name}"].overlay


def creating() -> World:
    """A plan that creates `custom` from `python`."""
    world = World("python")
    entry = DesiredRepository(
        address=Address(name="custom"),
        place=Place(file="m.yaml"),
        overlay=GIT,
        managed=frozenset({Section.PACKAGES}),
        source=Address(name="python"),
    )
    desired = Desired(organization="example.com", repositories=(entry,))
    world.plan = planner.plan(desired, world.api.read_live(ORGANIZATION))
    return world
