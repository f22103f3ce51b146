"""What the answers to questions of resolution mean for a plan: problems, notes, and what would be installed.

Asking belongs to `engine.resolving`, and the answers come here as plain values.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from reconciler.core.asking import Places
from reconciler.core.availability import Finding, listed
from reconciler.core.canonical import package_name
from reconciler.core.diff import ChangeKind
from reconciler.core.parts import Part
from reconciler.core.plan import Step
from reconciler.core.questions import Question
from reconciler.diagnostics import Diagnostic, Place, Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """A repository whose packages do not go together, in the API's words, and the place to look at."""

    repository: str
    said: str
    place: Place | None


def trouble(question: Question, said: str, places: Places) -> Trouble:
    """The trouble with a question, at the place of a package that the API names, else at that of the repository."""
    known = places.of(question.step)
    named = (known[name] for name in sorted(known, key=len, reverse=True) if _names(said, name))
    return Trouble(repository=question.step.repository, said=said, place=next(named, question.step.place))


def _names(said: str, package: str) -> bool:
    words = "".join(char if char.isalnum() or char in "-_.+" else " " for char in said).split()
    return any(word == package or word.startswith(f"{package}-") for word in words)


def conflicts(found: Iterable[Trouble]) -> tuple[Finding, ...]:
    """An error for each trouble, one for all repositories that share it."""
    return _gathered(
        found,
        lambda said, names: Diagnostic(
            code="does-not-resolve",
            summary=f"the packages of {listed(names)} do not go together",
            detail=said,
            hint="correct the packages there; nothing was written",
        ),
    )


def unanswered(found: Iterable[Trouble]) -> tuple[Finding, ...]:
    """A warning for each reason for which the API did not say whether something resolves."""
    return _gathered(
        (replace(one, place=None) for one in found),
        lambda said, names: Diagnostic(
            code="resolution-not-checked",
            severity=Severity.WARNING,
            summary=f"whether the packages of {listed(names)} go together could not be checked",
            detail=said,
        ),
    )


def _gathered(found: Iterable[Trouble], word: Callable[[str, Sequence[str]], Diagnostic]) -> tuple[Finding, ...]:
    alike: dict[tuple[str, Place | None], dict[str, None]] = {}
    for one in found:
        alike.setdefault((one.said, one.place), {})[one.repository] = None
    return tuple(
        Finding(diagnostic=replace(word(said, tuple(names)), place=place), repositories=tuple(names))
        for (said, place), names in alike.items()
    )


def already_there(asked: Iterable[Question], places: Places) -> tuple[Diagnostic, ...]:
    """A note for each added package that every base of its repository has already, once for each place."""
    bases: dict[str, tuple[Step, list[frozenset[str]]]] = {}
    for question in asked:
        bases.setdefault(question.step.repository, (question.step, []))[1].append(question.base)
    found: dict[tuple[str, Place | None], list[str]] = {}
    for step, sets in bases.values():
        for name in _added(step):
            if all(name in base for base in sets):
                found.setdefault((name, places.of(step).get(name, step.place)), []).append(step.repository)
    return tuple(
        Diagnostic(
            code="already-in-image",
            severity=Severity.NOTE,
            summary=f'package "{name}" is already in the image',
            detail=f"added in {listed(repositories)}",
            place=place,
        )
        for (name, place), repositories in found.items()
    )


def _added(step: Step) -> Iterator[str]:
    for change in step.changes:
        if change.part is Part.PACKAGES and change.kind is ChangeKind.ADD and isinstance(change.after, str):
            yield package_name(change.after)
