"""Rules for certificates and keys: where their text is, what they are called, and that each is what it should be.

What a text is, is found out by `pem_text`; this module knows where it stands.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from reconciler.core.secrets import holds_private_key
from reconciler.diagnostics import Place, Severity
from reconciler.manifest import file_problems
from reconciler.manifest.beside import Named
from reconciler.manifest.codes import WARNINGS, Code
from reconciler.manifest.documents import Block
from reconciler.manifest.findings import Finding, quoted
from reconciler.manifest.nodes import MapNode, Spot, locate
from reconciler.manifest.rules import pem_text
from reconciler.manifest.rules.context import Context
from reconciler.manifest.rules.names import items, twice

_KEYS: Final = ("contents", "runtime_keyring")
_CERTIFICATES: Final = ("certificates", "additional")
_RESERVED: Final = ("chainguard", "wolfi")
_SEPARATOR: Final = re.compile(r"[/\\]")


def check_keys(block: Block, context: Context) -> Iterator[Finding]:
    """What is wrong with the keys of a block."""
    yield from twice(block, _KEYS, "name", code=Code.DUPLICATE_KEYRING_ENTRY, noun="key")
    for item, path, index in items(block, _KEYS):
        yield from _key_name(block, item, (*path, index))
        yield from _text(block, item, (*path, index), context, pem_text.key)


def check_certificates(block: Block, context: Context) -> Iterator[Finding]:
    """What is wrong with the certificates of a block."""
    yield from twice(block, _CERTIFICATES, "name", code=Code.DUPLICATE_CERTIFICATE, noun="certificate")
    for item, path, index in items(block, _CERTIFICATES):
        yield from _text(block, item, (*path, index), context, pem_text.certificate)


def _key_name(block: Block, item: MapNode, path: tuple[str | int, ...]) -> Iterator[Finding]:
    name = item.get("name")
    if isinstance(name, str) and (_SEPARATOR.search(name) or name.startswith((".", *_RESERVED))):
        spot = locate(block.node, (*path, "name"))
        yield Finding(
            code=Code.BAD_KEY_NAME,
            summary=f"{quoted(name)} is not usable as the name of a key",
            hint="a name has no path separator, does not begin with a dot, and not with `chainguard` or `wolfi`",
            at=spot.value_at,
            use_at=spot.use_at,
        )


def _text(
    block: Block, item: MapNode, path: tuple[str | int, ...], context: Context, judge: pem_text.Judge
) -> Iterator[Finding]:
    """What is wrong with the text of a certificate or key, which stands in the manifest or in a file."""
    content, file = item.get("content"), item.get("file")
    if "content" in item and "file" in item:
        spot = locate(block.node, (*path, "file"))
        yield Finding(
            code=Code.CONTENT_AND_FILE,
            summary="`content` and `file` cannot stand beside each other",
            hint="keep one of the two",
            at=spot.at,
            use_at=spot.use_at,
        )
    elif isinstance(content, str) and content:
        if not holds_private_key(content):  # which `private_keys` reports
            yield from _judged(judge(content, context.now), locate(block.node, (*path, "content")), None)
    elif isinstance(file, str) and file:
        yield from _file(block, file, locate(block.node, (*path, "file")), context, judge)


def _file(block: Block, file: str, spot: Spot, context: Context, judge: pem_text.Judge) -> Iterator[Finding]:
    found = context.beside.read(file, folder=Path(block.source.name).parent)
    if isinstance(found, Named):
        yield from _judged(judge(found.text, context.now), spot, found.name)
    else:
        yield file_problems.named(found, at=spot.value_at, use_at=spot.use_at, wildcards="*" in file)


def _judged(verdicts: Iterator[pem_text.Verdict], spot: Spot, file: str | None) -> Iterator[Finding]:
    for verdict in verdicts:
        yield Finding(
            code=verdict.code,
            summary=verdict.summary,
            hint=verdict.hint,
            severity=Severity.WARNING if verdict.code in WARNINGS else Severity.ERROR,
            at=spot.value_at if file else spot.at,
            use_at=spot.use_at,
            place=Place(file=file) if file else None,
        )
