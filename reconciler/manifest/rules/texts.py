"""Rules for variables and annotations: reserved names, names that are none, and values that look like secrets.

No message echoes a value.
"""

import re
from collections.abc import Callable, Iterator
from typing import Final

from reconciler.core.secrets import holds_private_key, looks_secret, value_looks_secret
from reconciler.diagnostics import Severity
from reconciler.manifest.codes import Code
from reconciler.manifest.findings import Finding, quoted, shown
from reconciler.manifest.nodes import MapNode, locate
from reconciler.manifest.rules.context import Context, known

_RESERVED_ENVIRONMENT: Final = "CHAINGUARD_"
_RESERVED_ANNOTATIONS: Final = ("dev.chainguard.", "org.opencontainers.")
_NO_NAME: Final = re.compile(r"[=\s\x00]|^$")


def check_environment(node: MapNode, context: Context) -> Iterator[Finding]:
    """What is wrong with the variables of a block."""
    yield from _check(node, "environment", context.variables, _variable)


def check_annotations(node: MapNode, context: Context) -> Iterator[Finding]:
    """What is wrong with the annotations of a block."""
    yield from _check(node, "annotations", context.annotations, _annotation)


def _check(
    node: MapNode, section: str, right: set[tuple[str, object]], judge: Callable[[MapNode, str, object], list[Finding]]
) -> Iterator[Finding]:
    entries = node[section]
    if not isinstance(entries, MapNode) or known(right, entries.items()):
        return
    for name, value in entries.items():
        found = judge(node, name, value)
        yield from found
        if not found and isinstance(value, str):
            right.add((name, value))


def _variable(node: MapNode, name: str, value: object) -> list[Finding]:
    found = []
    if name.startswith(_RESERVED_ENVIRONMENT):
        found.append(_reserved(Code.RESERVED_ENVIRONMENT, node, "environment", name, _RESERVED_ENVIRONMENT))
    elif _NO_NAME.search(name):
        spot = locate(node, ("environment", name))
        found.append(
            Finding(
                code=Code.BAD_ENVIRONMENT_NAME,
                summary=f"{quoted(name)} is not the name of a variable",
                hint="a name holds neither `=` nor white space, and is not empty",
                at=spot.at,
                use_at=spot.use_at,
            )
        )
    if isinstance(value, str) and looks_secret(name, value) and not _names_a_file(value):
        found += _secret(node, "environment", name, value)
    return found


def _annotation(node: MapNode, name: str, value: object) -> list[Finding]:
    prefix = next((one for one in _RESERVED_ANNOTATIONS if name.startswith(one)), None)
    found = [_reserved(Code.RESERVED_ANNOTATION, node, "annotations", name, prefix)] if prefix else []
    if isinstance(value, str) and value_looks_secret(value):
        found += _secret(node, "annotations", name, value)
    return found


def _reserved(code: Code, node: MapNode, section: str, name: str, prefix: str) -> Finding:
    spot = locate(node, (section, name))
    return Finding(
        code=code,
        summary=f"`{shown(name)}` begins with `{prefix}`, which is reserved for Chainguard",
        hint="take another name, or remove the line",
        at=spot.at,
        use_at=spot.use_at,
    )


def _secret(node: MapNode, section: str, name: str, value: str) -> list[Finding]:
    if holds_private_key(value):
        return []  # `private_keys` reports it
    spot = locate(node, (section, name))
    return [
        Finding(
            code=Code.SECRET_IN_MANIFEST,
            summary=f"`{shown(name)}` in `{section}` looks like a secret",
            hint="whoever can pull the image can read it; give secrets to the container when it is started",
            severity=Severity.WARNING,
            at=spot.at,
            use_at=spot.use_at,
        )
    ]


def _names_a_file(value: str) -> bool:
    """Whether a value by its form is the path of a file, which may hold the secret."""
    return value.startswith(("/", "./", "~/")) and not value_looks_secret(value)
