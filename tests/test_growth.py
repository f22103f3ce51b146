"""No text of strangers takes more than in proportion to its length to read.

A manifest of a fork is planned in CI, and answers come from servers. Each case is read at one length and at four times
that: a reader that goes through the rest of the text at each of its pieces takes sixteen times as long. The limit lies
so far between the two that a busy machine does not reach it.
"""

import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.text import Text

from reconciler import manifest
from reconciler.api.status import body_text
from reconciler.core.overlay import EMPTY
from reconciler.core.packages import parse_constraint, version_key
from reconciler.core.planner import plan
from reconciler.core.secrets import key_looks_secret, redact, value_looks_secret
from reconciler.core.state import Live, LiveRepository, Organization
from reconciler.manifest.writing.format import formatted
from reconciler.views.console import Hanging, draw
from reconciler.views.plan_markdown import code
from reconciler.views.text import Style, clean_line, plain

LENGTH, TIMES = 5_000, 4
MOST_GROWTH = 7.0
# Seconds of CPU; less is noise.
LEAST = 0.01
_HEAD = "organization: example.com\nrepositories:\n"
_STYLE = Style(color=False, unicode=True)
_LIVE = Live(
    organization=Organization(id="4" * 40, name="example.com"),
    repositories=tuple(
        LiveRepository(id=f"{place:040x}", name=f"service-{place:04}", overlay=EMPTY) for place in range(1000)
    ),
)


def load(text: str) -> object:
    """Read a manifest."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "manifest.yaml"
        path.write_text(text, encoding="utf-8")
        return manifest.load(path, now=0.0)[0]


def entry(section: str) -> Callable[[str], object]:
    """Read a manifest whose one entry holds a text at `@` of a section."""
    return lambda text: load(f"{_HEAD}  web:\n    {section.replace('@', json.dumps(text))}\n")


def lines(form: str, head: str = _HEAD) -> Callable[[int], str]:
    """Make a manifest of many lines, `%` the number of each."""
    return lambda length: head + "".join(form.replace("%", str(n)) for n in range(length // len(form)))


def repeated(text: str, end: str = "") -> Callable[[int], str]:
    """Make a text that repeats itself."""
    return lambda length: text * (length // len(text)) + end


_CERTIFICATE = entry("certificates: {additional: [{name: a, content: @}]}")
_PACKAGE = entry("packages: [@]")
_VARIABLE = entry("environment: {API_TOKEN: @}")
_ADDRESS = entry("contents: {runtime_repositories: [@]}")


def _planned(text: str) -> object:
    desired = load(text)
    return plan(desired, _LIVE)  # type: ignore[arg-type]


def _secret(text: str) -> object:
    return value_looks_secret(text), key_looks_secret(text), redact(text)


def _profiles(length: int) -> str:
    count = length // 60
    defined = "".join(f"  name-{n}: {{packages: [a]}}\n" for n in range(count))
    used = ", ".join(f"nome-{n}x" for n in range(count))
    return f"profiles:\n{defined}{_HEAD}  web: {{profiles: [{used}]}}\n"


# The name of a case, what makes the text of a length, and what reads it.
CASES: dict[str, tuple[Callable[[int], str], Callable[[str], object]]] = {
    "page of titles": (repeated("<title>"), lambda text: body_text(b"<html>" + text.encode())),
    "page of open titles": (repeated("<title"), lambda text: body_text(b"<html>" + text.encode())),
    "certificates without an end": (repeated("-----BEGIN CERTIFICATE-----\n"), _CERTIFICATE),
    "certificates in one line": (repeated("-----BEGIN CERTIFICATE-----"), _CERTIFICATE),
    "private keys without an end": (repeated("-----BEGIN PRIVATE KE"), _CERTIFICATE),
    "package and spaces": (lambda length: "a" + " " * length + "!", _PACKAGE),
    "package and operators": (repeated("=~", "!"), _PACKAGE),
    "long package": (repeated("a", "!"), _PACKAGE),
    "tokens in a value": (repeated("eyJ"), _VARIABLE),
    "tokens with dots": (repeated("eyJaaaa."), _VARIABLE),
    "addresses in a value": (repeated("://a:"), _VARIABLE),
    "addresses of repositories": (repeated("://"), _ADDRESS),
    "host of many labels": (repeated("a.", "0"), lambda text: _ADDRESS(f"https://{text}")),
    "name of a repository": (repeated("a/", "A"), lambda text: load(f"{_HEAD}  {text}: {{}}\n")),
    "pattern of brackets": (repeated("[a"), lambda text: load(f"{_HEAD}  '{text}': {{}}\n")),
    "pattern of stars": (
        lambda length: "*a" * (length // 200) + "b",
        lambda text: _planned(f"{_HEAD}  '{text}': {{}}\n"),
    ),
    "unknown keys": (lines("    key%: 1\n", f"{_HEAD}  web:\n"), load),
    "unknown profiles": (_profiles, load),
    "unknown repositories": (lines("  servcie-%: {packages: [a]}\n"), _planned),
    "aliases of a mistake": (lines("  r%: *a\n", f"{_HEAD}  a: &a {{pakages: [x]}}\n"), load),
    "brackets": (repeated("["), lambda text: load(f"{_HEAD}  web: {text}")),
    "spaces that are none": (repeated("\xa0"), lambda text: load(_HEAD + text)),
    "format: comments": (lines("  - [x]  # c%\n", "a:\n"), formatted),
    "format: top-level keys": (lines("z%: [x]\n# c\n", "organization: a\n"), formatted),
    "format: blank lines": (repeated(" \n"), lambda text: formatted(f"a: |\n  x\n{text}  y\nb: c\n")),
    "specification": (repeated("1~a"), lambda text: parse_constraint(f"a={text}!")),
    "version of digits": (repeated("1"), version_key),
    "version of suffixes": (repeated("_a", "!"), lambda text: version_key(f"1{text}")),
    "log of sequences": (repeated("\x1b[0;"), lambda text: clean_line(text, _STYLE)),
    "log line": (repeated("é"), lambda text: draw([Hanging(Text("  |"), Text(text), 4)], style=_STYLE, width=80)),
    "controls": (repeated("\x1b"), plain),
    "backticks": (repeated("` "), code),
    **{
        f"secret: {part!r}": (repeated(part), _secret)
        for part in (
            "eyJ",
            "-----BEGIN ",
            "://a:",
            "password='",
            "Bearer a",
            "Basic A",
            "hf_a",
            "=token",
            "--password ",
        )
    },
}


def _growth(read: Callable[[str], object], short: str, long: str, *, tries: int = 7) -> float:
    """Return how many times as long the longer text takes, the best of several measurements: machines are busy."""
    least_short = least_long = float("inf")
    for _ in range(tries):
        least_short = min(least_short, _seconds(read, short))
        least_long = min(least_long, _seconds(read, long))
        if least_long < max(LEAST, MOST_GROWTH * least_short):
            break
    return least_long / max(least_short, LEAST / MOST_GROWTH)


def _seconds(read: Callable[[str], object], text: str) -> float:
    started = time.process_time()
    read(text)
    return time.process_time() - started


@pytest.mark.parametrize("name", CASES)
def test_the_time_grows_with_the_text_and_not_faster(name: str) -> None:
    make, read = CASES[name]
    short, long = make(LENGTH), make(TIMES * LENGTH)
    assert len(long) > len(short)
    assert _growth(read, short, long) <= MOST_GROWTH


def test_what_grows_faster_is_found() -> None:
    def read(text: str) -> object:
        return [text[at:].count("b") for at in range(0, len(text), 4)]

    assert _growth(read, "a" * 20_000, "a" * 20_000 * TIMES, tries=2) > MOST_GROWTH
