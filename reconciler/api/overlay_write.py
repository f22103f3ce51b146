"""What every write of an overlay shares: the body to send, and the repository that the answer tells of."""

from collections.abc import Callable, Mapping

from reconciler.api import json_text, wire
from reconciler.api.errors import NotUnderstood, clean
from reconciler.api.http import Call, Connection
from reconciler.api.mapping import repository_from_wire
from reconciler.api.merging import merge_document
from reconciler.api.spelling import Spelling
from reconciler.core.overlay import Overlay
from reconciler.core.state import LiveRepository
from reconciler.diagnostics import Diagnostic


def body(document: Mapping[str, object], target: LiveRepository, wanted: Overlay, spelling: Spelling) -> bytes:
    """The document with the wanted overlay, as JSON; raises `NotUnderstood` where its overlay has no meaning."""
    try:
        return json_text.encode(merge_document(document, wanted, spelling))
    except ValueError as error:
        problem = str(error)
    raise NotUnderstood(
        Diagnostic(
            code="unreadable-overlay",
            summary=f'the live overlay of "{clean(target.name)}" was not understood, so nothing was sent',
            detail=clean(problem),
            hint="report this with the output of `reconciler --version`",
        )
    )


def send(
    connection: Connection, call: Call, spelling: Spelling, folder: str, is_meant: Callable[[str], bool]
) -> LiveRepository:
    """Send a write; the repository of its answer, whose id must be one that was meant. Raises as `Connection` does."""
    return send_for_document(connection, call, spelling, folder, is_meant)[0]


def send_for_document(
    connection: Connection, call: Call, spelling: Spelling, folder: str, is_meant: Callable[[str], bool]
) -> tuple[LiveRepository, Mapping[str, object]]:
    """The same, with the answer as it came."""
    document = connection.answer(call).document
    try:
        repository = repository_from_wire(document, folder=folder, spelling=spelling)
    except wire.Malformed as problem:
        raise connection.incomplete(call, str(problem)) from None
    if not is_meant(repository.id):
        raise connection.incomplete(call, f"it speaks of another repository, {repository.id}")
    return repository, document
