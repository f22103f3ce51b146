"""The rules of the API for what stands in a block of sections, checked before anything is sent.

One module for each subject; each works on trees, so that a mistake elsewhere in a block hides nothing. What a block is
allowed to look like is the business of `schema`, what several blocks come to together that of `core.conflicts`.
"""

from collections.abc import Iterator

from reconciler.manifest.documents import Block
from reconciler.manifest.findings import Finding
from reconciler.manifest.rules import accounts, packages, pem, runtime_repositories, texts
from reconciler.manifest.rules.context import Context


def check(block: Block, context: Context) -> Iterator[Finding]:
    """What the API would refuse in one block, and what looks like a mistake."""
    node = block.node
    if "environment" in node:
        yield from texts.check_environment(node, context)
    if "annotations" in node:
        yield from texts.check_annotations(node, context)
    yield from packages.check(block, context)
    if "contents" in node:
        yield from runtime_repositories.check(node)
        yield from pem.check_keys(block, context)
    if "certificates" in node:
        yield from pem.check_certificates(block, context)
    if "accounts" in node:
        yield from accounts.check(block)
