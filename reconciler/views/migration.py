"""A migration as text and as a document: the overlays, the waves of repositories, and what is proved of their tags."""

from collections.abc import Iterable, Sequence

from rich.console import RenderableType
from rich.text import Text
from typing_extensions import TypedDict

from reconciler.core.migration import MigratedRepository
from reconciler.core.state import Organization
from reconciler.diagnostics import Diagnostic, listed, plural
from reconciler.views.changes import fragments, joined
from reconciler.views.console import draw_blocks, names_block, words_text
from reconciler.views.diagnostics import DiagnosticDocument, diagnostic_document
from reconciler.views.document import OrganizationDocument, organization_document
from reconciler.views.text import FORMAT_VERSION, Role, Style, repositories, token
from reconciler.views.values import ChangeDocument, change_document, ordered

_NEXT = (
    "Nothing was changed. The API refuses bindings of a repository that has a customization of its own: ask your "
    "Chainguard account team to switch the organization, wave by wave, then apply the manifest."
)


class DifferentTagDocument(TypedDict):
    """A tag that would get another configuration."""

    tag: str
    changes: list[ChangeDocument]


class MigratedDocument(TypedDict):
    """A repository with the overlays in place of its customization; `problem` is "" where every tag can be judged."""

    repository: str
    id: str
    overlays: list[str]
    tags: list[str]
    proven: bool
    different: list[DifferentTagDocument]
    problem: str


class MigrationDocument(TypedDict):
    """Document of `reconciler migrate --format json`.

    `overlays` are the repositories of each overlay; `left_out` says which repositories are not migrated, and why.
    """

    format_version: str
    organization: OrganizationDocument
    proven: bool
    overlays: dict[str, list[str]]
    waves: list[list[MigratedDocument]]
    left_out: list[DiagnosticDocument]


def document(
    waves: Sequence[Sequence[MigratedRepository]], organization: Organization, left_out: Iterable[Diagnostic] = ()
) -> MigrationDocument:
    """Return the migration as plain data."""
    every = [one for wave in waves for one in wave]
    names = sorted({name for one in every for name in one.overlays})
    return {
        "format_version": FORMAT_VERSION,
        "organization": organization_document(organization),
        "proven": all(one.proven for one in every),
        "overlays": {name: [one.repository for one in every if name in one.overlays] for name in names},
        "waves": [[_repository(one) for one in wave] for wave in waves],
        "left_out": [diagnostic_document(one) for one in left_out],
    }


def _repository(one: MigratedRepository) -> MigratedDocument:
    return {
        "repository": one.repository,
        "id": one.id,
        "overlays": list(one.overlays),
        "tags": list(one.tags),
        "proven": one.proven,
        "different": [
            {"tag": tag, "changes": [change_document(change) for change in ordered(changes)]}
            for tag, changes in one.different
        ],
        "problem": one.problem,
    }


def render(found: MigrationDocument, *, style: Style, width: int | None) -> str:
    """Return the document as text; the last line says what comes next."""
    every = [one for wave in found["waves"] for one in wave]
    if not every:
        return "Nothing to migrate: no repository has a customization of its own that an overlay can hold.\n"
    overlays = found["overlays"]
    counts = f"{repositories(len(every))} with {plural(len(overlays), 'overlay')}"
    shared = [Text(f"  {style.plain(name)}: {repositories(len(names))}") for name, names in overlays.items()]
    blocks: list[list[RenderableType]] = [
        [Text.assemble("Migration of ", (style.plain(found["organization"]["name"]), Role.BOLD), f": {counts}")],
        [Text("Overlays:", Role.BOLD), *shared],
    ]
    for number, wave in enumerate(found["waves"], start=1):
        names = [token(one["repository"], style) for one in wave]
        blocks.append([Text(f"Wave {number}:", Role.BOLD), *names_block(names, indent=2, width=width)])
    wrong = [line for one in every for line in _wrong(one, style)]
    blocks.append([Text("Not the same:", Role.BOLD), *wrong] if wrong else [])
    proven = [one for one in every if one["proven"]]
    tags = plural(sum(len(one["tags"]) for one in proven), "tag")
    keep = "keeps" if len(proven) == 1 else "keep"
    blocks.append(
        [Text(f"Proved: {repositories(len(proven))} {keep} the configuration of every tag ({tags})."), Text(_NEXT)]
    )
    return draw_blocks(blocks, style=style, width=width)


def _wrong(one: MigratedDocument, style: Style) -> list[Text]:
    name = token(one["repository"], style)
    if one["problem"]:
        return [Text(f"  {name}: {style.plain(one['problem'])}", Role.ERROR)]
    alike: dict[str, tuple[list[str], Text]] = {}
    for different in one["different"]:
        words = Text("   ").join(
            Text.assemble(f"{part.label} ", words_text(joined(part.items)))
            for part in fragments(different["changes"], style)
        )
        alike.setdefault(words.plain, ([], words))[0].append(different["tag"])
    return [Text.assemble(f"  {name} ({listed(tags)}): ", words) for tags, words in alike.values()]
