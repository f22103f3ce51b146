"""The form of a block of sections: which keys an overlay has in a manifest, and what each may hold.

Strict: an unknown key is refused. What a single value may be is in `texts`; messages are worded in `schema_errors`.
Descriptions and examples are part of the form: the JSON Schema and the messages use them.

This is the only list of the keys of an overlay in the manifest. A section is added as one attribute of `OverlayFile`
(or of `Contents`), named as the attribute of the core's `Overlay` that it fills and annotated with the field that it
is; reading, positions, messages and the JSON Schema follow from that.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Final, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, Field
from pydantic.fields import FieldInfo

from reconciler.core.diff import SECTION_OF
from reconciler.core.diff import Field as OverlayField
from reconciler.core.overlay import (
    Section,
    User,
    make_accounts,
    make_certificates,
    make_command_override,
    make_group,
    make_pem_file,
    make_preflight,
)
from reconciler.manifest.texts import (
    Flag,
    NonEmpty,
    Number,
    OptionalNumber,
    PackageText,
    PassedThrough,
    Text,
)

T = TypeVar("T")


def always(default: T) -> Callable[[], T]:
    """Return one frozen default for every entry: a copy for each would cost more than the rest of the entry."""
    return lambda: default


# One empty list for all entries without packages or profiles; nobody changes what a manifest holds.
NOTHING: Final[list[str]] = []


class StrictModel(BaseModel):
    """Base of all parts of a manifest. A field counts as mentioned when it is in `model_fields_set`."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, defer_build=True)


class Part(StrictModel):
    """A part of a section; `make` is the core's constructor of what it means."""

    make: ClassVar[Callable[..., Any]]


class NamedText(Part):
    """A certificate or a key under a name, written out or in a file."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [{"required": ["content"]}, {"required": ["file"]}]})
    make: ClassVar = make_pem_file

    name: NonEmpty = Field(description="Name of the file in the image, unique in its list.", examples=["corp-root"])
    content: NonEmpty = Field(default="", description="The PEM text.", examples=["..."])
    file: NonEmpty = Field(
        default="",
        description="File that holds the PEM text, relative to this one and inside the manifest's folder.",
        examples=["certs/corp-root.pem"],
    )


class Contents(StrictModel):
    """Installed packages, and the repositories for installing more at run time."""

    packages: Annotated[list[PackageText], OverlayField.PACKAGES] = Field(
        default_factory=list,
        description="Packages added to the image, each optionally with a version constraint.",
        examples=[["git", "curl~8.1"]],
    )
    runtime_repositories: Annotated[list[NonEmpty], OverlayField.RUNTIME_REPOSITORIES] = Field(
        default_factory=list,
        description="Package repositories that the image uses at run time, in order of preference.",
        examples=[["https://packages.example.com/os"]],
    )
    runtime_keyring: Annotated[list[NamedText], OverlayField.RUNTIME_KEYRING] = Field(
        default_factory=list,
        description="Public keys that packages of the runtime repositories are signed with.",
        examples=[[{"name": "corp.rsa.pub", "content": "..."}]],
    )


class UserEntry(Part):
    """A user account."""

    make: ClassVar = User

    username: NonEmpty = Field(description="Name of the account.", examples=["app"])
    uid: Number = Field(description="User id. Required: without it the account would be root.", examples=[65532])
    gid: OptionalNumber = Field(default=None, description="Id of the primary group.", examples=[65532])
    groupname: Text = Field(default="", description="Name of the primary group.", examples=["app"])
    shell: Text = Field(default="", description="Login shell.", examples=["/bin/sh"])
    homedir: Text = Field(default="", description="Home directory.", examples=["/home/app"])


class GroupEntry(Part):
    """A group account."""

    make: ClassVar = make_group

    groupname: NonEmpty = Field(description="Name of the group.", examples=["app"])
    gid: Number = Field(description="Group id.", examples=[65532])
    members: list[NonEmpty] = Field(default_factory=list, description="User names of the members.", examples=[["app"]])


class AccountsSection(Part):
    """Users and groups of the image, and who its process runs as."""

    make: ClassVar = make_accounts

    run_as: Annotated[Text, OverlayField.RUN_AS] = Field(
        default="", alias="run-as", description="User name or uid that the image runs as.", examples=["app"]
    )
    users: Annotated[list[UserEntry], OverlayField.USERS] = Field(
        default_factory=list, description="User accounts.", examples=[[{"username": "app", "uid": 65532}]]
    )
    groups: Annotated[list[GroupEntry], OverlayField.GROUPS] = Field(
        default_factory=list, description="Group accounts.", examples=[[{"groupname": "app", "gid": 65532}]]
    )


class CertificatesSection(Part):
    """Certificates that the image trusts."""

    make: ClassVar = make_certificates

    additional: Annotated[list[NamedText], OverlayField.CERTIFICATES] = Field(
        default_factory=list,
        description="Certificates, one in each entry.",
        examples=[[{"name": "corp-root", "content": "..."}]],
    )
    providers: Annotated[list[NonEmpty], OverlayField.PROVIDERS] = Field(
        default_factory=list, description="Packages that provide certificates.", examples=[["ca-certificates-bundle"]]
    )


class PreflightEntry(Part):
    """A check before the program starts: `tcp` or `path`."""

    make: ClassVar = make_preflight

    tcp: Text = Field(
        default="", description="Host and port that must accept connections; `${VAR}` expands.", examples=["db:5432"]
    )
    path: Text = Field(default="", description="File that must exist; `${VAR}` expands.", examples=["/run/ready"])
    timeout: Text = Field(default="", description="How long to try, as a Go duration; default 30s.", examples=["30s"])
    interval: Text = Field(default="", description="Time between attempts; default 500ms.", examples=["500ms"])
    on_failure: Text = Field(default="", description="`fail` (the default) or `continue`.", examples=["fail"])


class CommandOverrideSection(Part):
    """Command that the wrapper starts; an empty one is set, too."""

    make: ClassVar = make_command_override

    mode: Text = Field(
        default="", description="`default`, `prepend` or `override`; default `default`.", examples=["prepend"]
    )
    command: list[Text] = Field(
        default_factory=list,
        description="Arguments; `${VAR}` expands, `$$` is `$`. Anyone who can pull the image can read them.",
        examples=[["/bin/sh", "-c"]],
    )


class OverlayFile(StrictModel):
    """An overlay as apko spells it."""

    contents: Contents = Field(
        default_factory=always(Contents.model_construct()),
        description="Packages, runtime repositories and their keys.",
        examples=[{"packages": ["git", "curl~8.1"]}],
    )
    environment: Annotated[dict[str, Text], OverlayField.ENVIRONMENT] = Field(
        default_factory=dict, description="Environment variables.", examples=[{"NODE_ENV": "production"}]
    )
    annotations: Annotated[dict[str, Text], OverlayField.ANNOTATIONS] = Field(
        default_factory=dict, description="Image annotations.", examples=[{"com.example.team": "platform"}]
    )
    accounts: AccountsSection = Field(
        default_factory=always(AccountsSection.model_construct()),
        description="Users and groups, and who the image runs as.",
        examples=[{"run-as": "app", "users": [{"username": "app", "uid": 65532}]}],
    )
    certificates: CertificatesSection = Field(
        default_factory=always(CertificatesSection.model_construct()),
        description="Certificates that the image trusts, and packages that provide more.",
        examples=[{"providers": ["ca-certificates-bundle"]}],
    )
    guarded_entrypoint: Annotated[Flag, OverlayField.GUARDED_ENTRYPOINT] = Field(
        default=False,
        description="True: the Guarded Entrypoint wraps the program; it resolves secret references and runs checks.",
        examples=[True],
    )
    fail_mode: Annotated[Text, OverlayField.FAIL_MODE] = Field(
        default="",
        description="What the wrapper does where a secret cannot be resolved: `closed` (the default) or `open`; "
        '`""` for none.',
        examples=["closed"],
    )
    preflight: Annotated[list[PreflightEntry], OverlayField.PREFLIGHT] = Field(
        default_factory=list,
        description="Checks that the wrapper runs before the program starts, in this order.",
        examples=[[{"tcp": "db:5432", "timeout": "30s"}]],
    )
    command_override: Annotated[CommandOverrideSection | None, OverlayField.COMMAND_OVERRIDE] = Field(
        default=None,
        description="The command that the wrapper starts; null for none, as an empty one is set.",
        examples=[{"mode": "prepend", "command": ["/bin/sh", "-c"]}],
    )
    truststore: Annotated[PassedThrough, OverlayField.TRUSTSTORE] = Field(
        default="",
        description="The truststore that the wrapper writes; compared and sent as it is.",
        examples=[{"output": "/etc/ssl/store.p12"}],
    )


class Sections(OverlayFile):
    """Sections of a layer. A section that is not mentioned is left unchanged; one that is given empty is emptied."""

    packages: Annotated[list[PackageText], OverlayField.PACKAGES] = Field(
        default_factory=always(NOTHING), description="Short for `contents.packages`.", examples=[["git", "curl~8.1"]]
    )


class RemoveSection(StrictModel):
    """Items, by name, that an entry removes from what defaults, globs, profiles and its overlay file give."""

    packages: Annotated[list[NonEmpty], OverlayField.PACKAGES] = Field(
        default_factory=list, description="Names of packages, without a constraint.", examples=[["curl"]]
    )
    runtime_keyring: Annotated[list[NonEmpty], OverlayField.RUNTIME_KEYRING] = Field(
        default_factory=list, description="Names of keys.", examples=[["corp.rsa.pub"]]
    )
    environment: Annotated[list[NonEmpty], OverlayField.ENVIRONMENT] = Field(
        default_factory=list, description="Names of variables.", examples=[["NODE_ENV"]]
    )
    annotations: Annotated[list[NonEmpty], OverlayField.ANNOTATIONS] = Field(
        default_factory=list, description="Names of annotations.", examples=[["com.example.team"]]
    )
    users: Annotated[list[NonEmpty], OverlayField.USERS] = Field(
        default_factory=list, description="Names of users.", examples=[["app"]]
    )
    groups: Annotated[list[NonEmpty], OverlayField.GROUPS] = Field(
        default_factory=list, description="Names of groups.", examples=[["app"]]
    )
    certificates: Annotated[list[NonEmpty], OverlayField.CERTIFICATES] = Field(
        default_factory=list, description="Names of certificates.", examples=[["corp-root"]]
    )


REMOVE_KEYS: Final[Mapping[str, OverlayField]] = {
    name: next(mark for mark in field.metadata if isinstance(mark, OverlayField))
    for name, field in RemoveSection.model_fields.items()
}
"""The field of the overlay that each key of `remove` takes out of."""


@dataclass(frozen=True, slots=True)
class OverlayKey:
    """A key of a block that holds one field of the overlay.

    `attributes` leads to it through the models, `path` through the file. `item_name` is the key that names an item of
    its list, "" where items are texts.
    """

    field: OverlayField
    attributes: tuple[str, ...]
    path: tuple[str, ...]
    item_name: str = ""
    item_model: type[BaseModel] | None = None


def key_of(name: str, field: FieldInfo) -> str:
    """Return how an attribute of a model is spelled in a manifest."""
    return field.alias or name


def _overlay_keys(model: type[BaseModel], names: tuple[str, ...], path: tuple[str, ...]) -> Iterator[OverlayKey]:
    for name, field in model.model_fields.items():
        here = ((*names, name), (*path, key_of(name, field)))
        kind: Any = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from _overlay_keys(kind, *here)
        for mark in field.metadata:
            if isinstance(mark, OverlayField):
                items = [one for one in get_args(kind) if isinstance(one, type) and issubclass(one, BaseModel)]
                item = items[0] if items else None
                yield OverlayKey(mark, *here, next(iter(item.model_fields)) if item else "", item)


OVERLAY_KEYS: Final = tuple(_overlay_keys(Sections, (), ()))
"""Every key of a block that holds a field of the overlay."""

PATHS_OF: Final[Mapping[OverlayField, tuple[tuple[str, ...], ...]]] = {
    field: tuple(sorted((key.path for key in OVERLAY_KEYS if key.field is field), key=len)) for field in OverlayField
}
"""The possible places of each overlay field in a block, as paths of keys."""

NAMED_TEXT_PATHS: Final = tuple(key.path for key in OVERLAY_KEYS if key.item_model is NamedText)
"""The lists of certificates and keys."""


def _section_path(section: Section) -> tuple[str, ...]:
    fields = [field for field, of in SECTION_OF.items() if of is section]
    path = PATHS_OF[fields[0]][0]
    return path if len(fields) == 1 else path[:-1]


SECTION_PATHS: Final[Mapping[Section, tuple[str, ...]]] = {section: _section_path(section) for section in Section}
"""The place of each section in an entry, as a path of keys, in the order in which entries are written."""

_WHOLE: Final = frozenset(section for section in SECTION_OF.values() if [*SECTION_OF.values()].count(section) > 1)
SECTION_KEYS: Final = frozenset(
    key.path[-2] if SECTION_OF[key.field] in _WHOLE else key.path[-1] for key in OVERLAY_KEYS
)
"""The keys whose presence makes a section managed."""

CONTENT_KEYS: Final = ("profiles", "overlay", "packages", *OverlayFile.model_fields, "remove", "source")
"""The keys of an entry that give a repository content of its own, beside `reset: true` or `overlays`."""
