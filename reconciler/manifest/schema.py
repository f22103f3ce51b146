"""The form of a manifest file: entries, overlays, scopes, settings. What a block of sections may hold is in `sections`.

Strict: an unknown key is refused. Rules that look at more than one value are in `checks`.
"""

from pydantic import Field

from reconciler.manifest.sections import NOTHING, RemoveSection, Sections, StrictModel, always
from reconciler.manifest.texts import (
    AddressText,
    EntryText,
    Flag,
    FolderText,
    LabelText,
    NonEmpty,
    OrganizationText,
    OverlayText,
    OwnerText,
    ProfileText,
    Selector,
    Share,
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
