"""Overlays and their bindings by v2beta1, which not every server and organization has."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TypeVar

from reconciler.api import endpoints
from reconciler.api.answers import BindingPage, Listing, OverlayPage, RepositoryPage
from reconciler.api.errors import (
    BINDING_CONFLICT,
    FAILED_PRECONDITION,
    ApiError,
    Rejected,
    TokenRejected,
    uses_overlays,
)
from reconciler.api.http import Call, Connection
from reconciler.core.bindings import Binding, Bindings, UnknownBindings
from reconciler.core.state import LiveRepository, Organization
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
