"""Why a step was not attempted, in words. The codes are the core's; only the wording is here."""

from reconciler.core.runs import Skip

_SKIPS = {
    Skip.INTERRUPTED: "the run was interrupted",
    Skip.TOKEN_REJECTED: "the token was rejected",
    Skip.UNREADABLE: "the repository could not be read",
    Skip.NOT_RECORDED: "the journal could not be written",
    Skip.AFTER_FAILURE: "an earlier write failed",
    Skip.HELD_BACK: "an earlier wave went wrong or did not finish",
}


def not_attempted(reason: Skip) -> str:
    """Why nothing was sent for a step, as a whole."""
    return f"not attempted because {_SKIPS[reason]}"
