"""Writes the published schemas of the public documents, generated from their types: `make schemas`."""

import json
import sys
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from reconciler.views.document import PlanDocument
from reconciler.views.events import EventLine


def schemas() -> dict[str, str]:
    """Return the text of each schema file by its name."""
    types: dict[str, TypeAdapter[Any]] = {
        "plan.schema.json": TypeAdapter(PlanDocument),
        "events.schema.json": TypeAdapter(EventLine),
    }
    dialect = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return {name: json.dumps({**dialect, **adapter.json_schema()}, indent=2) + "\n" for name, adapter in types.items()}


if __name__ == "__main__":
    for name, text in schemas().items():
        Path(sys.argv[1], name).write_text(text, encoding="utf-8")
