"""What the tests of tokens share: tokens that say when they end, and stand-ins for the network and for processes."""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qs

import httpx

from reconciler.api.auth.sources import TokenClient
from reconciler.api.auth.token import Secrets
from reconciler.api.retry import Timing
from reconciler.cli.context import Finished

NOW = 1_785_837_600.0
API = "https://console-api.test.dev"
IDENTITY = f"{'4' * 40}/{'a' * 16}"
OIDC = "eyJhbGciOiJSUzI1NiJ9.oidc-of-the-job.c2lnbmF0dXJl"
REQUEST_TOKEN = "request-token-of-the-runner"


def jwt(name: str, *, ends: float | None = NOW + 3600) -> str:
    """A token that is told apart by its name."""
    claims = json.dumps({"sub": name, **({} if ends is None else {"exp": ends})}).encode()
    return f"eyJhbGciOiJSUzI1NiJ9.{base64.urlsafe_b64encode(claims).decode().rstrip('=')}.{name}"


class Broken(Exception):  # noqa: N818 - an answer that never comes
    """No connection comes about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request as it arrived."""

    url: str
    bearer: str
    form: bytes | None


def told(
    document: object = None, *, status: int = 200, body: bytes | None = None, location: str = ""
) -> httpx.Response:
    content = json.dumps(document).encode() if body is None else body
    return httpx.Response(status, headers={"location": location}, content=content)


@dataclass(slots=True)
class Line:
    """Answers requests in order, the last answer again and again; remembers what was asked."""

    answers: list[httpx.Response | Broken]
    asked: list[Asked] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        bearer = request.headers["authorization"].removeprefix("Bearer ")
        self.asked.append(Asked(url=str(request.url), bearer=bearer, form=request.content or None))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Broken):
            raise httpx.ConnectError("x") from ConnectionRefusedError()
        return httpx.Response(answer.status_code, headers=answer.headers, content=iter([answer.content]))

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
        return Timing(now=lambda: self.now, monotonic=lambda: self.now, sleep=self.sleep)


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


def token_client(
    environ: Mapping[str, str], line: Line, time: Time | None = None, *, jitter: float = 0.5
) -> TokenClient:
    return TokenClient(
        environ=environ,
        timing=(time or Time()).timing,
        secrets=Secrets(),
        transport=httpx.MockTransport(line),
        jitter=lambda: jitter,
    )
