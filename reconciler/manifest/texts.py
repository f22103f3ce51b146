"""Types of values in a manifest, for pydantic: a number, a flag, a name, a package, a share.

Nothing is converted except numbers, flags and shares, which arrive as the text that the person typed. The keys that
hold these values are in `schema`, what the texts look like in `patterns`, the messages about a value in `values`.
"""

import re
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, WithJsonSchema
from pydantic_core import PydanticCustomError

from reconciler.core.bindings import SelectorKind, TagSelector
from reconciler.core.overlay import passed_through
from reconciler.manifest import patterns
from reconciler.manifest.patterns import (
    ADDRESS,
    ENTRY,
    FLAG_ERROR,
    FOLDER,
    LABEL,
    LARGEST_ID,
    NULL_ERROR,
    NUMBER_ERROR,
    ORGANIZATION,
    ORGANIZATION_ERROR,
    OVERLAY,
    OWNER,
    PACKAGE,
    PROFILE,
    SELECTOR_ERROR,
    SHARE,
    SHARE_ERROR,
    TAG,
)

_TAG: Final = re.compile(TAG)


def _number(value: Any) -> Any:
    found = patterns.number(value) if isinstance(value, str) else value
    if found is None and value is not None:
        raise PydanticCustomError(NUMBER_ERROR, "not a plain decimal number in range")
    return found


def _organization(value: str) -> str:
    if patterns.is_organization(value):
        return value
    raise PydanticCustomError(ORGANIZATION_ERROR, "not an organization")


def _given(value: Any) -> Any:
    if value is None:
        raise PydanticCustomError(NULL_ERROR, "null")
    return value


def _flag(value: Any) -> Any:
    found = patterns.flag(value) if isinstance(value, str) else value
    if found is None and value is not None:
        raise PydanticCustomError(FLAG_ERROR, "not true or false")
    return found


def _share(value: Any) -> Any:
    found = patterns.percentage(value) if isinstance(value, str) else value
    if found is None and value is not None:
        raise PydanticCustomError(SHARE_ERROR, "not a percentage")
    return found


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
Number = Annotated[int, Field(ge=0, le=LARGEST_ID), BeforeValidator(_number)]
# Absent is not null: who writes the key has to give the number.
OptionalNumber = Annotated[
    Number | None, BeforeValidator(_given), WithJsonSchema({"type": "integer", "minimum": 0, "maximum": LARGEST_ID})
]
Flag = Annotated[bool, BeforeValidator(_flag)]
Share = Annotated[
    float, Field(ge=0, le=1), BeforeValidator(_share), WithJsonSchema({"type": "string", "pattern": SHARE})
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
