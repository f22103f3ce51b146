"""The seeded world as data: organisations, folders, repositories and what was done to them.

Here belong facts; turning them into rows belongs to `seed.py`. Tests and manifests lean on these facts, so a change
here is a change for them.
"""

from dataclasses import dataclass
from typing import Any

from reconciler.emulator.seed_pem import APK_KEY, CORP_PROXY, CORP_ROOT

Json = dict[str, Any]

HEAP = {"JAVA_TOOL_OPTIONS": "-XX:MaxRAMPercentage=75.0"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A group: its path from the top, and what its message says besides."""

    path: str
    message: Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """Builds of all active tags some hours before the seeding, with the overlay of that time."""

    hours_ago: float
    overlay: Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Planted:
    """A repository: where it lies, what it syncs from, its overlay in stored form (None as good as untouched)."""

    path: str
    image: str
    tags: int
    overlay: Json | None = None
    description: str = ""
    readme_kilobytes: int = 1
    past: tuple[Past, ...] = ()
    more: Json | None = None


PLACES = (
    Place(
        path="example.com",
        message={
            "description": "Example Corp",
            "verified": True,
            "kind": "ORG_KIND_CUSTOMER",
            "status": "ORG_STATUS_READY",
        },
    ),
    Place(path="example.com/team-a", message={"description": "Checkout"}),
    Place(path="example.com/team-a/edge", message={"description": "Checkout at the edge"}),
    Place(path="example.com/team-b", message={"description": "Reporting"}),
    Place(
        path="partner.example",
        message={
            "description": "A partner of Example Corp",
            "verified": True,
            "kind": "ORG_KIND_CUSTOMER",
            "status": "ORG_STATUS_READY",
        },
    ),
    Place(path="partner.example/example.com", message={"description": "Images shared with example.com"}),
)


def contents(*packages: str) -> Json:
    """Return an overlay that adds packages and nothing else."""
    return {"contents": {"packages": list(packages)}}


def certificates(**named: str) -> Json:
    """Return the certificates section for PEM texts by name (underscores stand for dashes)."""
    return {"additional": [{"name": name.replace("_", "-"), "content": content} for name, content in named.items()]}


_FUTURE_OVERLAY: Json = {
    "contents": {
        "packages": ["jq", "uv"],
        "runtimeKeyring": [{"name": "example-apk.rsa.pub", "content": APK_KEY, "retireAfter": "2030-01-01T00:00:00Z"}],
        "excludedLocales": ["de", "fr"],
    },
    "environment": {"PIPELINE_STAGE": "nightly"},
    "accounts": {
        "users": [{"userName": "etl", "uid": 7001, "gid": 7001, "supplementaryGroups": ["audio", "video"]}],
        "groups": [{"groupName": "etl", "gid": 7001, "members": ["etl"], "systemGroup": True}],
        "loginDefaults": {"umask": "0027"},
    },
    "certificates": {
        "additional": [{"name": "corp-root", "content": CORP_ROOT, "trustPurposes": ["server-auth"]}],
        "revocationPolicy": {"ocsp": "required"},
    },
    "hardeningProfile": {"level": 2, "seccomp": "strict"},
}

REPOSITORIES = (
    Planted(
        path="example.com/custom-node",
        image="node",
        tags=6,
        description="Node.js for every web team",
        readme_kilobytes=48,
    ),
    Planted(
        path="example.com/custom-python",
        image="python",
        tags=6,
        overlay=contents("curl", "jq"),
        description="Python for services",
        readme_kilobytes=32,
        past=(Past(hours_ago=5.5, overlay=contents("curl", "jqq")),),
    ),
    Planted(
        path="example.com/custom-go",
        image="go",
        tags=6,
        overlay={
            **contents("git", "make", "openssh-client"),
            "environment": {"GOFLAGS": "-mod=vendor", "GOPROXY": "https://goproxy.example.com,direct"},
        },
        description="Go tool chain for CI",
        past=(Past(hours_ago=9.25, overlay=contents("git", "openssh-client=9.0_p1-r0")),),
    ),
    Planted(
        path="example.com/custom-jre",
        image="jre",
        tags=6,
        overlay={
            **contents("curl"),
            "environment": HEAP,
            "certificates": certificates(corp_root=CORP_ROOT, corp_proxy=CORP_PROXY),
        },
        description="Java runtime that trusts the corporate authorities",
    ),
    Planted(path="example.com/custom-nginx", image="nginx", tags=4, description="Web server"),
    Planted(
        path="example.com/custom-postgres",
        image="postgres",
        tags=6,
        overlay={
            **contents("bash"),
            "accounts": {
                "runAs": "70",
                "users": [
                    {"userName": "backup", "uid": 5001, "homeDir": "/home/backup"},
                    {"userName": "operator", "uid": 5002, "gid": 0, "shell": "/bin/bash"},
                ],
                "groups": [{"groupName": "dba", "gid": 5000, "members": ["backup", "operator"]}],
            },
        },
        description="Database with backup and operator accounts",
    ),
    Planted(
        path="example.com/custom-redis",
        image="redis",
        tags=4,
        overlay={
            "environment": {"REDIS_MAXMEMORY": "256mb"},
            "annotations": {"com.example.team": "platform", "com.example.cost-centre": "4711"},
        },
        description="Cache",
    ),
    Planted(
        path="example.com/custom-base",
        image="base",
        tags=2,
        overlay={
            "contents": {
                "packages": ["curl"],
                "runtimeRepositories": ["https://apk.example.com/mirror", "https://apk.example.com/team"],
                "runtimeKeyring": [{"name": "example-apk.rsa.pub", "content": APK_KEY}],
            }
        },
        description="Base image with our own package mirror",
    ),
    # Somebody edited this one by hand: bash, git, nodejs-22 and yaml were agreed on.
    Planted(
        path="example.com/custom-ruby",
        image="ruby",
        tags=6,
        overlay={**contents("yaml", "git", "bash", "git", "tmux"), "environment": {"RAILS_ENV": "production"}},
        description="Ruby on Rails",
        past=(Past(hours_ago=3.5, overlay=contents("bash", "git", "nodejs-22", "nodejs-24", "yaml")),),
    ),
    Planted(
        path="example.com/legacy-php",
        image="php",
        tags=4,
        overlay={
            **contents("bash", "vim", "wget"),
            "environment": {"APP_ENV": "legacy", "PHP_MEMORY_LIMIT": "512M"},
            "annotations": {"com.example.owner": "nobody"},
        },
        description="The old shop",
    ),
    Planted(
        path="example.com/payments-api",
        image="jre",
        tags=4,
        overlay={
            **contents("bash", "curl"),
            "environment": {**HEAP, "LOG_FORMAT": "json"},
            "annotations": {"com.example.team": "payments"},
            "accounts": {
                "runAs": "payments",
                "users": [{"userName": "payments", "uid": 10001, "gid": 10001, "shell": "/bin/sh"}],
                "groups": [{"groupName": "payments", "gid": 10001, "members": ["payments"]}],
            },
            "certificates": certificates(corp_root=CORP_ROOT),
        },
        description="Payments",
    ),
    Planted(
        path="example.com/payments-worker",
        image="python",
        tags=4,
        overlay={
            **contents("curl", "tini"),
            "environment": {"PYTHONUNBUFFERED": "1"},
            "annotations": {"com.example.team": "payments"},
        },
        description="Payments, background work",
    ),
    Planted(path="example.com/orders-api", image="node", tags=4, description="Orders"),
    # An overlay that is there and empty means the same as none.
    Planted(
        path="example.com/web-frontend",
        image="nginx",
        tags=12,
        overlay={},
        description="The shop's front end",
    ),
    Planted(
        path="example.com/edge-proxy",
        image="haproxy",
        tags=4,
        description="Load balancer",
        more={"aliases": ["haproxy"], "bundles": ["networking"]},
    ),
    # A newer server knows fields and names that the published document does not have.
    Planted(
        path="example.com/data-pipeline",
        image="python",
        tags=4,
        overlay=_FUTURE_OVERLAY,
        description="Nightly reports",
        more={
            "supportWindow": {"months": 18},
            "catalogTier": "PREVIEW",
            "sync_config": {"uniqueTags": True, "mirrorPriority": 3},
        },
    ),
    # One of its packages does not exist, so that its builds have been failing for days.
    Planted(
        path="example.com/ml-notebook",
        image="python",
        tags=4,
        overlay=contents("git", "jupyterlab-extras"),
        description="Notebooks",
    ),
    Planted(path="example.com/build-agent", image="base", tags=2, description="Agent for CI"),
    Planted(
        path="example.com/team-a/custom-node",
        image="node",
        tags=4,
        overlay={**contents("git"), "environment": {"NODE_ENV": "development"}},
        description="Node.js for the checkout team alone",
    ),
    Planted(path="example.com/team-a/checkout-api", image="jre", tags=4, description="Checkout"),
    Planted(path="example.com/team-a/edge/edge-gateway", image="haproxy", tags=2, description="Gateway"),
    Planted(
        path="example.com/team-b/reports-api",
        image="jre",
        tags=2,
        overlay={"environment": {"TZ": "Europe/Berlin"}},
        description="Reports",
    ),
    Planted(path="example.com/team-b/batch-runner", image="go", tags=2, description="Batch jobs"),
    Planted(path="partner.example/example.com/custom-node", image="node", tags=2, description="Shared"),
    Planted(
        path="partner.example/example.com/widgets-api",
        image="python",
        tags=2,
        overlay=contents("curl"),
        description="Widgets",
    ),
)
