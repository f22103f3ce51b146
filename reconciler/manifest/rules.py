"""Check a block of sections against the rules of the API, before anything is sent.

Works on trees, so that a mistake elsewhere in a block hides nothing. What a block may look like is the business of
`schema`, certificates and keys are in `pem`, what several blocks come to together is in `core.layers`. No message
echoes the value of a variable, an annotation or a key.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any, Final
from urllib.parse import urlsplit

from reconciler.core.diff import Field as OverlayField
from reconciler.core.guarded import reference_problem
from reconciler.core.overlay import package_name, package_spec
from reconciler.core.secrets import holds_private_key, looks_secret, value_looks_secret
from reconciler.manifest.codes import Code
from reconciler.manifest.document import Block, Document, ListNode, MapNode, Source, Spot, locate
from reconciler.manifest.files import IncludedFiles
from reconciler.manifest.form import PATHS_OF
from reconciler.manifest.problems import Finding, at_key, at_value, quoted, shown
from reconciler.manifest.values import PACKAGE

ROTATE_KEY: Final = "remove it and rotate the key: treat it as compromised"

Path = tuple[str, ...]

_RESERVED_ENVIRONMENT: Final = ("CHAINGUARD_", "GUARDED_")
_RESERVED_ANNOTATIONS: Final = ("dev.chainguard.", "org.opencontainers.")
_NO_NAME: Final = re.compile(r"[=\s\x00]|^$")
_PACKAGE: Final = re.compile(PACKAGE)
_OPERATOR: Final = re.compile("[=<>~@]")
_LOCAL: Final = re.compile(r"(?:.*\.)?(?:localhost|internal|local|svc\.cluster\.local)", re.IGNORECASE)
# An address in the older notations that many programs still read: `127.1`, `0x7f000001`, `2130706433`.
_NUMERIC: Final = re.compile(r"(?:.*\.)?(?:0[xX][0-9a-fA-F]*|[0-9]+)")
_USERINFO: Final = re.compile(r"(?<=://)[^/\s]*@")


@dataclass(slots=True)
class RuleContext:
    """Data for rules beyond a block: the time, the files that the manifest names, and earlier findings.

    `now` is in seconds since 1970; None: expiry is not checked.
    What was looked at and found right is remembered, because the same variables and packages come again and again:
    variables and annotations with their values, and packages without a constraint.
    """

    included: IncludedFiles
    now: float | None = None
    variables: set[tuple[str, object]] = field(default_factory=set)
    annotations: set[tuple[str, object]] = field(default_factory=set)
    packages: set[object] = field(default_factory=set)


def _known(right: set[Any], values: Iterable[object]) -> bool:
    """Return whether every one of some values was found right before."""
    try:
        return right.issuperset(values)
    except TypeError:  # a list or a mapping where a text should be, which cannot be in a set
        return False


def check_block(block: Block, context: RuleContext) -> Iterator[Finding]:
    """Yield what the API would refuse in one block, and what looks like a mistake; all but certificates and keys."""
    node = block.node
    if "environment" in node:
        yield from _check_texts(node, "environment", context.variables, _variable)
    if "annotations" in node:
        yield from _check_texts(node, "annotations", context.annotations, _annotation)
    yield from _packages(block, context)
    if "contents" in node:
        yield from _runtime_repositories(block)
    if "accounts" in node:
        yield from _accounts(block)


def check_private_keys(document: Document) -> Iterator[Finding]:
    """Yield each key and value of a file that holds a private key, however it is written."""
    keys = frozenset(filter(holds_private_key, document.tree.texts))
    walked: set[int] = set()
    stack: list[tuple[object, int]] = [(document.root, 0)] if keys else []
    while stack:
        value, at = stack.pop()
        if isinstance(value, str) and value in keys:
            yield Finding(
                code=Code.PRIVATE_KEY,
                summary="private key in the manifest",
                hint=ROTATE_KEY,
                at=at,
            )
        elif isinstance(value, (MapNode, ListNode)) and id(value) not in walked:
            walked.add(id(value))
            stack += _inside(value)


def _inside(node: MapNode | ListNode) -> list[tuple[object, int]]:
    """Return the keys and values directly in a node, each with its offset."""
    if isinstance(node, MapNode):
        return [*zip(node, node.marks[::2], strict=True), *zip(node.values(), node.marks[1::2], strict=True)]
    return [*zip(node, node.marks, strict=True)]


def _check_texts(
    node: MapNode, section: str, right: set[tuple[str, object]], judge: Callable[[MapNode, str, object], list[Finding]]
) -> Iterator[Finding]:
    entries = node[section]
    if not isinstance(entries, MapNode) or _known(right, entries.items()):
        return
    for name, value in entries.items():
        found = judge(node, name, value)
        yield from found
        if not found and isinstance(value, str):
            right.add((name, value))


def _variable(node: MapNode, name: str, value: object) -> list[Finding]:
    found = []
    reserved = next((one for one in _RESERVED_ENVIRONMENT if name.startswith(one)), None)
    if reserved:
        found.append(_reserved(Code.RESERVED_ENVIRONMENT, node, "environment", name, reserved))
    elif _NO_NAME.search(name):
        spot = locate(node, ("environment", name))
        found.append(
            at_key(
                spot,
                Code.BAD_ENVIRONMENT_NAME,
                f"{quoted(name)} is not a valid variable name",
                "use a name without `=` and white space",
            )
        )
    if isinstance(value, str) and value.startswith("cg+"):
        found += _secret_reference(node, name, value)
    elif isinstance(value, str) and looks_secret(name, value) and not _names_a_file(value):
        found += _secret(node, "environment", name, value)
    return found


def _secret_reference(node: MapNode, name: str, value: str) -> list[Finding]:
    problem = reference_problem(value)
    if not problem:
        return []
    return [
        at_value(
            locate(node, ("environment", name)),
            Code.BAD_SECRET_REFERENCE,
            f"`{shown(name)}` is not a valid secret reference: {problem}",
            "correct it: a reference that cannot be read stops the container, with `fail_mode: open` too",
        )
    ]


def _annotation(node: MapNode, name: str, value: object) -> list[Finding]:
    prefix = next((one for one in _RESERVED_ANNOTATIONS if name.startswith(one)), None)
    found = [_reserved(Code.RESERVED_ANNOTATION, node, "annotations", name, prefix)] if prefix else []
    if isinstance(value, str) and value_looks_secret(value):
        found += _secret(node, "annotations", name, value)
    return found


def _reserved(code: Code, node: MapNode, section: str, name: str, prefix: str) -> Finding:
    return at_key(
        locate(node, (section, name)),
        code,
        f"`{shown(name)}` starts with `{prefix}`, which is reserved for Chainguard",
        "use another name, or remove the line",
    )


def _secret(node: MapNode, section: str, name: str, value: str) -> list[Finding]:
    if holds_private_key(value):
        return []  # `private_keys` reports it
    return [
        at_key(
            locate(node, (section, name)),
            Code.SECRET_IN_MANIFEST,
            f"`{shown(name)}` in `{section}` looks like a secret",
            "remove it and inject secrets at run time: anyone who can pull the image can read this value",
        )
    ]


def _names_a_file(value: str) -> bool:
    """Return whether a value by its form is the path of a file, which may hold the secret."""
    return value.startswith(("/", "./", "~/")) and not value_looks_secret(value)


def _packages(block: Block, context: RuleContext) -> Iterator[Finding]:
    """Yield the packages of a block that contradict each other."""
    lists = tuple(_lists(block))
    if all(_names_alone(packages, context) for _, packages in lists):
        return  # these cannot conflict
    seen: dict[str, tuple[str, Spot]] = {}
    for path, packages in lists:
        for index, item in enumerate(packages):
            if isinstance(item, str) and _PACKAGE.match(item):
                yield from _conflict(package_spec(item), block.locate((*path, index)), seen, block.source)


def _names_alone(packages: ListNode, context: RuleContext) -> bool:
    """Return whether no package of a list is asked for with a constraint."""
    if _known(context.packages, packages):
        return True
    texts = [package for package in packages if isinstance(package, str)]
    if _OPERATOR.search(" ".join(texts)):
        return False
    context.packages.update(texts)
    return True


def _lists(block: Block) -> Iterator[tuple[tuple[str, ...], ListNode]]:
    for path in PATHS_OF[OverlayField.PACKAGES]:
        packages = block.get(path)
        if isinstance(packages, ListNode):
            yield path, packages


def _conflict(spec: str, spot: Spot, seen: dict[str, tuple[str, Spot]], source: Source) -> Iterator[Finding]:
    name = package_name(spec)
    first, first_spot = seen.setdefault(name, (spec, spot))
    if spec != first:
        yield at_value(
            spot,
            Code.CONFLICTING_PACKAGES,
            f"package {quoted(name)} has conflicting constraints: `{shown(first)}` and `{shown(spec)}`",
            "keep one of the two",
            detail=f"first at {source.place(first_spot.value_at)}",
        )


def _runtime_repositories(block: Block) -> Iterator[Finding]:
    """Yield what is wrong with the runtime repositories of a block."""
    (path,) = PATHS_OF[OverlayField.RUNTIME_REPOSITORIES]
    addresses = block.get(path)
    if not isinstance(addresses, ListNode):
        return
    seen: set[str] = set()
    for index, address in enumerate(addresses):
        if isinstance(address, str) and address:
            spot = block.locate((*path, index))
            yield from _address(address, spot)
            if address.rstrip("/") in seen:
                yield _address_finding(
                    spot,
                    Code.DUPLICATE_RUNTIME_REPOSITORY,
                    f"{_address_text(address)} is listed twice in `runtime_repositories`",
                    "keep the first of the two",
                )
            seen.add(address.rstrip("/"))


def _address(address: str, spot: Spot) -> Iterator[Finding]:
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname, parts.port
    except ValueError:
        parts, host = None, None
    if parts is None or parts.scheme != "https" or not host or any(map(str.isspace, address)):
        yield _address_finding(
            spot,
            Code.BAD_RUNTIME_REPOSITORY,
            f"{_address_text(address)} is not an https URL",
            "use a full URL, such as `https://packages.example.com/os`",
        )
    elif "@" in parts.netloc:
        yield _address_finding(
            spot,
            Code.BAD_RUNTIME_REPOSITORY,
            f"{_address_text(address)} contains a user name or a password",
            "remove it: anyone who can pull the image can read it",
        )
    elif _is_forbidden(host):
        yield _address_finding(
            spot,
            Code.FORBIDDEN_HOST,
            f"host {quoted(host)} is local or private",
            "use a public host",
        )


def _is_forbidden(host: str) -> bool:
    host = host.rstrip(".")
    try:
        address: IPv4Address | IPv6Address = ip_address(host.partition("%")[0])
    except ValueError:
        return _LOCAL.fullmatch(host) is not None or _NUMERIC.fullmatch(host) is not None
    inner = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return not (inner or address).is_global or (inner or address).is_multicast


def _address_text(address: str) -> str:
    return f'"{shown(_USERINFO.sub("***@", address))}"'


def _address_finding(spot: Spot, code: Code, summary: str, hint: str) -> Finding:
    return at_value(spot, code, summary, hint)


def _accounts(block: Block) -> Iterator[Finding]:
    """Yield what is wrong between the users, and between the groups, of a block."""
    users, groups = ("accounts", "users"), ("accounts", "groups")
    yield from repeated_names(block, users, "username", code=Code.DUPLICATE_USER, noun="user")
    yield from repeated_names(block, groups, "groupname", code=Code.DUPLICATE_GROUP, noun="group")
    yield from _same_id(block, users, "uid", noun="users")
    yield from _same_id(block, groups, "gid", noun="groups")
    for index, item in block.items(users):
        if item.get("uid") == "0":
            yield at_value(
                block.locate((*users, index, "uid")),
                Code.ROOT_USER,
                "uid 0 (root) is not allowed for a user",
                "use another uid; to run the image as root, remove the user and set `run-as: 0`",
            )


def repeated_names(block: Block, path: Path, key: str, *, code: Code, noun: str) -> Iterator[Finding]:
    """Yield each item of a list whose name an item before it has."""
    for spot, first in _repeated(block, path, key):
        yield at_value(
            spot,
            code,
            f"{noun} {quoted(str(spot.value))} is listed twice in `{path[-1]}`",
            "keep one of the two, or rename one",
            detail=f"first at {block.source.place(first.value_at)}",
        )


def _same_id(block: Block, path: Path, key: str, *, noun: str) -> Iterator[Finding]:
    """Yield a warning for each item of a list whose id an item before it has."""
    for spot, first in _repeated(block, path, key):
        yield at_value(
            spot,
            Code.DUPLICATE_ID,
            f"two {noun} have the {key} {shown(str(spot.value))}",
            "use different ids, unless both should own the same files",
            detail=f"first at {block.source.place(first.value_at)}",
        )


def _repeated(block: Block, path: Path, key: str) -> Iterator[tuple[Spot, Spot]]:
    seen: dict[str, Spot] = {}
    for index, item in block.items(path):
        if isinstance(item.get(key), str):
            spot = block.locate((*path, index, key))
            first = seen.setdefault(item[key], spot)
            if first is not spot:
                yield spot, first
