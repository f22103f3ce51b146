"""What one value of a manifest may be: a number, a flag, a name, a package, a share.

Nothing is converted except numbers, flags and shares, which arrive as the text that the person typed. The keys that
hold these values are in `schema`, the messages about a value in `values`.
"""

import re
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, WithJsonSchema
from pydantic_core import PydanticCustomError

NUMBER_ERROR: Final = "manifest_number"
FLAG_ERROR: Final = "manifest_flag"
ORGANIZATION_ERROR: Final = "manifest_organization"
NULL_ERROR: Final = "manifest_null"
SHARE_ERROR: Final = "manifest_share"

LARGEST_ID: Final = 4_294_967_295

NAME: Final = "[a-z0-9 ._-]+"
ADDRESS: Final = rf"^(?:/|(?:{NAME}/)+)?{NAME}$"
_GLOB: Final = r"(?:[a-z0-9 ._*?-]|\[!?[a-z0-9 ._-]+\])+"
ENTRY: Final = rf"^(?:/|(?:{_GLOB}/)+)?{_GLOB}$"
PROFILE: Final = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"
SHARE: Final = r"^(?:100(?:\.0+)?|[0-9]{1,2}(?:\.[0-9]+)?) ?%$"
ORGANIZATION: Final = rf"^{NAME}(?:/{NAME})*$"
PACKAGE: Final = (
    r"^\s*[A-Za-z0-9_/.][A-Za-z0-9_./:+-]*"
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


def _number(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if _DECIMAL.fullmatch(value) and int(value) <= LARGEST_ID:
        return int(value)
    raise PydanticCustomError(NUMBER_ERROR, "not a plain decimal number in range")


def is_organization(text: str) -> bool:
    """Whether a text is a name, a path of names or a UIDP; one that only begins as a UIDP is none of them."""
    if _ROOT.match(text):
        return bool(_UIDP.fullmatch(text))
    return bool(_ORGANIZATION.fullmatch(text))


def _organization(value: str) -> str:
    if is_organization(value):
        return value
    raise PydanticCustomError(ORGANIZATION_ERROR, "not an organisation")


def _given(value: Any) -> Any:
    if value is None:
        raise PydanticCustomError(NULL_ERROR, "null")
    return value


def _flag(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if value in _FLAGS:
        return _FLAGS[value]
    raise PydanticCustomError(FLAG_ERROR, "neither true nor false")


def _share(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if _SHARE.match(value):
        return float(value.rstrip("% ")) / 100
    raise PydanticCustomError(SHARE_ERROR, "not a share in per cent")


def is_glob(text: str) -> bool:
    """Whether the key of an entry holds a wildcard."""
    return not _WILDCARDS.isdisjoint(text)


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
PackageText = Annotated[str, StringConstraints(pattern=PACKAGE)]
