"""The problems that planning finds, worded for the person who edits the manifest."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from reconciler.core.plan import ReasonCode, Step
from reconciler.diagnostics import Diagnostic

# The code of every problem here with what it means, for the documentation.
MEANINGS: Final[Mapping[str, str]] = {
    "unknown-repository": "The organisation has no repository of this name, and no `source` says how to create it.",
    "ambiguous-repository": "Several folders hold a repository of this name.",
    "repository-named-twice": "Two entries mean the same repository, such as `x` and `/x`.",
    "unknown-source": "`source` names no repository, or several.",
    "unreadable-overlay": "What the API holds was not understood; the repository is left alone.",
    "protected-repository": "Something would be taken away from a repository with `protect: true`.",
}


def problems(steps: Iterable[Step]) -> Iterator[Diagnostic]:
    """A diagnostic for each step that could not be planned."""
    for step in steps:
        found = _problem(step)
        if found is not None:
            yield found


def _problem(step: Step) -> Diagnostic | None:
    names = step.reason.names
    match step.reason.code:
        case ReasonCode.NOT_FOUND:
            return _diagnostic(
                step,
                "unknown-repository",
                f'there is no repository "{step.repository}" in the organisation',
                hint=_did_you_mean(names)
                or "list the repositories with `reconciler repos`; to create it, say from which one with `source:`",
            )
        case ReasonCode.AMBIGUOUS:
            return _diagnostic(
                step,
                "ambiguous-repository",
                f'several folders hold a repository "{step.repository}"',
                hint=f"write it with its folder: {_any_of(names)}",
            )
        case ReasonCode.NAMED_TWICE:
            return _diagnostic(
                step,
                "repository-named-twice",
                f'"{step.repository}" is the repository that {names[0]} names already',
                hint="keep one of the two entries",
            )
        case ReasonCode.SOURCE_NOT_FOUND:
            return _diagnostic(
                step,
                "unknown-source",
                f'"{step.repository}" cannot be created: `source: {names[0]}` names no single repository',
                hint=_did_you_mean(names[1:]) or "list the repositories with `reconciler repos`",
            )
        case _:
            return _about_the_overlay(step)


def _about_the_overlay(step: Step) -> Diagnostic | None:
    names = step.reason.names
    match step.reason.code:
        case ReasonCode.UNREADABLE:
            return _diagnostic(
                step,
                "unreadable-overlay",
                f'the live overlay of "{step.repository}" was not understood: {names[0]}',
                hint="it is left alone; report this with the output of `reconciler --version`",
            )
        case ReasonCode.PROTECTED:
            return _diagnostic(
                step,
                "protected-repository",
                f'"{step.repository}" is protected, and the manifest would take away from it: {", ".join(names)}',
                hint="name what is to stay, remove `protect: true` from the entry, or plan the others with `--exclude`",
            )
        case _:
            return None


def _diagnostic(step: Step, code: str, summary: str, *, hint: str) -> Diagnostic:
    return Diagnostic(code=code, summary=summary, hint=hint, place=step.place)


def _did_you_mean(names: tuple[str, ...]) -> str:
    return f"did you mean {_any_of(names)}?" if names else ""


def _any_of(names: tuple[str, ...]) -> str:
    quoted = [f'"{name}"' for name in names]
    return " or ".join([", ".join(quoted[:-1]), quoted[-1]]) if len(quoted) > 1 else "".join(quoted)
