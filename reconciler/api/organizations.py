"""Find an organization or folder by its name, path or id, and the names of folders.

A group of the API is an organization if its id has one segment, else a folder. Names are unique only within one parent:
anybody may give a folder the name of somebody else's organization.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from reconciler.api.answers import NamedGroup
from reconciler.api.errors import Ambiguous, ApiError, NotFound, clean
from reconciler.api.http import Parameters
from reconciler.core.state import LiveRepository, Organization
from reconciler.diagnostics import Diagnostic, nearest

_UIDP = re.compile(r"[0-9a-f]{40}(/[0-9a-f]{16})*")


ListGroups = Callable[[Parameters], Iterable[NamedGroup]]


def find(written: str, groups: ListGroups) -> Organization:
    """Return the organization or folder of a UIDP, a name or a path of names (`example.com/team-a`).

    Raises `NotFound` or `Ambiguous`, or the errors of `groups`.
    """
    wanted = written.strip().strip("/")
    if _UIDP.fullmatch(wanted):
        return _by_id(wanted, groups)
    first, *below = wanted.split("/")
    root = _by_id(first, groups) if _UIDP.fullmatch(first) else _by_name(first, groups)
    return _walk(root, below, groups) if below else root


def folder_path(id_: str, above: str, names: Mapping[str, str]) -> str:
    """Return the path by names of a record's folder below a group; an id where a name is unknown."""
    *folders, _ = id_.removeprefix(f"{above}/").split("/")
    return "/".join(_path_names(above, folders, names)) if folders else ""


def placed(repository: LiveRepository, organization: Organization, names: Mapping[str, str]) -> LiveRepository:
    """Return the repository with the path of its folder."""
    folder = folder_path(repository.id, organization.id, names)
    return replace(repository, folder=folder) if folder else repository


def folder_id(path: str, above: Organization, names: Mapping[str, str]) -> str:
    """Return the UIDP of a folder from its path by names ("" for the organization itself); raises `NotFound`."""
    by_path = {folder_path(f"{id_}/x", above.id, names): id_ for id_ in names if id_.startswith(f"{above.id}/")}
    if not path:
        return above.id
    if path in by_path:
        return by_path[path]
    raise _unknown(f'folder "{clean(path)}" not found in {clean(above.name)}', path, by_path, code="unknown-folder")


def folder_paths(above: Organization, names: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Return the path by names from an organization and the UIDP of each folder below it, in the order of the paths."""
    below = (id_ for id_ in names if id_.startswith(f"{above.id}/"))
    return tuple(sorted((folder_path(f"{id_}/x", above.id, names), id_) for id_ in below))


def _path_names(above: str, folders: Iterable[str], names: Mapping[str, str]) -> Iterable[str]:
    for segment in folders:
        above = f"{above}/{segment}"
        yield names.get(above) or segment


def _by_id(id_: str, groups: ListGroups) -> Organization:
    segments = id_.split("/")
    # The nearest folder is checked first; the groups above it are needed only for their names.
    ids = ["/".join(segments[:length]) for length in range(len(segments), 0, -1)]
    names = {group.id: group.name for group in groups(tuple(("uidp.ids", one) for one in ids))}
    if id_ not in names:
        raise NotFound(
            Diagnostic(
                code="unknown-organization",
                summary=f"organization or folder {id_} not found, or not visible to the token",
                hint="check the UIDP; list the visible organizations with `chainctl iam organizations list`",
            )
        )
    path = [names.get("/".join(segments[: number + 1])) or segment for number, segment in enumerate(segments)]
    return Organization(id=id_, name="/".join(path))


def _by_name(name: str, groups: ListGroups) -> Organization:
    listed = groups((("name", name), ("uidp.inRoot", "true"))) if name else ()
    found = {group.id: group for group in listed if group.name == name and "/" not in group.id}
    if not found:
        known = _names_of_roots(groups)
        raise _unknown(f'organization "{clean(name)}" not found, or not visible to the token', name, known)
    return _only(found.values(), name)


def _names_of_roots(groups: ListGroups) -> list[str]:
    """Return the names of all organizations that the token can see; they only improve a message."""
    try:
        return [group.name for group in groups((("uidp.inRoot", "true"),)) if "/" not in group.id and group.name]
    except ApiError:
        return []


def _walk(root: Organization, below: Iterable[str], groups: ListGroups) -> Organization:
    listed = {group.id: group for group in groups((("uidp.descendantsOf", root.id),))}
    here = root
    for name in below:
        children = [group for group in listed.values() if group.id.rpartition("/")[0] == here.id]
        found = [group for group in children if group.name == name]
        if not found:
            problem = f'folder "{clean(name)}" not found in {clean(here.name)}, or not visible to the token'
            raise _unknown(problem, name, (group.name for group in children))
        here = Organization(id=_only(found, f"{here.name}/{name}").id, name=f"{here.name}/{name}")
    return here


def _only(found: Iterable[NamedGroup], name: str) -> Organization:
    first, *others = sorted(found, key=lambda group: group.id)
    if others:
        ids = ", ".join(group.id for group in (first, *others))
        raise Ambiguous(
            Diagnostic(
                code="ambiguous-organization",
                summary=f'several organizations or folders are named "{clean(name)}"',
                detail=f"UIDPs: {clean(ids, 1000)}",
                hint="use the UIDP instead of the name",
            )
        )
    return Organization(id=first.id, name=name)


def _unknown(summary: str, name: str, known: Iterable[str], *, code: str = "unknown-organization") -> NotFound:
    close = " or ".join(f'"{clean(one)}"' for one in nearest(name, known))
    hint = f"did you mean {close}?" if close else "check the name, and the organization that the token is for"
    return NotFound(Diagnostic(code=code, summary=summary, hint=hint))
