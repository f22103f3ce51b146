"""The token in use: found late and once, renewed before it ends or when the API rejects it, by one thread for all.

Nothing here knows how a source gets its tokens.
"""

import threading
import time
from collections.abc import Callable, Sequence

from reconciler.api.credentials import advice
from reconciler.api.credentials.secrecy import Secrets
from reconciler.api.credentials.source import Absent, Failed, Found, Source
from reconciler.api.errors import NoToken, TokenRejected
from reconciler.api.token import Token
from reconciler.diagnostics import Diagnostic

# A token is renewed so many seconds before it ends, so that none ends on its way.
_AHEAD = 60.0
# A renewal that brought nothing better is not tried again for so long while the old token still holds.
_PAUSE = 15.0


class Credentials:
    """The tokens for one API, from any number of threads."""

    def __init__(
        self,
        sources: Sequence[Source],
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
        self._held: tuple[Token, Source] | None = None
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
        return held[1].advice if held else advice.either(self._api)

    @property
    def renewal_problem(self) -> str:
        """Why the last renewal brought nothing; "" where it did or none was tried."""
        return self._renewal_problem

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

    def _find(self) -> tuple[Token, Source]:
        # A failure is kept: asking again would start the same process or exchange for each thread.
        if self._failure is None:
            found = self._ask_all()
            if not isinstance(found, TokenRejected):
                return found
            self._failure = found
        raise type(self._failure)(self._failure.diagnostic)

    def _ask_all(self) -> tuple[Token, Source] | TokenRejected:
        tried: list[str] = []
        for source in self._sources:
            match source.fetch():
                case Found(token=token):
                    self.secrets.remember(token)
                    return token, source
                case Absent(why=why):
                    tried.append(f"{source.name}: {why}")
                case Failed() as failed:
                    return self._failed(failed, tried)
        return self._nothing(tried)

    def _renew_early(self, token: Token, source: Source) -> None:
        """Renew a token that is about to end. Where that fails the old one serves on, until the API says otherwise."""
        if not source.renews or self._now() < self._not_before:
            return
        fresh = self._fetch_other(token, source)
        if fresh is None or self._ending(fresh):
            self._not_before = self._now() + _PAUSE

    def _fetch_other(self, token: Token, source: Source) -> Token | None:
        if not source.renews:
            return None
        match source.fetch(rejected=token):
            case Found(token=fresh) if fresh != token:
                self.secrets.remember(fresh)
                self._held, self._renewal_problem = (fresh, source), ""
                return fresh
            case Found():
                self._renewal_problem = f"{source.name} gives the same token again"
            case Absent(why=why) | Failed(why=why):
                self._renewal_problem = f"{source.name}: {why}"
        return None

    def _ending(self, token: Token) -> bool:
        return token.expires is not None and token.expires - _AHEAD <= self._now()

    def _failed(self, failed: Failed, tried: Sequence[str]) -> TokenRejected:
        before = f" (before it: {'; '.join(tried)})" if tried else ""
        return TokenRejected(
            Diagnostic(code=failed.code, summary=failed.summary, detail=f"{failed.why}{before}", hint=failed.hint)
        )

    def _nothing(self, tried: Sequence[str]) -> NoToken:
        return NoToken(
            Diagnostic(
                code="no-token",
                summary="there is no token for the API",
                detail=f"looked at {'; '.join(tried)}" if tried else "there is no place to look for one",
                hint=advice.either(self._api),
            )
        )
