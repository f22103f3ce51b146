"""Words why a step of a plan could not be planned, for the person who edits the manifest."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from reconciler.core.steps import BindingStep, OverlayStep, ReasonCode, Step
from reconciler.diagnostics import (
    Diagnostic,
    did_you_mean,
    listed,
    quoted,
)

# Codes with their meaning, for docs/diagnostics.md.
PLAN_CODES: Final[Mapping[str, tuple[str, str]]] = {
    "unknown-repository": (
        "error",
        "The organization has no repository of this name, and the entry has no `source`.",
    ),
    "ambiguous-repository": ("error", "Several folders contain a repository of this name."),
    "repository-named-twice": ("error", "Two entries mean the same repository, such as `x` and `/x`."),
    "unknown-source": ("error", "`source` matches no repository, or more than one."),
    "no-sync-source": (
        "warning",
        "The entry has a `source`, but the repository exists and syncs from no repository: it is not built.",
    ),
    "unreadable-overlay": ("error", "The live overlay cannot be read; the repository is left unchanged."),
    "protected-repository": ("error", "The manifest would remove something from a repository with `protect: true`."),
    "repository-of-other-owner": (
        "error",
        "A run of another owner wrote the repository last; `--take-over` allows to take it over.",
    ),
    "repository-has-bindings": (
        "error",
        "Overlays are bound to the repository, which cannot have a standard customization then.",
    ),
    "repository-has-customization": (
        "error",
        "The entry binds overlays, and the repository has a standard customization.",
    ),
}


def step_problems(steps: Iterable[Step | OverlayStep | BindingStep]) -> Iterator[Diagnostic]:
    """Yield a diagnostic for each step that could not be planned."""
    for step in steps:
        yield from step.problems
        found = _problem(step) if isinstance(step, Step) else None
        if found is not None:
            yield found


def _problem(step: Step) -> Diagnostic | None:
    names = step.reason.names
    match step.reason.code:
        case ReasonCode.NOT_FOUND:
            return _diagnostic(
                step,
                "unknown-repository",
                f'repository "{step.repository}" does not exist in the organization',
                hint=did_you_mean(names)
                or "list the repositories with `reconciler repos`, or add `source:` to create this one",
            )
        case ReasonCode.AMBIGUOUS:
            return _diagnostic(
                step,
                "ambiguous-repository",
                f'several folders contain a repository "{step.repository}"',
                hint=f"add the folder to its name: {quoted(names)}",
            )
        case ReasonCode.NAMED_TWICE:
            return _diagnostic(
                step,
                "repository-named-twice",
                f'"{step.repository}" is the same repository as the entry at {names[0]}',
                hint="keep one of the two entries",
            )
        case ReasonCode.SOURCE_NOT_FOUND:
            return _diagnostic(
                step,
                "unknown-source",
                f'cannot create "{step.repository}": `source: {names[0]}` does not match exactly one repository',
                hint=did_you_mean(names[1:]) or "list the repositories with `reconciler repos`",
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
                f'cannot read the live overlay of "{step.repository}": {names[0]}',
                hint=f"{'; '.join(names[1:])}; the repository is left unchanged",
            )
        case ReasonCode.PROTECTED:
            return _diagnostic(
                step,
                "protected-repository",
                f'"{step.repository}" is protected, and the manifest would remove: {", ".join(names)}',
                hint="add what must stay, remove `protect: true` from the entry, or skip it with `--exclude`",
            )
        case ReasonCode.OWNED_BY_OTHER:
            return _diagnostic(
                step,
                "repository-of-other-owner",
                f'"{step.repository}" belongs to {names[0]}, whose run {names[1]} wrote it last',
                hint=f"leave it to {names[0]}, or take it over with `--take-over`",
            )
        case ReasonCode.HAS_BINDINGS:
            return _diagnostic(
                step,
                "repository-has-bindings",
                f'"{step.repository}" uses Overlays and cannot have a standard customization: {listed(names)}',
                hint="change the bound overlays, or detach them first with `chainctl images overlays detach`; "
                "plan the others with `--exclude`",
            )
        case ReasonCode.HAS_CUSTOMIZATION:
            return _diagnostic(
                step,
                "repository-has-customization",
                f'"{step.repository}" has a standard customization ({listed(names)}), '
                "so that overlays cannot be bound to it",
                hint="turn its customization into overlays with `reconciler migrate`, or remove `overlays` here",
            )
        case _:
            return None


def _diagnostic(step: Step, code: str, summary: str, *, hint: str) -> Diagnostic:
    return Diagnostic(code=code, summary=summary, hint=hint, place=step.place)
