"""The messages about packages and about apko configurations, field by field.

Here belong names and kinds, as in `messages.py`.
"""

from reconciler.emulator.messages import TEXT
from reconciler.emulator.protojson import Message, Optional, Scalar, Several

_SEVERAL = Several(TEXT)
APK = Message(
    {
        "id": TEXT,
        "repoCommit": TEXT,
        "checksum": TEXT,
        "packageName": TEXT,
        "version": TEXT,
        "architecture": TEXT,
        "size": Scalar.INT64,
        "installedSize": Scalar.INT64,
        "description": TEXT,
        "url": TEXT,
        "license": TEXT,
        "maintainer": TEXT,
        "origin": TEXT,
        "buildTime": Scalar.TIMESTAMP,
        "depend": _SEVERAL,
        "provides": _SEVERAL,
        "installIf": _SEVERAL,
        "providerPriority": Scalar.INT64,
    }
)
SUMMARY = Message(
    {
        "packageName": TEXT,
        "latestVersion": TEXT,
        "architectures": TEXT,
        "description": TEXT,
        "license": TEXT,
        "origin": TEXT,
        "buildTime": Scalar.TIMESTAMP,
    }
)
_USER = Message(
    {
        "userName": TEXT,
        "uid": Scalar.UINT32,
        "gid": Optional(Scalar.UINT32),
        "shell": TEXT,
        "homeDir": TEXT,
        "groupName": TEXT,
    }
)
_PATH = Message(
    {
        "path": TEXT,
        "type": TEXT,
        "uid": Optional(Scalar.UINT32),
        "gid": Optional(Scalar.UINT32),
        "permissions": Scalar.UINT32,
        "source": TEXT,
        "recursive": Scalar.FLAG,
    }
)
_CONTENTS = Message(
    {
        "buildRepositories": _SEVERAL,
        "runtimeRepositories": _SEVERAL,
        "repositories": _SEVERAL,
        "keyring": _SEVERAL,
        "packages": _SEVERAL,
    }
)
_GROUP = Message({"groupName": TEXT, "gid": Scalar.UINT32, "members": _SEVERAL})
_CERTIFICATE = Message({"name": TEXT, "content": TEXT})
CONFIG = Message(
    {
        "contents": _CONTENTS,
        "entrypoint": Message({"type": TEXT, "command": TEXT, "shellFragment": TEXT, "services": Scalar.TEXT_MAP}),
        "cmd": TEXT,
        "stopSignal": TEXT,
        "workDir": TEXT,
        "accounts": Message({"runAs": TEXT, "users": Several(_USER), "groups": Several(_GROUP)}),
        "archs": _SEVERAL,
        "environment": Scalar.TEXT_MAP,
        "paths": Several(_PATH),
        "vcsUrl": TEXT,
        "annotations": Scalar.TEXT_MAP,
        "include": TEXT,
        "volumes": _SEVERAL,
        "layering": Message({"strategy": TEXT, "budget": Scalar.INT64}),
        "certificates": Message({"additional": Several(_CERTIFICATE), "providers": _SEVERAL}),
    }
)
RESOLVE = Message({"config": CONFIG})
