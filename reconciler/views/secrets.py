"""What looks like a secret, and what is shown in its place. That it changed is always shown, what it is never.

Only the decision lives here; where values come from and how they are printed does not.
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
_USERINFO = re.compile(r"(?<=://)[^/\s@]+(?=@)")

HIDDEN = "***"


def key_looks_secret(key: str) -> bool:
    """Whether a variable's name suggests that its value should not be shown."""
    return _KEY.search(key) is not None


def value_looks_secret(value: str) -> bool:
    """Whether a value by itself suggests that it should not be shown: a token, a private key, an address with one."""
    return _VALUE.search(value) is not None


def masked(side: str) -> str:
    """What stands for a hidden value, with the side that it is on, such as `*** (before)`."""
    return f"{HIDDEN} ({side.replace('_', ' ')})"


def without_userinfo(address: str) -> str:
    """An address without the user and password that may stand in front of its host."""
    return _USERINFO.sub(HIDDEN, address)
