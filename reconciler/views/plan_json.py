"""A plan document as JSON text: the public, versioned form for programs."""

import json
from typing import Any


def render(document: dict[str, Any]) -> str:
    """The document, indented, in ASCII: no character that steers a terminal gets out."""
    return json.dumps(document, indent=2, ensure_ascii=True) + "\n"
