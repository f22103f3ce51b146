"""What the tests of credentials share: tokens that say when they end, and stand-ins for the line and for processes."""

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qs

from reconciler.api.call import Reply
from reconciler.api.credentials.asking import Asker
from reconciler.api.credentials.chainctl import Finished
from reconciler.api.credentials.line import Broken, Request
from reconciler.api.credentials.secrecy import Secrets
from reconciler.api.timing import Timing

NOW = 1_785_837_600.0
API = "https://console-api.test.dev"
IDENTITY = f"{'4' * 40}/{'a' * 16}"
OIDC = "eyJhbGciOiJSUzI1NiJ9.oidc-of-the-job.c2lnbmF0dXJl"
REQUEST_TOKEN = "request-token-of-the-runner"


def jwt(name: str, *, ends: float | None = NOW + 3600) -> str:
    """A token that is told apart by its name."""
    claims = json.dumps({"sub": name, **({} if ends is None else {"exp": ends})}).encode()
    return f"eyJhbGciOiJSUzI1NiJ9.{base64.urlsafe_b64encode(claims).decode().rstrip('=')}.{name}"


def told(document: object = None, *, status: int = 200, body: bytes | None = None, location: str = "") -> Reply:
    content = json.dumps(document).encode() if body is None else body
    return Reply(status=status, headers={"location": location}, body=content)


@dataclass(slots=True)
class Line:
    """Answers requests in order, the last answer again and again; remembers what was asked."""

    answers: list[Reply | Broken]
    asked: list[Request] = field(default_factory=list)

    def __call__(self, request: Request) -> Reply | Broken:
        self.asked.append(request)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    def form(self, number: int = -1) -> dict[str, list[str]]:
        found = self.asked[number].form
        assert found is not None
        return parse_qs(found.decode(), strict_parsing=True)


@dataclass(slots=True)
class Time:
    """A clock that only sleeping moves."""

    now: float = NOW
    slept: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    @property
    def timing(self) -> Timing:
        return Timing(now=lambda: self.now, sleep=self.sleep)


@dataclass(slots=True)
class Processes:
    """Stands for running chainctl: gives these ends in order, the last again and again."""

    ends: list[Finished | Exception]
    started: list[tuple[str, ...]] = field(default_factory=list)

    def __call__(self, argv: Sequence[str], *, seconds: float) -> Finished:
        assert seconds == 30.0
        self.started.append(tuple(argv))
        end = self.ends.pop(0) if len(self.ends) > 1 else self.ends[0]
        if isinstance(end, Exception):
            raise end
        return end


def finished(stdout: str = "", *, code: int = 0, stderr: str = "") -> Finished:
    return Finished(code=code, stdout=stdout, stderr=stderr)


def asker(line: Line, time: Time | None = None, *, luck: float = 0.5) -> Asker:
    return Asker(send=line, timing=(time or Time()).timing, secrets=Secrets(), luck=lambda: luck)
