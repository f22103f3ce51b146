"""Certificates and a key of the seeded world."""

from reconciler.emulator.seed import seed_world

_PEM = seed_world().pem
CORP_ROOT = _PEM["corp-root"]
CORP_PROXY = _PEM["corp-proxy"]
APK_KEY = _PEM["apk-key"]
