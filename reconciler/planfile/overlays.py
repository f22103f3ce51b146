"""The JSON of overlays, shared by saved plans, snapshots and the journal.

Empty fields are left out. Values are assembled by the core's constructors and then validated, strictly, against the
core's types.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from typing import Any, get_type_hints

from pydantic import ConfigDict, TypeAdapter, ValidationError

from reconciler.core.overlay import (
    Group,
    Json,
    Overlay,
    PemFile,
    User,
    fingerprint,
    make_accounts,
    make_certificates,
    make_group,
    make_overlay,
    make_pem_file,
)
from reconciler.planfile.errors import Malformed

# Values made by the core's constructors hold what the file said: only this tells whether it is of the right types.
# Each is built when it is used: most commands read or write none of these files.
STRICT = ConfigDict(strict=True, revalidate_instances="always", allow_inf_nan=False, defer_build=True)
_OVERLAYS = TypeAdapter(list[Overlay], config=STRICT)
_WHOLE_LIMIT = 2**63
_WRITTEN_OUT = frozenset(
    {"packages", "runtime_repositories", "runtime_keyring", "environment", "annotations", "accounts", "certificates"}
    | {"unrecognized"}
)
# The attributes of an overlay that are encoded by their types alone.
SECTION_TYPES: Mapping[str, TypeAdapter[Any]] = {
    name: TypeAdapter(kind, config=ConfigDict(defer_build=True))
    for name, kind in get_type_hints(Overlay).items()
    if name not in _WRITTEN_OUT
}


def encode_overlay(overlay: Overlay, *, sealed: bool = False) -> Json:
    """Return the JSON of an overlay without empty fields; without a seal it includes its fingerprint."""
    accounts, certificates = overlay.accounts, overlay.certificates
    encoded = _filled(
        packages=overlay.packages,
        runtime_repositories=overlay.runtime_repositories,
        runtime_keyring=_files(overlay.runtime_keyring),
        environment=dict(overlay.environment),
        annotations=dict(overlay.annotations),
        accounts=_filled(
            run_as=accounts.run_as,
            users=[_encode_user(user) for user in accounts.users],
            groups=[{"name": one.groupname, "gid": one.gid, "members": one.members} for one in accounts.groups],
        ),
        certificates=_filled(additional=_files(certificates.additional), providers=certificates.providers),
        **{name: encode_section(getattr(overlay, name)) for name in SECTION_TYPES},
        unrecognised=[{"path": path, "json": text} for path, text in overlay.unrecognized],
    )
    return {"overlay": encoded} if sealed else {"fingerprint": fingerprint(overlay), "overlay": encoded}


def decode_overlay(item: Mapping[str, Any]) -> Overlay:
    """Return an overlay in canonical form; raises `Malformed`, also if it does not match its fingerprint."""
    with understood():
        return _OVERLAYS.validate_python([overlay_from(item)])[0]


def encode_section(value: Any) -> Any:
    """Return the JSON of a section without its own encoder: an object of its fields."""
    if isinstance(value, tuple):
        return [encode_section(one) for one in value]
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else value


def decode_section(name: str, value: object) -> Any:
    """Return the section that `encode_section` wrote for an attribute of an overlay; raises `Malformed`."""
    with understood():
        return SECTION_TYPES[name].validate_python(value)


@contextmanager
def understood() -> Iterator[None]:
    """Raise a missing or ill-typed value within the block as `Malformed`."""
    try:
        yield
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        place = ".".join(str(one) for one in first["loc"][1:])
        raise Malformed(f"{place}: {first['msg'][:1].lower()}{first['msg'][1:]}") from None
    except KeyError as error:
        raise Malformed(f"{error.args[0]} is missing") from None
    except (TypeError, AttributeError, ArithmeticError, RecursionError):
        raise Malformed("a value has the wrong type") from None
    except ValueError as error:
        raise Malformed(str(error)) from None


def whole_number(value: object) -> int:
    """Return a whole number from 0 to 2⁶³; raises `Malformed`."""
    if type(value) is not int or not 0 <= value < _WHOLE_LIMIT:
        raise Malformed("a number is not an integer in range")
    return value


def list_of(item: Mapping[str, Any], name: str, kind: type = dict) -> list[Any]:
    """Return a list of objects, or of another kind, empty if absent; raises `Malformed`."""
    values = item.get(name, [])
    if not isinstance(values, list) or not all(type(value) is kind for value in values):
        raise Malformed(f"{name} is missing or has the wrong type")
    return values


def overlay_from(item: Mapping[str, Any]) -> Overlay:
    """Assemble an overlay from its JSON; its types are validated later."""
    content = item["overlay"]
    accounts, certificates = content.get("accounts", {}), content.get("certificates", {})
    overlay = make_overlay(
        packages=list_of(content, "packages", str),
        runtime_repositories=list_of(content, "runtime_repositories", str),
        runtime_keyring=[_file(one) for one in list_of(content, "runtime_keyring")],
        environment=content.get("environment", {}),
        annotations=content.get("annotations", {}),
        accounts=make_accounts(
            run_as=accounts.get("run_as", ""),
            users=[_user(one) for one in list_of(accounts, "users")],
            groups=[_group(one) for one in list_of(accounts, "groups")],
        ),
        certificates=make_certificates(
            additional=[_file(one) for one in list_of(certificates, "additional")],
            providers=list_of(certificates, "providers", str),
        ),
        **{name: decode_section(name, content[name]) for name in SECTION_TYPES if name in content},
        unrecognized=[(one["path"], one["json"]) for one in list_of(content, "unrecognised")],
    )
    if "fingerprint" in item and item["fingerprint"] != fingerprint(overlay):
        raise Malformed("the fingerprint of an overlay does not match its content")
    return overlay


def _files(files: Iterable[PemFile]) -> list[Json]:
    return [{"name": file.name, "text": file.text or file.pem} for file in files]


def _file(item: Mapping[str, Any]) -> PemFile:
    return make_pem_file(item["name"], item["text"])


def _encode_user(user: User) -> Json:
    optional = _filled(groupname=user.groupname, shell=user.shell, homedir=user.homedir)
    gid = {} if user.gid is None else {"gid": user.gid}
    return {"name": user.username, "uid": user.uid, **gid, **optional}


def _user(item: Mapping[str, Any]) -> User:
    optional = {name: item[name] for name in ("groupname", "shell", "homedir") if name in item}
    gid = whole_number(item["gid"]) if "gid" in item else None
    return User(username=item["name"], uid=whole_number(item["uid"]), gid=gid, **optional)


def _group(item: Mapping[str, Any]) -> Group:
    return make_group(groupname=item["name"], gid=whole_number(item["gid"]), members=list_of(item, "members", str))


def _filled(**values: object) -> Json:
    return {name: value for name, value in values.items() if value}
