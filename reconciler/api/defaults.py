"""Where the API is when nobody says otherwise, and which of its generations is spoken.

Apart from everything else, so that the command line's help costs no import.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal, TypeAlias

    ApiVersion: TypeAlias = Literal["v1", "v2", "auto"]
else:
    ApiVersion = str

API_URL = "https://console-api.enforce.dev"
ISSUER_URL = "https://issuer.enforce.dev"

API_VERSIONS: tuple[ApiVersion, ...] = ("v1", "v2", "auto")
API_VERSION: ApiVersion = "v1"
