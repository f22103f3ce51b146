"""What looks like a secret: a variable by its name, any text by its form.

Only the decision lives here. What is shown in a secret's place is the business of the views, and what is said about
one in a manifest that of `manifest`.
"""

import re

_KEY = re.compile(
    r"secret|passw(?:or)?d|passphrase|credential|token(?!i[sz])|api[_.-]?key|apikey|connection[_.-]?string"
    r"|(?:access|private|signing|encryption|ssh|master|account|auth)[_.-]?key"
    r"|(?:^|[^a-z])(?:pwd|pass|auth|dsn)(?:[^a-z]|$)",
    re.IGNORECASE,
)
_VALUE = re.compile(
    r"eyJ[\w-]{4,}\.[\w-]{4,}\."
    r"|-----BEGIN [A-Z0-9 ]*PRIVATE KEY"
    r"|\b(?:gh[pousr]_|github_pat_|glpat-|npm_|sk_live_|xox[a-z]-)[\w-]{4,}"
    r"|\b(?:AKIA|ASIA)[A-Z0-9]{8,}"
    r"|\bAIza[\w-]{30,}"
    r"|://[^/\s:@]*:[^/\s@]+@"
)
_PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY")


def key_looks_secret(key: str) -> bool:
    """Whether a variable's name suggests that its value should not be shown."""
    return _KEY.search(key) is not None


def value_looks_secret(value: str) -> bool:
    """Whether a value by itself suggests that it should not be shown: a token, a private key, an address with one."""
    return _VALUE.search(value) is not None


def holds_private_key(text: str) -> bool:
    """Whether a text holds a private key in PEM."""
    return _PRIVATE_KEY.search(text) is not None
