"""The messages of the API as the emulator knows them, field by field.

Here belong names and kinds. A field marked `FUTURE` is one that the server has and the published document has not:
it is kept while a client sends it back and lost when an update leaves it out, which is how a careless client shows.
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
        "mode": Choice(("UNSPECIFIED", "DEFAULT", "PREPEND", "OVERRIDE"), prefix="MODE_", strict=True),
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
        "failMode": Choice(("UNSPECIFIED", "CLOSED", "OPEN"), prefix="FAIL_MODE_", strict=True),
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
