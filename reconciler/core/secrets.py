"""Recognize secrets by the form of a value, or by its name.

Two tables decide. Each form costs one search for a fixed text before its pattern is tried, and every pattern takes
linear time: values come from untrusted manifests, answers and build logs. Source-code scanners such as detect-secrets
examine lines of files; here names and values are separate, and settings must be distinguished.
"""

import re
from typing import Final

HIDDEN: Final = "***"

# Endings of names whose values only describe a secret: `TOKEN_URL`, `PASSWORD_MIN_LENGTH`, `SECRET_NAME`.
_SETTING_NAME: Final = re.compile(
    r"[_.-](?:file|path|dir|url|uri|endpoint|host|port|name|type|mode|ttl|timeout|lifetime|length|size|limit|count"
    r"|enabled|disabled|required|issuer|audience|algorithm|policy|provider|sock)$",
    re.IGNORECASE,
)
_SECRET_NAME: Final = re.compile(
    r"secret|passw(?:or)?d|passphrase|credential|token(?!i[sz])|api[_.-]?key|connection[_.-]?string"
    r"|(?:access|private|signing|encryption|ssh|master|account|auth)[_.-]?key"
    r"|(?:^|[^a-z])(?:pwd|pass|auth|dsn)(?:[^a-z]|$)",
    re.IGNORECASE,
)
_COUNT_NAME: Final = re.compile(r"tokens|(?:^|[^a-z])(?:max|min|num|limit|count|budget)(?:[^a-z]|$)", re.IGNORECASE)
_SWITCHES: Final = frozenset(
    (
        "true",
        "false",
        "yes",
        "no",
        "on",
        "off",
        "enabled",
        "disabled",
        "none",
        "null",
        "default",
        "required",
        "optional",
    )
)
_NUMBER: Final = re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,6})?(?:ms|[smhdkKMG%])?")
# The location of a secret, or a reference to it: an address such as `vault://…`, `${NAME}`, `{{ name }}`.
_REFERENCE: Final = re.compile(
    r"[A-Za-z][A-Za-z0-9+.-]{0,40}://"
    r"|(?:vault|secretref|keyvault|ssm|op|env|file):[\w/]"
    r"|arn:[a-z-]{3,12}:(?:secretsmanager|ssm):"
    r"|\$\{?[A-Za-z_][A-Za-z0-9_]{0,80}\}?$"
    r"|\$\([^()]{1,80}\)$"
    r"|\{\{[^{}]{1,80}\}\}$"
    r"|<[^<>]{1,80}>$"
)

_SECRET_REFERENCE: Final = re.compile(r"cg\+[a-z0-9-]{1,40}://")

_EXPANSION: Final = re.compile(r"\$\{?[A-Za-z_]")

# Values after an equals sign that are not secrets.
_NOT_EMBEDDED: Final = (
    r"(?!(?:true|false|yes|no|on|off|none|null|required|optional|disabled|enabled)(?![\w.-]))"
    r"(?!\$\{|\$\(|\{\{|%[sv]|<|\*{3}|\[token\])"
)
_ASSIGNED: Final = (
    r"(?:passw(?:or)?d|passphrase|secret|token|api[_-]?key|(?:access|account|shared|private|master|auth)[_-]?key"
    r"|(?<![a-z])(?:pwd|pass|sig))"
)

_SCHEME_WORDS: Final = r"(?:tokens?|auth\w*|schemes?|headers?|credentials?|methods?|only|realm)"

# The kind, a lower-case text that every match contains, and the pattern; with a group `secret`, the rest of the match
# may be printed.
FORMS: Final[tuple[tuple[str, str, re.Pattern[str]], ...]] = tuple(
    (kind, needed, re.compile(pattern))
    for kind, needed, pattern in (
        ("JSON Web Token", "eyj", r"(?<![\w-])eyJ[\w-]{4,}+\.[\w-]{4,}+\.[\w-]*"),
        ("private key", "private key", r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY"),
        (
            "user in an address",
            "://",
            r"(?<=://)(?<!ssh://)(?<!sftp://)(?!git@)[^/\s:@\"'?#]+(?=@)",
        ),
        ("password in an address", "://", r"(?<=://)[^/\s:@\"'?#]*:(?!\$\{[\w.-]{1,80}\}@)[^/\s@\"']*(?=@)"),
        ("password of a database", ")", r"(?<=:)[^\s:@/]+(?=@(?:tcp|unix)\()"),
        (
            "value of a key",
            "=",
            rf"(?i:{_ASSIGNED}[\"']?\s{{0,4}}=\s{{0,4}}[\"']?{_NOT_EMBEDDED}(?P<secret>[^\s&;,\"'<>]+))",
        ),
        ("value of a key in JSON", '"', rf"(?i:{_ASSIGNED}\"\s{{0,4}}:\s{{0,4}}\"{_NOT_EMBEDDED}(?P<secret>[^\"\s]+))"),
        ("option", "--", r"(?i:--(?:password|passwd|token|secret|api-key)[= ]\s{0,4}(?![-$<{])(?P<secret>[^\s\"']+))"),
        (
            "bearer token",
            "bearer",
            rf"(?i:\bbearer\s{{1,4}}(?!{_SCHEME_WORDS}\b))(?P<secret>[\w.~+/=-]{{6,}})",
        ),
        (
            "basic authentication",
            "basic ",
            r"(?i:\bbasic )(?=[A-Za-z0-9+/]*(?:[0-9=]|[a-z][A-Z]))[A-Za-z0-9+/]{8,}={0,2}",
        ),
        ("GitHub", "gh", r"\bgh[pousr]_[\w-]{4,}"),
        ("GitHub", "github_pat_", r"\bgithub_pat_[\w-]{4,}"),
        ("GitLab", "gl", r"\bgl(?:pat|ptt|dt|rt|cbt|ft|soat)-[\w-]{4,}"),
        ("npm", "npm_", r"\bnpm_(?:(?=[A-Za-z]{0,40}[0-9])[A-Za-z0-9]{8,}|[A-Za-z]{24,})"),
        ("PyPI", "pypi-", r"\bpypi-(?:Ag[\w-]{4,}|[A-Za-z0-9_]{16,}|[\w-]{40,})"),
        ("Docker", "dckr_", r"\bdckr_[po]at_[\w-]{4,}"),
        ("Stripe", "_live_", r"\b[rsp]k_live_[\w-]{4,}"),
        ("Stripe", "_test_", r"\b[rs]k_test_[\w-]{8,}"),
        ("webhook", "whsec_", r"\bwhsec_[\w+/=-]{8,}"),
        ("Slack", "xox", r"\bxox[a-z]-[\w-]{4,}"),
        ("Slack", "xapp-", r"\bxapp-[\w-]{8,}"),
        ("Slack", "hooks.slack", r"hooks\.slack(?:-gov)?\.com/(?:services|workflows|triggers)/[\w/-]+"),
        ("Discord", "webhooks", r"discord(?:app)?\.com/api/(?:v\d{1,2}/)?webhooks/\d[\w/-]*"),
        ("Hugging Face", "hf_", r"\bhf_(?:(?=[A-Za-z]{0,40}[0-9])[A-Za-z0-9]{6,}|[A-Za-z]{20,})"),
        ("OpenAI and Anthropic", "sk-", r"\bsk-(?:(?:proj|svcacct|admin|ant|or)-[\w-]{4,}|[A-Za-z0-9]{20,})"),
        ("SendGrid", "sg.", r"\bSG\.[\w-]{6,}+\.[\w-]{6,}|\bSG\.[\w-]{16,}"),
        ("AWS", "akia", r"\bAKIA[A-Z0-9]{8,}"),
        ("AWS", "asia", r"\bASIA[A-Z0-9]{8,}"),
        ("Google", "aiza", r"\bAIza[\w-]{30,}"),
        ("Google", "ya29.", r"\bya29\.[\w-]{10,}"),
        ("Google", "gocspx-", r"\bGOCSPX-[\w-]{10,}"),
        ("Vault", "hv", r"\bhv[sbr]\.[\w-]{16,}"),
        ("Grafana", "glsa_", r"\bglsa_[\w-]{10,}"),
        ("DigitalOcean", "_v1_", r"\bdo[opr]_v1_[\w-]{8,}"),
        ("Shopify", "shp", r"\bshp(?:at|ca|pa|ss)_[\w-]{8,}"),
        ("age", "age-secret-key-", r"\bAGE-SECRET-KEY-1[A-Z0-9]{8,}"),
    )
)
_PRIVATE_KEY: Final = re.compile(r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY")


def looks_secret(name: str, value: str) -> bool:
    """Return whether a value must not be printed: by its form, or by its name unless it is only a setting."""
    return value_looks_secret(value) or (key_looks_secret(name) and not _is_setting(name, value))


def key_looks_secret(name: str) -> bool:
    """Return whether the name of a variable suggests that its value is secret."""
    return _SECRET_NAME.search(name) is not None and _SETTING_NAME.search(name) is None


def is_secret_reference(value: str) -> bool:
    """Return whether a value references a secret that the Guarded Entrypoint fetches at run time, such as `cg+vault://…`."""
    return _SECRET_REFERENCE.match(value) is not None


def value_looks_secret(value: str) -> bool:
    """Return whether a value, whatever its name, has the form of a secret or contains one."""
    folded = value.lower()
    possible = [pattern for _, needed, pattern in FORMS if needed in folded]
    return any(pattern.search(value) for pattern in possible)


def argument_looks_secret(argument: str, before: str = "") -> bool:
    """Return whether an argument of a command holds a secret, by its form, as `--name=value`, or after an option.

    `before` is the preceding argument. An argument that expands a variable holds none.
    """
    if value_looks_secret(argument):
        return True
    name, equals, value = argument.partition("=")
    if equals:
        return bool(value) and not _EXPANSION.search(value) and looks_secret(name.lstrip("-"), value)
    option = before.startswith("-") and "=" not in before and not argument.startswith("-")
    return option and not _EXPANSION.search(argument) and looks_secret(before.lstrip("-"), argument)


def redact(text: str) -> str:
    """Return a text with every part that has the form of a secret replaced."""
    folded = text.lower()
    for _, needed, pattern in FORMS:
        if needed in folded:
            text = pattern.sub(_hidden, text)
    return text


def holds_private_key(text: str) -> bool:
    """Return whether a text holds a private key in PEM."""
    return _PRIVATE_KEY.search(text) is not None


def _hidden(found: re.Match[str]) -> str:
    start, end = found.span("secret" if found.re.groupindex else 0)
    return found.string[found.start() : start] + HIDDEN + found.string[end : found.end()]


def _is_setting(name: str, value: str) -> bool:
    """Return whether a value under a secret's name is a switch, a count, or the location of the secret."""
    text = value.strip()
    if not text or text.lower() in _SWITCHES or _REFERENCE.match(text):
        return True
    return _NUMBER.fullmatch(text) is not None and _COUNT_NAME.search(name) is not None
