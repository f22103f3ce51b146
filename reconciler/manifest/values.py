"""The values of a manifest: what each may look like, its type for pydantic, and what to say of one that is refused.

Nothing is converted except numbers, flags and shares, which arrive as the text that the person typed. The keys that
hold these values are in `schema`.
"""

import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, WithJsonSchema
from pydantic_core import PydanticCustomError

from reconciler.core.bindings import SelectorKind, TagSelector
from reconciler.core.overlay import passed_through
from reconciler.manifest.codes import Code
from reconciler.manifest.problems import quoted, shown

# What a text is refused as, which decides on the message.
NUMBER_ERROR: Final = "manifest_number"
FLAG_ERROR: Final = "manifest_flag"
ORGANIZATION_ERROR: Final = "manifest_organization"
NULL_ERROR: Final = "manifest_null"
SHARE_ERROR: Final = "manifest_share"
SELECTOR_ERROR: Final = "manifest_selector"

LARGEST_ID: Final = 4_294_967_295

NAME: Final = "[a-z0-9 ._-]+"
ADDRESS: Final = rf"^(?:/|(?:{NAME}/)+)?{NAME}$"
_GLOB: Final = r"(?:[a-z0-9 ._*?-]|\[!?[a-z0-9 ._-]+\])+"
ENTRY: Final = rf"^(?:/|(?:{_GLOB}/)+)?{_GLOB}$"
# One level after another, as the pattern of an organization, which is told from it by its text.
FOLDER: Final = rf"^(?:{NAME}/)*{NAME}$"
OVERLAY: Final = rf"^{NAME}$"
TAG: Final = r"^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$"
OWNER: Final = r"^[A-Za-z0-9][A-Za-z0-9 ._@-]*$"
LABEL: Final = r"^[A-Za-z0-9][A-Za-z0-9._/-]*$"
PROFILE: Final = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"
SHARE: Final = r"^(?:100(?:\.0+)?|[0-9]{1,2}(?:\.[0-9]+)?) ?%$"
ORGANIZATION: Final = rf"^{NAME}(?:/{NAME})*$"
PACKAGE: Final = (
    r"^\s*(?:[A-Za-z0-9_/.]|\{\{(?:major|minor)\}\})(?:[A-Za-z0-9_./:+-]|\{\{(?:major|minor)\}\})*"
    r"(?:\s*(?:[<>~]?=|=~|[<>~])\s*[A-Za-z0-9][A-Za-z0-9_.:+-]*(?:~[0-9a-f]+(?:-r[0-9]+)?)?)?"
    r"(?:\s*@\s*[A-Za-z0-9_.:+-]+)?\s*$"
)

_DECIMAL: Final = re.compile(r"0|[1-9][0-9]{0,9}")
_ORGANIZATION: Final = re.compile(ORGANIZATION)
_ROOT: Final = re.compile(r"[0-9a-f]{40}(?:/|$)")
_UIDP: Final = re.compile(r"[0-9a-f]{40}(?:/[0-9a-f]{16})*")
_SHARE: Final = re.compile(SHARE)
_WILDCARDS: Final = frozenset("*?[]")
_FLAGS: Final = {"true": True, "false": False}


def _number(text: str) -> int | None:
    """Return a plain decimal number that can be an id; None for other texts."""
    return int(text) if _DECIMAL.fullmatch(text) and int(text) <= LARGEST_ID else None


def _flag(text: str) -> bool | None:
    """Return the value of `true` or `false`; None for other texts."""
    return _FLAGS.get(text)


def _percentage(text: str) -> float | None:
    """Return a share in per cent, from 0 to 1; None for other texts."""
    return float(text.rstrip("% ")) / 100 if _SHARE.fullmatch(text) else None


def is_organization(text: str) -> bool:
    """Return whether a text is a name, a path of names or a UIDP; one that only begins as a UIDP is none of them."""
    if _ROOT.match(text):
        return bool(_UIDP.fullmatch(text))
    return bool(_ORGANIZATION.fullmatch(text))


def is_glob(text: str) -> bool:
    """Return whether the key of an entry holds a wildcard."""
    return not _WILDCARDS.isdisjoint(text)


_TAG: Final = re.compile(TAG)


def _read(parse: Callable[[str], object], error: str, problem: str) -> BeforeValidator:
    """Return the validator that turns the text that was typed into a value; None and other values are for pydantic."""

    def read(value: Any) -> Any:
        found = parse(value) if isinstance(value, str) else value
        if found is None and value is not None:
            raise PydanticCustomError(error, problem)
        return found

    return BeforeValidator(read)


def _organization(value: str) -> str:
    if is_organization(value):
        return value
    raise PydanticCustomError(ORGANIZATION_ERROR, "not an organization")


def _given(value: Any) -> Any:
    if value is None:
        raise PydanticCustomError(NULL_ERROR, "null")
    return value


def _selector(value: Any) -> TagSelector:
    match value:
        case "all":
            return TagSelector(kind=SelectorKind.ALL)
        case "dev":
            return TagSelector(kind=SelectorKind.VARIANT, variant="dev")
        case [_, *_] if all(isinstance(tag, str) and _TAG.fullmatch(tag) for tag in value):
            return TagSelector(kind=SelectorKind.EXACT, tags=tuple(sorted(set(value))))
        case _:
            raise PydanticCustomError(SELECTOR_ERROR, "neither `all` nor `dev` nor a list of tags")


# An editor reads `3.10` as a number; here it is the text that was typed.
_TEXT: Final[dict[str, Any]] = {"type": ["string", "number", "boolean"]}

Text = Annotated[str, WithJsonSchema(_TEXT)]
NonEmpty = Annotated[str, StringConstraints(min_length=1), WithJsonSchema({**_TEXT, "minLength": 1})]
Number = Annotated[int, Field(ge=0, le=LARGEST_ID), _read(_number, NUMBER_ERROR, "not a plain decimal number in range")]
# Absent is not null: who writes the key has to give the number.
OptionalNumber = Annotated[
    Number | None, BeforeValidator(_given), WithJsonSchema({"type": "integer", "minimum": 0, "maximum": LARGEST_ID})
]
Flag = Annotated[bool, _read(_flag, FLAG_ERROR, "not true or false")]
Share = Annotated[
    float,
    Field(ge=0, le=1),
    _read(_percentage, SHARE_ERROR, "not a percentage"),
    WithJsonSchema({"type": "string", "pattern": SHARE}),
]
EntryText = Annotated[str, StringConstraints(pattern=ENTRY)]
ProfileText = Annotated[str, StringConstraints(pattern=PROFILE)]
AddressText = Annotated[str, StringConstraints(pattern=ADDRESS)]
OrganizationText = Annotated[
    str, AfterValidator(_organization), WithJsonSchema({"type": "string", "pattern": ORGANIZATION})
]
# Content whose fields are not known, as canonical JSON text.
PassedThrough = Annotated[
    Any,
    BeforeValidator(_given),
    AfterValidator(passed_through),
    WithJsonSchema({"type": ["object", "array", "string", "number", "boolean"]}),
]
OverlayText = Annotated[str, StringConstraints(pattern=OVERLAY)]
OwnerText = Annotated[str, StringConstraints(pattern=OWNER)]
LabelText = Annotated[str, StringConstraints(pattern=LABEL)]
FolderText = Annotated[str, StringConstraints(pattern=FOLDER)]
# The tags that get an overlay.
Selector = Annotated[
    Any,
    BeforeValidator(_given),
    AfterValidator(_selector),
    WithJsonSchema(
        {
            "anyOf": [
                {"enum": ["all", "dev"]},
                {"type": "array", "minItems": 1, "items": {**_TEXT, "pattern": TAG}},
            ]
        }
    ),
]
PackageText = Annotated[str, StringConstraints(pattern=PACKAGE)]

_OPERATOR: Final = re.compile(r" ?([=<>~@]+) ?")
_ALLOWED: Final = "lower-case letters, digits, `.`, `_`, `-` and spaces"


def _bad_package(_key: str, text: str) -> tuple[str, str]:
    """Return the finding for an invalid package specification."""
    if not text.strip():
        return "missing package name", "add a package name, or remove the item"
    if "{{" in text:
        hint = "use `{{major}}` and `{{minor}}` in the name only; other templates are not supported"
        return f"{quoted(text)} is not a package with a supported template", hint
    if "," in text or len(_OPERATOR.sub(r"\1", " ".join(text.split())).split()) > 1:
        return f"{quoted(text)} is not one package", "use one list item for each package"
    hint = "use a name, or a name with a constraint: `curl=8.9.1-r0`, `curl~8.9`, `curl>8`, `curl@tag`"
    return f"{quoted(text)} is not a package", hint


def _bad_repository(_key: str, text: str) -> tuple[str, str]:
    """Return the finding for an invalid repository address."""
    if is_glob(text):
        return f"{quoted(text)} contains a wildcard, which is not accepted here", "use the name of one repository"
    return _bad_entry(_key, text)


def _bad_entry(_key: str, text: str) -> tuple[str, str]:
    """Return the finding for a key of an entry that is neither an address nor a glob."""
    if is_glob(text) and text == text.lower():
        return f"{quoted(text)} is not a glob", f"use `*`, `?`, `[abc]` and the characters of a name: {_ALLOWED}"
    if text != text.lower():
        return f"{quoted(text)} is not a repository name", f"use lower case: `{shown(text.lower())}`"
    hint = f"use `name`, `folder/name` or `/name`; a name may contain {_ALLOWED}"
    return f"{quoted(text)} is not a repository name", hint


def _bad_profile(_key: str, text: str) -> tuple[str, str]:
    """Return the finding for an invalid profile name."""
    return f"{quoted(text)} is not a profile name", "use letters, digits, `.`, `_` and `-`"


def _bad_share(key: str, text: str) -> tuple[str, str]:
    """Return the finding for an invalid share."""
    return f"`{key}` must be a percentage from 0% to 100%, not {quoted(text)}", f"use a percentage: `{key}: 30%`"


def bad_organization(_key: str, text: str) -> tuple[str, str]:
    """Return the finding for an organization that is neither a name nor a path nor a UIDP."""
    hint = "use a name such as `example.com`, a path such as `example.com/team-a`, or a UIDP"
    return f"{quoted(text)} is not an organization", hint


def _bad_number(key: str, text: str) -> tuple[str, str]:
    """Return the finding for a number that is not plain decimal, or out of range."""
    summary = f"`{key}` must be a whole number from 0 to {LARGEST_ID}, not {quoted(text)}"
    return summary, "use decimal digits without sign, leading zeros or underscores"


def _bad_flag(key: str, text: str) -> tuple[str, str]:
    """Return the finding for a flag that is neither true nor false."""
    return f"`{key}` must be `true` or `false`, not {quoted(text)}", f"write `{key}: true`, or remove the line"


def _bad_selector(key: str, _text: str) -> tuple[str, str]:
    """Return the finding for an invalid selector of tags."""
    name = shown(key)
    summary = f"the tags of overlay `{name}` must be `all`, `dev` or a list of tags"
    return summary, f"write `{name}: all`, `{name}: dev` or `{name}: [1.2, 1.2-dev]`"


def _bad_overlay(_key: str, text: str) -> tuple[str, str]:
    """Return the finding for an invalid overlay name."""
    return f"{quoted(text)} is not an overlay name", f"use {_ALLOWED}"


def _bad_owner(_key: str, text: str) -> tuple[str, str]:
    """Return the finding for an invalid owner name."""
    return f"{quoted(text)} is not the name of an owner", "use letters, digits, `.`, `_`, `-`, `@` and spaces"


def _bad_label(_key: str, text: str) -> tuple[str, str]:
    """Return the finding for an invalid key or value of a label."""
    return f"{quoted(text)} is not a label", "use letters, digits, `.`, `_`, `-` and `/`"


def _bad_folder(_key: str, text: str) -> tuple[str, str]:
    """Return the finding for an invalid folder path."""
    return f"{quoted(text)} is not the path of a folder", "use its path from the organization, such as `team-a/edge`"


# By the pattern or the kind of error that the schema reports.
VALUE_MESSAGES: Final[Mapping[str, tuple[Code, Callable[[str, str], tuple[str, str]]]]] = {
    PACKAGE: (Code.BAD_PACKAGE, _bad_package),
    ADDRESS: (Code.BAD_REPOSITORY_NAME, _bad_repository),
    ENTRY: (Code.BAD_REPOSITORY_NAME, _bad_entry),
    PROFILE: (Code.BAD_PROFILE_NAME, _bad_profile),
    OVERLAY: (Code.BAD_OVERLAY_NAME, _bad_overlay),
    FOLDER: (Code.BAD_FOLDER, _bad_folder),
    OWNER: (Code.BAD_OWNER, _bad_owner),
    LABEL: (Code.BAD_LABEL, _bad_label),
    SELECTOR_ERROR: (Code.BAD_SELECTOR, _bad_selector),
    ORGANIZATION_ERROR: (Code.BAD_ORGANIZATION, bad_organization),
    SHARE_ERROR: (Code.BAD_SHARE, _bad_share),
    NUMBER_ERROR: (Code.BAD_NUMBER, _bad_number),
    FLAG_ERROR: (Code.BAD_FLAG, _bad_flag),
}
