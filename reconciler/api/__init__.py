"""The Chainguard API: the client, its errors, and the mapping between JSON and core values.

Everything that knows a field name, a path or a status code of the API lives here, and only this package imports httpx.
It plans nothing and prints nothing. This module holds what the command line's help tells, and imports nothing else.
"""

from typing import Literal, TypeAlias

ApiVersion: TypeAlias = Literal["v1", "v2", "auto"]

API_URL = "https://console-api.enforce.dev"
ISSUER_URL = "https://issuer.enforce.dev"

API_VERSIONS: tuple[ApiVersion, ...] = ("v1", "v2", "auto")
API_VERSION: ApiVersion = "auto"
