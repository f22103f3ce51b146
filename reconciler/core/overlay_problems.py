"""Problems of a manifest's overlays and bindings that show once the live state is known."""

from collections.abc import Mapping, Sequence
from typing import Final

from reconciler.core.bindings import DEV, UnknownBindings
from reconciler.core.state import DesiredBinding, DesiredOverlay, LiveOverlay, Unreadable
from reconciler.core.steps import BindingStep, OverlayStep, ScopeKind
from reconciler.diagnostics import Diagnostic, KnownNames, Place, Severity, did_you_mean, listed, quoted

# Codes with their meaning, for docs/diagnostics.md.
OVERLAY_CODES: Final[Mapping[str, tuple[str, str]]] = {
    "overlays-unknown": ("error", "The overlays and bindings of the organization could not be read."),
    "overlays-not-offered": ("error", "The API does not offer overlays, and the manifest declares some."),
    "unknown-overlay": ("error", "A binding names an overlay that neither the manifest nor the organization has."),
    "ambiguous-overlay": ("error", "Several overlays of the organization have this name."),
    "unreadable-binding": ("error", "The live binding has a tag selector that this version does not know."),
    "unknown-folder": ("error", "The organization has no folder with this path."),
    "unknown-tag": ("error", "The repository has no such tag, and `allow_missing_tags` is not set."),
    "missing-tag": ("warning", "A binding names a tag that the repository does not have."),
    "swapped-bindings": ("warning", "A binding is removed before another is made, as the API refuses both together."),
    "selector-matches-nothing": ("warning", "No tag matches the selector of a binding."),
}


def not_read(unknown: UnknownBindings) -> Diagnostic:
    """Return why nothing can be planned where the overlays or the bindings are not known."""
    if unknown.absent:
        return Diagnostic(
            code="overlays-not-offered",
            summary="the API does not offer overlays and bindings, which the manifest declares",
            detail=unknown.problem,
            hint="ask your Chainguard account team to enroll the organization, or remove `overlays`, "
            "`all_repositories` and `folders` from the manifest",
        )
    return Diagnostic(
        code="overlays-unknown",
        summary=f"cannot read the overlays and bindings of the organization: {unknown.problem}",
        hint="check the capability `registry.overlays.list` with `reconciler doctor`, then plan again",
    )


def ambiguous_overlay(name: str, found: Sequence[LiveOverlay], place: Place) -> Diagnostic:
    """Return the error of a name that several overlays have."""
    return Diagnostic(
        code="ambiguous-overlay",
        summary=f'several folders own an overlay "{name}"',
        detail=f"their ids: {listed([one.id for one in found])}",
        hint="rename all but one of them with `chainctl images overlays update --name`",
        place=place,
    )


def empty_overlay(wanted: DesiredOverlay) -> Diagnostic:
    """Return the error of an overlay that would hold nothing any more."""
    return Diagnostic(
        code="empty-overlay",
        summary=f'nothing would be left in the overlay "{wanted.name}", which the API refuses',
        hint="unbind it and delete it, or keep some content",
        place=wanted.place,
    )


def unknown_overlay(wanted: DesiredBinding, near: Sequence[str]) -> Diagnostic:
    """Return the error of a binding whose overlay does not exist; `near` are names that resemble it."""
    return Diagnostic(
        code="unknown-overlay",
        summary=f'overlay "{wanted.overlay}" is neither in the manifest nor in the organization',
        hint=did_you_mean(near) or "define it under `overlays`",
        place=wanted.place,
    )


def unknown_folder(folder: str, place: Place, near: Sequence[str]) -> Diagnostic:
    """Return the error of bindings for a folder that does not exist."""
    return Diagnostic(
        code="unknown-folder",
        summary=f'folder "{folder}" does not exist in the organization',
        hint=did_you_mean(near) or "write its path from the organization, such as `team-a/edge`",
        place=place,
    )


def unknown_tags(step: BindingStep, tags: Sequence[str], known: KnownNames) -> Diagnostic:
    """Return the error of tags that the repository of a binding does not have."""
    near = tuple(dict.fromkeys(one for tag in tags for one in known.nearest(tag)))
    return Diagnostic(
        code="unknown-tag",
        summary=f'"{step.scope.label}" has no tag {quoted(tags)}',
        detail=f'the API would accept it, and overlay "{step.overlay}" would never be used for it',
        hint=_tag_hint(step, tags, near),
        place=step.place,
    )


def _tag_hint(step: BindingStep, tags: Sequence[str], near: Sequence[str]) -> str:
    word = next((tag for tag in tags if tag in ("all", DEV)), None)
    if word is not None:
        return (
            f"write `{step.overlay}: {word}`, without brackets, for {'all tags' if word == 'all' else 'the -dev tags'}"
        )
    return did_you_mean(near) or "write `allow_missing_tags: true` to name tags before they exist"


def missing_tags(step: BindingStep, tags: Sequence[str], known: KnownNames) -> Diagnostic:
    """Return the warning about tags that do not exist, where that need not be a mistake."""
    near = tuple(dict.fromkeys(one for tag in tags for one in known.nearest(tag)))
    where = f'"{step.scope.label}"' if step.scope.kind is ScopeKind.REPOSITORY else step.scope.label
    return Diagnostic(
        code="missing-tag",
        severity=Severity.WARNING,
        summary=f"{step.label}: no {'tag' if len(tags) == 1 else 'tags'} {quoted(tags)} in {where}",
        hint=did_you_mean(near) or "remove the tag, or ignore this if it is still to come",
        place=step.place,
    )


def matches_nothing(step: BindingStep) -> Diagnostic:
    """Return the warning about a selector that picks no tag."""
    return Diagnostic(
        code="selector-matches-nothing",
        severity=Severity.WARNING,
        summary=f"{step.label}: no tag matches `{step.after}`",
        hint="ignore this if such tags are still to come",
        place=step.place,
    )


def unreadable_overlay(step: OverlayStep, overlay: Unreadable) -> Diagnostic:
    """Return the error of an overlay that cannot be parsed."""
    return Diagnostic(
        code="unreadable-overlay",
        summary=f'cannot read the live overlay "{step.name}": {overlay.problem}',
        hint="report this with the output of `reconciler --version`; the overlay is left unchanged",
        place=step.place,
    )


def unreadable_binding(step: BindingStep) -> Diagnostic:
    """Return the error of a binding whose selector this version does not know."""
    return Diagnostic(
        code="unreadable-binding",
        summary=f"the tag selector of {step.label} is of a kind that this version does not know",
        hint="report this with the output of `reconciler --version`; the binding is left unchanged",
        place=step.place,
    )


def conflict(
    first: tuple[str, Place | None],
    second: tuple[str, Place | None],
    *,
    scope: str,
    fields: Sequence[str],
    passing: bool,
) -> Diagnostic:
    """Return the error of two overlays, each with its binding's place, that give one tag two values.

    `passing` is set if they do so only between two writes.
    """
    between = "while the plan is applied, " if passing else ""
    bound = [f'"{name}" at {place}' if place else f'"{name}" by a live binding' for name, place in (first, second)]
    return Diagnostic(
        code="conflicting-overlays",
        summary=f'{between}overlays "{first[0]}" and "{second[0]}" are bound to the same tags of {scope} '
        f"and have different values: {listed(fields)}",
        detail=f"bound: {', '.join(bound)}; the API refuses this",
        hint="remove the value from one of the overlays first"
        if passing
        else "use one value in both, or bind one of them to a more specific set of tags",
        place=second[1] or first[1],
    )


def swapped(gone: BindingStep, come: BindingStep) -> Diagnostic:
    """Return the warning that one binding has to go before another can come."""
    return Diagnostic(
        code="swapped-bindings",
        severity=Severity.WARNING,
        summary=f"{gone.label} is removed before {come.label} is made: the API refuses both together",
        detail="builds that start in between have neither",
        hint="use one value in both overlays to change the binding without a gap",
        place=come.place,
    )
