"""Loads a manifest: reading, parsing, validating, checking and assembling, in this order.

Each stage continues with the valid part from the one before, so that one run reports everything.
"""

import importlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reconciler.core.state import Desired, Settings
from reconciler.diagnostics import Diagnostic, Place, Severity
from reconciler.manifest import checks, files, guarded_rules, rules
from reconciler.manifest.assembly import Assembled, Parsed, assemble
from reconciler.manifest.codes import Code
from reconciler.manifest.document import BROKEN, Document, MapNode, Source, YamlProblem
from reconciler.manifest.overlay import OverlayFiles
from reconciler.manifest.problems import Finding, Problems, no_content, unread_file, yaml_problem
from reconciler.manifest.rules import RuleContext
from reconciler.manifest.schema import ManifestFile
from reconciler.manifest.schema_errors import validate_manifest
from reconciler.manifest.yaml_tree import parse


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
    manifest that is no file: `path` is then what messages call it, and its folder where its files are.

    Problems never raise: they come back ordered by file, line and column, and where there is an error the desired state
    is only what could be understood.
    """
    found = files.find(path) if data is None else (path,)
    in_folder = found != (path,)
    loaded = _Loaded(RuleContext(files.IncludedFiles(path if in_folder else path.parent), now))
    is_there = not isinstance(found, files.Unread) or found.code is Code.NO_MANIFESTS
    if isinstance(found, files.Unread):
        loaded.give_up(found)
        found = ()
    read = [file for one in found if (file := _read(one, loaded, in_folder=in_folder, data=data)) is not None]
    overlay_paths = {path for file in read for path in file.document.overlay_files()}
    for file in read:
        if not in_folder or file.path not in overlay_paths:  # an overlay file in the folder is not a manifest
            _understand(file, loaded)
    overlays = OverlayFiles(lambda document: _check(document, loaded.context), loaded.problems)
    documents = [one.document for one in loaded.parsed]
    loaded.problems.add(checks.check_manifest(documents, organization=organization, complete=loaded.complete))
    assembled = assemble(loaded.parsed, loaded.context.included, overlays)
    loaded.problems.add(assembled.problems)
    settings = _settings(loaded.parsed)
    if in_folder and is_there:
        loaded.problems.add(_passed_over(path, overlay_paths, prune=prune or settings.prune))
    return _desired(loaded, assembled, settings, organization), loaded.problems.ordered()


@dataclass(slots=True)
class _Loaded:
    """Parts of the manifest that have been read so far."""

    context: RuleContext
    parsed: list[Parsed] = field(default_factory=list)
    problems: Problems = field(default_factory=Problems)
    complete: bool = True

    def give_up(self, unread: files.Unread) -> None:
        """Report a file or folder that gave no text."""
        self.problems.add([unread_file(unread)])
        self.complete = False


@dataclass(frozen=True, slots=True)
class _ReadFile:
    """A file of the folder that could be read, whatever is in it."""

    path: Path
    document: Document
    problems: tuple[YamlProblem, ...]


def _read(path: Path, loaded: _Loaded, *, in_folder: bool, data: bytes | None) -> _ReadFile | None:
    text = files.read(path, found_in_folder=in_folder) if data is None else files.decode(str(path), data)
    if isinstance(text, files.Unread):
        loaded.give_up(text)
        return None
    tree = parse(text)
    return _ReadFile(path, Document(Source(str(path), text), tree), (*tree.problems, *no_content(tree, text)))


def _understand(file: _ReadFile, loaded: _Loaded) -> None:
    document, source = file.document, file.document.source
    loaded.problems.find(source, (yaml_problem(one, source) for one in file.problems))
    if document.root is BROKEN or document.root is None:
        loaded.complete = False
        return
    validated = validate_manifest(document.root)
    loaded.problems.find(source, validated.findings)
    loaded.problems.count(Severity.ERROR, validated.more)
    loaded.parsed.append(Parsed(document, validated.model or ManifestFile()))
    loaded.problems.find(source, _check(document, loaded.context))


def _check(document: Document, context: RuleContext) -> Iterator[Finding]:
    """Yield what is wrong within the blocks of one file."""
    yield from checks.check_file(document, context.included)
    yield from rules.check_private_keys(document)
    for block in document.blocks():
        yield from checks.check_block(block)
        yield from rules.check_block(block, context)
        yield from guarded_rules.check_block(block)
        if "contents" in block.node or "certificates" in block.node:
            # By name: it loads a library for certificates and keys, and most manifests have neither.
            pem: Any = importlib.import_module("reconciler.manifest.pem")
            yield from pem.check_keys(block, context.included)
            yield from pem.check_certificates(block, context.included, context.now)


def _settings(parsed: Sequence[Parsed]) -> Settings:
    """Return the settings of all files; of two values for one the first."""
    given: dict[str, Any] = {}
    for one in parsed:
        settings = one.manifest.settings
        given = {**{name: getattr(settings, name) for name in settings.model_fields_set}, **given}
    return Settings(**given)


def _passed_over(folder: Path, included: set[Path], *, prune: bool) -> Iterator[Diagnostic]:
    """Yield the files below a folder that look like manifests and are not read."""
    for path in files.passed_over(folder):
        if path not in included and _looks_like_manifest(path):
            code = Code.UNREAD_WITH_PRUNE if prune else Code.UNREAD_MANIFEST
            result = "; `prune` would reset its repositories" if prune else ""
            yield Diagnostic(
                code=code.value,
                summary=f"this file looks like a manifest and is not read{result}",
                hint="move it into the manifest's folder itself, or elsewhere",
                severity=Severity.ERROR if prune else Severity.WARNING,
                place=Place(file=str(path)),
            )


def _looks_like_manifest(path: Path) -> bool:
    text = files.read(path, found_in_folder=True)
    if isinstance(text, files.Unread) or "repositories" not in text:
        return False
    root = parse(text).root
    return root is BROKEN or (isinstance(root, MapNode) and isinstance(root.get("repositories"), MapNode))


def _desired(loaded: _Loaded, assembled: Assembled, settings: Settings, organization: str | None) -> Desired:
    documents = [one.document for one in loaded.parsed]
    named = checks.organization_of(documents)
    included = loaded.context.included
    texts = [*((one.source.name, one.source.text) for one in documents), *included.texts]
    return Desired(
        repositories=assembled.repositories,
        globs=assembled.globs,
        overlays=assembled.overlays,
        scopes=assembled.scopes,
        organization=organization if organization is not None or named is None else named[0],
        settings=settings,
        digest=files.digest(texts, included.folder),
    )
