"""The catalogue images that repositories sync from: base configurations, tag streams, texts.

Here belong the images as Chainguard would ship them; what customers make of them is seeded in `seed.py`.
"""

import functools
from dataclasses import dataclass
from typing import Any

from reconciler.emulator import uidp

APKO_VERSION = "v0.30.21"
CATALOGUE_ROOT = uidp.of_root("catalogue")
_COMMON = ("ca-certificates-bundle", "glibc-locale-posix", "tzdata", "wolfi-baselayout")
_DEV = ("apk-tools", "bash", "busybox", "git", "openssl", "wolfi-keys")


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """An image of the catalogue; `streams` names each version stream and its main package, the newest first."""

    name: str
    title: str
    tier: str
    streams: tuple[tuple[str, str], ...]
    extras: tuple[str, ...] = ()
    entrypoint: str
    environment: tuple[tuple[str, str], ...] = ()
    user: tuple[str, int] = ("nonroot", 65532)

    @property
    def source(self) -> str:
        """The id of the catalogue repository that customers' repositories sync from."""
        return uidp.of_child(CATALOGUE_ROOT, self.name)

    @property
    def tags(self) -> tuple[str, ...]:
        """The active tags, two for each stream."""
        streams = ("latest", *(stream for stream, _ in self.streams if stream != "latest"))
        return tuple(name for stream in streams for name in (stream, f"{stream}-dev"))

    def packages(self, tag: str) -> tuple[str, ...]:
        """Return the packages of the base configuration of one tag; `-dev` tags have tools besides."""
        stream = tag.removesuffix("-dev")
        main = dict(self.streams).get(stream, self.streams[0][1])
        mains = (main,) if main else ()
        return tuple(sorted({*_COMMON, *mains, *self.extras, *(_DEV if tag.endswith("-dev") else ())}))

    def configuration(self, tag: str) -> dict[str, Any]:
        """Return the base configuration of one tag in apko's own JSON spelling."""
        user, number = self.user
        return {
            "contents": {
                "repositories": ["https://apk.example.com/os"],
                "keyring": ["https://apk.example.com/os/signing.rsa.pub"],
                "packages": list(self.packages(tag)),
            },
            "entrypoint": {"command": self.entrypoint},
            "work-dir": "/app" if self.name != "base" else "/",
            "accounts": {
                "run-as": str(number),
                "users": [{"username": user, "uid": number, "gid": number, "shell": "/bin/sh"}],
                "groups": [{"groupname": user, "gid": number}],
            },
            "archs": ["amd64", "arm64"],
            "environment": {
                "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                "SSL_CERT_FILE": "/etc/ssl/certs/ca-certificates.crt",
                **dict(self.environment),
            },
            "annotations": {"org.opencontainers.image.title": self.name},
        }


IMAGES: dict[str, Image] = {
    image.name: image
    for image in (
        Image(
            name="base",
            title="A small base image",
            tier="BASE",
            streams=(("latest", "wolfi-base"),),
            entrypoint="/bin/sh -l",
        ),
        Image(
            name="go",
            title="Go compiler and tools",
            tier="BASE",
            streams=(("1.25", "go-1.25"), ("1.24", "go-1.24")),
            entrypoint="/usr/bin/go",
            environment=(("GOTOOLCHAIN", "local"),),
        ),
        Image(
            name="haproxy",
            title="TCP and HTTP load balancer",
            tier="APPLICATION",
            streams=(("3.2", "haproxy-3.2"), ("3.0", "haproxy-3.0")),
            entrypoint="/usr/bin/haproxy",
        ),
        Image(
            name="jre",
            title="Java runtime environment",
            tier="BASE",
            streams=(("openjdk-25", "openjdk-25-default-jvm"), ("openjdk-21", "openjdk-21-default-jvm")),
            entrypoint="/usr/bin/java",
            environment=(("JAVA_HOME", "/usr/lib/jvm/default-jvm"), ("LANG", "en_US.UTF-8")),
        ),
        Image(
            name="nginx",
            title="Web server",
            tier="APPLICATION",
            streams=(
                ("1.29", "nginx-mainline"),
                ("1.28", "nginx-stable"),
                ("1", "nginx-mainline"),
                ("mainline", "nginx-mainline"),
                ("stable", "nginx-stable"),
            ),
            entrypoint="/usr/sbin/nginx -g 'daemon off;'",
        ),
        Image(
            name="node",
            title="JavaScript runtime",
            tier="BASE",
            streams=(("24", "nodejs-24"), ("22", "nodejs-22"), ("20", "nodejs-20")),
            extras=("npm",),
            entrypoint="/usr/bin/node",
            environment=(("NODE_PORT", "3000"),),
        ),
        Image(
            name="php",
            title="PHP interpreter",
            tier="BASE",
            streams=(("8.4", "php-8.4"), ("8.3", "php-8.3")),
            entrypoint="/bin/php",
        ),
        Image(
            name="postgres",
            title="Relational database",
            tier="APPLICATION",
            streams=(("18", "postgresql-18"), ("17", "postgresql-17")),
            entrypoint="/usr/bin/docker-entrypoint.sh",
            environment=(("PGDATA", "/var/lib/postgresql/data"),),
            user=("postgres", 70),
        ),
        Image(
            name="python",
            title="Python interpreter",
            tier="BASE",
            streams=(("3.13", "python-3.13"), ("3.12", "python-3.12")),
            entrypoint="/usr/bin/python3",
        ),
        Image(
            name="redis",
            title="In-memory data store",
            tier="APPLICATION",
            streams=(("8.2", "redis-8.2"),),
            entrypoint="/usr/bin/redis-server",
            user=("redis", 999),
        ),
        Image(
            name="ruby",
            title="Ruby interpreter",
            tier="BASE",
            streams=(("3.4", "ruby-3.4"), ("3.3", "ruby-3.3")),
            entrypoint="/usr/bin/irb",
        ),
    )
}


@functools.cache
def by_source() -> dict[str, Image]:
    """Return the images by the id of their catalogue repository."""
    return {image.source: image for image in IMAGES.values()}


@functools.cache
def by_name() -> dict[str, Image]:
    """Return the images by their name in the catalogue (`chainguard/python`)."""
    return {f"chainguard/{name}": image for name, image in IMAGES.items()}
