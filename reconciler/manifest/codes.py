"""The code of every problem that reading a manifest can find, with what it means in one line.

Codes are stable: scripts and the documentation refer to them. What a problem says is worded where it is found.
"""

import sys
from collections.abc import Iterator
from enum import StrEnum
from typing import Final, Self

from reconciler.core.binding_rules import BINDING_CODES
from reconciler.core.packages import PACKAGE_CODES
from reconciler.core.planner import PLAN_CODES
from reconciler.core.resolution import RESOLUTION_CODES


class Code(StrEnum):
    """What is wrong, for programs; `meaning` is for the documentation."""

    _value_: str
    meaning: str

    def __new__(cls, value: str, meaning: str) -> Self:
        """A code that is its value and knows what it means."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.meaning = meaning
        return member

    # Files
    MANIFEST_NOT_FOUND = "manifest-not-found", "There is no file or folder of this name."
    NO_MANIFESTS = "no-manifests", "The folder holds no YAML file."
    NOT_A_FILE = "not-a-file", "A folder, a pipe or the like stands where a file should be."
    UNREADABLE_FILE = "unreadable-file", "The operating system does not let the file be read."
    FILE_TOO_LARGE = "file-too-large", "A manifest may have 64 MiB, a file that it names 1 MiB."
    NOT_UTF8 = "not-utf8", "The file is in another encoding."
    BINARY_FILE = "binary-file", "The file is no text."
    EMPTY_FILE = "empty-file", "There is nothing in the file."
    ONLY_COMMENTS = "only-comments", "There is nothing but comments in the file."
    FILE_NOT_FOUND = "file-not-found", "A file that the manifest names with `file` or `overlay` is not there."
    PATH_OUTSIDE = "path-outside", "A file that the manifest names lies outside of the manifest's folder."
    UNREAD_MANIFEST = "unread-manifest", "A file below the folder looks like a manifest and is not read."
    UNREAD_WITH_PRUNE = (
        "unread-with-prune",
        "With `prune`, the repositories of a manifest that is not read would be reset.",
    )
    MORE_PROBLEMS = "more-problems", "There are more than a hundred problems; the rest is only counted."

    # YAML
    YAML_SYNTAX = "yaml-syntax", "The file is no valid YAML."
    CONTROL_CHARACTER = "control-character", "A character that YAML does not allow."
    SEVERAL_DOCUMENTS = "several-documents", "A file holds one YAML document."
    DUPLICATE_KEY = "duplicate-key", "A key stands twice in one mapping."
    KEY_NOT_TEXT = "key-not-text", "A key is a list, a mapping or null."
    YAML_TAG = "yaml-tag", "Values are text as it is written; tags such as `!!int` are not accepted."
    DUPLICATE_ANCHOR = "duplicate-anchor", "An anchor is set twice."
    UNKNOWN_ALIAS = "unknown-alias", "An alias stands before its anchor, or has none."
    RECURSIVE_ALIAS = "recursive-alias", "An alias stands inside of what it stands for."
    BAD_MERGE = "bad-merge", "`<<` takes a mapping or a list of mappings."
    TOO_MANY_ALIASES = "too-many-aliases", "The number of aliases in one file is limited."
    EXPANSION_TOO_LARGE = "expansion-too-large", "What the aliases of one file stand for is limited."
    NESTED_TOO_DEEP = "nested-too-deep", "The depth of nesting is limited."

    # The form of a manifest
    UNKNOWN_KEY = "unknown-key", "The format has no such key at this place."
    MISSING_FIELD = "missing-field", "A key that is needed is not there."
    NULL_VALUE = "null-value", "Nothing stands behind a key: that could mean empty or unmanaged."
    WRONG_TYPE = "wrong-type", "A list, a mapping or text stands where something else should."
    EMPTY_TEXT = "empty-text", "The text must not be empty."
    BAD_PACKAGE = "bad-package", "This is no package name with an optional version constraint."
    BAD_REPOSITORY_NAME = "bad-repository-name", "This is no repository name, and no glob."
    BAD_PROFILE_NAME = "bad-profile-name", "This is no name for a profile."
    BAD_ORGANIZATION = "bad-organization", "This is no name, no path of names, and no UIDP."
    BAD_NUMBER = "bad-number", "This is no plain decimal number, or out of range."
    BAD_FLAG = "bad-flag", "This is neither `true` nor `false`."
    BAD_SHARE = "bad-share", "This is no share such as `30%`."
    BAD_VALUE = "bad-value", "The value cannot be understood."
    CONTENT_AND_FILE = "content-and-file", "A certificate or key is given both as text and as a file."

    # What belongs together
    RESET_WITH_SECTIONS = "reset-with-sections", "`reset: true` stands beside something that it would empty."
    SOURCE_WITH_GLOB = "source-with-glob", "A glob means repositories that are there; it cannot create one."
    UNKNOWN_PROFILE = "unknown-profile", "No file of the folder has a profile of this name."
    UNUSED_PROFILE = "unused-profile", "No entry names this profile."
    DUPLICATE_PROFILE = "duplicate-profile", "A profile is defined twice, or named twice in one list."
    DUPLICATE_REPOSITORY = "duplicate-repository", "A repository, or a glob, has two entries."
    DUPLICATE_SOURCE = "duplicate-source", "Two entries would create the same repository."
    CONFLICTING_PACKAGES = "conflicting-packages", "A package is asked for with two different constraints."
    CONFLICTING_LAYERS = "conflicting-layers", "Two blocks of the same strength disagree about a value."
    CONFLICTING_RESET = "conflicting-reset", "A glob resets what another entry customises."
    CONFLICTING_SETTINGS = "conflicting-settings", "Two files give a setting different values."
    CONFLICTING_ORGANIZATIONS = "conflicting-organizations", "Two files name different organisations."
    MISSING_ORGANIZATION = "missing-organization", "Nothing names the organisation."
    MISSING_REPOSITORIES = "missing-repositories", "There is no `repositories`."
    NO_REPOSITORIES = "no-repositories", "`repositories` is empty."
    UNMATCHED_GLOB = "unmatched-glob", "A glob matches no repository."

    # Rules of the API
    RESERVED_ENVIRONMENT = "reserved-environment", "Variables that begin with `CHAINGUARD_` are reserved."
    BAD_ENVIRONMENT_NAME = "bad-environment-name", "The name of a variable is empty, or holds `=` or white space."
    RESERVED_ANNOTATION = (
        "reserved-annotation",
        "Annotations that begin with `dev.chainguard.` or `org.opencontainers.` are reserved.",
    )
    BAD_RUNTIME_REPOSITORY = "bad-runtime-repository", "A runtime repository is an https address."
    FORBIDDEN_HOST = "forbidden-host", "A runtime repository must be on a host that everybody can reach."
    DUPLICATE_RUNTIME_REPOSITORY = "duplicate-runtime-repository", "A runtime repository stands twice in one list."
    BAD_KEY_NAME = "bad-key-name", "The name of a key is no plain file name, or is reserved."
    BAD_KEY = "bad-key", "A key is one PEM block `PUBLIC KEY` that holds an RSA key."
    DUPLICATE_KEYRING_ENTRY = "duplicate-keyring-entry", "Two keys of one list have the same name."
    KEYRING_TOO_LARGE = "keyring-too-large", "The keys of one repository may have 512 KB together."
    BAD_CERTIFICATE = "bad-certificate", "A certificate is one PEM block `CERTIFICATE` that holds X.509 version 3."
    BAD_CERTIFICATE_NAME = "bad-certificate-name", "The name of a certificate is no plain file name."
    EXPIRED_CERTIFICATE = "expired-certificate", "A certificate is not valid any more."
    CERTIFICATE_EXPIRES_SOON = "certificate-expires-soon", "A certificate is valid for less than 30 days."
    DUPLICATE_CERTIFICATE = "duplicate-certificate", "Two certificates of one list have the same name."
    CERTIFICATES_TOO_LARGE = "certificates-too-large", "The certificates of one repository may have 50 KB together."
    PRIVATE_KEY = "private-key", "A private key stands in the manifest, or in a file that it names."
    SECRET_IN_MANIFEST = "secret-in-manifest", "A value looks like a secret; whoever has the image can read it."
    DUPLICATE_USER = "duplicate-user", "Two users of one list have the same name."
    DUPLICATE_GROUP = "duplicate-group", "Two groups of one list have the same name."
    DUPLICATE_ID = "duplicate-id", "Two users or two groups have the same id."
    ROOT_USER = "root-user", "A user has uid 0; an image runs as root with `run-as: 0`."
    BAD_PREFLIGHT = "bad-preflight", "A check of `preflight` is not one that the API takes."
    TOO_MANY_CHECKS = "too-many-checks", "`preflight` may have 32 checks."
    BAD_COMMAND = "bad-command", "`command_override` is not one that the API takes."
    GUARDED_DISABLE = "guarded-disable", "`GUARDED_DISABLE` bypasses the Guarded Entrypoint."
    BAD_SECRET_REFERENCE = "bad-secret-reference", "A value that begins with `cg+` is not a known secret reference."
    WRAPPER_REQUIRED = (
        "guarded-entrypoint-required",
        "A setting of the Guarded Entrypoint is given, and `guarded_entrypoint` is not on.",
    )
    WRAPPER_UNMANAGED = (
        "guarded-entrypoint-unmanaged",
        "A setting of the Guarded Entrypoint is managed, and `guarded_entrypoint` is not.",
    )
    REFERENCE_WITHOUT_WRAPPER = (
        "reference-without-wrapper",
        "Without the Guarded Entrypoint, a secret reference is text in the image.",
    )
    FAIL_OPEN_WITH_SECRET = (
        "fail-open-with-secret",
        "With `fail_mode: open`, a container starts even where a secret cannot be resolved.",
    )
    PINNED_WRAPPER = "pinned-wrapper", "The package `guarded-entrypoint` has a fixed version; builds can be refused."
    UNKNOWN_ENUM_NAME = "unknown-enum-name", "A value that this version does not know; it is sent as it is."
    PASSED_THROUGH = "passed-through", "The fields of `truststore` are not published; it is compared and sent as it is."
    UNKNOWN_RUN_AS = "unknown-run-as", "`run-as` names no user of the overlay."
    UNUSUAL_NAME = "unusual-name", "The console would not give a new repository this name."


# The codes that let a command go on; all others stop it.
WARNINGS = frozenset(
    {
        Code.UNREAD_MANIFEST,
        Code.UNUSED_PROFILE,
        Code.NO_REPOSITORIES,
        Code.UNMATCHED_GLOB,
        Code.CERTIFICATE_EXPIRES_SOON,
        Code.SECRET_IN_MANIFEST,
        Code.DUPLICATE_ID,
        Code.BAD_SECRET_REFERENCE,
        Code.GUARDED_DISABLE,
        Code.WRAPPER_UNMANAGED,
        Code.REFERENCE_WITHOUT_WRAPPER,
        Code.FAIL_OPEN_WITH_SECRET,
        Code.PINNED_WRAPPER,
        Code.UNKNOWN_ENUM_NAME,
        Code.UNKNOWN_RUN_AS,
        Code.UNUSUAL_NAME,
    }
)

_NOTES: Final = frozenset({Code.MORE_PROBLEMS, Code.PASSED_THROUGH})
_HEAD: Final = """\
# Diagnostics of the manifest

Written by `make diagnostics`; do not edit. Every problem has a code, which stays what it is, a place that a person can
jump to, and a hint that says what to do. Errors stop a command, warnings do not. One run reports all of them.
"""
_SECTIONS: Final = {
    Code.MANIFEST_NOT_FOUND: "Files",
    Code.YAML_SYNTAX: "YAML",
    Code.UNKNOWN_KEY: "The form of a manifest",
    Code.RESET_WITH_SECTIONS: "What belongs together",
    Code.RESERVED_ENVIRONMENT: "Rules of the API",
}
_TABLE: Final = ("", "| code | | means |", "| --- | --- | --- |")


def page() -> str:
    """Return the page of all codes: `python -m reconciler.manifest.codes > docs/diagnostics.md`."""
    return "\n".join([*_HEAD.splitlines(), *_codes(), *_planning()]) + "\n"


def _codes() -> Iterator[str]:
    for code in Code:
        if code in _SECTIONS:
            yield from ("", f"## {_SECTIONS[code]}", *_TABLE)
        severity = "note" if code in _NOTES else "warning" if code in WARNINGS else "error"
        yield f"| `{code}` | {severity} | {code.meaning} |"


def _planning() -> Iterator[str]:
    yield from ("", "## Found when planning", *_TABLE)
    yield from (
        f"| `{code}` | {severity} | {meaning} |"
        for code, (severity, meaning) in {**PLAN_CODES, **BINDING_CODES}.items()
    )
    yield from ("", "## Found when packages are looked into", *_TABLE)
    for code, (severity, meaning) in {**PACKAGE_CODES, **RESOLUTION_CODES}.items():
        yield f"| `{code}` | {severity} | {meaning} |"


if __name__ == "__main__":
    sys.stdout.write(page())
