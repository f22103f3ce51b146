"""The emulator with a clock in the test's hand, and short ways to ask it."""

from typing import Any

from reconciler.emulator import Emulator, EmulatorSettings
from tests.support.wsgi import Params, Reply, call

START = 1_700_000_000.25
REPOS = "/registry/v1/repos"
REPORTS = "/registry/v1/buildreports"
TAGS = "/registry/v1/tags"
PACKAGES = "/apk/v1/packages"
SUMMARIES = "/apk/v1/package-summaries"
GROUPS = "/iam/v1/groups"
STATUSES = "/registry/v1/syncstatuses"


class Ticks:
    """A clock that only the test moves."""

    def __init__(self, now: float = START) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


class World:
    """An emulator in memory and what a test asks of it."""

    def __init__(self, settings: EmulatorSettings | None = None) -> None:
        self.clock = Ticks()
        self.waits: list[float] = []
        self.emulator = Emulator(clock=self.clock, settings=settings, sleep=self._sleep)

    def _sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.clock.advance(seconds)

    def get(self, path: str, *params: tuple[str, str]) -> Reply:
        return call(self.emulator, "GET", path, params=list(params))

    def items(self, path: str, *params: tuple[str, str]) -> list[Any]:
        reply = self.get(path, *params)
        assert reply.status == 200, reply.body
        found: list[Any] = reply.json["items"]
        return found

    def names(self, path: str, *params: tuple[str, str]) -> list[str]:
        return sorted(item["name"] for item in self.items(path, *params))

    def id(self, name: str) -> str:
        identifier: str = self.emulator.repository(name)["id"]
        return identifier

    def put(self, name: str, body: object, **options: Any) -> Reply:
        return call(self.emulator, "PUT", f"{REPOS}/{self.id(name)}", body=body, **options)

    def put_overlay(self, name: str, overlay: object) -> Reply:
        reply = self.put(name, {**self.emulator.repository(name), "customOverlay": overlay})
        assert reply.status == 200, reply.body
        return reply

    def reports(self, name: str, *params: tuple[str, str]) -> list[Any]:
        wanted: Params = [("uidp.descendantsOf", self.id(name)), *params]
        found: list[Any] = self.get(REPORTS, *wanted).json["reports"]
        return found

    def status(self, name: str) -> str:
        state: str = self.get(f"{REPOS}/{self.id(name)}:syncstatus").json["status"]
        return state


def packages(*names: str) -> dict[str, Any]:
    """An overlay that adds packages."""
    return {"contents": {"packages": list(names)}}


def sections(overlay: dict[str, Any] | None) -> dict[str, Any]:
    """What an emitted overlay says: its fields less those that are unset."""
    return {key: value for key, value in (overlay or {}).items() if value and value != "FAIL_MODE_UNSPECIFIED"}
