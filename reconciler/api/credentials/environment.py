"""Tokens that somebody put into an environment variable. They cannot be renewed."""

from collections.abc import Mapping

from reconciler.api.credentials import advice
from reconciler.api.credentials.secrecy import Secrets
from reconciler.api.credentials.source import Absent, Failed, Fetched, Found
from reconciler.api.token import Token, sendable

VARIABLES = ("CHAINGUARD_TOKEN", "TOK")


class Environment:
    """The variables that hold a token, the clearer name first."""

    name = f"the environment variables {' and '.join(VARIABLES)}"
    renews = False

    def __init__(self, environ: Mapping[str, str], *, api: str, secrets: Secrets) -> None:
        self._environ = environ
        self._secrets = secrets
        self.advice = advice.export(api)

    def fetch(self, rejected: Token | None = None) -> Fetched:  # noqa: ARG002 - there is no choice here
        """The token of the first variable that is set."""
        for variable in VARIABLES:
            value = self._environ.get(variable, "").strip()
            if value:
                self._secrets.remember(value)
                return self._checked(value, variable)
        return Absent(why="neither is set")

    def _checked(self, value: str, variable: str) -> Fetched:
        if sendable(value):
            return Found(token=Token(value, source=variable))
        return Failed(
            code="bad-token",
            summary=f"the value of {variable} is not a token",
            why="it holds white space, control characters or letters that no token has; nothing was sent",
            hint=self.advice,
        )
