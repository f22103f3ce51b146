"""Text of every kind that tries to be something else on a terminal, and what must never reach one."""

import unicodedata

from hypothesis import strategies as st

_CONTROLS = "\x00\x07\x08\x1b\x7f\x85\x9b\r\n\t\u061c\u200b\u200d\u200e\u2028\u2029\u202e\u2066\u2069\u2060\ufeff\ud800"
_SPECIAL = st.sampled_from([*_CONTROLS, *'[]"\\ /:,=日é👍\u0301\U000e0041', "\x1b[31m", "\x1b]0;x\x07", "[red]", "  "])
_UNSAFE = {"Cc", "Cf", "Cs", "Zl", "Zp"}


def texts(most: int = 12) -> st.SearchStrategy[str]:
    return st.lists(st.one_of(_SPECIAL, st.characters(), st.sampled_from("abc")), max_size=most).map("".join)


def names(most: int = 3) -> st.SearchStrategy[str]:
    return st.lists(st.one_of(_SPECIAL, st.sampled_from("abcxyz")), min_size=1, max_size=most).map("".join)


def unsafe(text: str) -> set[str]:
    """The characters of the text that must not reach a terminal, by the interpreter's own tables."""
    return {one for one in text if unicodedata.category(one) in _UNSAFE and one != "\n"}
