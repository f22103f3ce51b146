"""What is shown in the place of a secret. That it changed is always shown, what it is never.

What looks like one is decided in `core.secrets`; where values come from and how they are printed is not said here.
"""

import re

from reconciler.core.secrets import key_looks_secret, value_looks_secret

__all__ = ["HIDDEN", "key_looks_secret", "masked", "value_looks_secret", "without_userinfo"]

_USERINFO = re.compile(r"(?<=://)[^/\s@]+(?=@)")

HIDDEN = "***"


def masked(side: str) -> str:
    """What stands for a hidden value, with the side that it is on, such as `*** (before)`."""
    return f"{HIDDEN} ({side.replace('_', ' ')})"


def without_userinfo(address: str) -> str:
    """An address without the user and password that may stand in front of its host."""
    return _USERINFO.sub(HIDDEN, address)
