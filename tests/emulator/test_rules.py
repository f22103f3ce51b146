"""What the API refuses in an overlay."""

import base64
from typing import Any

import pytest

from reconciler.emulator.seed_pem import APK_KEY, CORP_PROXY, CORP_ROOT
from tests.support.emulated import World

ELLIPTIC_KEY = """-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAENSMfadKELv1V7jpZYc6M+y/zAuj/
gokZWTuOM2lKIZuiSDFEka0EvZt+mxroTpqpXtI1YzFmZsLODFJAoEdvtA==
-----END PUBLIC KEY-----
"""


# The bytes where a certificate keeps its dates, with a thirteenth month.
NEVER_VALID = (
    "-----BEGIN CERTIFICATE-----\n"
    + base64.b64encode(b"\x17\x0d240101000000Z\x17\x0d481331000000Z").decode()
    + "\n-----END CERTIFICATE-----\n"
)


def certificate(content: str, name: str = "ca") -> dict[str, Any]:
    return {"certificates": {"additional": [{"name": name, "content": content}]}}


def key(content: str = APK_KEY, name: str = "corp.rsa.pub") -> dict[str, Any]:
    return {"contents": {"runtimeKeyring": [{"name": name, "content": content}]}}


def repositories(*urls: str) -> dict[str, Any]:
    return {"contents": {"runtimeRepositories": list(urls)}}


REFUSED = {
    "reserved variable": {"environment": {"CHAINGUARD_TOKEN": "x"}},
    "reserved annotation": {"annotations": {"dev.chainguard.image.title": "x"}},
    "standard annotation": {"annotations": {"org.opencontainers.image.title": "x"}},
    "plain http": repositories("http://apk.example.com/os"),
    "no url": repositories("apk.example.com"),
    "broken url": repositories("https://[::1"),
    "loopback": repositories("https://127.0.0.1/os"),
    "private": repositories("https://10.1.2.3/os"),
    "link-local": repositories("https://169.254.1.1/os"),
    "localhost": repositories("https://LOCALHOST/os"),
    "internal": repositories("https://apk.corp.internal/os"),
    "cluster": repositories("https://apk.tools.svc.cluster.local/os"),
    "repository twice": repositories("https://apk.example.com/a", "https://apk.example.com/a"),
    "key path": key(name="keys/corp.rsa.pub"),
    "hidden key": key(name=".corp.rsa.pub"),
    "reserved key": key(name="wolfi-signing.rsa.pub"),
    "nameless key": key(name=""),
    "certificate as key": key(CORP_ROOT),
    "elliptic key": key(ELLIPTIC_KEY),
    "key twice": {"contents": {"runtimeKeyring": [{"name": "a.pub", "content": APK_KEY}] * 2}},
    "huge key": key(APK_KEY + "#" * (512 * 1024)),
    "text as certificate": certificate("hello"),
    "two certificates in one": certificate(CORP_ROOT + CORP_PROXY),
    "private key": certificate("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"),
    "certificate beside a private key": certificate(
        CORP_ROOT + "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"
    ),
    "broken base64": certificate(CORP_ROOT.replace("MII", "M*I")),
    "other content": certificate("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
    "impossible date": certificate(NEVER_VALID),
    "large certificates": certificate(CORP_ROOT + "#" * (50 * 1024)),
    "certificate twice": {
        "certificates": {"additional": [{"name": "a", "content": CORP_ROOT}, {"name": "a", "content": CORP_PROXY}]}
    },
}


@pytest.mark.parametrize("reason", sorted(REFUSED))
def test_refused(reason: str) -> None:
    world = World()
    before = world.emulator.repository("orders-api")
    reply = world.put("orders-api", {**before, "customOverlay": REFUSED[reason]})
    assert (reply.status, reply.json["code"]) == (400, 3)
    assert reply.json["message"].startswith("custom_overlay.")
    assert world.emulator.repository("orders-api") == before


def test_accepted() -> None:
    world = World()
    overlay = {
        "contents": {
            "runtimeRepositories": ["https://apk.example.com/a", "https://apk.example.com/b"],
            "runtimeKeyring": [{"name": "corp.rsa.pub", "content": APK_KEY}],
        },
        "environment": {"NOT_CHAINGUARD_": "x"},
        "annotations": {"com.example.chainguard": "x"},
        "certificates": {
            "additional": [
                {"name": "root", "content": f"Example Corp Root CA\n{CORP_ROOT}"},
                {"name": "proxy", "content": CORP_PROXY},
            ]
        },
    }
    assert world.put_overlay("orders-api", overlay).status == 200


def test_a_certificate_expires_by_the_servers_clock() -> None:
    world = World()
    body = {**world.emulator.repository("orders-api"), "customOverlay": certificate(CORP_ROOT)}
    world.clock.now = 2_493_072_000.0  # the first day of 2049
    reply = world.put("orders-api", body)
    assert reply.status == 400
    assert "expired" in reply.json["message"]
