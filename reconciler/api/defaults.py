"""Where the API is when nobody says otherwise, and which of its generations is spoken.

Apart from everything else, so that the command line's help costs no import.
"""

from typing import Literal, TypeAlias, get_args

API_URL = "https://console-api.enforce.dev"
ISSUER_URL = "https://issuer.enforce.dev"

ApiVersion: TypeAlias = Literal["v1", "v2", "auto"]
API_VERSIONS: tuple[ApiVersion, ...] = get_args(ApiVersion)
API_VERSION: ApiVersion = "v1"
