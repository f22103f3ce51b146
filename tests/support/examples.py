"""How many examples the generated tests take, in proportion to the profile: `make fuzz` takes many times as many."""

from hypothesis import settings

USUAL = 40


def examples(usual: int) -> int:
    """The examples of a test that takes `usual` ones where others take 40, in proportion to the profile."""
    return max(1, usual * settings().max_examples // USUAL)
