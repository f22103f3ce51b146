"""From manifests with layers to what is asked of each repository, and to where each value comes from."""

from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler.core.diff import Field
from reconciler.core.layers import merge
from reconciler.core.overlay import Section
from reconciler.core.state import Address, Desired, DesiredRepository
from reconciler.diagnostics import Place, has_errors
from reconciler.manifest import load
from reconciler.manifest.codes import Code
from tests.support.pem import APK_KEY, CORP_ROOT

Write = Callable[..., Desired]


@pytest.fixture
def manifest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Write files into the folder `m`, and load it."""
    monkeypatch.chdir(tmp_path)

    def write(**files: str) -> Desired:
        for name, text in files.items():
            path = Path("m") / name.replace("_yaml", ".yaml")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        desired, problems = load(Path("m"), organization="example.com")
        assert not has_errors(problems), problems
        return desired

    return write


def entry(desired: Desired, name: str = "x") -> DesiredRepository:
    return next(one for one in desired.repositories if one.address == Address.parse(name))


LAYERED = """\
defaults:
  environment: {A: defaults, B: defaults, C: defaults, D: defaults}
  packages: [git]
profiles:
  one: {environment: {B: one, C: one, D: one}, packages: [jq]}
  two: {environment: {C: two, D: two}}
repositories:
  x:
    profiles: [one, two]
    overlay: apko/x.txt
    environment: {E: entry}
    packages: [curl]
"""


def test_layers_from_the_weakest_to_the_entry(manifest: Write) -> None:
    desired = manifest(a_yaml=LAYERED, **{"apko/x.txt": "environment: {D: file, E: file}\n"})
    found = entry(desired)
    assert dict(found.overlay.environment) == {"A": "defaults", "B": "one", "C": "two", "D": "file", "E": "entry"}
    assert found.overlay.packages == ("curl", "git", "jq")
    assert found.managed == {Section.ENVIRONMENT, Section.PACKAGES}
    places = {
        one.entry.key: one.place(one.entry.field, one.entry.key) for one in merge(found.layers).winners if one.entry
    }
    assert places == {
        "A": Place(file="m/a.yaml", line=2, column=17),
        "B": Place(file="m/a.yaml", line=5, column=23),
        "C": Place(file="m/a.yaml", line=6, column=23),
        "D": Place(file="m/apko/x.txt", line=1, column=15),
        "E": Place(file="m/a.yaml", line=11, column=19),
        "git": Place(file="m/a.yaml", line=3, column=14),
        "jq": Place(file="m/a.yaml", line=5, column=59),
        "curl": Place(file="m/a.yaml", line=12, column=16),
    }


def test_defaults_are_of_their_file_and_profiles_of_the_folder(manifest: Write) -> None:
    desired = manifest(
        a_yaml="defaults: {annotations: {file: a}}\nprofiles: {p: {packages: [jq]}}\nrepositories: {x: {}}\n",
        b_yaml="repositories: {y: {profiles: [p]}}\n",
    )
    assert entry(desired, "x").overlay.annotations == (("file", "a"),)
    assert entry(desired, "y").overlay.annotations == ()
    assert entry(desired, "y").overlay.packages == ("jq",)


def test_a_reset_is_not_layered(manifest: Write) -> None:
    desired = manifest(a_yaml="defaults: {packages: [git]}\nrepositories: {x: {reset: true}}\n")
    assert (entry(desired).reset, entry(desired).managed, entry(desired).layers) == (True, frozenset(), ())


@pytest.mark.parametrize(
    ("own", "kept"),
    [
        ("accounts: {}", (Field.PROVIDERS, Field.PACKAGES)),
        ("accounts: {users: []}", (Field.RUN_AS, Field.PROVIDERS, Field.PACKAGES)),
        ("accounts: {run-as: ''}", (Field.USERS, Field.PROVIDERS, Field.PACKAGES)),
        ("certificates: {providers: []}", (Field.RUN_AS, Field.USERS, Field.PACKAGES)),
        ("packages: []", (Field.RUN_AS, Field.USERS, Field.PROVIDERS)),
        ("contents: {packages: []}", (Field.RUN_AS, Field.USERS, Field.PROVIDERS)),
        ("contents: {}", (Field.RUN_AS, Field.USERS, Field.PROVIDERS, Field.PACKAGES)),
    ],
)
def test_what_is_given_empty_is_empty(own: str, kept: tuple[Field, ...], manifest: Write) -> None:
    desired = manifest(
        a_yaml="defaults: {packages: [git], accounts: {run-as: a, users: [{username: a, uid: 1}]}, "
        f"certificates: {{providers: [x]}}}}\nrepositories:\n  x: {{{own}}}\n"
    )
    winners = merge(entry(desired).layers).winners
    assert {one.entry.field for one in winners if one.entry} == set(kept)


@pytest.mark.parametrize(
    ("text", "expected"), [("0%", 0.0), ("30%", 0.3), ("12.5 %", 0.125), ("100%", 1.0), ("100.0%", 1.0)]
)
def test_the_share_of_the_guard(text: str, expected: float, manifest: Write) -> None:
    desired = manifest(a_yaml=f"settings: {{max_removal: {text}}}\nrepositories: {{}}\n", b_yaml="repositories: {}\n")
    assert desired.settings.max_removal == expected
    assert desired.settings.prune is False


def test_settings_of_several_files_are_put_together(manifest: Write) -> None:
    desired = manifest(a_yaml="settings: {prune: true}\nrepositories: {}\n", b_yaml="settings: {max_removal: 5%}\n")
    assert (desired.settings.prune, desired.settings.max_removal) == (True, 0.05)
    assert manifest(a_yaml="repositories: {}\n", b_yaml="{}\n").settings.max_removal is None


def test_globs_stand_next_to_the_entries(manifest: Write) -> None:
    desired = manifest(
        a_yaml="defaults: {packages: [git]}\nprofiles: {p: {packages: [jq]}}\n"
        "repositories:\n  x: {protect: true}\n  n*: {profiles: [p], protect: true}\n"
    )
    assert [str(one.address) for one in desired.repositories] == ["x"]
    assert entry(desired).protect
    (glob,) = desired.globs
    assert (glob.pattern, glob.place) == ("n*", Place(file="m/a.yaml", line=5, column=3))
    assert [one.overlay.packages for one in glob.layers] == [("git",), ("jq",), ()]
    assert [one.chain for one in glob.layers] == ["m/a.yaml"] * 3


def test_what_is_too_large_together(manifest: Write) -> None:
    padded = "# " + "x" * 30_000 + "\n" + CORP_ROOT
    manifest(a_yaml="repositories: {}\n", **{"c.pem": padded, "k.pub": "\n" * 300_000 + APK_KEY})
    Path("m/a.yaml").write_text(
        "profiles: {p: {certificates: {additional: [{name: one, file: c.pem}]}}}\nrepositories:\n"
        "  x: {profiles: [p], certificates: {additional: [{name: two, file: c.pem}]}}\n"
        "  y: {contents: {runtime_keyring: [{name: a.pub, file: k.pub}, {name: b.pub, file: k.pub}]}}\n"
        "  z: {profiles: [p]}\n"
    )
    _, problems = load(Path("m"), organization="example.com")
    assert [(one.code, one.place and one.place.line) for one in problems] == [
        (Code.CERTIFICATES_TOO_LARGE, 3),
        (Code.KEYRING_TOO_LARGE, 4),
    ]
    assert problems[0].summary == "the certificates of this repository total 61,302 bytes; the limit is 50 KB"
