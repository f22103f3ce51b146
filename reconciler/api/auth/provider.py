"""The current token: looked up once at first use, renewed before it expires or after a 401, by one thread for all."""

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

# A token is renewed so many seconds before its expiry, so that none expires in transit.
_AHEAD = 60.0
# A failed renewal is not repeated for so long while the old token is valid.
_PAUSE = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenFound:
    """A token."""

    token: Token


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenAbsent:
    """The source has no token, and the next one is asked; `why` is safe for a message."""

    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenFailed:
    """The source is configured but fails. No other is asked: it could act as another identity than intended.

    `code`, `summary`, `why` and `hint` are safe for a diagnostic.
    """

    code: str
    summary: str
    why: str
    hint: str


TokenResult = TokenFound | TokenAbsent | TokenFailed


class TokenSource(Protocol):
    """One source of tokens. No method raises."""

    @property
    def name(self) -> str:
        """Return the name of the source in messages."""
        ...

    @property
    def renews(self) -> bool:
        """Return whether asking again can give another token."""
        ...

    @property
    def advice(self) -> str:
        """Return what to type if the API rejects a token of this source."""
        ...

    def fetch(self, rejected: Token | None = None) -> TokenResult:
        """Return a token, a different one than `rejected` if the source has a choice."""
        ...


class Credentials:
    """The tokens for one API; thread-safe."""

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
        """Return the source of the token; "nowhere" if there is none."""
        held = self._held
        return held[0].source if held else "nowhere"

    @property
    def renewable(self) -> bool:
        """Return whether the source of the token can give another one."""
        held = self._held
        return held is not None and held[1].renews

    @property
    def advice(self) -> str:
        """Return what to type if the API rejects the token."""
        held = self._held
        return held[1].advice if held else either_advice(self._api)

    @property
    def renewal_problem(self) -> str:
        """Return why the last renewal failed; "" if it succeeded or none was tried."""
        return self._renewal_problem

    def described(self, context: ErrorContext) -> ErrorContext:
        """Return an error with the source of the token, and with every secret of this run hidden."""
        return replace(
            context,
            token_source=self.source,
            token_advice=self.advice,
            renewal_problem=self.renewal_problem,
            redact=self.secrets.hide,
        )

    def token(self) -> Token:
        """Return the token to send; raises `NoToken` or `TokenRejected` if no source has one."""
        with self._lock:
            if self._held is None:
                self._held = self._find()
            elif self._ending(self._held[0]):
                self._renew_early(*self._held)
            return self._held[0]

    def renew(self, rejected: Token) -> Token | None:
        """Return another token than the one that the API rejected; None if there is none.

        Threads with the same rejected token wait for one renewal and share its result.
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
        # A failure is kept: otherwise each thread would start the same process or exchange again.
        if self._failure is None:
            found = self._query_sources()
            if not isinstance(found, TokenRejected):
                return found
            self._failure = found
        raise type(self._failure)(self._failure.diagnostic)

    def _query_sources(self) -> tuple[Token, TokenSource] | TokenRejected:
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
        """Renew a token that is about to expire. If that fails the old one is used until the API rejects it."""
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
    """Sends the token with each request, and once more with a renewed one if it is rejected."""

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
    """Return whether a response rejects the token before doing anything; for a write only the API itself can say so."""
    if response.is_success:
        return False
    code = rpc_status(response.content).code
    return code == UNAUTHENTICATED or (response.status_code == 401 and request.method == "GET")  # noqa: PLR2004


def fixed(token: Token, *, secrets: Secrets | None = None) -> Credentials:
    """Return credentials with one token, such as that of the emulator in this process."""
    return Credentials([_Fixed(token)], api="", secrets=secrets)


class _Fixed:
    """One token."""

    renews = False
    advice = "provide another token"

    def __init__(self, token: Token) -> None:
        self.name = token.source
        self._token = token

    def fetch(self, rejected: Token | None = None) -> TokenResult:  # noqa: ARG002 - there is no choice here
        """Return the token."""
        return TokenFound(token=self._token)


def login_advice(api: str) -> str:
    """Return how a person logs in with chainctl, for the API at this address."""
    return "`chainctl auth login`" if api == API_URL else f"`chainctl auth login --audience {api}`"


def export_advice(api: str) -> str:
    """Return how to put a token into the environment."""
    return f"export CHAINGUARD_TOKEN=$(chainctl auth token --audience {api})"


def either_advice(api: str) -> str:
    """Return both ways, for a user without any token."""
    return f"sign in with {login_advice(api)}, or set a token: {export_advice(api)}"
