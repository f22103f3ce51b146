"""Who is calling and what they may do.

Here belong tokens and capabilities: unless the settings say otherwise, a caller owns the organisation `example.com`
and is a guest anywhere else.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from reconciler.emulator import tokens, uidp
from reconciler.emulator.errors import ApiError, Code
from reconciler.emulator.records import HOME
from reconciler.emulator.settings import OWNER, VIEWER, Settings
from reconciler.emulator.tokens import Claims

ORGANISATION = uidp.of_root(HOME)


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """The holder of an accepted token; `grants` are capabilities by group, None for the usual ones."""

    token: str = field(repr=False)
    read_only: bool
    claims: Claims | None = None
    grants: Mapping[str, tuple[str, ...]] | None = None

    def capabilities(self, record: str) -> tuple[str, ...]:
        """Return what the caller may do with a record: what is granted on it or anywhere above it."""
        if self.grants is None:
            return OWNER if uidp.root(record) == ORGANISATION and not self.read_only else VIEWER
        granted = (held for group, held in self.grants.items() if record == group or uidp.is_below(record, group))
        return tuple(sorted({each for held in granted for each in held}))

    def may(self, capability: str, record: str) -> bool:
        """Say whether the caller has a capability for a record."""
        return capability in self.capabilities(record)

    def demand(self, capability: str, record: str) -> None:
        """Refuse a call for which the caller lacks the capability."""
        if not self.may(capability, record):
            raise ApiError(Code.PERMISSION_DENIED, f"caller does not have capability {capability} on {record}")


def authenticate(authorization: str, settings: Settings, now: int) -> Caller:
    """Return the caller that an `Authorization` header names, or refuse it (code 16)."""
    token = _bearer(authorization)
    claims = tokens.read(token)
    if settings.tokens is not None and token not in settings.tokens and not tokens.is_issued(token):
        raise ApiError(Code.UNAUTHENTICATED, "invalid token")
    if settings.expiring_tokens and claims is not None and claims.expires <= now:
        raise ApiError(Code.UNAUTHENTICATED, "token is expired")
    names = {token, claims.subject} if claims else {token}
    return Caller(
        token=token, read_only=not names.isdisjoint(settings.viewers), claims=claims, grants=_grants(settings)
    )


def present(authorization: str, settings: Settings) -> Caller:
    """Return the holder of another issuer's token, who may do nothing but exchange it, or refuse it (code 16)."""
    token = _bearer(authorization)
    if settings.oidc_tokens is not None and token not in settings.oidc_tokens:
        raise ApiError(Code.UNAUTHENTICATED, "the token was not issued by a trusted issuer")
    return Caller(token=token, read_only=True, grants={})


def _bearer(authorization: str) -> str:
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise ApiError(Code.UNAUTHENTICATED, "missing bearer token")
    return token.strip()


def _grants(settings: Settings) -> Mapping[str, tuple[str, ...]] | None:
    if settings.grants is None:
        return None
    return {uidp.of_path(path): held for path, held in settings.grants.items()}
