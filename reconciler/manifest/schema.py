"""The form of a manifest file: which keys there are, and what each may hold.

Strict: an unknown key is refused, and nothing is converted except numbers and flags, which arrive as the text that the
person typed. Messages are worded in `problems`; rules that look at more than one value are in `checks`. Descriptions
and examples are part of the form: the JSON Schema and the messages use them.
"""

import re
from collections.abc import Callable
from typing import Annotated, Any, Final, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, WithJsonSchema
from pydantic_core import PydanticCustomError

T = TypeVar("T")

NUMBER_ERROR: Final = "manifest_number"
FLAG_ERROR: Final = "manifest_flag"
ORGANIZATION_ERROR: Final = "manifest_organization"
NULL_ERROR: Final = "manifest_null"

LARGEST_ID: Final = 4_294_967_295

NAME: Final = "[a-z0-9 ._-]+"
ADDRESS: Final = rf"^(?:/|(?:{NAME}/)+)?{NAME}$"
ORGANIZATION: Final = rf"^{NAME}(?:/{NAME})*$"
PACKAGE: Final = (
    r"^\s*[A-Za-z0-9_/.][A-Za-z0-9_./:+-]*"
    r"(?:\s*(?:[<>~]?=|=~|[<>~])\s*[A-Za-z0-9][A-Za-z0-9_.:+-]*)?"
    r"(?:\s*@\s*[A-Za-z0-9_.:+-]+)?\s*$"
)

_DECIMAL: Final = re.compile(r"0|[1-9][0-9]{0,9}")
_ORGANIZATION: Final = re.compile(ORGANIZATION)
_ROOT: Final = re.compile(r"[0-9a-f]{40}(?:/|$)")
_UIDP: Final = re.compile(r"[0-9a-f]{40}(?:/[0-9a-f]{16})*")
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
AddressText = Annotated[str, StringConstraints(pattern=ADDRESS)]
OrganizationText = Annotated[
    str, AfterValidator(_organization), WithJsonSchema({"type": "string", "pattern": ORGANIZATION})
]
PackageText = Annotated[str, StringConstraints(pattern=PACKAGE)]


def _always(default: T) -> Callable[[], T]:
    """One frozen default for every entry: a copy for each would cost more than the rest of the entry."""
    return lambda: default


class _Form(BaseModel):
    """What all parts of a manifest have in common. A field counts as mentioned when it is in `model_fields_set`."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class NamedText(_Form):
    """A certificate or a key under a name."""

    name: NonEmpty = Field(description="Name of the file in the image, unique in its list.", examples=["corp-root"])
    content: NonEmpty = Field(description="The PEM text.", examples=["..."])


class Contents(_Form):
    """What is installed, and from where more can be installed at run time."""

    packages: list[PackageText] = Field(
        default_factory=list,
        description="Packages added to the image, each optionally with a version constraint.",
        examples=[["git", "curl~8.1"]],
    )
    runtime_repositories: list[NonEmpty] = Field(
        default_factory=list,
        description="Package repositories that the image uses at run time, in order of preference.",
        examples=[["https://packages.example.com/os"]],
    )
    runtime_keyring: list[NamedText] = Field(
        default_factory=list,
        description="Public keys that packages of the runtime repositories are signed with.",
        examples=[[{"name": "corp.rsa.pub", "content": "..."}]],
    )


class User(_Form):
    """A user account."""

    username: NonEmpty = Field(description="Name of the account.", examples=["app"])
    uid: Number = Field(
        description="User id. Required, because an account without one would be root.", examples=[65532]
    )
    gid: OptionalNumber = Field(default=None, description="Id of the primary group.", examples=[65532])
    groupname: Text = Field(default="", description="Name of the primary group.", examples=["app"])
    shell: Text = Field(default="", description="Login shell.", examples=["/bin/sh"])
    homedir: Text = Field(default="", description="Home directory.", examples=["/home/app"])


class Group(_Form):
    """A group account."""

    groupname: NonEmpty = Field(description="Name of the group.", examples=["app"])
    gid: Number = Field(description="Group id.", examples=[65532])
    members: list[NonEmpty] = Field(default_factory=list, description="User names of the members.", examples=[["app"]])


class Accounts(_Form):
    """Users and groups of the image, and who its process runs as."""

    run_as: Text = Field(
        default="", alias="run-as", description="User name or uid that the image runs as.", examples=["app"]
    )
    users: list[User] = Field(
        default_factory=list, description="User accounts.", examples=[[{"username": "app", "uid": 65532}]]
    )
    groups: list[Group] = Field(
        default_factory=list, description="Group accounts.", examples=[[{"groupname": "app", "gid": 65532}]]
    )


class Certificates(_Form):
    """Certificates that the image trusts."""

    additional: list[NamedText] = Field(
        default_factory=list,
        description="Certificates, one in each entry.",
        examples=[[{"name": "corp-root", "content": "..."}]],
    )
    providers: list[NonEmpty] = Field(
        default_factory=list, description="Packages that bring certificates.", examples=[["ca-certificates-bundle"]]
    )


class Repository(_Form):
    """One repository. A section that is not mentioned is left as it is; one that is given empty is emptied."""

    packages: list[PackageText] = Field(
        default_factory=list, description="Short for `contents.packages`.", examples=[["git", "curl~8.1"]]
    )
    contents: Contents = Field(
        default_factory=_always(Contents()),
        description="Packages, runtime repositories and their keys.",
        examples=[{"packages": ["git", "curl~8.1"]}],
    )
    environment: dict[str, Text] = Field(
        default_factory=dict, description="Environment variables.", examples=[{"NODE_ENV": "production"}]
    )
    annotations: dict[str, Text] = Field(
        default_factory=dict, description="Image annotations.", examples=[{"com.example.team": "platform"}]
    )
    accounts: Accounts = Field(
        default_factory=_always(Accounts()),
        description="Users and groups, and who the image runs as.",
        examples=[{"run-as": "app", "users": [{"username": "app", "uid": 65532}]}],
    )
    certificates: Certificates = Field(
        default_factory=_always(Certificates()),
        description="Certificates that the image trusts, and packages that bring more.",
        examples=[{"providers": ["ca-certificates-bundle"]}],
    )
    source: AddressText = Field(
        default="", description="Repository to create this one from where it does not exist.", examples=["python"]
    )
    reset: Flag = Field(
        default=False, description="True: back to the image as it is shipped, without any overlay.", examples=[True]
    )


class ManifestFile(_Form):
    """A manifest file of reconciler."""

    organization: OrganizationText = Field(
        default="",
        description="Organisation or folder: a name, a path of names, or a UIDP.",
        examples=["example.com"],
    )
    repositories: dict[AddressText, Repository] = Field(
        default_factory=dict,
        description="Repositories by name, by `folder/name`, or by `/name` for the organisation's own level.",
        examples=[{"custom-node": {"packages": ["git"]}}],
    )
