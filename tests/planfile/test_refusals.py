"""Every way in which a file can be wrong is told from the others, and none of them is read."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reconciler.planfile import PlanFileError, load_plan, load_snapshot, save_plan, save_snapshot
from tests.planfile import samples

GOLDEN = Path(__file__).parent / "golden"


def code_of(path: Path) -> str:
    with pytest.raises(PlanFileError) as caught:
        load_plan(path)
    return caught.value.diagnostic.code


@pytest.fixture
def path(tmp_path: Path) -> Path:
    save_plan(tmp_path / "p", samples.saved())
    return tmp_path / "p"


def seal_again(lines: list[bytes]) -> bytes:
    content = b"".join(lines)
    return content + b'{"seal":"sha256:' + hashlib.sha256(content).hexdigest().encode() + b'"}\n'


def edit(path: Path, change: Callable[[list[Any]], None]) -> None:
    """Change the decoded lines and seal the file again, as somebody who knows the format can."""
    items = [json.loads(line) for line in path.read_bytes().splitlines()[:-1]]
    change(items)
    path.write_bytes(seal_again([json.dumps(item, separators=(",", ":")).encode() + b"\n" for item in items]))


def test_a_missing_file(tmp_path: Path) -> None:
    assert code_of(tmp_path / "nothing") == "file-not-read"
    assert code_of(tmp_path) == "file-not-read"


@pytest.mark.parametrize("content", [b"", b"organization: x\n", b"[]", b"\xff\xfe\x00", b'{"reconciler":"poem"}\n'])
def test_a_foreign_file(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "p").write_bytes(content)
    assert code_of(tmp_path / "p") == "not-a-plan"


def test_a_plan_is_not_a_snapshot_and_the_other_way_round(path: Path, tmp_path: Path) -> None:
    save_snapshot(tmp_path / "s", samples.snapshot())
    assert code_of(tmp_path / "s") == "not-a-plan"
    with pytest.raises(PlanFileError) as caught:
        load_snapshot(path)
    assert caught.value.diagnostic.code == "not-a-snapshot"


def test_every_cut_is_noticed(path: Path) -> None:
    whole = path.read_bytes()
    start = len(b'{"reconciler":"plan"')
    for length in [*range(start, 400), *range(400, len(whole), 97), *range(len(whole) - 90, len(whole))]:
        path.write_bytes(whole[:length])
        assert code_of(path) == "plan-cut", length


def test_every_changed_byte_is_noticed(path: Path) -> None:
    whole = path.read_bytes()
    for place in range(0, len(whole), 7):
        changed = bytearray(whole)
        changed[place] ^= 1
        path.write_bytes(changed)
        with pytest.raises(PlanFileError):
            load_plan(path)


def test_an_edit_is_noticed(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b'"curl=8.2"', b'"curl=8.3"', 1))
    assert code_of(path) == "plan-changed"


def test_other_line_ends_or_layout_are_edits(path: Path) -> None:
    whole = path.read_bytes()
    for changed in (whole.replace(b"\n", b"\r\n"), whole + b"\n", whole + whole, b"\n" + whole, b" " + whole):
        path.write_bytes(changed)
        assert code_of(path) == "plan-changed"


def test_a_line_that_is_gone_or_moved(path: Path) -> None:
    lines = path.read_bytes().splitlines(keepends=True)
    for changed in ([*lines[:3], *lines[4:]], [*lines[:3], lines[4], lines[3], *lines[5:]]):
        path.write_bytes(b"".join(changed))
        assert code_of(path) == "plan-changed"


def test_a_newer_format_is_reported_before_its_seal_is_checked(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b'"version":4', b'"version":5', 1))
    assert code_of(path) == "plan-of-newer-format"
    path.write_bytes(b'{"reconciler":"plan","version":7,"sealed":"elsewhere"}\n')
    assert code_of(path) == "plan-of-newer-format"


@pytest.mark.parametrize("version", [b"0", b"-1", b"true", b'"1"', b"null", b"1.0"])
def test_a_version_that_is_none(path: Path, version: bytes) -> None:
    path.write_bytes(path.read_bytes().replace(b'"version":4', b'"version":' + version, 1))
    assert code_of(path) == "plan-changed"


def _named(items: list[Any], name: str) -> Any:
    return next(item["step"] for item in items if item.get("step", {}).get("name") == name)


def _config(items: list[Any]) -> Any:
    return next(item["config"] for item in items if "config" in item)


def _bound(items: list[Any], overlay: str) -> Any:
    return next(item["step"] for item in items if item.get("step", {}).get("overlay") == overlay)


def _step(items: list[Any], name: str) -> Any:
    return next(item["step"] for item in items if item.get("step", {}).get("repository") == name)


def _overlay(items: list[Any]) -> Any:
    return _step(items, "updated")["after"]["overlay"]


def _users(items: list[Any]) -> Any:
    return _overlay(items)["accounts"]["users"][0]


FORGERIES: dict[str, Callable[[list[Any]], Any]] = {
    "a number for a package": lambda items: _overlay(items)["packages"].append(8),
    "a text for packages": lambda items: _overlay(items).update(packages="curl"),
    "a number for a value": lambda items: _overlay(items)["environment"].update(A=1),
    "a flag for a user's number": lambda items: _users(items).update(uid=True),
    "a text for a user": lambda items: _overlay(items)["accounts"].update(users=["app"]),
    "a list for an overlay": lambda items: _step(items, "updated")["after"].update(overlay=[]),
    "a list for a side": lambda items: _step(items, "updated").update(after=[]),
    "no overlay": lambda items: _step(items, "updated").update(after=None),
    "no id": lambda items: _step(items, "updated").update(id=None),
    "another organization": lambda items: _step(items, "updated").update(id=f"{'b' * 40}/{4:016x}"),
    "twice": lambda items: items.append({"step": _step(items, "updated")}),
    "an overlay twice": lambda items: items.append({"step": _named(items, "typer")}),
    "a binding twice": lambda items: items.append({"step": _bound(items, "same")}),
    "an effect twice": lambda items: items.append(items[-1]),
    "an effect of an unknown configuration": lambda items: items[-1]["effect"].update(after="sha256:00"),
    "a configuration of another fingerprint": lambda items: _config(items).update(key="sha256:00"),
    "an effect elsewhere": lambda items: items[-1]["effect"].update(id=f"{'b' * 40}/{4:016x}"),
    "an overlay of another organization": lambda items: _named(items, "typer").update(id=f"{'b' * 40}/{9:016x}"),
    "a binding in another organization": lambda items: _bound(items, "new")["scope"].update(id="b" * 40),
    "a binding of another scope": lambda items: _bound(items, "same").update(id=f"{'b' * 40}/{7:016x}"),
    "a creation of what has an id": lambda items: _named(items, "new").update(id=samples.uidp(9)),
    "a change of nothing": lambda items: _named(items, "typer").update(before=None),
    "a deletion that leaves something": lambda items: _named(items, "old").update(after=_step(items, "fine")["after"]),
    "a reset of an overlay": lambda items: _named(items, "old").update(action="reset"),
    "a selector of another kind": lambda items: _bound(items, "same")["after"].update(kind="some"),
    "a text for tags": lambda items: _bound(items, "same")["after"].update(tags="3.13"),
    "a step of another kind": lambda items: _bound(items, "same").update(kind="tag"),
    "a scope of another kind": lambda items: _bound(items, "same")["scope"].update(kind="team"),
    "a text for a reach": lambda items: _named(items, "typer")["reaches"].update(tags="all"),
    "an unknown action": lambda items: _step(items, "updated").update(action="rename"),
    "a deletion of a repository": lambda items: _step(items, "updated").update(action="delete"),
    "an unknown reason": lambda items: _step(items, "updated")["reason"].update(code="because"),
    "a reset that leaves something": lambda items: _step(items, "updated").update(action="reset"),
    "a creation that finds something": lambda items: _step(items, "updated").update(action="create"),
    "an unknown section": lambda items: _step(items, "fine").update(unmanaged=["moods"]),
    "a place that is none": lambda items: _step(items, "fine").update(place=[1, 2]),
    "a number for a text": lambda items: _step(items, "fine").update(repository=3),
    "a text for a number": lambda items: items[0]["guard"].update(covered="4"),
    "a flag for a number": lambda items: items[0]["guard"].update(covered=True),
    "no limit": lambda items: items[0]["guard"].pop("limit"),
    "a text for a flag": lambda items: items[0]["guard"].update(prune="no"),
    "no time": lambda items: items[0].update(created="yesterday"),
    "no organization": lambda items: items[0].pop("organization"),
    "another kind of line": lambda items: items.append({"note": "hello"}),
    "a list for a line": lambda items: items.append([]),
    "a text for a list": lambda items: items[0].update(unlisted="plain"),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_a_sealed_file_that_makes_no_sense(path: Path, name: str) -> None:
    edit(path, FORGERIES[name])
    assert code_of(path) == "plan-not-understood"


@pytest.mark.parametrize("name", ["another overlay", "another fingerprint"])
def test_a_sealed_file_of_version_1_whose_fingerprints_do_not_fit(path: Path, name: str) -> None:
    path.write_bytes((GOLDEN / "plan-1.jsonl").read_bytes())
    if name == "another overlay":
        edit(path, lambda items: _overlay(items)["packages"].append("evil"))
    else:
        edit(path, lambda items: _step(items, "updated")["before"].update(fingerprint="sha256:00"))
    assert code_of(path) == "plan-not-understood"


def test_editing_and_sealing_alone_would_be_accepted(path: Path) -> None:
    """The seal is no signature; without this the test above would prove nothing."""
    edit(path, lambda items: items[0].update(tool_version="1.2.4", later="a key of a later version"))
    assert load_plan(path).tool_version == "1.2.4"


def test_a_forged_snapshot(tmp_path: Path) -> None:
    save_snapshot(tmp_path / "s", samples.snapshot())
    edit(tmp_path / "s", lambda items: items[1]["repository"].pop("name"))
    with pytest.raises(PlanFileError) as caught:
        load_snapshot(tmp_path / "s")
    assert caught.value.diagnostic.code == "snapshot-not-understood"


def test_json_that_is_nested_without_end(path: Path) -> None:
    lines = path.read_bytes().splitlines(keepends=True)[:-1]
    path.write_bytes(seal_again([*lines, b"[" * 200_000 + b"\n"]))
    assert code_of(path) == "plan-not-understood"
