"""A migration as text and as JSON: the overlays, the waves of repositories, and what is proved of their tags."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.text import Text

from reconciler.core.migration import MigratedRepository
from reconciler.core.state import Organization
from reconciler.diagnostics import listed, plural
from reconciler.views.changes import fragments, joined
from reconciler.views.console import draw_blocks, names_block, words_text
from reconciler.views.document import FORMAT_VERSION
from reconciler.views.text import Role, Style, indented_json, repositories, token
from reconciler.views.values import change_document, ordered

_NEXT = (
    "Nothing was changed. The API refuses bindings of a repository that has a customization of its own: ask your "
    "Chainguard account team to switch the organization, wave by wave, then apply the manifest."
)


def document(waves: Sequence[Sequence[MigratedRepository]], organization: Organization) -> dict[str, Any]:
    """Return the migration as plain data; `overlays` are the repositories of each overlay."""
    every = [one for wave in waves for one in wave]
    names = sorted({name for one in every for name in one.overlays})
    return {
        "format_version": FORMAT_VERSION,
        "organization": {"id": organization.id, "name": organization.name},
        "proven": all(one.proven for one in every),
        "overlays": {name: [one.repository for one in every if name in one.overlays] for name in names},
        "waves": [[_repository(one) for one in wave] for wave in waves],
    }


def _repository(one: MigratedRepository) -> dict[str, Any]:
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


def render_json(found: dict[str, Any]) -> str:
    """Return the document as JSON text."""
    return indented_json(found)


def render(found: dict[str, Any], *, style: Style, width: int | None) -> str:
    """Return the document as text; the last line says what comes next."""
    every = [one for wave in found["waves"] for one in wave]
    if not every:
        return "Nothing to migrate: no repository has a customization of its own that an overlay can hold.\n"
    overlays: Mapping[str, list[str]] = found["overlays"]
    counts = f"{repositories(len(every))} with {plural(len(overlays), 'overlay')}"
    shared = [Text(f"  {style.plain(name)}: {repositories(len(names))}") for name, names in overlays.items()]
    blocks: list[list[Any]] = [
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
    blocks.append(
        [Text(f"Proved: {repositories(len(proven))} keep the configuration of every tag ({tags})."), Text(_NEXT)]
    )
    return draw_blocks(blocks, style=style, width=width)


def _wrong(one: dict[str, Any], style: Style) -> list[Text]:
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
