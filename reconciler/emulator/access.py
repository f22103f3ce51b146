"""Who is calling and what they may do.

Here belong tokens and capabilities; a caller owns the organisation `example.com` and is a guest anywhere else.
"""

from dataclasses import dataclass

from reconciler.emulator import uidp
from reconciler.emulator.errors import ApiError, Code
from reconciler.emulator.records import HOME
from reconciler.emulator.settings import OWNER, VIEWER, Settings

ORGANISATION = uidp.of_root(HOME)


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """The holder of an accepted token."""

    token: str
    read_only: bool

    def capabilities(self, record: str) -> tuple[str, ...]:
        """Return what the caller may do with a record, by the organisation that it belongs to."""
        return OWNER if uidp.root(record) == ORGANISATION and not self.read_only else VIEWER

    def demand(self, capability: str, record: str) -> None:
        """Refuse a call for which the caller lacks the capability."""
        if capability not in self.capabilities(record):
            raise ApiError(Code.PERMISSION_DENIED, f"caller does not have capability {capability} on {record}")


def authenticate(authorization: str, settings: Settings) -> Caller:
    """Return the caller that an `Authorization` header names, or refuse it (code 16)."""
    scheme, _, token = authorization.partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token:
        raise ApiError(Code.UNAUTHENTICATED, "missing bearer token")
    if settings.tokens is not None and token not in settings.tokens:
        raise ApiError(Code.UNAUTHENTICATED, "invalid token")
    return Caller(token=token, read_only=token in settings.viewers)
