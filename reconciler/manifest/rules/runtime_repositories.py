"""Rules for the repositories that an image uses at run time: https, on a host that everybody can reach, each once."""

import re
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final
from urllib.parse import urlsplit

from reconciler.manifest.codes import Code
from reconciler.manifest.findings import Finding, quoted, shown
from reconciler.manifest.nodes import ListNode, MapNode, Spot, locate

_PATH: Final = ("contents", "runtime_repositories")
_LOCAL: Final = re.compile(r"(?:.*\.)?(?:localhost|internal|local|svc\.cluster\.local)", re.IGNORECASE)
# An address in the older notations that many programs still read: `127.1`, `0x7f000001`, `2130706433`.
_NUMERIC: Final = re.compile(r"(?:.*\.)?(?:0[xX][0-9a-fA-F]*|[0-9]+)")
_USERINFO: Final = re.compile(r"(?<=://)[^/\s]*@")


def check(node: MapNode) -> Iterator[Finding]:
    """What is wrong with the runtime repositories of a block."""
    contents = node["contents"]
    addresses = contents.get("runtime_repositories") if isinstance(contents, MapNode) else None
    if not isinstance(addresses, ListNode):
        return
    seen: set[str] = set()
    for index, address in enumerate(addresses):
        if isinstance(address, str) and address:
            spot = locate(node, (*_PATH, index))
            yield from _address(address, spot)
            if address.rstrip("/") in seen:
                yield _finding(
                    spot,
                    Code.DUPLICATE_RUNTIME_REPOSITORY,
                    f"{_told(address)} stands twice in `runtime_repositories`",
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
        yield _finding(
            spot,
            Code.BAD_RUNTIME_REPOSITORY,
            f"{_told(address)} is not an https address",
            "write it in full: `https://packages.example.com/os`",
        )
    elif "@" in parts.netloc:
        yield _finding(
            spot,
            Code.BAD_RUNTIME_REPOSITORY,
            f"{_told(address)} holds a user or a password",
            "write it without: whoever can pull the image can read it",
        )
    elif _is_forbidden(host):
        yield _finding(
            spot,
            Code.FORBIDDEN_HOST,
            f"the host {quoted(host)} is local or private",
            "name a host that can be reached from everywhere",
        )


def _is_forbidden(host: str) -> bool:
    host = host.rstrip(".")
    try:
        address: IPv4Address | IPv6Address = ip_address(host.partition("%")[0])
    except ValueError:
        return _LOCAL.fullmatch(host) is not None or _NUMERIC.fullmatch(host) is not None
    inner = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return not (inner or address).is_global or (inner or address).is_multicast


def _told(address: str) -> str:
    return f'"{shown(_USERINFO.sub("***@", address))}"'


def _finding(spot: Spot, code: Code, summary: str, hint: str) -> Finding:
    return Finding(code=code, summary=summary, hint=hint, at=spot.value_at, use_at=spot.use_at)
