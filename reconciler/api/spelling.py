"""The names of fields that the two generations of the API spell differently; what both spell alike is not here."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Spelling:
    """How one generation spells the id of a repository and the names in `accounts.users` and `accounts.groups`.

    A user's own group is `groupName` in both, a group's name is not: the published documents say so.
    """

    repository_id: str
    username: str
    groupname: str


V1 = Spelling(repository_id="id", username="userName", groupname="groupName")
V2 = Spelling(repository_id="uid", username="username", groupname="groupname")
