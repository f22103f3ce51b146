"""The code of every problem that reading a manifest can find, with what it means in one line.

Codes are stable: scripts and the documentation refer to them. What a problem says is worded where it is found.
"""

from enum import StrEnum
from typing import Self


class Code(StrEnum):
    """Code of a problem, for programs; `meaning` is for the documentation."""

    _value_: str
    meaning: str

    def __new__(cls, value: str, meaning: str) -> Self:
        """Return a code that is its value, with its meaning."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.meaning = meaning
        return member

    # Files
    MANIFEST_NOT_FOUND = "manifest-not-found", "The file or folder does not exist."
    NO_MANIFESTS = "no-manifests", "The folder contains no YAML file."
    NOT_A_FILE = "not-a-file", "The path is a folder, a pipe or a device, not a file."
    UNREADABLE_FILE = "unreadable-file", "The file cannot be read."
    FILE_TOO_LARGE = "file-too-large", "The file is too large: a manifest may have 64 MiB, an included file 1 MiB."
    NOT_UTF8 = "not-utf8", "The file is not UTF-8."
    BINARY_FILE = "binary-file", "The file is binary."
    EMPTY_FILE = "empty-file", "The file is empty."
    ONLY_COMMENTS = "only-comments", "The file contains only comments."
    FILE_NOT_FOUND = "file-not-found", "A file referenced with `file` or `overlay` does not exist."
    PATH_OUTSIDE = "path-outside", "A referenced file is outside the manifest's folder."
    UNREAD_MANIFEST = "unread-manifest", "A file in a subfolder looks like a manifest and is not read."
    UNREAD_WITH_PRUNE = (
        "unread-with-prune",
        "With `prune`, the repositories of an unread manifest would be reset.",
    )
    MORE_PROBLEMS = "more-problems", "More than a hundred problems were found; the rest are counted."

    # YAML
    YAML_SYNTAX = "yaml-syntax", "The file is not valid YAML."
    CONTROL_CHARACTER = "control-character", "The file contains a character that YAML does not allow."
    SEVERAL_DOCUMENTS = "several-documents", "The file contains more than one YAML document."
    DUPLICATE_KEY = "duplicate-key", "A key is repeated in one mapping."
    KEY_NOT_TEXT = "key-not-text", "A key is a list, a mapping or null."
    YAML_TAG = "yaml-tag", "YAML tags such as `!!int` are not accepted; values are text as written."
    DUPLICATE_ANCHOR = "duplicate-anchor", "An anchor is defined twice."
    UNKNOWN_ALIAS = "unknown-alias", "An alias has no anchor before it."
    RECURSIVE_ALIAS = "recursive-alias", "An alias refers to a value that contains it."
    BAD_MERGE = "bad-merge", "`<<` takes a mapping or a list of mappings."
    TOO_MANY_ALIASES = "too-many-aliases", "The file has too many aliases."
    EXPANSION_TOO_LARGE = "expansion-too-large", "The aliases of the file expand to too much content."
    NESTED_TOO_DEEP = "nested-too-deep", "The file is nested too deeply."

    # The form of a manifest
    UNKNOWN_KEY = "unknown-key", "The key is unknown at this place."
    MISSING_FIELD = "missing-field", "A required key is missing."
    NULL_VALUE = "null-value", "A key has no value, which could mean empty or unmanaged."
    WRONG_TYPE = "wrong-type", "The value has the wrong type."
    EMPTY_TEXT = "empty-text", "The value is empty."
    BAD_PACKAGE = "bad-package", "The value is not a package name with an optional version constraint."
    BAD_REPOSITORY_NAME = "bad-repository-name", "The value is neither a repository name nor a glob."
    BAD_PROFILE_NAME = "bad-profile-name", "The value is not a valid profile name."
    BAD_OVERLAY_NAME = "bad-overlay-name", "The value is not a valid overlay name."
    BAD_FOLDER = "bad-folder", "The value is not the path of a folder."
    BAD_OWNER = "bad-owner", "The value is not a valid name of an owner."
    BAD_LABEL = "bad-label", "The key or the value of a label has an invalid character, or is empty."
    BAD_SELECTOR = "bad-selector", "The tags of an overlay must be `all`, `dev` or a list of tags."
    BAD_ORGANIZATION = "bad-organization", "The organization is not a name, a path of names, or a UIDP."
    BAD_NUMBER = "bad-number", "The value is not a decimal number in range."
    BAD_FLAG = "bad-flag", "The value must be `true` or `false`."
    BAD_SHARE = "bad-share", "The value is not a percentage such as `30%`."
    BAD_VALUE = "bad-value", "The value is invalid."
    CONTENT_AND_FILE = "content-and-file", "A certificate or key has both `content` and `file`."

    # References and conflicts
    RESET_WITH_SECTIONS = "reset-with-sections", "`reset: true` is combined with content that it would remove."
    SOURCE_WITH_GLOB = "source-with-glob", "A glob has `source`, but cannot create repositories."
    OVERLAYS_WITH_SECTIONS = (
        "overlays-with-sections",
        "An entry binds overlays and has content of its own, which the API does not allow together.",
    )
    OVERLAYS_WITH_GLOB = (
        "overlays-with-glob",
        "A glob customizes a repository that another entry binds overlays to.",
    )
    DUPLICATE_OVERLAY = "duplicate-overlay", "An overlay is defined twice, or bound twice to the same scope."
    CONFLICTING_OVERLAYS = (
        "conflicting-overlays",
        "Two overlays with different values are bound to the same tags in the same scope.",
    )
    EMPTY_OVERLAY = "empty-overlay", "An overlay has no content, which the API refuses."
    UNKNOWN_PROFILE = "unknown-profile", "The profile is not defined in any file of the folder."
    UNUSED_PROFILE = "unused-profile", "The profile is not used."
    DUPLICATE_PROFILE = "duplicate-profile", "A profile is defined twice, or listed twice."
    DUPLICATE_REPOSITORY = "duplicate-repository", "A repository, or a glob, has two entries."
    DUPLICATE_SOURCE = "duplicate-source", "Two entries would create the same repository."
    CONFLICTING_PACKAGES = "conflicting-packages", "A package has two different constraints."
    CONFLICTING_LAYERS = "conflicting-layers", "Two layers of the same precedence have different values."
    CONFLICTING_RESET = "conflicting-reset", "A glob resets a repository that another entry customizes."
    GIVEN_AND_REMOVED = "given-and-removed", "An entry gives something that its `remove` takes out."
    NOTHING_TO_REMOVE = "nothing-to-remove", "`remove` names something that no layer gives."
    CONFLICTING_SETTINGS = "conflicting-settings", "Two files have different values for a setting."
    CONFLICTING_ORGANIZATIONS = "conflicting-organizations", "Two files name different organizations."
    MISSING_ORGANIZATION = "missing-organization", "The organization is missing."
    MISSING_REPOSITORIES = "missing-repositories", "`repositories` is missing."
    NO_REPOSITORIES = "no-repositories", "`repositories` is empty."
    UNMATCHED_GLOB = "unmatched-glob", "A glob matches no repository."

    # Rules of the API
    RESERVED_ENVIRONMENT = "reserved-environment", "Names of variables that start with `CHAINGUARD_` are reserved."
    BAD_ENVIRONMENT_NAME = "bad-environment-name", "The name of a variable is empty, or contains `=` or white space."
    RESERVED_ANNOTATION = (
        "reserved-annotation",
        "Annotations that start with `dev.chainguard.` or `org.opencontainers.` are reserved.",
    )
    BAD_RUNTIME_REPOSITORY = "bad-runtime-repository", "A runtime repository must be an https URL."
    FORBIDDEN_HOST = "forbidden-host", "A runtime repository must be on a public host."
    DUPLICATE_RUNTIME_REPOSITORY = "duplicate-runtime-repository", "A runtime repository is listed twice."
    BAD_KEY_NAME = "bad-key-name", "The name of a key is not a plain file name, or is reserved."
    BAD_KEY = "bad-key", "A key must be one PEM block `PUBLIC KEY` with an RSA key."
    DUPLICATE_KEYRING_ENTRY = "duplicate-keyring-entry", "Two keys of one list have the same name."
    KEYRING_TOO_LARGE = "keyring-too-large", "The keys of a repository exceed 512 KB."
    BAD_CERTIFICATE = "bad-certificate", "A certificate must be one PEM block `CERTIFICATE` with X.509 version 3."
    BAD_CERTIFICATE_NAME = "bad-certificate-name", "The name of a certificate is not a plain file name."
    EXPIRED_CERTIFICATE = "expired-certificate", "A certificate has expired."
    CERTIFICATE_EXPIRES_SOON = "certificate-expires-soon", "A certificate expires in less than 30 days."
    DUPLICATE_CERTIFICATE = "duplicate-certificate", "Two certificates of one list have the same name."
    CERTIFICATES_TOO_LARGE = "certificates-too-large", "The certificates of a repository exceed 50 KB."
    PROVIDERS_IN_OVERLAY = "providers-in-overlay", "The API does not accept `certificates.providers` in an overlay."
    PRIVATE_KEY = "private-key", "The manifest, or a file that it references, contains a private key."
    SECRET_IN_MANIFEST = "secret-in-manifest", "A value looks like a secret; anyone who can pull the image can read it."
    DUPLICATE_USER = "duplicate-user", "Two users of one list have the same name."
    DUPLICATE_GROUP = "duplicate-group", "Two groups of one list have the same name."
    DUPLICATE_ID = "duplicate-id", "Two users or two groups have the same id."
    ROOT_USER = "root-user", "A user has uid 0, which is root."
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
    UNKNOWN_RUN_AS = "unknown-run-as", "`run-as` is not a user of the overlay."
    UNUSUAL_NAME = "unusual-name", "The console does not allow this name for a new repository."


# The codes that do not stop a command; all others do.
WARNINGS = frozenset(
    {
        Code.UNREAD_MANIFEST,
        Code.UNUSED_PROFILE,
        Code.NO_REPOSITORIES,
        Code.NOTHING_TO_REMOVE,
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
