"""What the API refuses in an overlay."""

import base64
import time
from typing import Any

import pytest

from tests.support.emulated import World
from tests.support.pem import APK_KEY, CORP_PROXY, CORP_ROOT

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
    # Entry 32: what Go or apko would not take.
    "folded certificate": certificate(CORP_ROOT.replace("\n", " ")),
    "indented certificate": certificate("".join(f"  {line}\n" for line in CORP_ROOT.splitlines())),
    "certificate after a word": certificate(f"root {CORP_ROOT}"),
    "folded key": key(APK_KEY.replace("\n", " ")),
    "text before a key": key(f"our key\n{APK_KEY}"),
    "private key before a certificate": certificate(
        "-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n" + CORP_ROOT
    ),
    "half a private key": certificate(f"-----BEGIN PRIVATE KEY-----\n{CORP_ROOT}"),
    "certificate name with a space": certificate(CORP_ROOT, "corp root"),
    "certificate name with a dot first": certificate(CORP_ROOT, ".root"),
    "certificate name with a slash": certificate(CORP_ROOT, "a/b"),
    "certificate without a name": certificate(CORP_ROOT, ""),
    "key name with an umlaut": key(name="schl\u00fcssel.pub"),
    "user with uid 0": {"accounts": {"users": [{"userName": "admin", "uid": 0, "gid": 1}]}},
    "user without uid": {"accounts": {"users": [{"userName": "admin"}]}},
    "guarded variable": {"environment": {"GUARDED_DISABLE": "1"}},
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
    assert reply.json["message"].startswith(("custom_overlay.", "environment variable "))
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


def test_many_openings_of_a_block_are_read_in_one_pass() -> None:
    """Doubling the text does not do more than double the time."""
    world = World()

    opening = "-----BEGIN CERTIFICATE-----\n"

    def seconds(times: int) -> float:
        body = {
            **world.emulator.repository("orders-api"),
            "customOverlay": certificate(opening * times),
        }
        started = time.perf_counter()
        assert world.put("orders-api", body).status == 400
        return time.perf_counter() - started

    seconds(1_000)
    assert seconds(64_000) < 1


def test_a_package_of_any_length_is_an_answer() -> None:
    """Versions are numbers of any length."""
    world = World()
    for package in ("a" + " " * 50_000 + "!", "bash>" + "9" * 50_000, "bash=" + "1." * 50_000 + "0", "a" * 50_000):
        world.put_overlay("orders-api", {"contents": {"packages": [package]}})
