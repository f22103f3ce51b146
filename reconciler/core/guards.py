"""The guard: how many of the covered repositories a plan takes something away from, and when that is too many.

A loss is a package, a variable or any other entry that is there and will not be any more, under any value. Another
value, another version of the same package, and everything that is added are none. What a plan does is decided in
`planner`; the figures and the words of a refusal are here.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from reconciler.core.desired import Settings
from reconciler.core.diff import Change, ChangeKind
from reconciler.core.model import Group, Overlay
from reconciler.core.parts import Value, holds
from reconciler.core.plan import DEFAULT_LIMIT, Action, Guard, GuardRules, LimitSource, Step
from reconciler.diagnostics import Diagnostic

# Below so many repositories a share says little: one of three is a third.
FEWEST_COVERED = 10

_MOST_NAMES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Flags:
    """What the command line says on top of the manifest's settings; `max_removal` None when it says nothing."""

    prune: bool = False
    max_removal: float | None = None


NO_FLAGS = Flags()


def losses(changes: Iterable[Change], after: Overlay) -> tuple[str, ...]:
    """What the changes take away for good, named as `contents.packages git` or `environment NODE_ENV`."""
    return tuple(dict.fromkeys(_place(change) for change in changes if _loses(change, after)))


def _place(change: Change) -> str:
    return f"{change.part} {change.key}".rstrip()


def _loses(change: Change, after: Overlay) -> bool:
    if change.kind is ChangeKind.REMOVE:
        return not holds(after, change.part, change.key)
    return change.kind is ChangeKind.CHANGE and not _items(change.before) <= _items(change.after)


def _items(value: Value | None) -> frozenset[str]:
    """What a value holds that can be lost by itself: the repositories of a list, the members of a group."""
    match value:
        case tuple():
            return frozenset(value)
        case Group(members=members):
            return frozenset(members)
        case _:
            return frozenset()


def rules(settings: Settings, flags: Flags, steps: Sequence[Step]) -> GuardRules:
    """What the guard goes by for a plan of the whole manifest: the command line before the settings."""
    limit, source = _limit(settings, flags)
    there = sum(step.id is not None and step.action is not Action.CREATE for step in steps)
    return GuardRules(
        limit=limit,
        limit_from=source,
        prune=settings.prune or flags.prune,
        covered=there,
        named=sum(step.place is not None for step in steps),
    )


def _limit(settings: Settings, flags: Flags) -> tuple[float, LimitSource]:
    if flags.max_removal is not None:
        return flags.max_removal, LimitSource.COMMAND_LINE
    if settings.max_removal is not None:
        return settings.max_removal, LimitSource.MANIFEST
    return DEFAULT_LIMIT, LimitSource.DEFAULT


def judge(steps: Iterable[Step], by: GuardRules) -> Guard:
    """The figures of a plan with these steps, and why it may not be applied where it may not."""
    losing = tuple(step.repository for step in steps if step.writes and _takes_away(step))
    return Guard(rules=by, losing=losing, refusals=tuple(_refusals(losing, by)))


def _takes_away(step: Step) -> bool:
    after = step.after
    if after is not None:
        for change in step.changes:
            if _loses(change, after):
                return True
    return False


def _refusals(losing: Sequence[str], by: GuardRules) -> Iterator[Diagnostic]:
    if by.prune and not by.named:
        yield _empty_manifest()
    elif by.covered >= FEWEST_COVERED and len(losing) / by.covered > by.limit:
        yield _too_many(losing, by)


def _empty_manifest() -> Diagnostic:
    return Diagnostic(
        code="prune-with-empty-manifest",
        summary="the manifest names no repository, and with prune that would reset all of them",
        hint="no flag allows this: name at least one repository, or write `reset: true` for each that is meant",
    )


def _too_many(losing: Sequence[str], by: GuardRules) -> Diagnostic:
    count, covered = len(losing), by.covered
    needed = -(-100 * count // covered)
    share = f"{100 * count / covered:.1f}".removesuffix(".0")
    others = f" and {count - _MOST_NAMES:,} more" if count > _MOST_NAMES else ""
    return Diagnostic(
        code="removal-guard",
        summary=(
            f"{count:,} of the {covered:,} repositories that the manifest covers would lose something "
            f"({share} %); the limit is {percent(by.limit)} ({_SOURCES[by.limit_from]})"
        ),
        detail=f"they are {', '.join(losing[:_MOST_NAMES])}{others}",
        hint=f"if that is meant, allow it with `--max-removal {needed}%`",
    )


_SOURCES = {
    LimitSource.COMMAND_LINE: "from --max-removal",
    LimitSource.MANIFEST: "from the manifest's settings",
    LimitSource.DEFAULT: "the default",
}


def percent(share: float) -> str:
    """A share as people write it, such as `30 %` or `12.5 %`."""
    return f"{share * 100:.4g} %"
