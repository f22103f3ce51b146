"""The token in use: found late and once, renewed before it ends or when the API rejects it, by one thread for all."""

import threading
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import httpx

from reconciler.api import API_URL
from reconciler.api.auth.token import Secrets, Token
from reconciler.api.errors import UNAUTHENTICATED, ErrorContext, NoToken, TokenRejected
from reconciler.api.status import rpc_status
from reconciler.diagnostics import Diagnostic

# A token is renewed so many seconds before it ends, so that none ends on its way.
_AHEAD = 60.0
# A renewal that brought nothing better is not tried again for so long while the old token still holds.
_PAUSE = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenFound:
    """A token."""

    token: Token


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenAbsent:
    """The source has nothing to offer, and the next one is asked; `why` is fit for a message."""

    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenFailed:
    """The source is set up and does not work. No other is asked: it could act as somebody else than was meant.

    `code`, `summary`, `why` and `hint` are fit for a diagnostic.
    """

    code: str
    summary: str
    why: str
    hint: str


TokenResult = TokenFound | TokenAbsent | TokenFailed


class TokenSource(Protocol):
    """One place that tokens come from. No method raises."""

    @property
    def name(self) -> str:
        """How messages call the place."""
        ...

    @property
    def renews(self) -> bool:
        """Whether asking again can give another token."""
        ...

    @property
    def advice(self) -> str:
        """What to type when the API rejects a token from here."""
        ...

    def fetch(self, rejected: Token | None = None) -> TokenResult:
        """A token, another one than `rejected` where the source has the choice."""
        ...


class Credentials:
    """The tokens for one API, from any number of threads."""

    def __init__(
        self,
        sources: Sequence[TokenSource],
        *,
        api: str,
        secrets: Secrets | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.secrets = secrets or Secrets()
        self._sources = tuple(sources)
        self._api = api
        self._now = now
        self._lock = threading.Lock()
        self._held: tuple[Token, TokenSource] | None = None
        self._failure: TokenRejected | None = None
        self._given_up: Token | None = None
        self._renewal_problem = ""
        self._not_before = 0.0

    def __repr__(self) -> str:
        return f"Credentials(source={self.source!r})"

    @property
    def source(self) -> str:
        """Where the token came from; "nowhere" while there is none."""
        held = self._held
        return held[0].source if held else "nowhere"

    @property
    def renewable(self) -> bool:
        """Whether the source of the token can give another one."""
        held = self._held
        return held is not None and held[1].renews

    @property
    def advice(self) -> str:
        """What to type when the API rejects the token."""
        held = self._held
        return held[1].advice if held else either_advice(self._api)

    @property
    def renewal_problem(self) -> str:
        """Why the last renewal brought nothing; "" where it did or none was tried."""
        return self._renewal_problem

    def described(self, context: ErrorContext) -> ErrorContext:
        """What an error says, with the source of the token, and with every secret of this run hidden."""
        return replace(
            context,
            token_source=self.source,
            token_advice=self.advice,
            renewal_problem=self.renewal_problem,
            redact=self.secrets.hide,
        )

    def token(self) -> Token:
        """The token to send now; raises `NoToken` or `TokenRejected` when no source has one."""
        with self._lock:
            if self._held is None:
                self._held = self._find()
            elif self._ending(self._held[0]):
                self._renew_early(*self._held)
            return self._held[0]

    def renew(self, rejected: Token) -> Token | None:
        """Another token than the one that the API rejected; None where there is none.

        Threads that come with the same rejected token wait for one renewal and share what it brings.
        """
        with self._lock:
            if self._held is None or rejected == self._given_up:
                return None
            token, source = self._held
            if token != rejected:
                return token
            fresh = self._fetch_other(token, source)
            if fresh is None:
                self._given_up = rejected
            return fresh

    def _find(self) -> tuple[Token, TokenSource]:
        # A failure is kept: asking again would start the same process or exchange for each thread.
        if self._failure is None:
            found = self._ask_all()
            if not isinstance(found, TokenRejected):
                return found
            self._failure = found
        raise type(self._failure)(self._failure.diagnostic)

    def _ask_all(self) -> tuple[Token, TokenSource] | TokenRejected:
        tried: list[str] = []
        for source in self._sources:
            match source.fetch():
                case TokenFound(token=token):
                    self.secrets.remember(token)
                    return token, source
                case TokenAbsent(why=why):
                    tried.append(f"{source.name}: {why}")
                case TokenFailed() as failed:
                    return self._failed(failed, tried)
        return self._nothing(tried)

    def _renew_early(self, token: Token, source: TokenSource) -> None:
        """Renew a token that is about to end. Where that fails the old one serves on, until the API says otherwise."""
        if not source.renews or self._now() < self._not_before:
            return
        fresh = self._fetch_other(token, source)
        if fresh is None or self._ending(fresh):
            self._not_before = self._now() + _PAUSE

    def _fetch_other(self, token: Token, source: TokenSource) -> Token | None:
        if not source.renews:
            return None
        match source.fetch(rejected=token):
            case TokenFound(token=fresh) if fresh != token:
                self.secrets.remember(fresh)
                self._held, self._renewal_problem = (fresh, source), ""
                return fresh
            case TokenFound():
                self._renewal_problem = f"{source.name} returned the same token"
            case TokenAbsent(why=why) | TokenFailed(why=why):
                self._renewal_problem = f"{source.name}: {why}"
        return None

    def _ending(self, token: Token) -> bool:
        return token.expires is not None and token.expires - _AHEAD <= self._now()

    def _failed(self, failed: TokenFailed, tried: Sequence[str]) -> TokenRejected:
        before = f" (tried before: {'; '.join(tried)})" if tried else ""
        return TokenRejected(
            Diagnostic(code=failed.code, summary=failed.summary, detail=f"{failed.why}{before}", hint=failed.hint)
        )

    def _nothing(self, tried: Sequence[str]) -> NoToken:
        return NoToken(
            Diagnostic(
                code="no-token",
                summary="no token for the API",
                detail=f"tried {'; '.join(tried)}" if tried else "no token source is available",
                hint=either_advice(self._api),
            )
        )


class BearerAuth(httpx.Auth):
    """Sends the token with each request, and once more with a renewed one where it is rejected."""

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Authorize a request; raises `NoToken` or `TokenRejected`."""
        token = self._credentials.token()
        request.headers["Authorization"] = token.header()
        response = yield request
        if _rejects(request, response):
            fresh = self._credentials.renew(token)
            if fresh is not None:
                request.headers["Authorization"] = fresh.header()
                yield request


def _rejects(request: httpx.Request, response: httpx.Response) -> bool:
    """Whether a response rejects the token, so that nothing was done; of a write only the API itself can say so."""
    if response.is_success:
        return False
    code = rpc_status(response.content).code
    return code == UNAUTHENTICATED or (response.status_code == 401 and request.method == "GET")  # noqa: PLR2004


def fixed(token: Token, *, secrets: Secrets | None = None) -> Credentials:
    """Credentials that are one token, such as that of the emulator in this process."""
    return Credentials([_Fixed(token)], api="", secrets=secrets)


class _Fixed:
    """One token."""

    renews = False
    advice = "provide another token"

    def __init__(self, token: Token) -> None:
        self.name = token.source
        self._token = token

    def fetch(self, rejected: Token | None = None) -> TokenResult:  # noqa: ARG002 - there is no choice here
        """The token."""
        return TokenFound(token=self._token)


def login_advice(api: str) -> str:
    """How a person signs in with chainctl, for the API at this address."""
    return "`chainctl auth login`" if api == API_URL else f"`chainctl auth login --audience {api}`"


def export_advice(api: str) -> str:
    """How a token is put into the environment."""
    return f"export CHAINGUARD_TOKEN=$(chainctl auth token --audience {api})"


def either_advice(api: str) -> str:
    """Both ways, for somebody who has no token at all."""
    return f"sign in with {login_advice(api)}, or set a token: {export_advice(api)}"
