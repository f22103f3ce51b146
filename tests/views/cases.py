"""The plans whose drawings are kept in files, by the name of the file, as documents."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from reconciler.core.overlay import make_command_override, make_overlay, make_preflight, passed_through
from reconciler.core.plan import GuardRules, Plan, compare, judge_guard
from reconciler.core.resolution import package_difference
from reconciler.core.steps import Action, ReasonCode
from reconciler.diagnostics import Diagnostic, Place, Severity
from reconciler.views.document import Origin, Provenance, plan_document
from tests.views import samples


def nothing() -> Plan:
    return samples.plan(samples.step("a"), samples.step("b"), unlisted=("c",))


def guarded() -> Plan:
    """A plan that takes something away from too many, resets what nobody names, and stops at a protection."""
    git, curl = make_overlay(packages=["git"]), make_overlay(packages=["curl"])
    steps = [samples.step(f"team-{number:02}", git, curl, line=number) for number in range(1, 9)]
    pruned = samples.reset("forgotten", git)
    kept = samples.trouble("kept", Action.BLOCKED, ReasonCode.PROTECTED, "contents.packages git", line=20)
    steps += [
        replace(pruned, place=None, reason=replace(pruned.reason, code=ReasonCode.PRUNED)),
        replace(kept, changes=steps[0].changes, before=git, after=curl),
        *(samples.step(f"same-{number}", git, git, line=30 + number) for number in range(3)),
    ]
    plan = samples.plan(*steps)
    warning = Diagnostic(
        code="unused-profile",
        summary="no entry uses the profile debug",
        severity=Severity.WARNING,
        detail="it is in a second line\nas well",
        hint="remove it",
        place=Place(file="manifests/web.yaml", line=3, column=1),
    )
    rules = GuardRules(limit=0.3, prune=True, covered=13, named=12)
    return replace(plan, guard=judge_guard(plan.steps, rules), diagnostics=(warning,))


def wrapped() -> Plan:
    """The Guarded Entrypoint turned on, changed, and turned off."""
    db, ready = make_preflight(tcp="${DB_HOST}:5432", timeout="30s"), make_preflight(path="/run/ready")
    on = make_overlay(guarded_entrypoint=True, fail_mode="closed", preflight=[db, ready])
    secret = make_command_override(mode="override", command=["app", "--token", "s3cret", "${ARGS}"])
    changed = replace(on, fail_mode="open", preflight=(ready, db), command_override=secret)
    store = passed_through({"sources": ["/etc/a.pem"], "output": "/etc/store", "password": "s3cret"})
    empty = make_overlay(guarded_entrypoint=True, command_override=make_command_override(), truststore=store)
    return samples.plan(
        samples.step("change", on, changed, line=1),
        samples.step("off", changed, make_overlay(), line=2),
        samples.step("on", make_overlay(), on, line=3),
        samples.step("set-and-empty", make_overlay(), empty, line=4),
    )


def markup() -> Plan:
    """Names and values that try to be something else on a page."""
    values = {
        "TICKS": "``` a `` b `",
        "BAR": "a|b\\|c",
        "MENTION": "@everyone #12 GH-3 https://example.com www.example.com",
        "TAG": "</code></details><script>alert(1)</script><!-- --> &amp;",
        "LINE": "one\n```\n# two\n\n| three |",
    }
    return samples.plan(
        samples.step("`", after=make_overlay(environment=values), line=1),
        samples.step("a|b", after=make_overlay(packages=["*x*", "_y_", "$z$", "`"]), line=2),
        samples.step("<img src=x onerror=alert(1)>", after=make_overlay(annotations={"@me": "#1"}), line=3),
        samples.trouble("`|`", Action.BLOCKED, ReasonCode.NOT_FOUND, "@you|`", "\\|", line=4),
        samples.trouble("<b>", Action.UNKNOWN, ReasonCode.UNREADABLE, "</table>\n| a | b |\n", line=5),
        unlisted=("@all", "`` ` ``"),
        left_out=("<i>", "#7"),
    )


def compared() -> Any:
    """What a change of the manifest causes, what was different before, and what is asked for no longer."""
    empty, git, jq = (make_overlay(packages=packages) for packages in ([], ["git"], ["jq"]))
    base = samples.plan(*(samples.step(f"old-{number}", empty, git, line=number + 1) for number in range(4)))
    head = samples.plan(
        *(samples.step(f"old-{number}", empty, git, line=number + 1) for number in range(2)),
        *(samples.step(f"new-{number}", empty, jq, line=9 + number) for number in range(3)),
        samples.creation("fresh", git, source="git"),
    )
    origin = Origin(kind="snapshot", created=samples.T0, tool_version="1.2.0")
    return plan_document(head, api=samples.API, tool_version="1.2.3", origin=origin, comparison=compare(base, head))


FILES = "https://git.example.com/team/images/-/blob/0123456789abcdef"
PROVENANCE = Provenance(
    made=samples.T0,
    commit="0123456789abcdef0123456789abcdef01234567",
    commit_url="https://git.example.com/team/images/-/commit/0123456789abcdef0123456789abcdef01234567",
    job_url="https://git.example.com/team/images/-/jobs/7",
    file_url=lambda file, line: f"{FILES}/{file}#L{line}",
)


def reviewed() -> Any:
    """A plan with everything that a page can show: whole overlays, tags, resolved packages, problems of each kind."""
    guard, every = guarded(), samples.every_action()
    plan = replace(
        guard,
        steps=tuple(sorted((*guard.steps, *every.steps), key=lambda step: step.repository)),
        unlisted=every.unlisted,
        left_out=every.left_out,
        diagnostics=(
            *guard.diagnostics,
            Diagnostic(code="package-not-found", summary='package "curll" is not in `images`', hint="write `curl`"),
        ),
    )
    tags = {step.id: ("latest", "22", "22-dev") for step in plan.steps if step.id is not None}
    resolved = package_difference(("git=1-r0", "old=1-r0"), ("git=2-r0", "new=1-r0"))
    return plan_document(
        plan,
        api=samples.API,
        tool_version="1.2.3",
        resolved=dict.fromkeys(("custom-node", "team-01", "team-02"), resolved),
        overlays=True,
        active_tags=tags,
    )


DOCUMENTS: dict[str, Callable[[], Any]] = {
    "every-action": lambda: samples.document(samples.every_action()),
    "three-hundred": lambda: samples.document(samples.three_hundred()),
    "hostile": lambda: samples.document(samples.hostile()),
    "markup": lambda: samples.document(markup()),
    "nothing": lambda: samples.document(nothing()),
    "guard": lambda: samples.document(guarded()),
    "wrapped": lambda: samples.document(wrapped()),
    "compared": compared,
    "review": reviewed,
}
