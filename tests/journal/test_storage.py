"""Objects of a storage: read whole, written on a condition, on a folder and on a server of the S3 protocol."""

import socket
from pathlib import Path

import pytest

from reconciler.journal import JournalError
from reconciler.journal.storage import Overwritten, Storage
from tests.support.buckets import S3, SECRET


def test_an_object_is_created_once_and_replaced_only_as_it_was_read(place: str) -> None:
    storage = Storage(place)
    assert storage.read("journal.db") is None
    first = storage.write("journal.db", b"one", None)
    assert storage.read("journal.db") == first
    with pytest.raises(Overwritten):
        storage.write("journal.db", b"other", None)
    second = storage.write("journal.db", b"two", first)
    with pytest.raises(Overwritten):
        storage.write("journal.db", b"three", first)
    found = storage.read("journal.db")
    assert found == second
    assert found is not None
    assert found.data == b"two"


def test_the_objects_of_a_folder_are_listed(place: str) -> None:
    storage = Storage(place)
    assert storage.keys("locks") == []
    for key in ("locks/b.json", "locks/a.json", "journal.db"):
        storage.write(key, b"", None)
    assert storage.keys("locks") == ["locks/a.json", "locks/b.json"]


def test_a_removed_object_is_not_replaced(tmp_path: Path) -> None:
    storage = Storage(f"file:{tmp_path}")
    first = storage.write("journal.db", b"one", None)
    (tmp_path / "journal.db").unlink()
    with pytest.raises(Overwritten):
        storage.write("journal.db", b"two", first)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "journal",
        "https://bucket.test/journal",
        "s3://",
        "file:",
        "file://server/share",
        f"s3://key:{SECRET}@bucket/journal",
        f"az://container/journal?sig={SECRET}",
        f"gs://bucket/journal#{SECRET}",
        f"s3://[{SECRET}",
    ],
)
def test_a_url_that_is_none_is_refused_and_no_secret_is_shown(url: str) -> None:
    with pytest.raises(JournalError) as caught:
        Storage(url)
    found = caught.value.diagnostic
    assert found.code == "bad-journal-url"
    assert SECRET not in f"{found}"


def test_a_missing_bucket_is_not_an_empty_journal(s3: S3) -> None:
    with pytest.raises(JournalError, match=r"404 \(NoSuchBucket\)"):
        Storage("s3://missing/team").read("journal.db")


def test_what_a_storage_answers_is_not_quoted(s3: S3) -> None:
    storage = Storage(s3.bucket())
    s3.fault = lambda _method, _path: "down"
    with pytest.raises(JournalError) as caught:
        storage.read("journal.db")
    assert "403 (Down)" in caught.value.diagnostic.summary
    assert SECRET not in f"{caught.value.diagnostic}"


def test_a_storage_that_does_not_answer(s3: S3, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        monkeypatch.setenv("AWS_ENDPOINT", f"http://127.0.0.1:{free.getsockname()[1]}")
    with pytest.raises(JournalError, match="cannot use the shared journal s3://bucket/team: it does not answer"):
        Storage("s3://bucket/team").read("journal.db")


def test_missing_credentials_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Azure's needs at least the name of an account."""
    for name in ("AZURE_STORAGE_ACCOUNT_NAME", "AZURE_STORAGE_ACCOUNT"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(JournalError, match="Account must be specified"):
        Storage("az://container/team")


@pytest.mark.parametrize("url", ["s3://bucket/team", "gs://bucket/team", "az://container/team", "file:///tmp"])
def test_there_is_a_storage_for_each_kind_of_url(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", "account")
    assert Storage(url).name == url


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(JournalError, match="cannot use the shared journal file:"):
        Storage(f"file:{tmp_path}/file/storage")


def test_two_writers_of_a_folder_take_turns(tmp_path: Path) -> None:
    storage, other = Storage(f"file:{tmp_path}"), Storage(f"file:{tmp_path}")
    first = storage.write("journal.db", b"one", None)
    read_by_other = other.read("journal.db")
    assert read_by_other == first
    storage.write("journal.db", b"two", first)
    with pytest.raises(Overwritten):
        other.write("journal.db", b"three", read_by_other)
