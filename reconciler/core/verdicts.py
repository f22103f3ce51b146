"""What the answers to questions of resolution mean for a plan: problems, notes, and what would be installed.

Asking belongs to `engine.resolving`, and the answers come here as plain values.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from reconciler.core.asking import Places, block
from reconciler.core.availability import Finding, listed
from reconciler.core.canonical import package_name
from reconciler.core.diff import ChangeKind
from reconciler.core.parts import Part
from reconciler.core.plan import Plan, ReasonCode, Step
from reconciler.core.questions import Base
from reconciler.diagnostics import Diagnostic, Place, Severity

# The code of every problem here with how bad it is and what it means, for the documentation.
MEANINGS: Final[Mapping[str, tuple[Severity, str]]] = {
    "does-not-resolve": (Severity.ERROR, "The API says that an image with these packages cannot be built."),
    "resolution-not-checked": (
        Severity.WARNING,
        "It is not known whether the packages go together; an error where `require_resolve` is set.",
    ),
    "already-in-image": (Severity.NOTE, "Every build of the image has the added package without being asked for it."),
}
_NO_BUILD = "it has no successful build in the last {days} days, to take the image's own packages from"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """A repository whose packages cannot be installed, in the API's words, and the place to look at.

    `packages` are those of the manifest that the API names, else those that are new.
    """

    repository: str
    said: str
    hint: str = ""
    place: Place | None = None
    packages: tuple[str, ...] = ()


def trouble(step: Step, said: str, places: Places) -> Trouble:
    """The trouble with a step, at the place of the first package that the API names, else at that of the repository."""
    known = places.claims(step)
    added = tuple(name for name in _added(step) if name in known)
    named = _named(said, known)
    # A new package is the likelier culprit than one that has been there.
    culprits = tuple(sorted(named, key=lambda name: name not in added)) or added
    place = known[culprits[0]].place(Part.PACKAGES, culprits[0]) if culprits else step.place
    return Trouble(repository=step.repository, said=said, place=place, packages=culprits)


def _named(said: str, names: Iterable[str]) -> tuple[str, ...]:
    """Which of the names the API names, in its order; `curl-8.1-r0` names curl, where it does not name `curl-8`."""
    words = "".join(char if char.isalnum() or char in "-_.+:" else " " for char in said).split()
    longest = sorted(names, key=len, reverse=True)
    found = (next((name for name in longest if _means(word.strip(".:"), name)), None) for word in words)
    return tuple(dict.fromkeys(name for name in found if name is not None))


def _means(word: str, name: str) -> bool:
    return word == name or (word.startswith(f"{name}-") and word[len(name) + 1 : len(name) + 2].isdigit())


def conflicts(found: Iterable[Trouble]) -> tuple[Finding, ...]:
    """An error for each trouble, one for all repositories that share it."""
    return _gathered(
        found,
        lambda one, names: Diagnostic(
            code="does-not-resolve",
            summary=f"{_cannot(one.packages)} in {listed(names)}",
            detail=one.said,
            hint="change the packages there until they go together; nothing was written",
        ),
    )


def _cannot(names: Sequence[str]) -> str:
    match [f'"{name}"' for name in names]:
        case []:
            return "the packages of the image cannot be installed together"
        case [one]:
            return f"package {one} cannot be installed"
        case [one, other]:
            return f"packages {one} and {other} cannot be installed together"
        case several:
            return f"packages {listed(several)} cannot be installed together"


def unanswered(found: Iterable[Trouble]) -> tuple[Finding, ...]:
    """A warning for each reason for which it is not known whether something resolves."""
    return _gathered(
        found,
        lambda one, names: Diagnostic(
            code="resolution-not-checked",
            severity=Severity.WARNING,
            summary=f"whether the packages of {listed(names)} go together could not be checked",
            detail=one.said,
            hint=one.hint,
        ),
    )


def unbuilt(repository: str, days: int) -> Trouble:
    """The trouble that there is no build to tell what an image is made from."""
    return Trouble(repository=repository, said=_NO_BUILD.format(days=days))


def _gathered(found: Iterable[Trouble], word: Callable[[Trouble, Sequence[str]], Diagnostic]) -> tuple[Finding, ...]:
    """Together what is one problem, though the API may word it otherwise for another base or another repository."""
    alike: dict[object, tuple[Trouble, dict[str, None]]] = {}
    for one in found:
        problem = (one.packages, one.place) if one.packages else (one.said, one.place)
        alike.setdefault(problem, (one, {}))[1][one.repository] = None
    return tuple(
        Finding(diagnostic=replace(word(one, tuple(names)), place=one.place), repositories=tuple(names))
        for one, names in alike.values()
    )


def judged(plan: Plan, wrong: Iterable[Trouble], silent: Iterable[Trouble], *, required: bool) -> Plan:
    """The plan with its problems told, and blocked where it must not be carried out.

    `required` is that of the manifest's settings: then nothing is, of which it is not known that it resolves.
    """
    no, unknown = conflicts(wrong), unanswered(silent)
    if required:
        unknown = tuple(replace(one, diagnostic=_required(one.diagnostic)) for one in unknown)
    plan = replace(plan, diagnostics=(*plan.diagnostics, *(one.diagnostic for one in (*no, *unknown))))
    return block(plan, (*no, *unknown), ReasonCode.UNRESOLVED if required else ReasonCode.UNBUILDABLE)


def not_asked(plan: Plan, why: str, *, required: bool) -> Plan:
    """The plan where nothing could be asked, for a reason that holds for all of it."""
    return judged(plan, (), (Trouble(repository=one.repository, said=why) for one in plan.writes), required=required)


def _required(problem: Diagnostic) -> Diagnostic:
    more = "`require_resolve` refuses what is not known to resolve: try again, or plan the others with `--exclude`"
    hint = f"{problem.hint}; {more}" if problem.hint else more
    return replace(problem, severity=Severity.ERROR, hint=hint)


def already_there(steps: Iterable[Step], bases: Mapping[str, Sequence[Base]], places: Places) -> tuple[Diagnostic, ...]:
    """A note for each added package that every base of its repository has already, once for each place."""
    found: dict[tuple[str, Place | None], list[str]] = {}
    for step in steps:
        known = [base.names for base in bases.get(step.repository, ())]
        for name in _added(step) if known else ():
            if all(name in names for names in known):
                claim = places.claims(step).get(name)
                place = step.place if claim is None else claim.place(Part.PACKAGES, name)
                found.setdefault((name, place), []).append(step.repository)
    return tuple(
        Diagnostic(
            code="already-in-image",
            severity=Severity.NOTE,
            summary=f'package "{name}" is already in the image',
            detail=f"added in {listed(repositories)}",
            hint="leave it out, unless it is to stay where the image drops it",
            place=place,
        )
        for (name, place), repositories in found.items()
    )


def _added(step: Step) -> Iterator[str]:
    for change in step.changes:
        if change.part is Part.PACKAGES and change.kind is ChangeKind.ADD and isinstance(change.after, str):
            yield package_name(change.after)
