"""Checks certificates and keys: what they are called, and that each text is what it should be and still valid.

A text is taken apart as Go's `encoding/pem` does it, because apko and the API read it so. No message repeats any of it.
"""

import re
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from reconciler.core.diff import Field as OverlayField
from reconciler.core.secrets import holds_private_key
from reconciler.diagnostics import Place
from reconciler.manifest.codes import Code
from reconciler.manifest.document import Block, MapNode, Spot
from reconciler.manifest.files import IncludedFile, IncludedFiles
from reconciler.manifest.form import PATHS_OF
from reconciler.manifest.problems import Finding, at_key, at_value, quoted, unread_include
from reconciler.manifest.rules import ROTATE_KEY, repeated_names

# apko makes a file of this name.
_NAME: Final = re.compile(r"[a-zA-Z0-9_-]+[a-zA-Z0-9_.-]*")
_RESERVED: Final = ("chainguard", "wolfi")
_BEGIN, _END, _DASHES = "-----BEGIN ", "-----END ", "-----"
_SOON: Final = timedelta(days=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class PemProblem:
    """Something wrong with a PEM text."""

    code: Code
    summary: str
    hint: str


# From a text to what is wrong with it.
_TextCheck = Callable[[str], Iterator[PemProblem]]


def check_keys(block: Block, included: IncludedFiles) -> Iterator[Finding]:
    """Yield what is wrong with the keys of a block."""
    (keys,) = PATHS_OF[OverlayField.RUNTIME_KEYRING]
    yield from repeated_names(block, keys, "name", code=Code.DUPLICATE_KEYRING_ENTRY, noun="key")
    for index, item in block.items(keys):
        yield from _name(block, item, (*keys, index), Code.BAD_KEY_NAME)
        yield from _text(block, item, (*keys, index), included, _key)


def check_certificates(block: Block, included: IncludedFiles, now: float | None) -> Iterator[Finding]:
    """Yield what is wrong with the certificates of a block.

    `now` is in seconds since 1970; None: expiry is not checked.
    """
    (certificates,) = PATHS_OF[OverlayField.CERTIFICATES]
    yield from repeated_names(block, certificates, "name", code=Code.DUPLICATE_CERTIFICATE, noun="certificate")
    for index, item in block.items(certificates):
        yield from _name(block, item, (*certificates, index), Code.BAD_CERTIFICATE_NAME)
        yield from _text(block, item, (*certificates, index), included, lambda text: _certificate(text, now))


def _name(block: Block, item: MapNode, path: tuple[str | int, ...], code: Code) -> Iterator[Finding]:
    name, of_key = item.get("name"), code is Code.BAD_KEY_NAME
    if isinstance(name, str) and name and (not _NAME.fullmatch(name) or (of_key and name.startswith(_RESERVED))):
        noun, reserved = ("key", "; `chainguard` and `wolfi` are reserved") if of_key else ("certificate", "")
        yield at_value(
            block.locate((*path, "name")),
            code,
            f"{quoted(name)} is not a valid name for a {noun}",
            f"use letters, digits, `_`, `-` and `.`; do not start with `.`{reserved}",
        )


def _text(
    block: Block, item: MapNode, path: tuple[str | int, ...], included: IncludedFiles, check: _TextCheck
) -> Iterator[Finding]:
    """Yield the problems of a certificate or key, given in the manifest or in a file."""
    content, file = item.get("content"), item.get("file")
    if "content" in item and "file" in item:
        spot = block.locate((*path, "file"))
        yield at_key(spot, Code.CONTENT_AND_FILE, "`content` and `file` cannot be combined", "keep one of the two")
    elif isinstance(content, str) and content:
        if not holds_private_key(content):  # which `rules` reports
            yield from _findings(check(content), block.locate((*path, "content")), None)
    elif isinstance(file, str) and file:
        spot = block.locate((*path, "file"))
        found = included.read(file, folder=Path(block.source.name).parent)
        if isinstance(found, IncludedFile):
            yield from _findings(check(found.text), spot, found.name)
        else:
            yield unread_include(found, spot, wildcards="*" in file)


def _findings(problems: Iterator[PemProblem], spot: Spot, file: str | None) -> Iterator[Finding]:
    for problem in problems:
        yield Finding(
            code=problem.code,
            summary=problem.summary,
            hint=problem.hint,
            at=spot.value_at if file else spot.at,
            use_at=spot.use_at,
            place=Place(file=file) if file else None,
        )


def _key(text: str) -> Iterator[PemProblem]:
    """Yield what is wrong with a text that should be a public RSA key; a key does not expire."""
    blocks = _blocks(text)
    problem = _form(text, blocks, "PUBLIC KEY")
    if not problem and text[: blocks[0].start].strip():
        problem = "text before the PEM block of this key", "remove everything before the line with BEGIN"
    problem = problem or _not_rsa(text, blocks[0])
    if problem:
        yield _wrong(text, Code.BAD_KEY, "key", problem)


def _certificate(text: str, now: float | None) -> Iterator[PemProblem]:
    """Yield what is wrong with a text that should be a certificate."""
    blocks = _blocks(text)
    problem = _form(text, blocks, "CERTIFICATE")
    parsed = None if problem else _parsed(text, blocks[0])
    if problem or parsed is None or parsed.version is not x509.Version.v3:
        yield _wrong(text, Code.BAD_CERTIFICATE, "certificate", problem or _not_v3(parsed))
    elif now is not None:
        yield from _expiry(parsed, datetime.fromtimestamp(now, tz=UTC))


def _wrong(text: str, code: Code, noun: str, problem: tuple[str, str]) -> PemProblem:
    if holds_private_key(text):
        return PemProblem(
            code=Code.PRIVATE_KEY,
            summary=f"private key found instead of a {noun}",
            hint=ROTATE_KEY,
        )
    summary, hint = problem
    return PemProblem(code=code, summary=summary, hint=hint)


@dataclass(frozen=True, slots=True)
class _PemBlock:
    """A PEM block of a text: its label, and the offsets of its first and behind its last character."""

    label: str
    start: int
    end: int


def _blocks(text: str) -> list[_PemBlock]:
    """Return the PEM blocks that Go's `pem.Decode` finds: BEGIN and END each on a line of their own, of one label.

    Goes through the lines once, whatever they hold.
    """
    blocks: list[_PemBlock] = []
    label, start, at = "", -1, 0
    for line in text.split("\n"):
        bare = line.rstrip(" \t\r")
        if bare.startswith(_BEGIN) and bare.endswith(_DASHES) and len(bare) >= len(_BEGIN + _DASHES):
            label, start = bare[len(_BEGIN) : -len(_DASHES)], at
        elif bare.startswith(_END):
            if start >= 0 and bare == f"{_END}{label}{_DASHES}":
                blocks.append(_PemBlock(label, start, at + len(line)))
            start = -1
        at += len(line) + 1
    return blocks


def _form(text: str, blocks: list[_PemBlock], label: str) -> tuple[str, str] | None:
    """Return what is wrong with the blocks of a text that should hold one."""
    noun = "key" if label == "PUBLIC KEY" else "certificate"
    if not blocks and _BEGIN in text and _END in text:
        hint = "put each on its own line, starting with the dashes; in YAML, use `|` instead of `>`"
        return f"BEGIN and END of this {noun} are not on their own lines", hint
    if not blocks:
        return (
            f"this {noun} contains no PEM block `{label}`",
            f"include the lines from `BEGIN {label}` to `END {label}`",
        )
    if len(blocks) > 1:
        hint = f"use a separate, named item for each {noun}"
        return f"this {noun} contains {len(blocks)} PEM blocks instead of one", hint
    if blocks[0].label != label:
        return f"this {noun} is a PEM block `{_short(blocks[0].label)}`, not `{label}`", _other_form(blocks[0].label)
    if text[blocks[0].end :].strip():
        return f"text after the PEM block of this {noun}", "remove it, or move it before the block"
    return None


def _short(label: str) -> str:
    """Return a label that can be shown: nothing but the words that a label is made of."""
    return label if re.fullmatch(r"[A-Z0-9 ]{1,40}", label) else "…"


def _other_form(label: str) -> str:
    if label == "RSA PUBLIC KEY":
        return "convert it with `openssl rsa -RSAPublicKey_in -pubout`"
    return "use PEM text of the right kind"


def _not_rsa(text: str, block: _PemBlock) -> tuple[str, str] | None:
    try:
        found = load_pem_public_key(_bytes(text, block))
    except (ValueError, UnsupportedAlgorithm):
        return "cannot parse this key", "copy it again: the text between the BEGIN and END lines is damaged"
    if not isinstance(found, RSAPublicKey):
        return "this key is not an RSA key", "use the public half of an RSA key; packages are signed with RSA"
    return None


def _parsed(text: str, block: _PemBlock) -> x509.Certificate | None:
    with warnings.catch_warnings():
        # It warns of a serial number that is not positive, which some authorities have given their roots.
        warnings.simplefilter("ignore")
        try:
            found = x509.load_pem_x509_certificate(_bytes(text, block))
            found.not_valid_after_utc  # noqa: B018 - raises for a date that is none
        except (ValueError, x509.InvalidVersion):
            return None
    return found


def _bytes(text: str, block: _PemBlock) -> bytes:
    return text[block.start : block.end].encode("utf-8", "surrogatepass")


def _not_v3(parsed: x509.Certificate | None) -> tuple[str, str]:
    if parsed is None:
        return "cannot parse this certificate", "copy it again: the text between the BEGIN and END lines is damaged"
    return "this certificate is not X.509 version 3", "use a certificate of version 3"


def _expiry(parsed: x509.Certificate, now: datetime) -> Iterator[PemProblem]:
    end = parsed.not_valid_after_utc
    day = f"{end:%Y-%m-%d}"
    if end < now:
        yield PemProblem(
            code=Code.EXPIRED_CERTIFICATE,
            summary=f"this certificate expired on {day}",
            hint="replace it with the new certificate, or remove it",
        )
    elif end < now + _SOON:
        yield PemProblem(
            code=Code.CERTIFICATE_EXPIRES_SOON,
            summary=f"this certificate expires on {day}",
            hint="add the new certificate before then",
        )
