"""The order in which sources are asked for a token, and credentials for where there is nothing to find."""

import sys
from collections.abc import Mapping
from pathlib import Path

from reconciler.api.address import parse_address
from reconciler.api.credentials.asking import Asker
from reconciler.api.credentials.chainctl import Chainctl, Run, cache_folder
from reconciler.api.credentials.environment import Environment
from reconciler.api.credentials.holder import Credentials
from reconciler.api.credentials.line import Send, sender
from reconciler.api.credentials.secrecy import Secrets
from reconciler.api.credentials.source import Fetched, Found
from reconciler.api.credentials.workload import Workload
from reconciler.api.timing import Timing
from reconciler.api.token import Token


def find(
    environ: Mapping[str, str],
    *,
    api_url: str,
    home: Path | None = None,
    run: Run | None = None,
    timing: Timing | None = None,
    send: Send | None = None,
    platform: str = sys.platform,
) -> Credentials:
    """Credentials for the API at an address; nothing is looked for before a token is needed. Raises `BadAddress`.

    Without `run` no process is started, without `home` no cache is read but the one that the environment names.
    """
    api, secrets, timing = parse_address(api_url), Secrets(), timing or Timing()
    asker = Asker(send=send or sender(environ), timing=timing, secrets=secrets)
    cache = cache_folder(environ, home, platform)
    return Credentials(
        [
            Environment(environ, api=api.root, secrets=secrets),
            Workload(environ, api=api, asker=asker),
            Chainctl(api=api.root, cache=cache, run=run, secrets=secrets, timing=timing),
        ],
        api=api.root,
        secrets=secrets,
        now=timing.now,
    )


def fixed(token: Token) -> Credentials:
    """Credentials that are one token, such as that of the emulator in this process."""
    return Credentials([_Fixed(token)], api="")


class _Fixed:
    """One token."""

    renews = False
    advice = "give another token"

    def __init__(self, token: Token) -> None:
        self.name = token.source
        self._token = token

    def fetch(self, rejected: Token | None = None) -> Fetched:  # noqa: ARG002 - there is no choice here
        """The token."""
        return Found(token=self._token)
