"""An overlay as the mappings, lists and texts that a manifest entry holds; how those become lines is in `render`."""

from collections.abc import Callable, Iterable, Mapping
from typing import Final, TypeAlias

from reconciler.core.overlay import SECTION_FIELDS, Overlay, PemFile, Section, User, sections_held

Shape: TypeAlias = "dict[str, Shape] | list[Shape] | str | int | bool"
PlacePem: TypeAlias = Callable[[Section, PemFile], "dict[str, Shape]"]

# Where each section stands in an entry, in the order in which entries are written.
PATHS: Final[Mapping[Section, tuple[str, ...]]] = {
    Section.PACKAGES: ("packages",),
    Section.RUNTIME_REPOSITORIES: ("contents", "runtime_repositories"),
    Section.RUNTIME_KEYRING: ("contents", "runtime_keyring"),
    Section.ENVIRONMENT: ("environment",),
    Section.ANNOTATIONS: ("annotations",),
    Section.ACCOUNTS: ("accounts",),
    Section.CERTIFICATES: ("certificates",),
}


def entry(overlay: Overlay, sections: Iterable[Section], place_pem: PlacePem) -> dict[str, Shape]:
    """What an entry says for these sections; `place_pem` gives the item for a certificate or key."""
    wanted = frozenset(sections)
    found: dict[str, Shape] = {}
    for section, path in PATHS.items():
        if section in wanted:
            holder = found
            for key in path[:-1]:
                inner = holder.setdefault(key, {})
                assert isinstance(inner, dict)
                holder = inner
            holder[path[-1]] = of_section(overlay, section, place_pem)
    return found


def filled(overlay: Overlay) -> frozenset[Section]:
    """The sections in which something is."""
    return frozenset(sections_held(overlay))


def of_section(overlay: Overlay, section: Section, place_pem: PlacePem) -> Shape:
    """What an entry says for one section."""
    match section:
        case Section.PACKAGES | Section.RUNTIME_REPOSITORIES:
            return list(getattr(overlay, SECTION_FIELDS[section]))
        case Section.ENVIRONMENT | Section.ANNOTATIONS:
            return dict(getattr(overlay, SECTION_FIELDS[section]))
        case Section.RUNTIME_KEYRING:
            return [place_pem(section, file) for file in overlay.runtime_keyring]
        case Section.ACCOUNTS:
            return _accounts(overlay)
        case Section.CERTIFICATES:
            certificates = overlay.certificates
            additional: list[Shape] = [place_pem(section, file) for file in certificates.additional]
            return _filled({"additional": additional, "providers": list(certificates.providers)})


def _accounts(overlay: Overlay) -> dict[str, Shape]:
    accounts = overlay.accounts
    return _filled(
        {
            "run-as": accounts.run_as,
            "users": [_user(user) for user in accounts.users],
            "groups": [
                {"groupname": group.groupname, "gid": group.gid, **_filled({"members": list(group.members)})}
                for group in accounts.groups
            ],
        }
    )


def _user(user: User) -> Shape:
    gid: dict[str, Shape] = {} if user.gid is None else {"gid": user.gid}
    texts = {"groupname": user.groupname, "shell": user.shell, "homedir": user.homedir}
    return {"username": user.username, "uid": user.uid, **gid, **_filled(dict(texts))}


def _filled(shape: Mapping[str, Shape]) -> dict[str, Shape]:
    return {key: value for key, value in shape.items() if value not in ("", [], {})}
