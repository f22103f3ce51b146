"""The manifest: YAML files in, the desired state out, with every problem at its line and column.

Holds the file format and its reading; knows nothing of the API and decides nothing about what to change.
"""

from pathlib import Path

from reconciler.core.state import Desired
from reconciler.diagnostics import Diagnostic
from reconciler.manifest import loading


def load(
    path: Path,
    *,
    organization: str | None = None,
    now: float | None = None,
    prune: bool = False,
    data: bytes | None = None,
) -> tuple[Desired, tuple[Diagnostic, ...]]:
    """Return the desired state in a manifest file, or in all `*.yaml` and `*.yml` files directly in a folder.

    `organization` takes the place of the one that the manifest names. `now` (seconds since 1970) decides which
    certificates have expired; without it nothing is said about that. `prune`: repositories that the manifest does not
    name will be reset, whatever its settings say, so that no manifest may be left unread. `data` is the content of a
    manifest that is no file: `path` is then what messages call it, and its folder where its files are. Problems never
    raise: they
    come back ordered by file, line and column, and where there is an error the desired state is only what could be
    understood.
    """
    return loading.load(path, organization=organization, now=now, prune=prune, data=data)
