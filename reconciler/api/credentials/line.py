"""One request to a place that hands out tokens, and its answer; never to another place than was meant.

Beside `api.connection` the only module that imports the HTTP library, when something is sent. What is asked for, and
what an answer means, is decided in `ci_token` and `exchange`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from reconciler import __version__
from reconciler.api.address import Address
from reconciler.api.call import Reply

if TYPE_CHECKING:
    import httpx

_CONNECT_SECONDS = 10.0
_ANSWER_SECONDS = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request with a secret in its header; `place` is the part of `url` that may be shown."""

    place: Address
    url: str = field(repr=False)
    bearer: str = field(repr=False)
    form: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """No whole answer came; `reason` says why in words of ours."""

    reason: str


Send = Callable[[Request], Reply | Broken]


def sender(environ: Mapping[str, str]) -> Send:
    """A function that sends one request over a connection of its own; proxies and certificates as for the API."""

    def send(request: Request) -> Reply | Broken:
        import httpx

        from reconciler.api import trust

        try:
            with _client(request.place, environ) as client:
                return _reply(client, request)
        except httpx.TimeoutException:
            return Broken(reason="no answer in time")
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return Broken(reason=_reason(error))
        except trust.UnusableError as error:
            return Broken(reason=f"no connection can be trusted: {error}")
        except (OSError, ValueError, ImportError):
            return Broken(reason="the proxy named in the environment cannot be used")

    return send


def _client(place: Address, environ: Mapping[str, str]) -> "httpx.Client":
    import ssl

    import httpx

    from reconciler.api import trust

    plain = place.scheme == "http"
    return httpx.Client(
        verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if plain else trust.make_context(environ),
        trust_env=not place.loopback,
        timeout=httpx.Timeout(_ANSWER_SECONDS, connect=_CONNECT_SECONDS, pool=_CONNECT_SECONDS),
        follow_redirects=False,
    )


def _reply(client: "httpx.Client", request: Request) -> Reply:
    headers = {
        "Accept": "application/json",
        "Authorization": f"Bearer {request.bearer}",
        "User-Agent": f"reconciler/{__version__}",
    }
    if request.form is not None:
        headers["Content-Type"] = "application/x-www-form-urlencoded"
    method = "GET" if request.form is None else "POST"
    response = client.request(method, request.url, content=request.form, headers=headers)
    return Reply(status=response.status_code, headers=dict(response.headers), body=response.content)


def _reason(error: BaseException) -> str:
    """Why a request failed, in words of ours: the exceptions' own text may repeat a header."""
    import ssl

    import httpx

    if isinstance(error, httpx.ProxyError):
        return "the proxy refused to connect"
    cause: BaseException = error
    while (inner := cause.__cause__ or cause.__context__) is not None:
        cause = inner
    match cause:
        case ssl.SSLCertVerificationError():
            return f"its certificate is not accepted: {cause.verify_message}"
        case ssl.SSLError():
            return "no encrypted connection could be made"
        case ConnectionRefusedError():
            return "the connection was refused"
        case _:
            return "no whole answer came"
