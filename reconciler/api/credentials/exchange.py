"""Exchanging a CI system's OIDC token for one of Chainguard, and where the issuer is that does so.

The parameters go into the body as a form, and there alone. The published document lists them as parameters of the
query; the server merges the two, and a single value that came twice would be refused as "too many values".
"""

from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import urlencode

from reconciler.api import instants
from reconciler.api.address import Address, parse_address
from reconciler.api.credentials.asking import Asker, Refused
from reconciler.api.credentials.line import Request
from reconciler.api.defaults import ISSUER_URL
from reconciler.api.errors import BadAddress
from reconciler.api.token import Token

VARIABLE = "CHAINGUARD_ISSUER"
_OF_API = "console-api."
_OF_ISSUER = "issuer."


def issuer_of(api: Address, environ: Mapping[str, str]) -> Address | Refused:
    """The issuer that belongs to an API, or the one that the environment names."""
    if written := environ.get(VARIABLE, "").strip():
        return _named(written)
    if api.loopback:
        return api
    if api.host.startswith(_OF_API):
        # A port or path of the API says nothing about the issuer.
        host = f"{_OF_ISSUER}{api.host.removeprefix(_OF_API)}"
        return replace(api, root=f"{api.scheme}://{host}", host=host)
    return parse_address(ISSUER_URL)


def exchange(oidc: str, *, identity: str, api: Address, issuer: Address, source: str, asker: Asker) -> Token | Refused:
    """The token of an assumable identity for the API."""
    request = Request(
        place=issuer,
        url=issuer.url("/sts/exchange"),
        bearer=oidc,
        form=urlencode({"aud": api.root, "identity": identity}).encode("ascii"),
    )
    document = asker.ask(request)
    if isinstance(document, Refused):
        return document
    refresh = document.get("refreshToken")
    if isinstance(refresh, str):
        asker.secrets.remember(refresh)
    value = asker.secret(document, "token", request)
    if isinstance(value, Refused):
        return value
    return Token(value, source=source, expires=instants.from_text(document.get("expiry")))


def _named(written: str) -> Address | Refused:
    try:
        issuer = parse_address(written)
    except BadAddress:
        return Refused(why=f"{VARIABLE} is not an address; write it like {ISSUER_URL}")
    return issuer if issuer.private else Refused(why=f"{VARIABLE} is not an https address: no token is sent there")
