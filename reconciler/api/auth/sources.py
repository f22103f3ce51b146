"""Sources of tokens: the environment, a CI system's identity, chainctl; in this order.

A source returns a token or the reason for having none, and never raises. Nothing is looked up before a token is needed.
"""

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from random import random
from typing import Protocol
from urllib.parse import parse_qsl, urlencode

import httpx

from reconciler.api import ISSUER_URL
from reconciler.api.auth.provider import (
    Credentials,
    TokenAbsent,
    TokenFailed,
    TokenFound,
    TokenResult,
    export_advice,
    fixed,
    login_advice,
)
from reconciler.api.auth.token import Secrets, Token, read_token_file, sendable
from reconciler.api.errors import ApiError, BadAddress, clean
from reconciler.api.http import Call, Connection
from reconciler.api.retry import Retrier, Timing
from reconciler.api.schema import timestamp_from_wire
from reconciler.api.url import ApiAddress, parse_address

VARIABLES = ("CHAINGUARD_TOKEN", "TOK")
IDENTITY = "CHAINGUARD_IDENTITY"
ISSUER = "CHAINGUARD_ISSUER"
OIDC_FILE = "CHAINGUARD_OIDC_TOKEN_FILE"
GITHUB_URL = "ACTIONS_ID_TOKEN_REQUEST_URL"
GITHUB_TOKEN = "ACTIONS_ID_TOKEN_REQUEST_TOKEN"  # noqa: S105 - the name of a variable

_OF_API = "console-api."
_OF_ISSUER = "issuer."
_ANSWER_SECONDS = 30.0
_CHAINCTL_SECONDS = 30.0
# A cached token must be valid for longer than the renewal margin, or the renewal would find it again.
_COMFORTABLE = 300.0
# Shorter texts are ordinary words: hiding those would garble messages.
_SHORTEST = 16
_SCHEME = "bearer "


class ProgramResult(Protocol):
    """Result of a process; `cut` if it was ended because it printed too much."""

    @property
    def code(self) -> int: ...  # noqa: D102
    @property
    def stdout(self) -> str: ...  # noqa: D102
    @property
    def stderr(self) -> str: ...  # noqa: D102
    @property
    def cut(self) -> bool: ...  # noqa: D102


# Runs a program (a list of arguments, and `seconds` by keyword) without standard input. Raises `OSError` if it cannot
# be started, `TimeoutError` if it takes longer.
RunProgram = Callable[..., ProgramResult]


def find(
    environ: Mapping[str, str],
    *,
    api_url: str,
    home: Path | None = None,
    run: RunProgram | None = None,
    timing: Timing | None = None,
    transport: httpx.BaseTransport | None = None,
    platform: str = sys.platform,
) -> Credentials:
    """Return the credentials for the API at an address; nothing is looked up yet. Raises `BadAddress`.

    Without `run` no process is started, without `home` only a cache named by the environment is read.
    """
    api, secrets, timing = parse_address(api_url), Secrets(), timing or Timing()
    tokens = TokenClient(environ=environ, timing=timing, secrets=secrets, transport=transport)
    cache = cache_folder(environ, home, platform)
    return Credentials(
        [
            Environment(environ, api=api.root, secrets=secrets),
            Workload(environ, api=api, tokens=tokens),
            Chainctl(api=api.root, cache=cache, run=run, secrets=secrets, timing=timing),
        ],
        api=api.root,
        secrets=secrets,
        now=timing.now,
    )


class Environment:
    """The variables that hold a token, the more specific name first. Such a token cannot be renewed."""

    name = f"the environment variables {' and '.join(VARIABLES)}"
    renews = False

    def __init__(self, environ: Mapping[str, str], *, api: str, secrets: Secrets) -> None:
        self._environ = environ
        self._secrets = secrets
        self.advice = export_advice(api)

    def fetch(self, rejected: Token | None = None) -> TokenResult:  # noqa: ARG002 - there is no choice
        """Return the token of the first variable that is set."""
        for variable in VARIABLES:
            value = self._environ.get(variable, "").strip()
            if value:
                self._secrets.remember(value)
                return self._checked(value, variable)
        return TokenAbsent(why="not set")

    def _checked(self, value: str, variable: str) -> TokenResult:
        if sendable(value):
            return TokenFound(token=Token(value, source=variable))
        if value.lower().startswith(_SCHEME):
            self._secrets.remember(value[len(_SCHEME) :])
            return TokenFailed(
                code="bad-token",
                summary=f"the value of {variable} is not a token",
                why='it starts with "Bearer "; nothing was sent',
                hint=f"set {variable} to the token without `Bearer `",
            )
        return TokenFailed(
            code="bad-token",
            summary=f"the value of {variable} is not a token",
            why="it contains white space or invalid characters; nothing was sent",
            hint=self.advice,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRefused:
    """No token was given; `why` is safe for a message."""

    why: str


class Workload:
    """Tokens for a CI job by its workload identity, exchanged again at each renewal."""

    name = f"the CI job identity ({IDENTITY})"
    renews = True
    advice = f"run the job again, and check that {IDENTITY} is an identity that this job may assume"

    def __init__(self, environ: Mapping[str, str], *, api: ApiAddress, tokens: "TokenClient") -> None:
        self._environ = environ
        self._api = api
        self._tokens = tokens

    def fetch(self, rejected: Token | None = None) -> TokenResult:  # noqa: ARG002 - each exchange gives another token
        """Return a token of the identity; absent if none is configured or the CI system offers no OIDC token."""
        identity = self._environ.get(IDENTITY, "").strip()
        if not identity:
            return TokenAbsent(why="not set")
        found = self._exchanged(identity)
        if found is None:
            return TokenAbsent(
                why=f"set, but no OIDC token is available: set {OIDC_FILE}, or {GITHUB_URL} "
                f"and {GITHUB_TOKEN} (in GitHub Actions, give the job `permissions: id-token: write`)"
            )
        if isinstance(found, Token):
            return TokenFound(token=found)
        return TokenFailed(
            code="no-exchange",
            summary=f"cannot get a token for the CI job as {clean(identity)}",
            why=found.why,
            hint=f"check that {IDENTITY} is an identity that this job may assume, then run the job again",
        )

    def _exchanged(self, identity: str) -> Token | TokenRefused | None:
        issuer = issuer_of(self._api, self._environ)
        if isinstance(issuer, TokenRefused):
            return issuer
        oidc = self._oidc_token(issuer)
        if not isinstance(oidc, str):
            return oidc
        return self._tokens.exchange(oidc, identity=identity, api=self._api, issuer=issuer, source=self.name)

    def _oidc_token(self, issuer: ApiAddress) -> str | TokenRefused | None:
        """Return the job's OIDC token; None if the environment has no way to get one.

        It lives for minutes only. The file goes first: somebody set it for this program, while GitHub sets its
        variables for every job.
        """
        if file := self._environ.get(OIDC_FILE, "").strip():
            return self._from_file(Path(file))
        url, bearer = (self._environ.get(name, "").strip() for name in (GITHUB_URL, GITHUB_TOKEN))
        if url and bearer:
            return self._tokens.from_github(url, bearer, issuer)
        return None

    def _from_file(self, file: Path) -> str | TokenRefused:
        named = f"{OIDC_FILE} is {clean(str(file))}"
        try:
            value = read_token_file(file)
        except OSError as error:
            return TokenRefused(why=f"{named}, which cannot be read: {error.strerror}")
        except ValueError:
            value = ""
        self._tokens.secrets.remember(value)
        return value if sendable(value) else TokenRefused(why=f"{named}, which contains no token")


def issuer_of(api: ApiAddress, environ: Mapping[str, str]) -> ApiAddress | TokenRefused:
    """Return the issuer that belongs to an API, or the one that the environment names."""
    if written := environ.get(ISSUER, "").strip():
        try:
            issuer = parse_address(written)
        except BadAddress:
            return TokenRefused(why=f"{ISSUER} is not a URL; use a URL such as {ISSUER_URL}")
        return issuer if issuer.private else TokenRefused(why=f"{ISSUER} is not an https URL: refusing to send a token")
    if api.loopback:
        return api
    if api.host.startswith(_OF_API):
        # A port or path of the API does not determine the issuer.
        host = f"{_OF_ISSUER}{api.host.removeprefix(_OF_API)}"
        return replace(api, root=f"{api.scheme}://{host}", host=host)
    return parse_address(ISSUER_URL)


class TokenClient:
    """Requests tokens: repeated while the server is busy, and parsed as JSON.

    Requesting a token changes nothing, so a retry is always safe.
    """

    def __init__(
        self,
        *,
        environ: Mapping[str, str],
        timing: Timing,
        secrets: Secrets,
        transport: httpx.BaseTransport | None = None,
        jitter: Callable[[], float] = random,
    ) -> None:
        self.secrets = secrets
        self._environ = environ
        self._retrier = Retrier(timing=timing, jitter=jitter)
        self._transport = transport

    def exchange(
        self, oidc: str, *, identity: str, api: ApiAddress, issuer: ApiAddress, source: str
    ) -> Token | TokenRefused:
        """Return the token of an assumable identity for the API.

        The parameters go only into the body, as a form. The published document lists them as query parameters; the
        server merges the two, and would refuse a single value given twice as "too many values".
        """
        form = urlencode({"aud": api.root, "identity": identity}).encode("ascii")
        document = self._request(issuer, oidc, path="/sts/exchange", form=form)
        if isinstance(document, TokenRefused):
            return document
        refresh = document.get("refreshToken")
        if isinstance(refresh, str):
            self.secrets.remember(refresh)
        value = self._secret(document, "token", issuer)
        if isinstance(value, TokenRefused):
            return value
        return Token(value, source=source, expires=timestamp_from_wire(document.get("expiry")))

    def from_github(self, url: str, bearer: str, issuer: ApiAddress) -> str | TokenRefused:
        """Return the OIDC token that GitHub Actions gives a job for an issuer."""
        self.secrets.remember(bearer)
        base, _, query = url.partition("#")[0].partition("?")
        try:
            place = parse_address(base)
        except BadAddress:
            return TokenRefused(why=f"{GITHUB_URL} is not a URL")
        if not place.private:
            return TokenRefused(why=f"{GITHUB_URL} is not an https URL: refusing to send a token")
        if not sendable(bearer):
            return TokenRefused(why=f"{GITHUB_TOKEN} is not a token")
        parameters = (*parse_qsl(query, keep_blank_values=True), ("audience", issuer.root))
        document = self._request(place, bearer, parameters=parameters)
        if isinstance(document, TokenRefused):
            return TokenRefused(why=f"GitHub issued no token for this job: {document.why}")
        return self._secret(document, "value", place)

    def _request(
        self,
        place: ApiAddress,
        bearer: str,
        *,
        path: str = "",
        parameters: tuple[tuple[str, str], ...] = (),
        form: bytes | None = None,
    ) -> dict[str, object] | TokenRefused:
        """Return the JSON object of a response."""
        self.secrets.remember(bearer)
        call = Call(
            method="GET" if form is None else "POST",
            action="get a token",
            capability="any",
            path=path,
            parameters=parameters,
            body=form,
            content_type="application/x-www-form-urlencoded",
            timeout=_ANSWER_SECONDS,
            without_effects=True,
        )
        connection = Connection(
            place,
            fixed(Token(bearer, source="this job"), secrets=self.secrets),
            writes=True,
            transport=self._transport,
            retrier=self._retrier,
            environ=self._environ,
        )
        try:
            response = connection.reply(call)
        except ApiError as error:
            return TokenRefused(why=_why(place, error))
        finally:
            connection.close()
        # The body of a success holds a token: it is never printed.
        try:
            document = json.loads(response.content)
        except (ValueError, RecursionError):
            document = None
        return document if isinstance(document, dict) else TokenRefused(why=f"{clean(place.root)} did not return JSON")

    def _secret(self, document: dict[str, object], key: str, place: ApiAddress) -> str | TokenRefused:
        """Return the token in a response, and hide it from now on."""
        value = document.get(key)
        if isinstance(value, str) and value.strip():
            self.secrets.remember(value)
            if sendable(value.strip()):
                return value.strip()
        return TokenRefused(why=f'the response of {clean(place.root)} has no usable "{key}"')


def _why(place: ApiAddress, error: ApiError) -> str:
    if error.status is None:
        return clean(f"cannot reach {place.root}: {error.text}")
    if 300 <= error.status < 400:  # noqa: PLR2004 - the class of redirects
        text = ", a redirect (not followed, to protect the token)"
    else:
        text = f": {error.text}" if error.text else ""
    return f"{clean(place.root)} returned HTTP {error.status}{text}"


class Chainctl:
    """Tokens of chainctl, Chainguard's own command line: from its cache, else from the program itself.

    Its cache is read and never written. The caller starts processes (`RunProgram`).
    """

    name = "chainctl"
    renews = True

    def __init__(
        self, *, api: str, cache: Path | None, run: RunProgram | None, secrets: Secrets, timing: Timing
    ) -> None:
        self.advice = login_advice(api)
        self._api = api
        self._file = None if cache is None else cache / "chainguard" / api.replace("/", "-") / "oidc-token"
        self._run = run
        self._secrets = secrets
        self._timing = timing

    def fetch(self, rejected: Token | None = None) -> TokenResult:
        """Return the cached token while it is good for some minutes, else the one that the program prints."""
        cached = self._cached()
        if cached is not None and cached != rejected:
            return TokenFound(token=cached)
        return self._printed()

    def _cached(self) -> Token | None:
        if self._file is None:
            return None
        try:
            value = read_token_file(self._file)
        except (OSError, ValueError):
            return None
        if not sendable(value):
            return None
        self._secrets.remember(value)
        token = Token(value, source="the chainctl cache")
        holds = token.expires is not None and token.expires > self._timing.now() + _COMFORTABLE
        return token if holds else None

    def _printed(self) -> TokenResult:
        if self._run is None:
            return TokenAbsent(why="not installed")
        try:
            finished = self._run(("chainctl", "auth", "token", "--audience", self._api), seconds=_CHAINCTL_SECONDS)
        except FileNotFoundError:
            return TokenAbsent(why="not installed")
        except TimeoutError:
            return TokenAbsent(why=f"`chainctl auth token` did not finish within {_CHAINCTL_SECONDS:.0f} s")
        except OSError as error:
            return TokenAbsent(why=f"cannot be started: {error.strerror or type(error).__name__}")
        return self._read(finished)

    def _read(self, finished: ProgramResult) -> TokenResult:
        value = finished.stdout.strip()
        if finished.cut:
            return TokenAbsent(why="`chainctl auth token` printed more than a token and was stopped")
        # Any output may be a token, also on standard error.
        for word in value.split():
            if len(word) >= _SHORTEST:
                self._secrets.remember(word)
        if finished.code != 0:
            text = clean(self._secrets.hide(finished.stderr))
            return TokenAbsent(
                why=f"`chainctl auth token` failed with exit code {finished.code}{': ' if text else ''}{text}"
            )
        if not sendable(value):
            return TokenAbsent(why="`chainctl auth token` printed no token")
        return TokenFound(token=Token(value, source="chainctl"))


def cache_folder(environ: Mapping[str, str], home: Path | None, platform: str) -> Path | None:
    """Return the user's cache folder, where chainctl looks for it; None if unknown."""
    if platform == "win32":
        named = environ.get("LOCALAPPDATA", "")
        return Path(named) if named else None
    if platform == "darwin":
        return None if home is None else home / "Library" / "Caches"
    named = environ.get("XDG_CACHE_HOME", "")
    if named:
        # chainctl rejects a relative folder, and then has no cache.
        return Path(named) if Path(named).is_absolute() else None
    return None if home is None else home / ".cache"
