"""Overlays and their bindings, by v2beta1: a part of the API that some servers and organizations lack.

There are neither etags nor versions, and an answer may lack fields: a write returns nothing, and whoever wrote reads
again. An overlay is known by its name and a binding by its scope and its overlay until their ids are.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TypeVar

from pydantic import ValidationError

from reconciler.api import endpoints, json_text, schema_errors
from reconciler.api.answers import (
    BindingAnswer,
    BindingPage,
    Listing,
    OverlayAnswer,
    OverlayPage,
    RepositoryPage,
    selector_to_wire,
)
from reconciler.api.errors import (
    BINDING_CONFLICT,
    FAILED_PRECONDITION,
    ApiError,
    NotFound,
    Rejected,
    TokenRejected,
    uses_overlays,
)
from reconciler.api.http import Call, Connection
from reconciler.api.overlay_update import merge_overlay
from reconciler.api.schema import V2_SPELLING
from reconciler.core.bindings import Binding, Bindings, TagSelector, UnknownBindings
from reconciler.core.overlay import Overlay
from reconciler.core.state import LiveRepository, Organization, Overlays, OverlayVersion
from reconciler.core.steps import Scope, ScopeKind
from reconciler.diagnostics import listed

T = TypeVar("T")

# Statuses of a server without this call.
_ABSENT = frozenset({404, 405, 501})


def read_bindings(connection: Connection, scope: Organization | str) -> Bindings:
    """Return the bindings of a repository (its UIDP), or of the whole organization of a scope.

    Raises only `TokenRejected`: after any other failure they are unknown.
    """
    try:
        found = endpoints.read_all(connection, endpoints.bindings(scope), BindingPage, lambda one: one.id)
    except TokenRejected:
        raise
    except ApiError as error:
        return UnknownBindings(problem=str(error), absent=error.status in _ABSENT)
    return tuple(sorted((one.to_core() for one in found), key=_order))


def read_overlays(connection: Connection, organization: Organization) -> Overlays:
    """Return the overlays of the whole organization with their configurations; raises `TokenRejected` alone."""
    try:
        found = endpoints.read_all(connection, endpoints.overlays(organization), OverlayPage, lambda one: one.id)
    except TokenRejected:
        raise
    except ApiError as error:
        return UnknownBindings(problem=str(error), absent=error.status in _ABSENT)
    return tuple(sorted((one.to_core() for one in found), key=lambda one: (one.name, one.id)))


def read_overlay(connection: Connection, id_: str) -> OverlayVersion | None:
    """Return one overlay for writing; None when it does not exist any more."""
    call = endpoints.overlay(id_)
    try:
        document = connection.answer(call).document
    except NotFound:
        return None
    try:
        overlay = OverlayAnswer.model_validate(document).to_core()
    except ValidationError as error:
        problem = schema_errors.problem(error)
    else:
        if overlay.id == id_:
            return OverlayVersion(overlay=overlay, document=document)
        problem = f"it describes another overlay, {overlay.id}"
    raise connection.incomplete(call, problem)


def find_overlay(connection: Connection, organization: Organization, name: str) -> OverlayVersion | None:
    """Return the overlay of a name that the organization itself owns, for writing; None where it has none."""
    root = _root(organization.id)
    call = endpoints.overlays_named(name, root)
    found = endpoints.read_all(connection, call, OverlayPage, lambda one: one.id)
    ours = (one.id for one in found if one.name == name and one.id.rpartition("/")[0] == root)
    id_ = next(ours, None)
    return None if id_ is None else read_overlay(connection, id_)


def create_overlay(connection: Connection, organization: Organization, name: str, wanted: Overlay) -> None:
    """Create an overlay in the organization that a folder or itself is."""
    body = {"name": name, "config": merge_overlay(None, wanted, V2_SPELLING)}
    connection.answer(endpoints.create_overlay(name, _root(organization.id), json_text.encode(body)))


def update_overlay(connection: Connection, read: OverlayVersion, wanted: Overlay) -> None:
    """Replace the configuration of an overlay that was just read; unknown fields are sent back unchanged."""
    body = {"config": merge_overlay(read.document.get("config"), wanted, V2_SPELLING)}
    connection.answer(endpoints.update_overlay(read.overlay, json_text.encode(body)))


def delete_overlay(connection: Connection, read: OverlayVersion) -> None:
    """Delete an overlay that is bound to nothing."""
    connection.answer(endpoints.delete_overlay(read.overlay.id, read.overlay.name))


def read_binding(connection: Connection, id_: str) -> Binding | None:
    """Return one binding; None when it does not exist any more."""
    try:
        return endpoints.read(connection, endpoints.binding(id_), BindingAnswer).to_core()
    except NotFound:
        return None


def find_binding(connection: Connection, scope: Scope, overlay_id: str) -> Binding | None:
    """Return the binding of an overlay to a scope, which can be only one; None where there is none."""
    if scope.kind is ScopeKind.REPOSITORY:
        call = replace(endpoints.bindings(scope.id), optional=False)
    else:
        # That a group's own children can be asked for is not documented.
        call = endpoints.bindings_of_overlay(overlay_id, _root(scope.id))
    found = endpoints.read_all(connection, call, BindingPage, lambda one: one.id)
    same = (one for one in (item.to_core() for item in found) if one.overlay_id == overlay_id)
    return next((one for one in same if one.scope == scope.id and bool(one.repository) == _is_own(scope)), None)


def create_binding(connection: Connection, scope: Scope, overlay_id: str, what: str, selector: TagSelector) -> None:
    """Bind an overlay to a scope; `what` names both, as in "typer to python"."""
    body: dict[str, object] = {"overlay": overlay_id, "tagSelector": selector_to_wire(selector)}
    if not _is_own(scope):
        body["allRepos"] = True
    connection.answer(endpoints.create_binding(scope.id, what, json_text.encode(body)))


def update_binding(connection: Connection, id_: str, what: str, selector: TagSelector) -> None:
    """Replace the selector of a binding."""
    body = json_text.encode({"tagSelector": selector_to_wire(selector)})
    connection.answer(endpoints.update_binding(id_, what, body))


def delete_binding(connection: Connection, id_: str, what: str) -> None:
    """Remove a binding."""
    connection.answer(endpoints.delete_binding(id_, what))


def _root(id_: str) -> str:
    return id_.partition("/")[0]


def _is_own(scope: Scope) -> bool:
    return scope.kind is ScopeKind.REPOSITORY


def _order(binding: Binding) -> tuple[str, str]:
    return binding.overlay, binding.id


def refused_for_bindings(connection: Connection, error: Rejected, repository: LiveRepository) -> Rejected:
    """Return the refusal of a write with the bound overlays of the repository, if those are its reason."""
    if error.code != FAILED_PRECONDITION or BINDING_CONFLICT in error.violations:
        return error
    bound = read_bindings(connection, repository.id)
    if isinstance(bound, tuple) and bound:
        action = f'update the repository "{repository.name}" ({repository.id})'
        problem = f"it uses Overlays: {listed([str(one) for one in bound])}"
        error.diagnostic = uses_overlays(action, problem, error.diagnostic.detail)
    return error


def features(connection: Connection, organization: Organization) -> Mapping[str, bool]:
    """Return which optional parts of the API respond; raises `TokenRejected`."""
    reads: dict[str, Callable[[], object]] = {
        "repositories v2": lambda: _first(connection, endpoints.repositories_page(organization), RepositoryPage),
        "overlays": lambda: _first(connection, endpoints.overlays(organization), OverlayPage),
        "overlay bindings": lambda: _first(connection, endpoints.bindings(organization), BindingPage),
    }
    return {name: _answers(read) for name, read in reads.items()}


def _first(connection: Connection, call: Call, model: type[Listing[T]]) -> Listing[T]:
    """Read a page of one item, only to see whether the API responds."""
    small = tuple((name, "1" if name == "pageSize" else value) for name, value in call.parameters)
    return endpoints.read(connection, replace(call, parameters=small, optional=True), model)


def _answers(read: Callable[[], object]) -> bool:
    try:
        read()
    except TokenRejected:
        raise
    except ApiError:
        return False
    return True
