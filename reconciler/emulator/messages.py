"""The messages of the API, field by field: both versions, packages and apko configurations.

A field marked `FUTURE` is one that the server has and the published documents have not: it is kept while a client sends
it back and lost when an update leaves it out, which is how a careless client shows. What version 2 calls otherwise is
stored under the name of version 1, so that both show one state.
"""

from reconciler.emulator.protojson import Choice, Message, Optional, Scalar, Several

TEXT = Scalar.TEXT
FUTURE = Scalar.FUTURE

USER = Message(
    {
        "userName": TEXT,
        "uid": Scalar.UINT32,
        "gid": Optional(Scalar.UINT32),
        "shell": TEXT,
        "homeDir": TEXT,
        "groupName": TEXT,
        "supplementaryGroups": FUTURE,
    }
)
USER_GROUP = Message({"groupName": TEXT, "gid": Scalar.UINT32, "members": Several(TEXT), "systemGroup": FUTURE})
ACCOUNTS = Message(
    {
        "runAs": TEXT,
        "users": Several(USER),
        "groups": Several(USER_GROUP),
        "loginDefaults": FUTURE,
    }
)
CERTIFICATE = Message({"name": TEXT, "content": TEXT, "trustPurposes": FUTURE})
CERTIFICATES = Message({"additional": Several(CERTIFICATE), "providers": Several(TEXT), "revocationPolicy": FUTURE})
RUNTIME_KEY = Message({"name": TEXT, "content": TEXT, "retireAfter": FUTURE})
CONTENTS = Message(
    {
        "packages": Several(TEXT),
        "runtimeRepositories": Several(TEXT),
        "runtimeKeyring": Several(RUNTIME_KEY),
        "excludedLocales": FUTURE,
    }
)
PREFLIGHT = Message(
    {
        "tcp": TEXT,
        "path": TEXT,
        "timeout": TEXT,
        "interval": TEXT,
        "onFailure": Choice(("UNSPECIFIED", "FAIL", "CONTINUE"), prefix="ON_FAILURE_", strict=True),
    }
)
COMMAND_OVERRIDE = Message(
    {
        "mode": Choice(("UNSPECIFIED", "DEFAULT", "PREPEND", "OVERRIDE"), prefix="MODE_", strict=True, open=True),
        "command": Several(TEXT),
    }
)
OVERLAY = Message(
    {
        "contents": CONTENTS,
        "environment": Scalar.TEXT_MAP,
        "annotations": Scalar.TEXT_MAP,
        "accounts": ACCOUNTS,
        "certificates": CERTIFICATES,
        "guardedEntrypoint": Scalar.FLAG,
        "preflight": Several(PREFLIGHT),
        "commandOverride": COMMAND_OVERRIDE,
        "failMode": Choice(("UNSPECIFIED", "CLOSED", "OPEN"), prefix="FAIL_MODE_", strict=True, open=True),
        "truststore": FUTURE,
        "hardeningProfile": FUTURE,
    }
)
SYNC_CONFIG = Message(
    {
        "source": TEXT,
        "expiration": Scalar.TIMESTAMP,
        "uniqueTags": Scalar.FLAG,
        "gracePeriod": Scalar.FLAG,
        "syncApks": Scalar.FLAG,
        "apkoOverlay": TEXT,
        "google": TEXT,
        "amazon": TEXT,
        "azure": TEXT,
        "mirrorPriority": FUTURE,
    }
)
CATALOG_TIER = Choice(
    names=("UNKNOWN", "APPLICATION", "BASE", "FIPS", "AI", "DEVTOOLS", "COMMERCIAL"),
    future=("PREVIEW",),
)
REPO = Message(
    {
        "id": TEXT,
        "name": TEXT,
        "bundles": Several(TEXT),
        "readme": TEXT,
        "sync_config": SYNC_CONFIG,
        "catalogTier": CATALOG_TIER,
        "aliases": Several(TEXT),
        "activeTags": Several(TEXT),
        "customOverlay": OVERLAY,
        "createTime": Scalar.TIMESTAMP,
        "description": TEXT,
        "supportWindow": FUTURE,
    }
)
GROUP = Message(
    {
        "id": TEXT,
        "name": TEXT,
        "description": TEXT,
        "resourceLimits": Scalar.TEXT_MAP,
        "verified": Scalar.FLAG,
        "kind": Choice(
            (
                "ORG_KIND_UNSPECIFIED",
                "ORG_KIND_STARTER",
                "ORG_KIND_CUSTOMER",
                "ORG_KIND_DEV",
                "ORG_KIND_INFRA",
                "ORG_KIND_AWS_MARKETPLACE",
            )
        ),
        "status": Choice(
            (
                "ORG_STATUS_UNSPECIFIED",
                "ORG_STATUS_INITIALIZING",
                "ORG_STATUS_READY",
                "ORG_STATUS_SUSPENDED",
            )
        ),
    }
)
BUILD_REPORT = Message(
    {
        "id": TEXT,
        "startedAt": Scalar.TIMESTAMP,
        "completedAt": Scalar.TIMESTAMP,
        "config": TEXT,
        "lockedConfig": TEXT,
        "result": Choice(("Unknown", "Success", "Failure")),
        "log": TEXT,
        "digest": TEXT,
        "mediaType": TEXT,
        "warnings": Several(TEXT),
        "apkoVersion": TEXT,
    }
)
TAG = Message(
    {
        "id": TEXT,
        "name": TEXT,
        "digest": TEXT,
        "lastUpdated": Scalar.TIMESTAMP,
        "bundles": Several(TEXT),
        "deprecated": Scalar.FLAG,
    }
)
SYNC_STATUS = Message(
    {
        "status": Choice(("UNKNOWN", "QUEUED", "IN_PROGRESS", "FAILED")),
        "createTime": Scalar.TIMESTAMP,
    }
)
REPO_SYNC_STATUS = Message({"repoId": TEXT, "repoStatus": SYNC_STATUS})
RAW_TOKEN = Message({"token": TEXT, "refreshToken": TEXT, "expiry": Scalar.TIMESTAMP})
ROLE = Message({"id": TEXT, "name": TEXT, "description": TEXT, "capabilities": Several(TEXT)})
CAPABILITY = Message({"group": GROUP, "role": ROLE, "capabilities": Several(TEXT)})
PROFILE = Message({"name": TEXT, "givenName": TEXT, "familyName": TEXT, "picture": TEXT})
WHO_AM_I = Message(
    {
        "issuer": TEXT,
        "subject": TEXT,
        "audience": Several(TEXT),
        "email": TEXT,
        "issuedAt": Scalar.TIMESTAMP,
        "expiry": Scalar.TIMESTAMP,
        "capabilities": Several(CAPABILITY),
        "profile": PROFILE,
    }
)


# Version 2. It has no readme; lists and single repositories look alike.
_USER_V2 = Message(
    {
        "username": TEXT,
        "uid": Scalar.INT32,
        "gid": Scalar.INT32,
        "shell": TEXT,
        "homeDir": TEXT,
        "groupName": TEXT,
        "supplementaryGroups": Scalar.FUTURE,
    },
    stored={"username": "userName"},
)
_USER_GROUP_V2 = Message(
    {"groupname": TEXT, "gid": Scalar.INT32, "members": Several(TEXT), "systemGroup": Scalar.FUTURE},
    stored={"groupname": "groupName"},
)
_ACCOUNTS_V2 = Message({**ACCOUNTS.fields, "users": Several(_USER_V2), "groups": Several(_USER_GROUP_V2)})
OVERLAY_V2 = Message({**OVERLAY.fields, "accounts": _ACCOUNTS_V2})
SYNC_CONFIG_V2 = Message(
    {
        "source": TEXT,
        "expirationTime": Scalar.TIMESTAMP,
        "uniqueTags": Scalar.FLAG,
        "gracePeriod": Scalar.FLAG,
        "apkoOverlay": TEXT,
        "google": TEXT,
        "amazon": TEXT,
        "azure": TEXT,
        "mirrorPriority": SYNC_CONFIG.fields["mirrorPriority"],
    },
    stored={"expirationTime": "expiration"},
    read_only=frozenset({"expirationTime", "uniqueTags", "gracePeriod", "apkoOverlay"}),
)
REPO_V2 = Message(
    {
        "uid": TEXT,
        "name": TEXT,
        "description": TEXT,
        "createTime": Scalar.TIMESTAMP,
        "updateTime": Scalar.TIMESTAMP,
        "bundles": Several(TEXT),
        "sync_config": SYNC_CONFIG_V2,
        "catalogTier": Choice(
            names=("UNSPECIFIED", *CATALOG_TIER.names[1:]), future=CATALOG_TIER.future, prefix="CATALOG_TIER_"
        ),
        "aliases": Several(TEXT),
        "activeTags": Several(TEXT),
        "customOverlay": OVERLAY_V2,
        "supportWindow": Scalar.FUTURE,
    },
    stored={"uid": "id"},
    read_only=frozenset({"uid", "createTime", "updateTime"}),
)
GROUP_V2 = Message(
    {
        "uid": TEXT,
        "createTime": Scalar.TIMESTAMP,
        "updateTime": Scalar.TIMESTAMP,
        **{name: kind for name, kind in GROUP.fields.items() if name != "id"},
    },
    stored={"uid": "id"},
)
TAG_V2 = Message(
    {
        "uid": TEXT,
        "name": TEXT,
        "digest": TEXT,
        "updateTime": Scalar.TIMESTAMP,
        "bundles": Several(TEXT),
        "deprecated": Scalar.FLAG,
    },
    stored={"uid": "id", "updateTime": "lastUpdated"},
)

# Version 2 beta 1: overlays with a name, and what binds them to tags.
NAMED_OVERLAY = Message({"uid": TEXT, "name": TEXT, "config": OVERLAY_V2}, stored={"uid": "id"})
TAG_SELECTOR = Message(
    {
        "kind": Choice(("UNSPECIFIED", "EXACT", "ALL", "VARIANT"), prefix="KIND_", strict=True),
        "tags": Several(TEXT),
        "variantType": Choice(("UNSPECIFIED", "DEV"), prefix="VARIANT_TYPE_", strict=True),
    }
)
BINDING = Message(
    {"uid": TEXT, "repo": TEXT, "overlay": NAMED_OVERLAY, "tagSelector": TAG_SELECTOR, "allRepos": Scalar.FLAG},
    stored={"uid": "id"},
)
CREATE_BINDING = Message({"overlay": TEXT, "tagSelector": TAG_SELECTOR, "allRepos": Scalar.FLAG})


# Packages and apko configurations.
_TEXTS = Several(TEXT)
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
        "depend": _TEXTS,
        "provides": _TEXTS,
        "installIf": _TEXTS,
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
_CONFIG_USER = Message(
    {
        "userName": TEXT,
        "uid": Scalar.UINT32,
        "gid": Optional(Scalar.UINT32),
        "shell": TEXT,
        "homeDir": TEXT,
        "groupName": TEXT,
    }
)
_CONFIG_PATH = Message(
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
_CONFIG_CONTENTS = Message(
    {
        "buildRepositories": _TEXTS,
        "runtimeRepositories": _TEXTS,
        "repositories": _TEXTS,
        "keyring": _TEXTS,
        "packages": _TEXTS,
    }
)
_CONFIG_GROUP = Message({"groupName": TEXT, "gid": Scalar.UINT32, "members": _TEXTS})
_CONFIG_CERTIFICATE = Message({"name": TEXT, "content": TEXT})
CONFIG = Message(
    {
        "contents": _CONFIG_CONTENTS,
        "entrypoint": Message({"type": TEXT, "command": TEXT, "shellFragment": TEXT, "services": Scalar.TEXT_MAP}),
        "cmd": TEXT,
        "stopSignal": TEXT,
        "workDir": TEXT,
        "accounts": Message({"runAs": TEXT, "users": Several(_CONFIG_USER), "groups": Several(_CONFIG_GROUP)}),
        "archs": _TEXTS,
        "environment": Scalar.TEXT_MAP,
        "paths": Several(_CONFIG_PATH),
        "vcsUrl": TEXT,
        "annotations": Scalar.TEXT_MAP,
        "include": TEXT,
        "volumes": _TEXTS,
        "layering": Message({"strategy": TEXT, "budget": Scalar.INT64}),
        "certificates": Message({"additional": Several(_CONFIG_CERTIFICATE), "providers": _TEXTS}),
    }
)
RESOLVE = Message({"config": CONFIG})
