"""The code of every problem that reading a manifest can find.

Codes are stable: scripts and the documentation refer to them. What a problem says is worded in `file_problems`,
`problems` and `checks`.
"""

from enum import StrEnum


class Code(StrEnum):
    """What is wrong, for programs."""

    # Files
    MANIFEST_NOT_FOUND = "manifest-not-found"
    NO_MANIFESTS = "no-manifests"
    NOT_A_FILE = "not-a-file"
    UNREADABLE_FILE = "unreadable-file"
    FILE_TOO_LARGE = "file-too-large"
    NOT_UTF8 = "not-utf8"
    BINARY_FILE = "binary-file"
    EMPTY_FILE = "empty-file"
    ONLY_COMMENTS = "only-comments"

    # YAML
    YAML_SYNTAX = "yaml-syntax"
    CONTROL_CHARACTER = "control-character"
    SEVERAL_DOCUMENTS = "several-documents"
    DUPLICATE_KEY = "duplicate-key"
    KEY_NOT_TEXT = "key-not-text"
    YAML_TAG = "yaml-tag"
    DUPLICATE_ANCHOR = "duplicate-anchor"
    UNKNOWN_ALIAS = "unknown-alias"
    RECURSIVE_ALIAS = "recursive-alias"
    BAD_MERGE = "bad-merge"
    TOO_MANY_ALIASES = "too-many-aliases"
    EXPANSION_TOO_LARGE = "expansion-too-large"
    NESTED_TOO_DEEP = "nested-too-deep"

    # The form of a manifest
    UNKNOWN_KEY = "unknown-key"
    MISSING_FIELD = "missing-field"
    NULL_VALUE = "null-value"
    WRONG_TYPE = "wrong-type"
    EMPTY_TEXT = "empty-text"
    BAD_PACKAGE = "bad-package"
    BAD_REPOSITORY_NAME = "bad-repository-name"
    BAD_ORGANIZATION = "bad-organization"
    BAD_NUMBER = "bad-number"
    BAD_FLAG = "bad-flag"
    BAD_VALUE = "bad-value"

    # What belongs together
    RESET_WITH_SECTIONS = "reset-with-sections"
    CONFLICTING_PACKAGES = "conflicting-packages"
    DUPLICATE_USER = "duplicate-user"
    DUPLICATE_GROUP = "duplicate-group"
    DUPLICATE_KEYRING_ENTRY = "duplicate-keyring-entry"
    DUPLICATE_CERTIFICATE = "duplicate-certificate"
    DUPLICATE_REPOSITORY = "duplicate-repository"
    CONFLICTING_ORGANIZATIONS = "conflicting-organizations"
    MISSING_ORGANIZATION = "missing-organization"
    MISSING_REPOSITORIES = "missing-repositories"
    NO_REPOSITORIES = "no-repositories"
