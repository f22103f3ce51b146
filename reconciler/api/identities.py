"""From the answer to "who am I" to an identity. What its capabilities suffice for is decided in `core.checkup`."""

from reconciler.api import instants, wire
from reconciler.core.doctor import Grant, Identity

Json = dict[str, object]


def identity_from_wire(document: Json) -> Identity:
    """An identity; raises `Malformed`. A group that comes several times, once for each role, becomes one grant."""
    found: dict[str, Grant] = {}
    for number, item in enumerate(wire.objects(document.get("capabilities"), "capabilities")):
        grant = _grant(item, f"capabilities[{number}]")
        known = found.get(grant.group_id)
        found[grant.group_id] = grant if known is None else _joined(known, grant)
    return Identity(
        subject=wire.name(document.get("subject"), "subject"),
        email=wire.text(document.get("email"), "email"),
        issuer=wire.text(document.get("issuer"), "issuer"),
        expires=instants.from_text(document.get("expiry")),
        grants=tuple(found[id_] for id_ in sorted(found)),
    )


def _grant(item: Json, path: str) -> Grant:
    group = wire.mapping(item.get("group"), f"{path}.group")
    role = wire.mapping(item.get("role"), f"{path}.role")
    # They stand in the role, or beside it where they match no known role.
    capabilities = (
        *wire.texts(role.get("capabilities"), f"{path}.role.capabilities"),
        *wire.texts(item.get("capabilities"), f"{path}.capabilities"),
    )
    name = wire.text(role.get("name"), f"{path}.role.name")
    return Grant(
        group_id=wire.name(group.get("id"), f"{path}.group.id"),
        group_name=wire.text(group.get("name"), f"{path}.group.name"),
        roles=(name,) if name else (),
        capabilities=frozenset(capabilities),
    )


def _joined(one: Grant, other: Grant) -> Grant:
    return Grant(
        group_id=one.group_id,
        group_name=one.group_name or other.group_name,
        roles=(*one.roles, *(role for role in other.roles if role not in one.roles)),
        capabilities=one.capabilities | other.capabilities,
    )
