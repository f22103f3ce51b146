"""Where tokens come from: the environment, a CI system's identity, chainctl; and when another one is fetched.

A source (`environment`, `workload`, `chainctl`) answers with a token or with why it has none, and never raises. The
order of asking is in `finding`, the token in use and its renewal in `holder`. Reading and hiding one token is
`api.token`; sending it to the API is `api.connection`. Importing this package does not import httpx.
"""

from reconciler.api.credentials.finding import find, fixed
from reconciler.api.credentials.holder import Credentials

__all__ = ["Credentials", "find", "fixed"]
