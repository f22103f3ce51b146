"""What rules need beyond a block: the time, the files beside the manifest, and what was found out already."""

from dataclasses import dataclass, field

from reconciler.manifest.beside import Beside


@dataclass(slots=True)
class Context:
    """`now` is in seconds since 1970; None: nothing is said about expiry.

    The caches are by text: entries that share a block, and names that come again and again, are looked at once.
    """

    beside: Beside
    now: float | None = None
    variables: dict[str, bool] = field(default_factory=dict)
    values: dict[str, bool] = field(default_factory=dict)
