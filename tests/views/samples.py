"""Plans, outcomes and builds to draw, made by hand so that their drawings can be kept in files."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from reconciler.core.builds import Build, Progress, Result, Stage, Sync, Target
from reconciler.core.diff import diff
from reconciler.core.overlay import (
    EMPTY,
    Overlay,
    PemFile,
    Section,
    User,
    make_accounts,
    make_certificates,
    make_group,
    make_overlay,
    make_pem_file,
)
from reconciler.core.plan import Plan
from reconciler.core.state import Organization
from reconciler.core.steps import Action, Reason, ReasonCode, Step
from reconciler.diagnostics import Place
from reconciler.views.document import plan_document

GOLDEN = Path(__file__).parent / "golden"
PEM = Path(__file__).parent / "pem"
ORGANIZATION = Organization(id="45a0" * 10, name="example.com")
API = "https://console-api.enforce.dev"
T0 = 1_790_000_000.0  # 2026-09-21 14:13:20Z


def pem(name: str, file: str) -> PemFile:
    return make_pem_file(name, (PEM / file).read_text(encoding="ascii"))


def uidp(number: int, *below: int) -> str:
    return "/".join(["45a0" * 10, f"{number:016x}", *(f"{one:016x}" for one in below)])


def step(
    name: str,
    before: Overlay = EMPTY,
    after: Overlay = EMPTY,
    *,
    unmanaged: tuple[Section, ...] = (),
    line: int = 1,
) -> Step:
    """An update, or an unchanged step where both sides are the same."""
    changed = before != after
    return Step(
        repository=name,
        id=uidp(line),
        action=Action.UPDATE if changed else Action.NONE,
        reason=Reason(code=ReasonCode.DIFFERS if changed else ReasonCode.AS_WANTED),
        place=Place(file="manifests/web.yaml", line=line, column=3),
        changes=diff(before, after),
        unmanaged=unmanaged,
        before=before,
        after=after,
    )


def creation(name: str, after: Overlay, *, source: str, line: int = 1) -> Step:
    return Step(
        repository=name,
        id=uidp(9000),
        action=Action.CREATE,
        reason=Reason(code=ReasonCode.MISSING, names=(source,)),
        place=Place(file="manifests/web.yaml", line=line, column=3),
        changes=diff(EMPTY, after),
        before=EMPTY,
        after=after,
    )


def reset(name: str, before: Overlay, *, line: int = 1) -> Step:
    return Step(
        repository=name,
        id=uidp(line),
        action=Action.RESET,
        reason=Reason(code=ReasonCode.RESET_ASKED),
        place=Place(file="manifests/web.yaml", line=line, column=3),
        changes=diff(before, EMPTY),
        before=before,
        after=EMPTY,
    )


def trouble(name: str, action: Action, code: ReasonCode, *names: str, line: int = 1) -> Step:
    place = Place(file="manifests/web.yaml", line=line, column=3)
    return Step(repository=name, id=None, action=action, reason=Reason(code=code, names=names), place=place)


def plan(*steps: Step, unlisted: tuple[str, ...] = (), left_out: tuple[str, ...] = ()) -> Plan:
    ordered = tuple(sorted(steps, key=lambda one: (one.repository, one.place)))
    return Plan(organization=ORGANIZATION, steps=ordered, unlisted=unlisted, left_out=left_out)


def document(found: Plan) -> Any:
    return plan_document(found, api=API, tool_version="1.2.3")


def every_action() -> Plan:
    """One step of each action and reason, and a change of each kind in each part of an overlay."""
    return plan(
        step(
            "custom-node",
            make_overlay(packages=["wget"], environment={"NODE_ENV": "dev"}),
            make_overlay(packages=["curl", "jq"], environment={"NODE_ENV": "production"}),
            line=4,
        ),
        step("everything", everything_before(), everything_after(), line=12),
        step(
            "custom-jre",
            make_overlay(packages=["curl=8.1"], annotations={"team": "x"}),
            make_overlay(packages=["curl=8.2"], annotations={"team": "x"}),
            unmanaged=(Section.ANNOTATIONS,),
            line=16,
        ),
        creation("custom-python", make_overlay(packages=["python-3.12-dev"]), source="python", line=20),
        reset("old-image", everything_before(), line=24),
        trouble("odd", Action.UNKNOWN, ReasonCode.UNREADABLE, "`contents.packages` is not a list", line=30),
        trouble("custom-nod", Action.BLOCKED, ReasonCode.NOT_FOUND, "custom-node", "custom-go", line=34),
        trouble("web", Action.BLOCKED, ReasonCode.AMBIGUOUS, "/web", "team-a/web", line=38),
        trouble("/custom-node", Action.BLOCKED, ReasonCode.NAMED_TWICE, "manifests/web.yaml:4:3", line=42),
        trouble("new", Action.BLOCKED, ReasonCode.SOURCE_NOT_FOUND, "pyton", "python", line=46),
        step("fine", make_overlay(packages=["git"]), make_overlay(packages=["git"]), line=50),
        unlisted=("nginx", "redis"),
        left_out=("other",),
    )


def everything_before() -> Overlay:
    return make_overlay(
        packages=["busybox", "curl=8.1", "wget"],
        runtime_repositories=["https://apk.example.com/a", "https://apk.example.com/b"],
        runtime_keyring=[make_pem_file("gone.rsa.pub", "not a key")],
        environment={"GONE": "1", "LEVEL": "info", "API_TOKEN": "s3cret", "EMPTY": ""},
        annotations={"com.example.team": "web"},
        accounts=make_accounts(
            run_as="nonroot",
            users=[User(username="app", uid=1000), User(username="old", uid=0, shell="/bin/sh")],
            groups=[make_group(groupname="dev", gid=10, members=["app", "old"])],
        ),
        certificates=make_certificates(
            additional=[pem("corp-root", "corp-root.pem"), make_pem_file("broken", "not a certificate")],
            providers=["corp-bundle"],
        ),
        unrecognized=[("contents.layers", '{"strategy": "origin"}')],
    )


def everything_after() -> Overlay:
    return make_overlay(
        packages=["busybox", "curl=8.2", "jq"],
        runtime_repositories=["https://apk.example.com/b", "https://apk.example.com/c"],
        runtime_keyring=[pem("melange.rsa.pub", "melange.rsa.pub")],
        environment={"NEW": "two words", "LEVEL": "debug", "API_TOKEN": "s3cret-too", "EMPTY": ""},
        annotations={"com.example.team": "platform", "com.example.cost": "42"},
        accounts=make_accounts(
            run_as="app",
            users=[User(username="app", uid=1001, gid=0, shell="/bin/ash"), User(username="new", uid=1002)],
            groups=[make_group(groupname="dev", gid=10, members=["app", "new"])],
        ),
        certificates=make_certificates(additional=[pem("corp-root", "corp-root-next.pem")], providers=["other"]),
        unrecognized=[("contents.layers", '{"strategy": "origin"}')],
    )


_AREAS = """
api auth billing cart catalog checkout crawler data edge events feed gateway geo graph image ingest invoice jobs ledger
mail media metrics notify order payments pricing profile queue report search session shipping stock sync tax user video
web
"""
_PACKAGES = "bash curl jq git openssh-client vim nano tzdata libpq python-3.12-dev nodejs-22 npm gcc make"
_ROLES = ("server", "worker", "proxy", "job", "cache", "ui", "batch-importer", "v2")


def names() -> Iterator[str]:
    """Names like those of a real organization, in an order that is not the alphabet's."""
    yield from (f"{area}-{role}" for role in _ROLES for area in _AREAS.split())


def three_hundred() -> Plan:
    """180 repositories with one change, 40 with another, 22 with their own, 55 unchanged and 3 in trouble."""
    name = names()
    dev = make_overlay(packages=["git", "wget"], environment={"NODE_ENV": "dev"})
    production = make_overlay(packages=["git", "curl", "jq"], environment={"NODE_ENV": "production"})
    old_tls = make_overlay(packages=["openssl=3.1"])
    new_tls = make_overlay(
        packages=["openssl=3.3", "ca-certificates-bundle"],
        environment={"SSL_CERT_FILE": "/etc/ssl/certs/ca-certificates.crt"},
        certificates=make_certificates(additional=[pem("corp-root", "corp-root.pem")]),
    )
    steps = [
        step(next(name), dev, production, unmanaged=(Section.ANNOTATIONS,) if line % 15 == 0 else (), line=line)
        for line in range(1, 181)
    ]
    steps += [step(next(name), old_tls, new_tls, line=line) for line in range(181, 221)]
    steps += _single_ones(name)
    steps += [step(next(name), production, production, line=line) for line in range(243, 298)]
    steps.append(trouble(next(name), Action.UNKNOWN, ReasonCode.UNREADABLE, "not a list", line=298))
    steps.append(trouble("custom-rubby", Action.BLOCKED, ReasonCode.NOT_FOUND, "custom-ruby", line=299))
    steps.append(trouble("node", Action.BLOCKED, ReasonCode.AMBIGUOUS, "/node", "team-a/node", line=300))
    return plan(*steps, unlisted=tuple(f"other-{number}" for number in range(17)))


def _single_ones(name: Iterator[str]) -> Iterator[Step]:
    packages = _PACKAGES.split()
    for number in range(18):
        level = {"LOG_LEVEL": "info"} if number % 3 == 0 else None
        proxy = {"LOG_LEVEL": "debug", "HTTP_PROXY": "http://proxy.example.com:3128"} if number % 3 == 0 else None
        yield step(
            next(name),
            make_overlay(packages=packages[number % 5 : number % 5 + number % 3], environment=level),
            make_overlay(packages=packages[number % 7 + 1 : number % 7 + 2 + number % 5], environment=proxy),
            unmanaged=(Section.ANNOTATIONS, Section.ACCOUNTS) if number % 4 == 0 else (),
            line=221 + number,
        )
    options = "-XX:MaxRAMPercentage=75 -XX:+UseG1GC -Djava.security.egd=file:/dev/urandom"
    yield step(
        next(name),
        make_overlay(environment={"JAVA_TOOL_OPTIONS": options}),
        make_overlay(environment={"JAVA_TOOL_OPTIONS": f"{options} -Dlog4j2.formatMsgNoLookups=true -Xss1m"}),
        line=239,
    )
    yield creation(next(name), make_overlay(packages=["python-3.12-dev"]), source="python", line=240)
    yield reset(next(name), make_overlay(packages=["git"]), line=241)
    yield reset(next(name), make_overlay(packages=packages, annotations={"a": "b"}), line=242)


def hostile() -> Plan:
    """Names and values that try to be something else on a terminal."""
    escape, override, isolate, mark = "\x1b", "\u202e", "\u2066", "\ufeff"
    return plan(
        step(
            "markup",
            make_overlay(environment={"A": "[red]x[/red]", "B": "bad [/close]"}),
            make_overlay(environment={"A": "[bold]y[/bold]", "B": ":smile:"}, packages=["py[extra]"]),
            line=1,
        ),
        step(
            "escapes",
            after=make_overlay(environment={"A": f"{escape}[31mred{escape}[0m", "B": "a\x07\x9bb"}),
            line=2,
        ),
        step(
            "direction",
            after=make_overlay(environment={"A": f"{override}txt.exe", "B": f"{isolate}x{mark}"}),
            line=3,
        ),
        step("lines", after=make_overlay(environment={"A": "one\ntwo\r\nthree\tfour\u2028five\x85six"}), line=4),
        step(f"name{escape}[2J", after=make_overlay(packages=[f"evil{override}", "back\\slash", 'quo"te']), line=5),
        step("a name with spaces", after=make_overlay(annotations={"key with spaces": " spaces  round  "}), line=6),
        step(
            "long",
            make_overlay(environment={"A": "x" * 3000}),
            make_overlay(environment={"A": "y" * 3000}),
            line=7,
        ),
        step(
            "long-inside",
            make_overlay(environment={"A": "x" * 2000 + "old" + "x" * 2000}),
            make_overlay(environment={"A": "x" * 2000 + "new" + "x" * 2000}),
            line=8,
        ),
        step(
            "wide",
            after=make_overlay(environment={"A": "日本語" * 60, "B": "\N{WHITE HEAVY CHECK MARK} ok 👩‍🚀"}),
            line=9,
        ),
        step("名前", after=make_overlay(packages=["naïve", "\ud800"]), line=10),
        step(
            "spaces",
            after=make_overlay(environment={"A": "a" + " " * 300 + "b", "B": "no\xa0break\u3000space"}),
            line=11,
        ),
        trouble("reason\u202e", Action.UNKNOWN, ReasonCode.UNREADABLE, f"odd {escape}]0;title\x07 text", line=12),
    )


def build(number: int, result: Result, *, took: float | None = None, log: str = "") -> Build:
    return Build(
        id=uidp(7, number),
        repository_id=uidp(7),
        started=T0 + 5,
        ended=None if took is None else T0 + 5 + took,
        result=result,
        digest="" if result is not Result.SUCCESS else f"sha256:{number:064x}",
        log=log,
    )


def progress(name: str, stage: Stage, *builds: Build, sync: Sync = Sync.IDLE) -> Progress:
    watch = Target(repository=name, id=uidp(7), before=EMPTY, after=make_overlay(packages=["git"]), since=T0)
    return Progress(target=watch, stage=stage, builds=builds, sync=sync, queue_seen=True, changed=T0)
