"""The messages of the second generation of the API, over the stored form of the first.

Here belong names and kinds, as in `messages.py`: what v2 calls otherwise is stored under v1's name, so that both show
one state. v2 has no readme; lists and single repositories look alike.
"""

from reconciler.emulator.messages import ACCOUNTS, CATALOG_TIER, GROUP, OVERLAY, SYNC_CONFIG, TEXT
from reconciler.emulator.protojson import Choice, Message, Optional, Scalar, Several

_USER = Message(
    {
        "username": TEXT,
        "uid": Scalar.INT32,
        "gid": Optional(Scalar.INT32),
        "shell": TEXT,
        "homeDir": TEXT,
        "groupName": TEXT,
        "supplementaryGroups": Scalar.FUTURE,
    },
    stored={"username": "userName"},
)
_USER_GROUP = Message(
    {"groupname": TEXT, "gid": Scalar.INT32, "members": Several(TEXT), "systemGroup": Scalar.FUTURE},
    stored={"groupname": "groupName"},
)
_ACCOUNTS = Message({**ACCOUNTS.fields, "users": Several(_USER), "groups": Several(_USER_GROUP)})
OVERLAY_V2 = Message({**OVERLAY.fields, "accounts": _ACCOUNTS})
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
