"""New manifests: which file an entry goes into, and the text of whole files."""

from collections.abc import Iterable, Mapping
from typing import Final, Literal, TypeAlias

from reconciler.core.state import Directory, LiveRepository, Organization
from reconciler.manifest.writing.pem_shelf import safe_name
from reconciler.manifest.writing.render import pair
from reconciler.manifest.writing.shapes import Shape

Split: TypeAlias = Literal["repository", "folder"]

PROFILES_FILE: Final = "profiles.yaml"
SUFFIX: Final = ".yaml"


def file_name(repository: LiveRepository, directory: Directory, organization: Organization, split: Split | None) -> str:
    """The name of the file that a repository's entry goes into."""
    match split:
        case "repository":
            words = directory.label(repository)
        case "folder" if repository.folder:
            words = repository.folder
        case _:
            words = organization.name
    name = (safe_name(words.strip("/").replace("/", "-")).lower() or "manifest") + SUFFIX
    # Profiles have this file to themselves.
    return f"repository-{name}" if name == PROFILES_FILE else name


def document(
    organization: str | None,
    *,
    entries: Iterable[tuple[str, Shape]] = (),
    profiles: Mapping[str, Shape] | None = None,
) -> str:
    """The text of a new manifest file."""
    blocks: list[list[str]] = []
    if organization is not None:
        blocks.append(pair("organization", organization, 0))
    if profiles:
        blocks.append(["profiles:", *_apart(pair(name, shape, 2) for name, shape in profiles.items())])
    lines = _apart(pair(name, shape, 2) for name, shape in entries)
    if lines:
        blocks.append(["repositories:", *lines])
    return "\n\n".join("\n".join(block) for block in blocks) + "\n"


def _apart(blocks: Iterable[list[str]]) -> list[str]:
    """Blocks of lines with a blank line between them."""
    lines: list[str] = []
    for number, block in enumerate(blocks):
        lines += ["", *block] if number else block
    return lines
