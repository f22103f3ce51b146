"""Tokens for a CI job by its workload identity: `CHAINGUARD_IDENTITY` names whom the job may act as."""

from collections.abc import Mapping

from reconciler.api.address import Address
from reconciler.api.credentials import ci_token
from reconciler.api.credentials.asking import Asker, Refused
from reconciler.api.credentials.exchange import exchange, issuer_of
from reconciler.api.credentials.source import Absent, Failed, Fetched, Found
from reconciler.api.token import Token
from reconciler.api.wording import clean

IDENTITY = "CHAINGUARD_IDENTITY"


class Workload:
    """Exchanges the job's OIDC token, anew for each renewal."""

    name = f"the CI job's identity ({IDENTITY})"
    renews = True
    advice = f"run the job again, and check that {IDENTITY} names an identity which this job may assume"

    def __init__(self, environ: Mapping[str, str], *, api: Address, asker: Asker) -> None:
        self._environ = environ
        self._api = api
        self._asker = asker

    def fetch(self, rejected: Token | None = None) -> Fetched:  # noqa: ARG002 - each exchange gives another token
        """A token of the identity; absent where none is named or the CI system offers no OIDC token."""
        identity = self._environ.get(IDENTITY, "").strip()
        if not identity:
            return Absent(why="it is not set")
        found = self._exchanged(identity)
        if found is None:
            return Absent(
                why=f"it is set, and nothing offers an OIDC token: neither {ci_token.FILE} nor {ci_token.GITHUB_URL} "
                f"with {ci_token.GITHUB_TOKEN} (in GitHub Actions the job needs `permissions: id-token: write`)"
            )
        if isinstance(found, Token):
            return Found(token=found)
        return Failed(
            code="no-exchange",
            summary=f"no token could be had for the CI job as {clean(identity)}",
            why=found.why,
            hint=f"check that {IDENTITY} names an identity which this job may assume, then run the job again",
        )

    def _exchanged(self, identity: str) -> Token | Refused | None:
        issuer = issuer_of(self._api, self._environ)
        if isinstance(issuer, Refused):
            return issuer
        oidc = ci_token.ci_token(self._environ, issuer, self._asker)
        if not isinstance(oidc, str):
            return oidc
        return exchange(oidc, identity=identity, api=self._api, issuer=issuer, source=self.name, asker=self._asker)
