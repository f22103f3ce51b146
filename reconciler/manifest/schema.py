"""The form of a manifest file: the keys of overlays, entries, scopes and settings, and what each may hold.

Strict: an unknown key is refused. What a single value may be is in `values`, rules that look at more than one value are
in `checks` and `rules`; messages are worded in `schema_errors`. Descriptions and examples are part of the form: the
JSON Schema and the messages use them.

This is the only list of the keys of an overlay in the manifest. A section is added as one attribute of `OverlayFile`
(or of `Contents`), named as the attribute of the core's `Overlay` that it fills and annotated with the field that it
is; reading, positions, messages and the JSON Schema follow from that.
"""

from collections.abc import Callable
from typing import Annotated, Any, ClassVar, Final, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from reconciler.core.diff import Field as OverlayField
from reconciler.core.overlay import (
    User,
    make_accounts,
    make_certificates,
    make_command_override,
    make_group,
    make_pem_file,
    make_preflight,
)
from reconciler.manifest.values import (
    AddressText,
    EntryText,
    Flag,
    FolderText,
    LabelText,
    NonEmpty,
    Number,
    OptionalNumber,
    OrganizationText,
    OverlayText,
    OwnerText,
    PackageText,
    PassedThrough,
    ProfileText,
    Selector,
    Share,
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


Bindings = dict[OverlayText, Selector]


class Customization(Sections):
    """Sections that build on profiles and on an overlay file."""

    profiles: list[ProfileText] = Field(
        default_factory=always(NOTHING),
        description="Profiles to apply, lowest precedence first.",
        examples=[["debug"]],
    )
    overlay: NonEmpty = Field(
        default="",
        description="File with an apko overlay that this builds on, relative to this file and inside the manifest's "
        "folder.",
        examples=["ca-images-iac/custom-jre.yaml"],
    )


class NamedOverlay(Customization):
    """A named overlay of the organization, which changes images only where it is bound to their tags."""


class Repository(Customization):
    """One repository, or with wildcards in its key all that match. A section that is not mentioned is not managed."""

    source: AddressText = Field(
        default="", description="Repository to create this one from, if it does not exist.", examples=["python"]
    )
    reset: Flag = Field(
        default=False, description="True: remove the whole overlay, so that the image is as shipped.", examples=[True]
    )
    protect: Flag = Field(
        default=False, description="True: refuse plans that remove anything from this repository.", examples=[True]
    )
    remove: RemoveSection = Field(
        default_factory=always(RemoveSection.model_construct()),
        description="What to take out of what defaults, globs, profiles and the overlay file give.",
        examples=[{"packages": ["curl"], "environment": ["NODE_ENV"]}],
    )
    labels: dict[LabelText, LabelText] = Field(
        default_factory=dict,
        description="Labels to select by with `--label`, and to roll out by with `--batch`.",
        examples=[{"tier": "canary"}],
    )
    overlays: Bindings = Field(
        default_factory=dict,
        description="Overlays bound to this repository, each with the tags that get it: `all`, `dev` (tags that end in "
        "`-dev`), or a list of tags. Every other binding of the repository is removed.",
        examples=[{"typer": ["3.13", "3.13-dev"]}],
    )
    allow_missing_tags: Flag = Field(
        default=False, description="True: overlays may name tags that do not exist yet.", examples=[True]
    )


class ScopeSection(StrictModel):
    """Bindings for every repository of an organization or a folder, present and future."""

    overlays: Bindings = Field(
        description="Overlays bound to all of these repositories, each with the tags that get it. Every other binding "
        "for all of them is removed.",
        examples=[{"corp-ca": "all"}],
    )


class SettingsSection(StrictModel):
    """Settings for applying the manifest."""

    prune: Flag = Field(
        default=False,
        description="True: reset customized repositories that are not in the manifest.",
        examples=[True],
    )
    prune_overlays: Flag = Field(
        default=False,
        description="True: remove overlays and bindings that are not in the manifest.",
        examples=[True],
    )
    allow_missing_tags: Flag = Field(
        default=False, description="True: overlays may be bound to tags that do not exist yet.", examples=[True]
    )
    max_removal: Share = Field(
        default=1.0,
        description="Largest percentage of the covered repositories that one apply may remove something from.",
        examples=["30%"],
    )
    require_resolve: Flag = Field(
        default=False,
        description="True: apply only repositories with packages that resolve, as checked by `plan --resolve`.",
        examples=[True],
    )


class ManifestFile(StrictModel):
    """A manifest file of reconciler."""

    organization: OrganizationText = Field(
        default="",
        description="Organization or folder: a name, a path of names, or a UIDP.",
        examples=["example.com"],
    )
    owner: OwnerText = Field(
        default="",
        description="Who owns the repositories in this file; in a folder where only one owner is named, in all files.",
        examples=["team-a"],
    )
    settings: SettingsSection = Field(
        default_factory=always(SettingsSection.model_construct()),
        description="Settings of plan and apply.",
        examples=[{"max_removal": "30%"}],
    )
    defaults: Sections = Field(
        default_factory=always(Sections.model_construct()),
        description="Defaults for every repository in this file.",
        examples=[{"annotations": {"com.example.team": "platform"}}],
    )
    profiles: dict[ProfileText, Sections] = Field(
        default_factory=dict,
        description="Named overlays that entries in any file of the folder can use.",
        examples=[{"debug": {"packages": ["bash", "curl"]}}],
    )
    overlays: dict[OverlayText, NamedOverlay] = Field(
        default_factory=dict,
        description="Named overlays of the organization, to be bound to tags.",
        examples=[{"debug-tools": {"packages": ["bash", "curl"]}}],
    )
    all_repositories: ScopeSection = Field(
        default_factory=always(ScopeSection.model_construct(overlays={})),
        description="What holds for every repository of the organization.",
        examples=[{"overlays": {"corp-ca": "all"}}],
    )
    folders: dict[FolderText, ScopeSection] = Field(
        default_factory=dict,
        description="What holds for every repository below a folder, by its path from the organization.",
        examples=[{"team-a": {"overlays": {"debug-tools": "dev"}}}],
    )
    repositories: dict[EntryText, Repository] = Field(
        default_factory=dict,
        description="Repositories by name, by `folder/name`, or by `/name` for the organization's own level; "
        "with wildcards (`nginx*`), all that match.",
        examples=[{"custom-node": {"packages": ["git"]}}],
    )
