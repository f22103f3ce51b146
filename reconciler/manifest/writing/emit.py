"""Manifest text made from values: an overlay as an entry, YAML in canonical layout, whole files, and PEM files.

A text is plain where every reader of YAML takes it for text, and quoted or a block otherwise: this program's own loader
takes nearly everything for text, but editors and other tools guess numbers, dates and flags.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import is_dataclass
from itertools import count
from pathlib import Path, PurePosixPath
from typing import Any, Final, Literal, TypeAlias

from reconciler.core.overlay import SECTION_FIELDS, Overlay, PemFile, Section, pem_text, sections_held
from reconciler.core.state import Directory, LiveRepository, Organization
from reconciler.diagnostics import Diagnostic
from reconciler.manifest.form import SECTION_PATHS, Form, form_at
from reconciler.manifest.writing.folder import FilesRefused
from reconciler.manifest.writing.format import WIDTH
from reconciler.manifest.writing.syntax import Shape

Split: TypeAlias = Literal["repository", "folder"]
PlacePem: TypeAlias = Callable[[Section, PemFile], dict[str, Shape]]

PROFILES_FILE: Final = "profiles.yaml"

_STEP: Final = 2
_MANIFEST_SUFFIX: Final = ".yaml"
_PEM_FOLDER: Final = "certs"
_PEM_SUFFIX: Final = ".pem"
_LONGEST_NAME: Final = 100
# Names of devices on Windows, which no file may have there whatever its suffix.
_DEVICES: Final = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9]|conin|conout)(?:\.|$)", re.IGNORECASE)

_PLAIN: Final = re.compile(r"[A-Za-z0-9_./](?:[A-Za-z0-9_./@%+=~^<>$()*!?;|&:-]| (?=[A-Za-z0-9_./(@%+$]))*")
_COLON: Final = re.compile(r":(?: |$)")
_NUMBER_LIKE: Final = re.compile(r"[-+.0-9][-+.0-9_:a-fA-FxXoOeE]*")
_WORDS: Final = frozenset({"true", "false", "yes", "no", "on", "off", "y", "n", "null", ".inf", ".nan"})
_UNSAFE: Final = re.compile("[^ -~\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]|[\u2028\u2029]")
_ESCAPES: Final = {"\n": "\\n", "\t": "\\t", "\r": "\\r", '"': '\\"', "\\": "\\\\"}


def file_name(repository: LiveRepository, directory: Directory, organization: Organization, split: Split | None) -> str:
    """Return the name of the file that a repository's entry goes into."""
    match split:
        case "repository":
            words = directory.label(repository)
        case "folder" if repository.folder:
            words = repository.folder
        case _:
            words = organization.name
    name = (safe_name(words.strip("/").replace("/", "-")).lower() or "manifest") + _MANIFEST_SUFFIX
    # Profiles have this file to themselves.
    return f"repository-{name}" if name == PROFILES_FILE or _DEVICES.match(name) else name


def render_document(
    organization: str | None,
    *,
    entries: Iterable[tuple[str, Shape]] = (),
    profiles: Mapping[str, Shape] | None = None,
    overlays: Mapping[str, Shape] | None = None,
    all_repositories: Mapping[str, Shape] | None = None,
    folders: Mapping[str, Shape] | None = None,
) -> str:
    """Return the text of a new manifest file; `all_repositories` are the bindings of that scope."""
    blocks: list[list[str]] = []
    if organization is not None:
        blocks.append(pair("organization", organization, 0))
    for key, named in (("profiles", profiles), ("overlays", overlays)):
        if named:
            blocks.append([f"{key}:", *_with_blank_lines(pair(name, shape, 2) for name, shape in named.items())])
    if all_repositories:
        blocks.append(["all_repositories:", *pair("overlays", dict(all_repositories), 2)])
    if folders:
        blocks.append(["folders:", *_with_blank_lines(pair(path, shape, 2) for path, shape in folders.items())])
    lines = _with_blank_lines(pair(name, shape, 2) for name, shape in entries)
    if lines:
        blocks.append(["repositories:", *lines])
    return "\n\n".join("\n".join(block) for block in blocks) + "\n"


def _with_blank_lines(blocks: Iterable[list[str]]) -> list[str]:
    """Return blocks of lines with a blank line between them."""
    lines: list[str] = []
    for number, block in enumerate(blocks):
        lines += ["", *block] if number else block
    return lines


def entry_of(overlay: Overlay, sections: Iterable[Section], place_pem: PlacePem) -> dict[str, Shape]:
    """Return what an entry says for these sections; `place_pem` gives the item for a certificate or key."""
    wanted = frozenset(sections)
    found: dict[str, Shape] = {}
    for section, path in SECTION_PATHS.items():
        if section in wanted:
            holder = found
            for key in path[:-1]:
                inner = holder.setdefault(key, {})
                assert isinstance(inner, dict)
                holder = inner
            form = form_at(("repositories", "", *path))
            holder[path[-1]] = _section(overlay, section, form, place_pem)
    return found


def filled_sections(overlay: Overlay) -> frozenset[Section]:
    """Return the sections in which something is."""
    return frozenset(sections_held(overlay))


def _section(overlay: Overlay, section: Section, form: Form, place_pem: PlacePem) -> Shape:
    """Return what an entry says for one section."""
    value = getattr(overlay, SECTION_FIELDS[section])
    match section:
        case Section.ENVIRONMENT | Section.ANNOTATIONS:
            return dict(value)
        case Section.TRUSTSTORE:
            return _passed_through(json.loads(value or "{}"))
        case _:
            return _shape(value, form, lambda file: place_pem(section, file))


def _passed_through(value: Any) -> Shape:
    """Return content whose fields are not known: a zero value keeps its place in a list, as an empty text."""
    match value:
        case dict():
            return {key: _passed_through(one) for key, one in value.items()}
        case list():
            return [_passed_through(one) for one in value]
        case _:
            return str(value or "")


def _shape(value: Any, form: Form, place: Callable[[PemFile], Shape]) -> Shape:
    """Return what an entry says for a value of the core: of an object, the keys of its model that are not empty."""
    match value:
        case PemFile():
            return place(value)
        case tuple():
            return [_shape(one, form.step(0), place) for one in value]
        case _ if is_dataclass(value):
            given = {key: getattr(value, key.replace("-", "_")) for key in form.known}
            shapes = {key: _shape(one, form.step(key), place) for key, one in given.items()}
            return {key: one for key, one in shapes.items() if one not in (None, "", [], {})}
        case _:
            scalar: Shape = value
            return scalar


def pair(key: str, value: Shape, indent: int) -> list[str]:
    """Return the lines of a key with its value."""
    return _after(" " * indent + _scalar(key) + ":", value, indent)


def item(value: Shape, indent: int) -> list[str]:
    """Return the lines of an item of a list."""
    head = " " * indent + "-"
    if isinstance(value, dict) and value:
        first, *more = _below(value, indent)
        return [head + first[indent + 1 :], *more]
    return _after(head, value, indent)


def _below(value: Shape, indent: int) -> list[str]:
    """Return the lines of a mapping or list that is not empty, below a key at `indent`."""
    if isinstance(value, dict):
        return [line for key, inner in value.items() for line in pair(key, inner, indent + _STEP)]
    assert isinstance(value, list)
    return [line for one in value for line in item(one, indent + _STEP)]


def flow(value: Shape, *, style: str = "") -> str:
    """Return a value on one line, collections in brackets."""
    match value:
        case dict():
            return "{" + ", ".join(f"{_scalar(key)}: {flow(inner)}" for key, inner in value.items()) + "}"
        case list():
            return "[" + ", ".join(map(flow, value)) + "]"
        case None:
            return "null"
        case bool() | int():
            return str(value).lower()
        case str():
            return _scalar(value, style=style)


def _fits_in_brackets(value: Shape, room: int) -> bool:
    """Return whether a value is written in brackets: an empty one, or a list of words that fits in a line."""
    if isinstance(value, list):
        return not any(isinstance(one, (dict, list)) for one in value) and len(flow(value)) <= room
    return isinstance(value, dict) and not value


def _after(head: str, value: Shape, indent: int) -> list[str]:
    if isinstance(value, str):
        lines = _block(value)
        if lines:
            inner = " " * (indent + _STEP)
            return [f"{head} {lines[0]}", *(inner + line if line else "" for line in lines[1:])]
    if isinstance(value, (dict, list)) and not _fits_in_brackets(value, WIDTH - len(head) - 1):
        return [head, *_below(value, indent)]
    return [f"{head} {flow(value)}"]


def _scalar(text: str, *, style: str = "") -> str:
    """Return a text on one line; `style` is the quote that it had before, "" for none."""
    if style not in {'"', "'"} and _may_be_plain(text):
        return text
    if _UNSAFE.search(text) is None and (style == "'" or (style != '"' and ('"' in text or "\\" in text))):
        return "'" + text.replace("'", "''") + "'"
    return '"' + "".join(_escaped(character) for character in text) + '"'


def _block(text: str) -> list[str] | None:
    """Return the lines of a multi-line text below its key, the first with the sign; None if it has to be quoted."""
    lines = text.removesuffix("\n").split("\n")
    ends_twice = text.endswith("\n\n")
    if len(lines) < 2 or ends_twice or lines[0][:1] in ("", " ", "\t"):  # noqa: PLR2004 - a block is several lines
        return None
    if any(_UNSAFE.search(line.replace("\t", " ")) or line != line.rstrip() for line in lines):
        return None
    return ["|" if text.endswith("\n") else "|-", *lines]


def _may_be_plain(text: str) -> bool:
    if not _PLAIN.fullmatch(text) or _COLON.search(text):
        return False
    # Document marks and words that other readers of YAML convert.
    return not (_NUMBER_LIKE.fullmatch(text) or text.lower() in _WORDS or text.startswith("..."))


def _escaped(character: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    if _UNSAFE.match(character) is None:
        return character
    code = ord(character)
    if code <= 0xFF:  # noqa: PLR2004 - what two digits hold
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"  # noqa: PLR2004 - what four digits hold


class PemFiles:
    """The files of one folder, with those that still have to be written in `new`: path in the folder to text."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._contents: dict[str, str] = {}
        self._names: dict[str, str] = {}
        self.new: dict[str, str] = {}

    def place(self, _section: Section, file: PemFile) -> dict[str, Shape]:
        """Return the item of a list for a certificate or key, its text in a file of its own."""
        return {"name": file.name, "file": self.path(file)}

    def path(self, file: PemFile) -> str:
        """Return where the text of a certificate or key lies, relative to the manifest's folder."""
        stem = safe_name(file.name.removesuffix(_PEM_SUFFIX)) or "certificate"
        stem = f"file-{stem}" if _DEVICES.match(stem) else stem
        for number in count(1):
            written = f"{_PEM_FOLDER}/{stem if number == 1 else f'{stem}-{number}'}{_PEM_SUFFIX}"
            # Names that differ in case alone are one file on some systems.
            path = self._names.setdefault(written.casefold(), written)
            if self._holds(path, file):
                return path
        raise AssertionError("some number is free")

    def _holds(self, path: str, file: PemFile) -> bool:
        """Return whether a path holds this text, or is free and holds it from now on."""
        if path not in self._contents:
            there = self._read(path)
            if there is None:
                self.new[path] = file.text if file.text.endswith("\n") else file.text + "\n"
            self._contents[path] = pem_text(self.new[path] if there is None else there)
        return self._contents[path] == file.pem

    def _read(self, path: str) -> str | None:
        """Return the text of an existing file, None without one; "" for one that is not text."""
        whole = self._folder / PurePosixPath(path)
        try:
            return whole.read_text(encoding="utf-8")
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (IsADirectoryError, UnicodeDecodeError):
            return ""
        except OSError as error:
            problem = Diagnostic(
                code="unreadable-file",
                summary=f"cannot read {whole}: {error.strerror}",
                hint="check the permissions of the folder",
            )
            raise FilesRefused((problem,)) from None


def safe_name(name: str) -> str:
    """Return a name that is one on every file system: letters, digits, dots, dashes and underscores."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip(".-")[:_LONGEST_NAME]
