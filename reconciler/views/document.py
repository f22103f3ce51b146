"""The public plan document: what every format of a plan is made from, and what `--format json` prints.

Ordering, counting, grouping and masking happen here and in the documents of its parts, once. A consumer must accept new
keys; a changed meaning raises the major number of `format_version`. `docs/plan.schema.json` is generated from the types
(`make schemas`). Keys that are not required are those that earlier versions did not print, or that are there only where
the command asked for them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, NotRequired, assert_never

from pydantic import ConfigDict, with_config
from pydantic import Field as Schema
from typing_extensions import TypedDict

from reconciler.core.bindings import Bindings, UnknownBindings
from reconciler.core.forecast import BuildForecast, Durations, Forecast, NoForecast
from reconciler.core.plan import Comparison, Guard, Plan
from reconciler.core.resolution import ResolvedChange
from reconciler.core.state import Organization
from reconciler.core.steps import Action, BindingStep, OverlayStep, Step
from reconciler.views.diagnostics import DiagnosticDocument, diagnostic_document
from reconciler.views.overlay_steps import (
    BindingStepDocument,
    EffectDocument,
    OverlayCountsDocument,
    OverlayStepDocument,
    effect_documents,
    overlay_step_document,
    step_counts,
)
from reconciler.views.steps import (
    GroupedDocument,
    ProblemGroupDocument,
    StepDocument,
    group_documents,
    problem_group_documents,
    step_document,
    whole_step_document,
)
from reconciler.views.text import FORMAT_VERSION, rfc3339
from reconciler.views.values import Count, Time


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """File that a plan comes from: its `kind` (`plan` or `snapshot`), when and by what it was made.

    `created` is in seconds since the epoch; `manifest_digest` None where the file is of live state.
    """

    kind: Literal["plan", "snapshot"]
    created: float
    tool_version: str
    manifest_digest: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """Time and commit of a page; unknown fields are empty.

    `made` is in seconds since the epoch, None to omit it; `job_url` is the page of the CI job.
    `file_url` returns the page of a line of a manifest in that commit.
    """

    made: float | None = None
    commit: str = ""
    commit_url: str = ""
    job_url: str = ""
    file_url: Callable[[str, int], str] = lambda _file, _line: ""


NO_PROVENANCE = Provenance()


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

    refused: Annotated[bool, Schema(description="Whether the guard forbids to apply the plan.")]
    covered: Annotated[int, Schema(ge=0, description="How many live repositories the manifest covers.")]
    losing: NamesDocument
    share: Annotated[float, Schema(ge=0, description="The share that loses something, from 0 to 1.")]
    limit: Annotated[float, Schema(ge=0, description="The largest share that is allowed.")]
    limit_from: Annotated[str, Schema(json_schema_extra={"enum": ["command-line", "manifest", "default"]})]
    prune: Annotated[bool, Schema(description="Whether customized repositories that no entry names are reset.")]
    refusals: list[DiagnosticDocument]


class BindingsDocument(TypedDict):
    """Knowledge about the overlays that are bound to repositories."""

    known: Annotated[bool, Schema(description="Whether the bindings of the organization were read.")]
    count: Annotated[Count | None, Schema(description="How many there are; null where that is not known.")]
    problem: Annotated[str | None, Schema(description="Why they are not known.")]


class SecondsDocument(TypedDict):
    """Duration of recent successful builds, in seconds."""

    median: Annotated[float, Schema(ge=0)]
    longest: Annotated[float, Schema(ge=0)]
    of: Count


class ForecastDocument(TypedDict):
    """Builds that an apply would start; null where unknown."""

    repositories: Annotated[int, Schema(ge=1)] | None
    builds: Annotated[Annotated[int, Schema(ge=1)] | None, Schema(description="About how many, without `unknown`.")]
    unknown: NamesDocument | None
    seconds: SecondsDocument | None
    problem: Annotated[str | None, Schema(description="Why nothing is known; null where something is.")]


class CheckedDocument(TypedDict):
    """Lookups made to predict whether the images will build; `--debug` prints their cost."""

    packages: Annotated[int, Schema(ge=0, description="How many distinct packages the changed steps name.")]
    repositories: Annotated[int, Schema(ge=0, description="How many repositories were asked about.")]


class OriginDocument(TypedDict):
    """The file that a plan was made from."""

    kind: Literal["plan", "snapshot"]
    created: Time
    tool_version: str
    manifest_digest: str | None


AnyStepDocument = OverlayStepDocument | BindingStepDocument | StepDocument


@with_config(ConfigDict(title="Plan of reconciler"))
class PlanDocument(TypedDict):
    """Document of `reconciler plan --format json`. Keys may be added; a changed meaning raises `format_version`."""

    format_version: Annotated[str, Schema(pattern=r"^1\.[0-9]+$", description="Major and minor number of this format.")]
    tool_version: str
    api: Annotated[str, Schema(description="The address of the API, or `emulator`.")]
    organization: OrganizationDocument
    complete: Annotated[bool, Schema(description="Whether every repository of the manifest could be read and planned.")]
    applyable: Annotated[bool, Schema(description="Whether an apply of this plan would write something.")]
    manifest: NotRequired[Annotated[str, Schema(description="The owner of the manifest, else its path.")]]
    skip_blocked: NotRequired[
        Annotated[bool, Schema(description="Whether repositories with errors are left out of an apply.")]
    ]
    counts: CountsDocument
    overlay_counts: NotRequired[OverlayCountsDocument]
    binding_counts: NotRequired[OverlayCountsDocument]
    steps: Annotated[
        list[AnyStepDocument],
        Schema(
            description="Those of overlays and bindings in the order of their writes, "
            "then one for every repository, ordered by its name."
        ),
    ]
    effects: NotRequired[
        Annotated[
            list[EffectDocument],
            Schema(description="What overlays and bindings change in the images, the same change once."),
        ]
    ]
    groups: list[GroupedDocument]
    problem_groups: NotRequired[list[ProblemGroupDocument]]
    unlisted: Annotated[NamesDocument, Schema(description="Live repositories that no entry names; not touched.")]
    left_out: Annotated[NamesDocument, Schema(description="Repositories that the selection left out.")]
    guard: NotRequired[GuardDocument]
    bindings: NotRequired[BindingsDocument]
    diagnostics: list[DiagnosticDocument]
    origin: NotRequired[OriginDocument]
    caused: NotRequired[Annotated[list[StepDocument], Schema(description="With `--base`: what the change causes.")]]
    already_different: NotRequired[
        Annotated[
            list[StepDocument], Schema(description="With `--base`: what would be done without the change as well.")
        ]
    ]
    no_longer: NotRequired[
        Annotated[list[StepDocument], Schema(description="With `--base`: what is not done any more.")]
    ]
    caused_counts: NotRequired[CausedCountsDocument]
    part_groups: NotRequired[PartGroupsDocument]
    checked: NotRequired[CheckedDocument]
    forecast: NotRequired[ForecastDocument]


def organization_document(organization: Organization) -> OrganizationDocument:
    """Return an organization as documents have it."""
    return {"id": organization.id, "name": organization.name}


def plan_document(
    plan: Plan,
    *,
    api: str,
    tool_version: str,
    origin: Origin | None = None,
    comparison: Comparison | None = None,
    forecast: Forecast | None = None,
    resolved: Mapping[str, ResolvedChange] | None = None,
    checked: Mapping[str, int] | None = None,
    overlays: bool = False,
    active_tags: Mapping[str, Sequence[str]] | None = None,
    manifest: str | None = None,
) -> PlanDocument:
    """Return the plan as plain data: dictionaries, lists, strings, numbers; not yet made safe for any format.

    `origin` is that of a saved plan or of a snapshot; `comparison` tells what a change of the manifest causes;
    `forecast` what an apply would set going; `resolved` what repositories would get in the end, by their names;
    `checked` what was asked to find out, None where nothing was. With `overlays` every step that writes has its whole
    overlay on both sides; `active_tags` are the tags that Chainguard builds, by the id of their repository. `manifest`
    is the owner of the manifest, else its path.
    """
    steps: list[AnyStepDocument] = [_overlay_step(step, comparison) for step in plan.overlay_steps]
    steps += [whole_step_document(step, resolved or {}, active_tags or {}, overlays=overlays) for step in plan.steps]
    document = _document(plan, steps, api, tool_version)
    if plan.skip_blocked:
        document["skip_blocked"] = True
    if manifest:
        document["manifest"] = manifest
    if origin is not None:
        document["origin"] = _origin(origin)
    if comparison is not None:
        _compare(document, comparison)
    if checked is not None:
        document["checked"] = {"packages": checked["packages"], "repositories": checked["repositories"]}
    if forecast is not None:
        document["forecast"] = forecast_document(forecast)
    return document


def _document(plan: Plan, steps: list[AnyStepDocument], api: str, tool_version: str) -> PlanDocument:
    """Return what every plan has."""
    return {
        "format_version": FORMAT_VERSION,
        "tool_version": tool_version,
        "api": api,
        "organization": organization_document(plan.organization),
        "complete": plan.complete,
        "applyable": plan.applyable,
        "counts": _counts(plan),
        "overlay_counts": step_counts(one for one in plan.overlay_steps if isinstance(one, OverlayStep)),
        "binding_counts": step_counts(one for one in plan.overlay_steps if isinstance(one, BindingStep)),
        "steps": steps,
        "effects": effect_documents(plan.effects),
        "groups": group_documents(plan.writes),
        "problem_groups": problem_group_documents(plan.steps),
        "unlisted": _names(plan.unlisted),
        "left_out": _names(plan.left_out),
        "guard": _guard(plan.guard),
        "bindings": _bindings(plan.bindings),
        "diagnostics": [diagnostic_document(diagnostic) for diagnostic in plan.diagnostics],
    }


def _overlay_step(
    step: OverlayStep | BindingStep, comparison: Comparison | None
) -> OverlayStepDocument | BindingStepDocument:
    document = overlay_step_document(step)
    if comparison is not None and step.writes:
        document["caused"] = step.key in comparison.caused_overlays
    return document


def _counts(plan: Plan) -> CountsDocument:
    found = plan.counts()
    return {
        "create": found[Action.CREATE],
        "update": found[Action.UPDATE],
        "reset": found[Action.RESET],
        "unchanged": found[Action.NONE],
        "blocked": found[Action.BLOCKED],
        "unknown": found[Action.UNKNOWN],
    }


def _names(names: Sequence[str]) -> NamesDocument:
    return {"count": len(names), "names": sorted(names)}


def _guard(guard: Guard) -> GuardDocument:
    rules = guard.rules
    return {
        "refused": bool(guard.refusals),
        "covered": rules.covered,
        "losing": _names(guard.losing),
        "share": round(guard.ratio, 4),
        "limit": rules.limit,
        "limit_from": str(rules.limit_from),
        "prune": rules.prune,
        "refusals": [diagnostic_document(refusal) for refusal in guard.refusals],
    }


def _bindings(bindings: Bindings) -> BindingsDocument:
    """Return what was known of the overlays that are bound to repositories."""
    if isinstance(bindings, UnknownBindings):
        return {"known": False, "count": None, "problem": bindings.problem}
    return {"known": True, "count": len(bindings), "problem": None}


def _origin(origin: Origin) -> OriginDocument:
    return {
        "kind": origin.kind,
        "created": rfc3339(origin.created),
        "tool_version": origin.tool_version,
        "manifest_digest": origin.manifest_digest,
    }


def _compare(document: PlanDocument, comparison: Comparison) -> None:
    """Add the parts of a comparison as steps, and the changes that several of a part share."""
    caused, before, no_longer = comparison.caused, comparison.already_different, comparison.no_longer
    document["caused"] = [step_document(step) for step in caused]
    document["already_different"] = [step_document(step) for step in before]
    document["no_longer"] = [step_document(step) for step in no_longer]
    document["caused_counts"] = {
        "create": _count(caused, Action.CREATE),
        "update": _count(caused, Action.UPDATE),
        "reset": _count(caused, Action.RESET),
    }
    document["part_groups"] = {
        "caused": group_documents(step for step in caused if step.writes),
        "already_different": group_documents(step for step in before if step.writes),
        "no_longer": group_documents(no_longer),
    }


def _count(steps: Sequence[Step], action: Action) -> int:
    return sum(step.action is action for step in steps)


def forecast_document(forecast: Forecast) -> ForecastDocument:
    """Return the forecast as plain data; `builds` is null if the number is not known."""
    match forecast:
        case BuildForecast(repositories=repositories, builds=builds, unknown=unknown, durations=durations):
            return {
                "repositories": repositories,
                "builds": builds or None,
                "unknown": {"count": len(unknown), "names": list(unknown)},
                "seconds": _seconds(durations),
                "problem": None,
            }
        case NoForecast(problem=problem):
            return {"repositories": None, "builds": None, "unknown": None, "seconds": None, "problem": problem}
        case _:
            assert_never(forecast)


def _seconds(durations: Durations | None) -> SecondsDocument | None:
    if durations is None:
        return None
    return {"median": round(durations.middle, 3), "longest": round(durations.longest, 3), "of": durations.of}
