"""A saved plan and a snapshot with something of everything in them."""

from dataclasses import replace

from reconciler.core.bindings import NOT_READ, Binding, SelectorKind, TagSelector
from reconciler.core.diff import diff
from reconciler.core.overlay import (
    EMPTY,
    Overlay,
    Section,
    User,
    make_accounts,
    make_certificates,
    make_command_override,
    make_group,
    make_overlay,
    make_pem_file,
    make_preflight,
    passed_through,
)
from reconciler.core.plan import GuardRules, LimitSource, Plan, judge_guard
from reconciler.core.state import Live, LiveOverlay, LiveRepository, Organization, Unreadable
from reconciler.core.steps import (
    Action,
    BindingStep,
    OverlayStep,
    Reach,
    Reason,
    ReasonCode,
    Scope,
    ScopeKind,
    Step,
    TagEffect,
)
from reconciler.diagnostics import Diagnostic, Place, Severity
from reconciler.planfile import SavedPlan, Snapshot

CREATED = 1_795_425_124.0
ORGANIZATION = Organization(id="45a0" * 10, name="example.com")
PLACE = Place(file="manifests/web.yaml", line=4, column=3)
API = "https://console-api.enforce.dev"

FULL = make_overlay(
    packages=["curl=8.1", "git", "wget"],
    runtime_repositories=["https://apk.example.com/b", "https://apk.example.com/a"],
    runtime_keyring=[make_pem_file("a.rsa.pub", "-----BEGIN PUBLIC KEY-----\r\nAAAA\r\n-----END PUBLIC KEY-----")],
    environment={"API_TOKEN": "s3cret", "EMPTY": "", "ODD": "two\nlines \u202e \ud800"},
    annotations={"com.example.team": "web"},
    accounts=make_accounts(
        run_as="app",
        users=[User(username="app", uid=1000, gid=0, groupname="app", shell="/bin/sh", homedir="/home/app")],
        groups=[make_group(groupname="dev", gid=10, members=["app", "old"])],
    ),
    certificates=make_certificates(
        additional=[make_pem_file("root", "# of ours\n-----BEGIN CERTIFICATE-----\nQQ==\n-----END CERTIFICATE-----")],
        providers=["corp-bundle"],
    ),
    unrecognized=[("contents.layers", '{"strategy":"origin"}')],
)


GUARDED = replace(
    FULL,
    guarded_entrypoint=True,
    fail_mode="open",
    preflight=(make_preflight(tcp="db:5432", timeout="30s", on_failure="retry"), make_preflight(path="/run/ready")),
    command_override=make_command_override(mode="prepend", command=["/bin/sh", "-c"]),
    truststore=passed_through({"sources": ["/etc/a.pem"], "output": "/etc/store"}),
)
EMPTY_COMMAND = make_overlay(guarded_entrypoint=True, command_override=make_command_override())


def uidp(number: int) -> str:
    return f"{ORGANIZATION.id}/{number:016x}"


BINDINGS = (
    Binding(
        id=f"{uidp(1)}/{7:016x}",
        overlay_id=uidp(8),
        overlay="typer",
        selector=TagSelector(kind=SelectorKind.EXACT, tags=("3.13", "3.13-dev")),
        repository=uidp(1),
    ),
    Binding(
        id=uidp(9),
        overlay_id=uidp(10),
        overlay="debug-tools",
        selector=TagSelector(kind=SelectorKind.VARIANT, variant="dev"),
    ),
)


def step(
    name: str,
    number: int,
    action: Action,
    reason: Reason,
    *sides: Overlay,
    unmanaged: tuple[Section, ...] = (),
    place: Place | None = PLACE,
) -> Step:
    before, after = sides or (None, None)
    return Step(
        repository=name,
        id=uidp(number) if number else None,
        action=action,
        reason=reason,
        place=place,
        changes=diff(before, after) if before is not None and after is not None else (),
        unmanaged=unmanaged,
        before=before,
        after=after,
    )


def why(code: ReasonCode, *names: str) -> Reason:
    return Reason(code=code, names=names)


EFFECTS = (
    TagEffect(repository="fine", id=uidp(1), tags=("3.13", "3.13-dev"), before=EMPTY, after=FULL),
    TagEffect(repository="updated", id=uidp(4), tags=("latest",), before=FULL, after=EMPTY),
)


def overlay_steps() -> tuple[OverlayStep | BindingStep, ...]:
    """Return steps of every action for overlays and bindings, in the order of their writes."""
    tags = TagSelector(kind=SelectorKind.EXACT, tags=("3.13", "3.13-dev"))
    everywhere = Scope(kind=ScopeKind.ORGANIZATION, id=ORGANIZATION.id, label="all repositories")
    own = Scope(kind=ScopeKind.REPOSITORY, id=uidp(1), label="fine")
    reaches = Reach(repositories=("fine", "updated"), tags=3)

    def changed(name: str, number: int | None, action: Action, *sides: Overlay | None) -> OverlayStep:
        before, after = sides
        return OverlayStep(
            name=name,
            id=None if number is None else uidp(number),
            action=action,
            reason=why(ReasonCode.DIFFERS),
            place=PLACE,
            changes=diff(before or EMPTY, after or EMPTY),
            before=before,
            after=after,
            reaches=reaches,
        )

    def bound(name: str, scope: Scope, action: Action, *sides: TagSelector | None) -> BindingStep:
        before, after = sides
        return BindingStep(
            scope=scope,
            overlay=name,
            overlay_id=None if name == "new" else uidp(8),
            id=None if before is None else f"{scope.id}/{7:016x}",
            action=action,
            reason=why(ReasonCode.DIFFERS),
            place=PLACE,
            before=before,
            after=after,
        )

    return (
        changed("new", None, Action.CREATE, None, GUARDED),
        changed("same", 8, Action.NONE, FULL, FULL),
        changed("typer", 9, Action.UPDATE, FULL, GUARDED),
        bound("new", everywhere, Action.CREATE, None, TagSelector(kind=SelectorKind.VARIANT, variant="dev")),
        bound("same", own, Action.UPDATE, TagSelector(kind=SelectorKind.ALL), tags),
        bound("typer", everywhere, Action.DELETE, tags, None),
        changed("old", 10, Action.DELETE, FULL, None),
    )


def plan(*, version: int = 4) -> Plan:
    """Steps of every action; a plan like this is not applyable, and is saved and shown all the same.

    What a version of the format did not have is not in it.
    """
    updated = replace(FULL, packages=("curl=8.2", "jq"))
    steps: tuple[Step, ...] = (
        step("created", 90, Action.CREATE, why(ReasonCode.MISSING, "python"), EMPTY, updated),
        step("fine", 1, Action.NONE, why(ReasonCode.AS_WANTED), FULL, FULL, unmanaged=(Section.ANNOTATIONS,)),
        step("nowhere", 0, Action.BLOCKED, why(ReasonCode.NOT_FOUND, "now-here")),
        step("odd", 2, Action.UNKNOWN, why(ReasonCode.UNREADABLE, "`contents` is no object")),
        step("pruned", 3, Action.RESET, why(ReasonCode.PRUNED), FULL, EMPTY, place=None),
        step("updated", 4, Action.UPDATE, why(ReasonCode.DIFFERS), FULL, updated, unmanaged=(Section.ACCOUNTS,)),
    )
    if version > 2:
        guarded = step("guarded", 5, Action.UPDATE, why(ReasonCode.DIFFERS), GUARDED, EMPTY_COMMAND)
        steps = (*steps[:2], guarded, *steps[2:])
    effects = EFFECTS if version > 3 else ()
    rules = GuardRules(limit=0.125, limit_from=LimitSource.COMMAND_LINE, prune=True, covered=4, named=5)
    problems = (
        Diagnostic(code="a", summary="s", detail="d", hint="h", place=PLACE),
        Diagnostic(code="b", summary="t", severity=Severity.WARNING),
    )
    return Plan(
        organization=ORGANIZATION,
        steps=steps,
        diagnostics=problems,
        unlisted=("plain",),
        left_out=("team-a/left",),
        guard=judge_guard(steps, rules, effects=effects),
        bindings=BINDINGS if version > 2 else NOT_READ,
        overlay_steps=overlay_steps() if version > 3 else (),
        effects=effects,
    )


def saved(*, version: int = 4) -> SavedPlan:
    digest = f"sha256:{'ab' * 32}"
    return SavedPlan(plan=plan(version=version), api=API, tool_version="1.2.3", created=CREATED, manifest_digest=digest)


def snapshot(*, version: int = 4) -> Snapshot:
    repositories: tuple[LiveRepository, ...] = (
        LiveRepository(id=uidp(1), name="full", overlay=FULL, active_tags=("latest", "latest-dev")),
        LiveRepository(id=uidp(2), name="odd", folder="team-a/web", overlay=Unreadable(problem="`contents` is text")),
        LiveRepository(id=uidp(3), name="plain", overlay=EMPTY),
    )
    if version > 2:
        repositories += (LiveRepository(id=uidp(5), name="wrapped", overlay=GUARDED),)
    overlays = (
        LiveOverlay(id=uidp(8), name="same", overlay=GUARDED),
        LiveOverlay(id=uidp(9), name="odd", overlay=Unreadable(problem="`contents` is text")),
    )
    live = Live(
        organization=ORGANIZATION,
        repositories=repositories,
        bindings=BINDINGS if version > 2 else NOT_READ,
        overlays=overlays if version > 3 else NOT_READ,
        folders=(("team-a", uidp(6)), ("team-a/web", f"{uidp(6)}/{7:016x}")) if version > 3 else (),
    )
    return Snapshot(live=live, api=API, tool_version="1.2.3", created=CREATED)
