"""What can be wrong with YAML itself, as values; `file_problems` words them."""

from dataclasses import dataclass

from reconciler.manifest.codes import Code


@dataclass(frozen=True, slots=True, kw_only=True)
class Flaw:
    """Something wrong with the YAML itself: where, where the thing that it collides with is, and the words involved."""

    code: Code
    at: int
    other_at: int | None = None
    text: str = ""
    context: str = ""


class Refused(Exception):  # noqa: N818 - ends the walk through a document, never leaves `yaml_tree`
    """The rest of a document must not be read."""

    def __init__(self, flaw: Flaw) -> None:
        super().__init__(flaw.code)
        self.flaw = flaw
