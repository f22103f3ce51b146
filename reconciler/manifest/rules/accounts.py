"""Rules for accounts: names and ids that stand twice. What `run-as` names is known only when layers are merged."""

from collections.abc import Iterator

from reconciler.manifest.codes import Code
from reconciler.manifest.documents import Block
from reconciler.manifest.findings import Finding
from reconciler.manifest.rules.names import same_id, twice


def check(block: Block) -> Iterator[Finding]:
    """What is wrong between the users, and between the groups, of a block."""
    users, groups = ("accounts", "users"), ("accounts", "groups")
    yield from twice(block, users, "username", code=Code.DUPLICATE_USER, noun="user")
    yield from twice(block, groups, "groupname", code=Code.DUPLICATE_GROUP, noun="group")
    yield from same_id(block, users, "uid", noun="users")
    yield from same_id(block, groups, "gid", noun="groups")
