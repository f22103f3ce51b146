"""Which packages the changed steps of a plan ask for, and at which place of the manifest.

What becomes of the answers is in `availability` and `questions`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial

from reconciler.core.availability import Ask, Finding
from reconciler.core.canonical import package_name
from reconciler.core.desired import Desired, DesiredRepository
from reconciler.core.globs import resolve
from reconciler.core.layers import Claim, winners
from reconciler.core.live import Directory, Live
from reconciler.core.parts import Part
from reconciler.core.plan import Action, Plan, Reason, ReasonCode, Step
from reconciler.diagnostics import Place, Severity


class Places:
    """Where the manifest asks for a package of a repository; globs are resolved and layers merged only when asked."""

    def __init__(self, desired: Desired, live: Live) -> None:
        self._directory = Directory(live)
        self._entries = resolve(desired, live, self._directory).entries
        self._by_place: dict[Place, list[DesiredRepository]] = {}
        for entry in self._entries:
            self._by_place.setdefault(entry.place, []).append(entry)
        self._merged: dict[tuple[int, ...], Mapping[str, Claim]] = {}

    def claims(self, step: Step) -> Mapping[str, Claim]:
        """What asks for each package of a step, by the package's name; it knows the place."""
        if step.place is None:
            return {}
        entries = self._by_place.get(step.place, [])
        entry = next((one for one in entries if len(entries) == 1 or self._label(one) == step.repository), None)
        if entry is None:
            return {}
        key = tuple(map(id, entry.layers))
        if key not in self._merged:
            self._merged[key] = winners(entry.layers, Part.PACKAGES)
        return self._merged[key]

    def _label(self, entry: DesiredRepository) -> str:
        found = self._directory.find(entry.address)
        return self._directory.label(found[0]) if len(found) == 1 else str(entry.address)


def asks(plan: Plan, places: Places) -> tuple[Ask, ...]:
    """Every package that the manifest wants in a repository which the plan writes; nothing of the others."""
    found: list[Ask] = []
    for step in plan.writes:
        if step.after is None:
            continue
        known = places.claims(step)
        found += [
            Ask(repository=step.repository, spec=spec, where=partial(known[name].place, Part.PACKAGES, name))
            for spec in step.after.packages
            if (name := package_name(spec)) in known
        ]
    return tuple(found)


def block(plan: Plan, findings: Iterable[Finding], code: ReasonCode) -> Plan:
    """The plan with the steps blocked that an error is in the way of."""
    why: dict[str, dict[str, None]] = {}
    for one in findings:
        if one.diagnostic.severity is Severity.ERROR:
            for repository in one.repositories:
                why.setdefault(repository, {})[one.diagnostic.summary] = None
    steps = tuple(
        replace(step, action=Action.BLOCKED, reason=Reason(code=code, names=tuple(why[step.repository])))
        if step.writes and step.repository in why
        else step
        for step in plan.steps
    )
    return replace(plan, steps=steps)
