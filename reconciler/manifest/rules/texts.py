"""Rules for variables and annotations: reserved names, names that are none, and values that look like secrets.

No message echoes a value.
"""

import re
from collections.abc import Iterator
from typing import Final

from reconciler.core.secrets import holds_private_key, key_looks_secret, value_looks_secret
from reconciler.diagnostics import Severity
from reconciler.manifest.codes import Code
from reconciler.manifest.findings import Finding, quoted, shown
from reconciler.manifest.nodes import MapNode, locate
from reconciler.manifest.rules.context import Context

_RESERVED_ENVIRONMENT: Final = "CHAINGUARD_"
_RESERVED_ANNOTATIONS: Final = ("dev.chainguard.", "org.opencontainers.")
_NO_NAME: Final = re.compile(r"[=\s\x00]|^$")


def check_environment(node: MapNode, context: Context) -> Iterator[Finding]:
    """What is wrong with the variables of a block."""
    variables = node["environment"]
    if not isinstance(variables, MapNode):
        return
    for name, value in variables.items():
        if name.startswith(_RESERVED_ENVIRONMENT):
            yield _reserved(Code.RESERVED_ENVIRONMENT, node, "environment", name, _RESERVED_ENVIRONMENT)
        elif _NO_NAME.search(name):
            spot = locate(node, ("environment", name))
            yield Finding(
                code=Code.BAD_ENVIRONMENT_NAME,
                summary=f"{quoted(name)} is not the name of a variable",
                hint="a name holds neither `=` nor white space, and is not empty",
                at=spot.at,
                use_at=spot.use_at,
            )
        if isinstance(value, str):
            yield from _secret(node, "environment", name, value, context)


def check_annotations(node: MapNode, context: Context) -> Iterator[Finding]:
    """What is wrong with the annotations of a block."""
    annotations = node["annotations"]
    if not isinstance(annotations, MapNode):
        return
    for name, value in annotations.items():
        prefix = next((one for one in _RESERVED_ANNOTATIONS if name.startswith(one)), None)
        if prefix:
            yield _reserved(Code.RESERVED_ANNOTATION, node, "annotations", name, prefix)
        if isinstance(value, str) and _looks_secret(value, context):
            yield from _secret(node, "annotations", name, value, context)


def _reserved(code: Code, node: MapNode, section: str, name: str, prefix: str) -> Finding:
    spot = locate(node, (section, name))
    return Finding(
        code=code,
        summary=f"`{shown(name)}` begins with `{prefix}`, which is reserved for Chainguard",
        hint="take another name, or remove the line",
        at=spot.at,
        use_at=spot.use_at,
    )


def _secret(node: MapNode, section: str, name: str, value: str, context: Context) -> Iterator[Finding]:
    by_name = section == "environment" and _variable_looks_secret(name, context) and _is_literal(value)
    if not by_name and not _looks_secret(value, context):
        return
    if holds_private_key(value):
        return  # `private_keys` reports it
    spot = locate(node, (section, name))
    yield Finding(
        code=Code.SECRET_IN_MANIFEST,
        summary=f"`{shown(name)}` in `{section}` looks like a secret",
        hint="whoever can pull the image can read it; give secrets to the container when it is started",
        severity=Severity.WARNING,
        at=spot.at,
        use_at=spot.use_at,
    )


def _variable_looks_secret(name: str, context: Context) -> bool:
    known = context.variables.get(name)
    if known is None:
        known = context.variables[name] = key_looks_secret(name)
    return known


def _looks_secret(value: str, context: Context) -> bool:
    known = context.values.get(value)
    if known is None:
        known = context.values[value] = value_looks_secret(value)
    return known


def _is_literal(value: str) -> bool:
    """Whether a value is more than a switch, a number, or the path of a file that holds the secret."""
    return bool(value) and not value.startswith(("/", "./", "$")) and value.lower() not in {"true", "false"}
