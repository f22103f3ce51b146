"""What a PEM text is: an RSA public key, a certificate of X.509 version 3, or neither, and until when it is valid.

`cryptography` parses; it is imported when there is a PEM text, and not before. No message repeats any of the text.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from reconciler.core.secrets import holds_private_key
from reconciler.manifest.codes import Code

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

_MARK: Final = re.compile(r"-----(BEGIN|END) ([A-Z0-9 ]+)-----")
_SOON: Final = timedelta(days=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Something wrong with a PEM text."""

    code: Code
    summary: str
    hint: str


Judge = Callable[[str, float | None], Iterator[Verdict]]


def key(text: str, now: float | None) -> Iterator[Verdict]:  # noqa: ARG001 - as for certificates; a key does not expire
    """What is wrong with a text that should be a public RSA key."""
    problem = _form(text, "PUBLIC KEY") or _not_rsa(text)
    if problem:
        yield _wrong(text, Code.BAD_KEY, "key", problem)


def certificate(text: str, now: float | None) -> Iterator[Verdict]:
    """What is wrong with a text that should be a certificate."""
    problem = _form(text, "CERTIFICATE")
    parsed = None if problem else _certificate(text)
    if problem or parsed is None or parsed.version.name != "v3":
        yield _wrong(text, Code.BAD_CERTIFICATE, "certificate", problem or _no_certificate(parsed))
    elif now is not None:
        yield from _expiry(parsed, datetime.fromtimestamp(now, tz=UTC))


def _wrong(text: str, code: Code, noun: str, problem: tuple[str, str]) -> Verdict:
    if holds_private_key(text):
        return Verdict(
            code=Code.PRIVATE_KEY,
            summary=f"a private key stands where a {noun} should be",
            hint="remove it, and take the key for known to others: make a new one",
        )
    summary, hint = problem
    return Verdict(code=code, summary=summary, hint=hint)


def _form(text: str, label: str) -> tuple[str, str] | None:
    """What is wrong with the blocks of a text that should hold one."""
    noun = "key" if label == "PUBLIC KEY" else "certificate"
    blocks = _blocks(text)
    labels = [label for label, _, _ in blocks]
    if not labels:
        return f"this {noun} holds no PEM block `{label}`", f"give the lines from `BEGIN {label}` to `END {label}`"
    if len(labels) > 1:
        hint = f"give each {noun} an item and a name of its own"
        return f"this {noun} holds {len(labels)} PEM blocks, and must hold one", hint
    if labels[0] != label:
        return f"this {noun} is a PEM block `{labels[0]}`, not `{label}`", _other_form(labels[0])
    if text[blocks[0][2] :].strip():
        return f"text follows the PEM block of this {noun}", "remove it; explanations go before the block"
    return None


def _other_form(label: str) -> str:
    if label == "RSA PUBLIC KEY":
        return "`openssl rsa -RSAPublicKey_in -pubout` turns it into the form that is needed"
    return "give the PEM text of the right kind"


def _not_rsa(text: str) -> tuple[str, str] | None:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        found = load_pem_public_key(_block(text))
    except (ValueError, UnsupportedAlgorithm):
        return "this key cannot be read", "the text between the BEGIN and END lines is damaged; copy it again"
    if not isinstance(found, RSAPublicKey):
        return "this key is not an RSA key", "packages are signed with RSA keys; give the public half of one"
    return None


def _certificate(text: str) -> "Certificate | None":
    from cryptography import x509

    try:
        found = x509.load_pem_x509_certificate(_block(text))
        found.not_valid_after_utc  # noqa: B018 - raises for a date that is none
    except (ValueError, x509.InvalidVersion):
        return None
    return found


def _block(text: str) -> bytes:
    start, end = next(((start, end) for _, start, end in _blocks(text)), (0, 0))
    return text[start:end].encode("utf-8", "surrogatepass")


def _blocks(text: str) -> list[tuple[str, int, int]]:
    """Label, start and end of each block: from a BEGIN line to the next END line with its label."""
    marks = list(_MARK.finditer(text))
    following: dict[str, int] = {}  # for each label where its next END line ends, found from the back in one pass
    ends: list[int | None] = []
    for mark in reversed(marks):
        if mark[1] == "END":
            following[mark[2]] = mark.end()
        ends.append(following.get(mark[2]))
    blocks: list[tuple[str, int, int]] = []
    for mark, end in zip(marks, reversed(ends), strict=True):
        if mark[1] == "BEGIN" and end is not None and (not blocks or mark.start() >= blocks[-1][2]):
            blocks.append((mark[2], mark.start(), end))
    return blocks


def _no_certificate(parsed: "Certificate | None") -> tuple[str, str]:
    if parsed is None:
        return "this certificate cannot be read", "the text between the BEGIN and END lines is damaged; copy it again"
    return "this certificate is not of X.509 version 3", "let the authority issue one of version 3"


def _expiry(parsed: "Certificate", now: datetime) -> Iterator[Verdict]:
    end = parsed.not_valid_after_utc
    told = f"{end:%Y-%m-%d}"
    if end < now:
        yield Verdict(
            code=Code.EXPIRED_CERTIFICATE,
            summary=f"this certificate expired on {told}",
            hint="give the one that follows it, or remove it",
        )
    elif end < now + _SOON:
        yield Verdict(
            code=Code.CERTIFICATE_EXPIRES_SOON,
            summary=f"this certificate expires on {told}",
            hint="give the one that follows it beside this one before then",
        )
