"""Client of the Chainguard API: its methods, its errors, and the mapping between JSON and core values.

Field names, paths and status codes of the API occur in this package only, and only this package imports httpx. This
module holds texts for the command line's help, and imports nothing.
"""

from typing import Literal, TypeAlias

ApiVersion: TypeAlias = Literal["v1", "v2", "auto"]

API_URL = "https://console-api.enforce.dev"
ISSUER_URL = "https://issuer.enforce.dev"

API_VERSIONS: tuple[ApiVersion, ...] = ("v1", "v2", "auto")
API_VERSION: ApiVersion = "auto"
