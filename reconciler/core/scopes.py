"""Scopes of bindings: the organization, its folders and its repositories, by their UIDPs and labels."""

from reconciler.core.state import Directory, Live, LiveRepository
from reconciler.core.steps import Scope, ScopeKind


def repository_scope(repository: LiveRepository, directory: Directory) -> Scope:
    """Return a repository as a scope."""
    return Scope(kind=ScopeKind.REPOSITORY, id=repository.id, label=directory.label(repository))


def group_scope(folder: str, live: Live) -> Scope | None:
    """Return the current organization (""), or a folder of it; None for an unknown folder."""
    if not folder:
        return _group(live.organization.id, "", live)
    found = next((id_ for path, id_ in live.folders if path == folder), None)
    return None if found is None else _group(found, folder, live)


def scope_at(id_: str, live: Live, directory: Directory) -> Scope:
    """Return the scope with a UIDP; one that is not known has it as its label."""
    repository = next((one for one in live.repositories if one.id == id_), None)
    if repository is not None:
        return repository_scope(repository, directory)
    folder = next((path for path, known in live.folders if known == id_), None)
    if folder is not None or id_ == live.organization.id:
        return _group(id_, folder or "", live)
    return Scope(kind=_kind(id_), id=id_, label=id_)


def _group(id_: str, folder: str, live: Live) -> Scope:
    below = folder or (live.organization.name if _kind(id_) is ScopeKind.FOLDER else "")
    return Scope(kind=_kind(id_), id=id_, label=f"all repositories of {below}" if below else "all repositories")


def _kind(id_: str) -> ScopeKind:
    return ScopeKind.FOLDER if "/" in id_ else ScopeKind.ORGANIZATION
