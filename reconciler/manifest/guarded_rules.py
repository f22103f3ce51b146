"""Checks what the API would refuse in a block's sections of the Guarded Entrypoint, and what looks like a mistake.

What these sections need of each other shows only where all layers are known: `core.guarded`.
"""

import re
from collections.abc import Iterator
from typing import Final

from reconciler.core.guarded import nanoseconds
from reconciler.core.secrets import argument_looks_secret, holds_private_key
from reconciler.manifest.codes import Code
from reconciler.manifest.document import Block, ListNode, MapNode
from reconciler.manifest.problems import Finding, at_value, quoted, shown

MOST_CHECKS: Final = 32

_PREFLIGHT: Final = "preflight"
_COMMAND: Final = ("command_override", "command")
_LONGEST_DURATION: Final = 2**63
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_WITH_COMMAND: Final = frozenset({"prepend", "override", "MODE_PREPEND", "MODE_OVERRIDE"})


def check_block(block: Block) -> Iterator[Finding]:
    """Yield what is wrong in the sections of the Guarded Entrypoint of one block."""
    if _PREFLIGHT in block.node:
        yield from _preflight(block)
    if isinstance(block.node.get("command_override"), MapNode):
        yield from _command_override(block)


def _finding(block: Block, path: tuple[str | int, ...], code: Code, summary: str, hint: str) -> Finding:
    return at_value(block.locate(path), code, summary, hint)


def _preflight(block: Block) -> Iterator[Finding]:
    checks = block.node[_PREFLIGHT]
    if isinstance(checks, ListNode) and len(checks) > MOST_CHECKS:
        summary = f"`preflight` has {len(checks)} checks; the limit is {MOST_CHECKS}"
        yield _finding(block, (_PREFLIGHT, MOST_CHECKS), Code.TOO_MANY_CHECKS, summary, "remove or combine checks")
    for index, check in block.items((_PREFLIGHT,)):
        yield from _targets(block, check, index)
        for key in ("timeout", "interval"):
            yield from _duration(block, check, index, key)


def _targets(block: Block, check: MapNode, index: int) -> Iterator[Finding]:
    given = [key for key in ("tcp", "path") if check.get(key, "") != ""]
    if len(given) != 1:
        what = "both `tcp` and `path`" if given else "neither `tcp` nor `path`"
        yield _finding(
            block,
            (_PREFLIGHT, index),
            Code.BAD_PREFLIGHT,
            f"a check of `preflight` has {what}; exactly one is required",
            'write `tcp: "db:5432"` or `path: /run/ready`',
        )
    for key in given:
        value = check[key]
        if isinstance(value, str) and ("," in value or "=" in value):
            yield _finding(
                block,
                (_PREFLIGHT, index, key),
                Code.BAD_PREFLIGHT,
                f"`{key}` must not contain `,` or `=`: {quoted(value)}",
                "write one check for each target",
            )


def _duration(block: Block, check: MapNode, index: int, key: str) -> Iterator[Finding]:
    value = check.get(key)
    if not isinstance(value, str) or not value:
        return
    problem = _duration_problem(value)
    if problem:
        summary = f"`{key}` {problem}: {quoted(value)}"
        hint = f"write a Go duration such as `{key}: 30s`, `500ms` or `1m30s`"
        yield _finding(block, (_PREFLIGHT, index, key), Code.BAD_PREFLIGHT, summary, hint)


def _duration_problem(text: str) -> str:
    """Return what is wrong with a Go duration, "" for nothing."""
    length = nanoseconds(text)
    if length is None:
        return "is not a duration"
    if abs(length) >= _LONGEST_DURATION:
        return "is too long"
    return "must not be negative" if length < 0 else ""


def _command_override(block: Block) -> Iterator[Finding]:
    override = block.node["command_override"]
    command, mode = override.get("command"), override.get("mode")
    arguments = command if isinstance(command, ListNode) else []
    if isinstance(mode, str) and mode in _WITH_COMMAND and not arguments:
        yield _finding(
            block,
            ("command_override", "mode"),
            Code.BAD_COMMAND,
            f"mode {quoted(mode)} requires a non-empty `command`",
            "write `command: [/bin/sh, -c]`, or `mode: default`",
        )
    before = ""
    for index, argument in enumerate(arguments):
        if isinstance(argument, str):
            yield from _argument(block, index, argument, before)
            before = argument


def _argument(block: Block, index: int, argument: str, before: str) -> Iterator[Finding]:
    path = (*_COMMAND, index)
    problem = "contains a NUL byte" if "\0" in argument else _expansion_problem(argument)
    if problem:
        hint = "write `${NAME}` for a variable, and `$$` for a dollar sign"
        yield _finding(block, path, Code.BAD_COMMAND, f"`command[{index}]` {problem}", hint)
    if "GUARDED_DISABLE" in argument:
        yield _finding(
            block,
            path,
            Code.GUARDED_DISABLE,
            f"`command[{index}]` names `GUARDED_DISABLE`, which bypasses the Guarded Entrypoint",
            "remove it, or write `guarded_entrypoint: false`",
        )
    if argument_looks_secret(argument, before) and not holds_private_key(argument):
        yield _finding(
            block,
            path,
            Code.SECRET_IN_MANIFEST,
            f"`command[{index}]` looks like a secret",
            "write `${NAME}` and set the variable to a secret reference such as `cg+vault://PATH#KEY`: "
            "anyone who can pull the image can read the argument",
        )


def _expansion_problem(argument: str) -> str:
    """Return what is wrong with the references to variables in an argument, "" for nothing."""
    rest = argument.replace("$$", "")
    while "${" in rest:
        name, closed, rest = rest.partition("${")[2].partition("}")
        if not closed:
            return "has an unterminated `${` reference"
        if not _VARIABLE.fullmatch(name):
            return f"has an invalid variable name in `${{{shown(name)}}}`"
    return ""
