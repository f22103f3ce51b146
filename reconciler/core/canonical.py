"""The one canonical form: sorting, de-duplication and what counts as the same text.

Everything that makes an `Overlay`, from a manifest or from the API, goes through `overlay` here. The diff, the
fingerprint and equality rely on it.
"""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache

from reconciler.core.making import maker
from reconciler.core.model import Accounts, Certificates, Group, Overlay, PemFile, User

_PACKAGE_NAME = re.compile(r"[^=<>~@\s]+")
_PEM_START = "-----BEGIN "

of_sections = maker(Overlay)
"""An overlay of sections each of which is in canonical form already."""


@lru_cache(maxsize=1 << 14)  # thousands of repositories ask for the same hundreds of packages
def package_name(spec: str) -> str:
    """The name in a package specification such as `name=1.2.3-r0`, `name~1.2`, `name>1` or `name@tag`."""
    match = _PACKAGE_NAME.match(spec)
    return match[0] if match else spec


@lru_cache(maxsize=1 << 14)
def package_spec(spec: str) -> str:
    """A package specification without the white space that apk allows around it and around its operator.

    Raises `TypeError` for what is no text. Equal ones are one text, so that a long list holds each only once.
    """
    return "".join(str.split(spec))


def pem_text(text: str) -> str:
    """PEM text without what carries no meaning: kinds of line end, outer white space, explanation before the block.

    Text that holds no PEM block is only freed of differences in line ends, so that nothing is lost by comparing it.
    """
    lines = [line.rstrip() for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n")]
    start = next((number for number, line in enumerate(lines) if line.startswith(_PEM_START)), 0)
    return "\n".join(lines[start:]).strip("\n") + "\n"


def pem_file(name: str, text: str) -> PemFile:
    """A certificate or key as it was written, with the canonical text that decides equality."""
    return PemFile(name=name, pem=pem_text(text), text=text)


def group(*, groupname: str, gid: int, members: Iterable[str] = ()) -> Group:
    """A group whose members are a set."""
    return Group(groupname=groupname, gid=gid, members=_texts(members))


def accounts(*, run_as: str = "", users: Iterable[User] = (), groups: Iterable[Group] = ()) -> Accounts:
    """Accounts ordered by name; an entry that stands twice adds nothing."""
    return Accounts(
        run_as=run_as, users=tuple(sorted(set(users), key=_user_key)), groups=tuple(sorted(set(groups), key=_group_key))
    )


def certificates(*, additional: Iterable[PemFile] = (), providers: Iterable[str] = ()) -> Certificates:
    """Certificates ordered by name; providers are a set."""
    return Certificates(additional=pem_files(additional), providers=_texts(providers))


def package_set(specs: Iterable[str]) -> tuple[str, ...]:
    """A set of package specifications; raises `TypeError` for what is no text."""
    return _texts(map(package_spec, specs))


def pairs(values: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Keys and their values, ordered by key."""
    return _shared(tuple(sorted(values.items())))


# Repositories of a team have the same variables, in the manifest as in live state: they need not be there many times.
@lru_cache(maxsize=1 << 16)
def _shared(found: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    return found


def pem_files(files: Iterable[PemFile]) -> tuple[PemFile, ...]:
    """Certificates or keys ordered by name; one that stands twice adds nothing."""
    # A dict and not a set: of two equal files the first one's own text is kept, whatever the hash seed.
    unique = {(file.name, file.pem): file for file in reversed(tuple(files))}
    return tuple(unique[key] for key in sorted(unique))


def overlay(
    *,
    packages: Iterable[str] = (),
    runtime_repositories: Iterable[str] = (),
    runtime_keyring: Iterable[PemFile] = (),
    environment: Mapping[str, str] | None = None,
    annotations: Mapping[str, str] | None = None,
    accounts: Accounts = Accounts(),  # noqa: B008 - frozen, so sharing the default is safe
    certificates: Certificates = Certificates(),  # noqa: B008 - frozen, so sharing the default is safe
    unrecognised: Iterable[tuple[str, str]] = (),
) -> Overlay:
    """An overlay in canonical form; only the order of runtime repositories is kept, because it has a meaning."""
    return of_sections(
        packages=package_set(packages),
        runtime_repositories=tuple(runtime_repositories),
        runtime_keyring=pem_files(runtime_keyring) if runtime_keyring else (),
        environment=pairs(environment) if environment else (),
        annotations=pairs(annotations) if annotations else (),
        accounts=accounts,
        certificates=certificates,
        unrecognised=tuple(sorted(unrecognised)) if unrecognised else (),
    )


def _texts(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(values)))


def _user_key(user: User) -> tuple[object, ...]:
    gid = -1 if user.gid is None else user.gid
    return (user.username, user.uid, gid, user.groupname, user.shell, user.homedir)


def _group_key(group: Group) -> tuple[object, ...]:
    return (group.groupname, group.gid, group.members)
