"""The public plan document as types: what `--format json` prints, and `docs/plan.schema.json` describes."""

from typing import Annotated, Any, Literal, NotRequired

from pydantic import ConfigDict, Field, with_config
from typing_extensions import TypedDict

from reconciler.core.diff import Field as OverlayField
from reconciler.core.overlay import Section

Count = Annotated[int, Field(ge=0)]
Position = Annotated[int, Field(ge=1)] | None
Action = Annotated[str, Field(json_schema_extra={"enum": ["create", "update", "reset", "none", "blocked", "unknown"]})]
WillBuild = Annotated[
    str,
    Field(
        description="Whether images will build with the change, according to the latest builds and the API.",
        json_schema_extra={"enum": ["yes", "no", "fails_already", "would_fix", "would_break", "unknown"]},
    ),
]
SectionName = Annotated[str, Field(json_schema_extra={"enum": [str(section) for section in Section]})]
FieldName = Annotated[str, Field(json_schema_extra={"enum": [str(field) for field in OverlayField]})]
Time = Annotated[str, Field(json_schema_extra={"format": "date-time"})]


class OrganizationDocument(TypedDict):
    """An organization or folder."""

    id: str
    name: str


class CountsDocument(TypedDict):
    """The number of steps by action; `unchanged` are those whose action is `none`."""

    create: Count
    update: Count
    reset: Count
    unchanged: Count
    blocked: Count
    unknown: Count


class NamesDocument(TypedDict):
    """Repositories by name, and how many there are."""

    count: Count
    names: list[str]


class DiagnosticDocument(TypedDict):
    """One problem; file, line and column are null where it has no place."""

    severity: Annotated[str, Field(json_schema_extra={"enum": ["error", "warning", "note"]})]
    code: str
    summary: str
    detail: str
    hint: str
    file: str | None
    line: int | None
    column: int | None
    repositories: Annotated[list[str], Field(description="Those that have it, where it is found in the manifest once.")]


class UserDocument(TypedDict):
    """A user, spelled as apko spells it."""

    username: str
    uid: NotRequired[int]
    gid: NotRequired[int]
    groupname: NotRequired[str]
    shell: NotRequired[str]
    homedir: NotRequired[str]


class GroupDocument(TypedDict):
    """A group of users, spelled as apko spells it."""

    groupname: str
    gid: int
    members: list[str]


class PemDocument(TypedDict):
    """A certificate or key, by what it is known by and never as PEM."""

    name: str
    subject: NotRequired[str]
    issuer: NotRequired[str]
    not_after: NotRequired[Annotated[str, Field(pattern="^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]]
    key: NotRequired[str]
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class PreflightDocument(TypedDict):
    """A check of the Guarded Entrypoint: `tcp` or `path`."""

    tcp: NotRequired[str]
    path: NotRequired[str]
    timeout: NotRequired[str]
    interval: NotRequired[str]
    on_failure: NotRequired[str]


class CommandDocument(TypedDict):
    """The command of the Guarded Entrypoint; an empty one is set all the same."""

    mode: str
    command: list[str]


Value = (
    str
    | bool
    | list[str]
    | list[PreflightDocument]
    | UserDocument
    | GroupDocument
    | PemDocument
    | CommandDocument
    | None
)
_NULL = {"type": "null"}


def _null_exactly_for(kind: str, side: str) -> dict[str, Any]:
    """Return a schema by which one side of a change is null for one kind of change and for no other."""
    return {
        "if": {"properties": {"kind": {"const": kind}}},
        "then": {"properties": {side: _NULL}},
        "else": {"properties": {side: {"not": _NULL}}},
    }


@with_config(
    ConfigDict(json_schema_extra={"allOf": [_null_exactly_for("add", "before"), _null_exactly_for("remove", "after")]})
)
class ChangeDocument(TypedDict):
    """One change of an overlay, with both sides."""

    path: Annotated[str, Field(description="The part, and the key where entries of the part have names of their own.")]
    section: Annotated[str, Field(json_schema_extra={"enum": [*map(str, Section), "unrecognised"]})]
    part: FieldName
    key: Annotated[
        str, Field(description="The name of what changes within its part; empty where it is a single thing.")
    ]
    kind: Annotated[str, Field(json_schema_extra={"enum": ["add", "remove", "change"]})]
    before: Value
    after: Value
    masked: Annotated[bool, Field(description="Whether something is hidden because it looks like a secret.")]


class SourceDocument(TypedDict):
    """Source of a new repository."""

    repository: str | None
    id: str | None


class PackageDocument(TypedDict):
    """A package with its version."""

    name: str
    version: str


class PackageChangeDocument(TypedDict):
    """A package whose version changes."""

    name: str
    before: str
    after: str


class PackagesDifferenceDocument(TypedDict):
    """The packages that come, go or change their version."""

    added: list[PackageDocument]
    removed: list[PackageDocument]
    changed: list[PackageChangeDocument]


class ResolvedDocument(PackagesDifferenceDocument):
    """Changes of a step to the installed packages."""

    packages: Annotated[list[str], Field(description="Every package that would be installed, as `name=version`.")]
    compared: Annotated[bool, Field(description="Whether it is known what is installed now.")]


class OverlayItemDocument(TypedDict):
    """Items of an overlay under one key, on both sides; an empty list means that a side has none."""

    part: FieldName
    key: str
    kind: Annotated[str, Field(json_schema_extra={"enum": ["add", "remove", "change", "same"]})]
    before: list[Value]
    after: list[Value]
    masked: Annotated[bool, Field(description="Whether something is hidden because it looks like a secret.")]


class ReachDocument(TypedDict):
    """The repositories, by name, and the number of tags whose images change."""

    repositories: Count
    tags: Count
    names: list[str]


class ScopeDocument(TypedDict):
    """Scope of a binding."""

    kind: Literal["organization", "folder", "repository"]
    id: Annotated[str | None, Field(description="Null where it does not exist.")]
    name: str


Selector = Annotated[str | list[str] | None, Field(description="`all`, `dev`, or a list of exact tags.")]
OverlayAction = Annotated[
    str, Field(json_schema_extra={"enum": ["create", "update", "delete", "none", "blocked", "unknown"]})
]


class OverlayStepDocument(TypedDict):
    """Step for one overlay of the organization."""

    kind: Literal["overlay"]
    name: str
    id: Annotated[str | None, Field(description="Null where the overlay does not exist yet.")]
    action: OverlayAction
    reason: str
    reason_code: str
    file: str | None
    line: Position
    column: Position
    reaches: Annotated[ReachDocument, Field(description="What the step by itself changes, in the order of the steps.")]
    caused: NotRequired[Annotated[bool, Field(description="With `--base`: whether the change causes it.")]]
    changes: list[ChangeDocument]


class BindingStepDocument(TypedDict):
    """Step for one binding of an overlay to a repository, or to all of a folder or the organization."""

    kind: Literal["binding"]
    name: str
    id: Annotated[str | None, Field(description="Null where the binding does not exist yet.")]
    action: OverlayAction
    reason: str
    reason_code: str
    file: str | None
    line: Position
    column: Position
    reaches: Annotated[ReachDocument, Field(description="What the step by itself changes, in the order of the steps.")]
    caused: NotRequired[Annotated[bool, Field(description="With `--base`: whether the change causes it.")]]
    scope: ScopeDocument
    overlay: str
    overlay_id: Annotated[str | None, Field(description="Null where the overlay does not exist yet.")]
    selector: Annotated[Selector, Field(description="The tags that get the overlay; of a deletion, those that got it.")]
    selector_before: Annotated[Selector, Field(description="Null where the binding does not exist yet.")]


class OverlayCountsDocument(TypedDict):
    """The number of steps of overlays, or of bindings, by action; `unchanged` are those whose action is `none`."""

    create: Count
    update: Count
    delete: Count
    unchanged: Count
    blocked: Count
    unknown: Count


class EffectTagsDocument(TypedDict):
    """Tags of one repository."""

    repository: str
    tags: list[str]


class EffectDocument(TypedDict):
    """The same change of the effective configuration of several tags."""

    changes: list[ChangeDocument]
    reaches: ReachDocument
    tags: list[EffectTagsDocument]


class StepDocument(TypedDict):
    """Step for one repository."""

    kind: NotRequired[Literal["repository"]]
    name: NotRequired[str]
    repository: str
    id: Annotated[str | None, Field(description="Null where the repository does not exist yet or was not found.")]
    action: Action
    reason: Annotated[str, Field(description="Why, in words that may change.")]
    reason_code: Annotated[str, Field(pattern="^[a-z]+(-[a-z]+)*$", description="Why, for programs.")]
    source: Annotated[SourceDocument | None, Field(description="Null for every action but `create`.")]
    file: Annotated[str | None, Field(description="Where the manifest asks for it; null where no line of it does.")]
    line: Position
    column: Position
    changes: list[ChangeDocument]
    unmanaged: Annotated[list[SectionName], Field(description="Sections that hold something and are left alone.")]
    will_build: NotRequired[WillBuild]
    resolved: NotRequired[Annotated[ResolvedDocument, Field(description="What would be installed, where known.")]]
    overlay: NotRequired[
        Annotated[list[OverlayItemDocument], Field(description="The whole overlay on both sides of a write.")]
    ]
    active_tags: NotRequired[Annotated[list[str], Field(description="The tags that Chainguard builds at present.")]]


class UnmanagedDocument(TypedDict):
    """A section that is left alone, and in how many repositories of a group."""

    section: SectionName
    repositories: Annotated[int, Field(ge=1)]


class GroupedDocument(TypedDict):
    """A change that three or more repositories share to the last value."""

    repositories: Annotated[list[str], Field(min_length=3)]
    action: Action
    source: SourceDocument | None
    reason_code: NotRequired[str]
    changes: list[ChangeDocument]
    will_build: NotRequired[WillBuild]
    unmanaged: list[UnmanagedDocument]


class PlaceDocument(TypedDict):
    """A position in a manifest."""

    file: str
    line: int
    column: int


class ProblemGroupDocument(TypedDict):
    """Repositories that are blocked or unknown for the same reason, with the entries that it comes from."""

    repositories: list[str]
    action: Annotated[str, Field(json_schema_extra={"enum": ["blocked", "unknown"]})]
    reason: str
    reason_code: str
    places: list[PlaceDocument]
    changes: Annotated[list[ChangeDocument], Field(description="The changes that all of them share.")]
    will_build: NotRequired[WillBuild]


class CausedCountsDocument(TypedDict):
    """With `--base`: how many repositories the change creates, updates and resets."""

    create: int
    update: int
    reset: int


class PartGroupsDocument(TypedDict):
    """With `--base`: what `groups` is, for each of the three parts."""

    caused: list[GroupedDocument]
    already_different: list[GroupedDocument]
    no_longer: list[GroupedDocument]


class GuardDocument(TypedDict):
    """The guard against taking something away from too many repositories."""

    refused: Annotated[bool, Field(description="Whether the guard forbids to apply the plan.")]
    covered: Annotated[int, Field(ge=0, description="How many live repositories the manifest covers.")]
    losing: NamesDocument
    share: Annotated[float, Field(ge=0, description="The share that loses something, from 0 to 1.")]
    limit: Annotated[float, Field(ge=0, description="The largest share that is allowed.")]
    limit_from: Annotated[str, Field(json_schema_extra={"enum": ["command-line", "manifest", "default"]})]
    prune: Annotated[bool, Field(description="Whether customized repositories that no entry names are reset.")]
    refusals: list[DiagnosticDocument]


class BindingsDocument(TypedDict):
    """Knowledge about the overlays that are bound to repositories."""

    known: Annotated[bool, Field(description="Whether the bindings of the organization were read.")]
    count: Annotated[Count | None, Field(description="How many there are; null where that is not known.")]
    problem: Annotated[str | None, Field(description="Why they are not known.")]


class SecondsDocument(TypedDict):
    """Duration of recent successful builds, in seconds."""

    median: Annotated[float, Field(ge=0)]
    longest: Annotated[float, Field(ge=0)]
    of: Count


class ForecastDocument(TypedDict):
    """Builds that an apply would start; null where unknown."""

    repositories: Annotated[int, Field(ge=1)] | None
    builds: Annotated[Annotated[int, Field(ge=1)] | None, Field(description="About how many, without `unknown`.")]
    unknown: NamesDocument | None
    seconds: SecondsDocument | None
    problem: Annotated[str | None, Field(description="Why nothing is known; null where something is.")]


class CheckedDocument(TypedDict):
    """Lookups made to predict whether the images will build; `--debug` prints their cost."""

    packages: Annotated[int, Field(ge=0, description="How many distinct packages the changed steps name.")]
    repositories: Annotated[int, Field(ge=0, description="How many repositories were asked about.")]


class OriginDocument(TypedDict):
    """The file that a plan was made from."""

    kind: Literal["plan", "snapshot"]
    created: Time
    tool_version: str
    manifest_digest: str | None


@with_config(ConfigDict(title="Plan of reconciler"))
class PlanDocument(TypedDict):
    """Document of `reconciler plan --format json`. Keys may be added; a changed meaning raises `format_version`."""

    format_version: Annotated[str, Field(pattern=r"^1\.[0-9]+$", description="Major and minor number of this format.")]
    tool_version: str
    api: Annotated[str, Field(description="The address of the API, or `emulator`.")]
    organization: OrganizationDocument
    complete: Annotated[bool, Field(description="Whether every repository of the manifest could be read and planned.")]
    applyable: Annotated[bool, Field(description="Whether an apply of this plan would write something.")]
    manifest: NotRequired[Annotated[str, Field(description="The owner of the manifest, else its path.")]]
    skip_blocked: NotRequired[
        Annotated[bool, Field(description="Whether repositories with errors are left out of an apply.")]
    ]
    counts: CountsDocument
    overlay_counts: NotRequired[OverlayCountsDocument]
    binding_counts: NotRequired[OverlayCountsDocument]
    steps: Annotated[
        list[OverlayStepDocument | BindingStepDocument | StepDocument],
        Field(
            description="Those of overlays and bindings in the order of their writes, "
            "then one for every repository, ordered by its name."
        ),
    ]
    effects: NotRequired[
        Annotated[
            list[EffectDocument],
            Field(description="What overlays and bindings change in the images, the same change once."),
        ]
    ]
    groups: list[GroupedDocument]
    problem_groups: NotRequired[list[ProblemGroupDocument]]
    unlisted: Annotated[NamesDocument, Field(description="Live repositories that no entry names; not touched.")]
    left_out: Annotated[NamesDocument, Field(description="Repositories that the selection left out.")]
    guard: NotRequired[GuardDocument]
    bindings: NotRequired[BindingsDocument]
    diagnostics: list[DiagnosticDocument]
    origin: NotRequired[OriginDocument]
    caused: NotRequired[Annotated[list[StepDocument], Field(description="With `--base`: what the change causes.")]]
    already_different: NotRequired[
        Annotated[
            list[StepDocument], Field(description="With `--base`: what would be done without the change as well.")
        ]
    ]
    no_longer: NotRequired[
        Annotated[list[StepDocument], Field(description="With `--base`: what is not done any more.")]
    ]
    caused_counts: NotRequired[CausedCountsDocument]
    part_groups: NotRequired[PartGroupsDocument]
    checked: NotRequired[CheckedDocument]
    forecast: NotRequired[ForecastDocument]
